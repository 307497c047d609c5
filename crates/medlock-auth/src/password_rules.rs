//! Which passwords are refused (SP 800-63B-4, 3.1.1.2): too short, too long, too well known. No rules
//! of composition, no rotation: they make passwords worse.

use medlock_domain::Username;
use medlock_keys::password::Secret;

const COMMON: &str = include_str!("common_passwords.txt");
/// With a second factor, which everybody here has.
const LEAST: usize = 8;
const MOST: usize = 128;

/// What is wrong with a password. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFlaw {
    /// Fewer than 8 characters.
    #[error("the password is too short: at least 8 characters")]
    Short,
    /// More than 128 characters.
    #[error("the password is too long: at most 128 characters")]
    Long,
    /// On the list of passwords that are tried first, or hardly more than one of them.
    #[error("the password is one of the first that anybody would try: choose another")]
    Common,
    /// Made of the person's name or the product's.
    #[error("the password is made from your user name or from the name of this product: choose another")]
    Personal,
    /// One or two characters over and over, or a run along the alphabet.
    #[error("the password is a simple repetition or sequence: choose another")]
    Simple,
}

/// Whether `password` will do for `user`.
pub(crate) fn acceptable(user: &Username, password: &Secret) -> Result<(), PasswordFlaw> {
    let text = zeroize::Zeroizing::new(password.expose().to_lowercase());
    let length = password.expose().chars().count();
    if length < LEAST {
        return Err(PasswordFlaw::Short);
    }
    if length > MOST {
        return Err(PasswordFlaw::Long);
    }
    if simple(&text) {
        return Err(PasswordFlaw::Simple);
    }
    let stem = stem(&text);
    if COMMON.lines().any(|c| c == *text || c == stem) {
        return Err(PasswordFlaw::Common);
    }
    let name = user.as_str().split('@').next().unwrap_or_default();
    let words = [name, user.as_str(), "medlock"];
    // What is left without the word must stand on its own.
    let personal = |w: &&str| w.len() >= 3 && text.contains(*w) && text.replace(*w, "").chars().count() < LEAST;
    if words.iter().any(personal) { Err(PasswordFlaw::Personal) } else { Ok(()) }
}

/// The word without the digits and marks that people put behind it when a form asks for some.
fn stem(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation())
}

fn simple(text: &str) -> bool {
    let mut seen: Vec<char> = text.chars().collect();
    let steps: Vec<i64> = seen.windows(2).map(|w| i64::from(u32::from(w[1])) - i64::from(u32::from(w[0]))).collect();
    let run = steps.windows(2).all(|w| w[0] == w[1]) && steps.first().is_some_and(|s| s.abs() <= 1);
    seen.sort_unstable();
    seen.dedup();
    run || seen.len() <= 2
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn check(password: &str) -> Result<(), PasswordFlaw> {
        acceptable(&"jdoe".parse().unwrap(), &Secret::new(password))
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for common in ["password", "Password1!", "P@ssw0rd", "qwertyuiop", "LETMEIN!!!", "hospital2024", "welcome123"] {
            assert_eq!(check(common), Err(PasswordFlaw::Common), "{common}");
        }
        for simple in ["aaaaaaaa", "12345678", "87654321", "abababab", "abcdefgh"] {
            assert_eq!(check(simple), Err(PasswordFlaw::Simple), "{simple}");
        }
        for personal in ["jdoe2024", "medlock1", "MedLock!23", "xx-jdoe-xx"] {
            assert_eq!(check(personal), Err(PasswordFlaw::Personal), "{personal}");
        }
        assert_eq!(check("kW9#x2q"), Err(PasswordFlaw::Short));
        assert_eq!(check(&"ab3".repeat(43)), Err(PasswordFlaw::Long));
    }

    #[test]
    fn no_composition_is_asked_for() {
        for good in
            ["correct horse battery", "zvtrkplw", "jdoe but with much more", "пароль из слов", &"ab3".repeat(42)]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_list_is_usable() {
        assert!(COMMON.lines().count() > 250);
        assert!(COMMON.lines().all(|l| !l.is_empty() && l == l.to_lowercase() && l.trim() == l));
    }
}
