//! Random codes: 45 CFR 164.514(c)(1), not derived from or related to information about the
//! individual. `[NAME-K7Q2XW9MTD4R]` is no chat placeholder, whose part after the hyphen is a number.

use medlock_domain::PhiClass;

use super::fold::fold;
use super::surrogate::Desk;
use super::vault::VaultError;

/// No vowels: no words. 12 of these are 57 bits.
const ALPHABET: &[u8; 28] = b"BCDFGHJKLMNPQRSTVWXZ23456789";
const LETTERS: usize = 20;
const LENGTH: usize = 12;
/// How a token is kept, before the value.
pub(super) const TOKEN: &str = "\u{4}";

/// The token of a value: the same for the same value, a new one otherwise.
pub(super) fn token(desk: &mut impl Desk, class: PhiClass, value: &str) -> Result<String, VaultError> {
    let folded = fold(value);
    let key = if folded.is_empty() { value } else { folded.as_str() };
    let key = zeroize::Zeroizing::new(format!("{TOKEN}{key}"));
    if let Some(known) = desk.known(class, &key)? {
        return Ok(known.to_string());
    }
    loop {
        let mut token = format!("[{}-", class.label());
        for i in 0..LENGTH {
            let n = if i == 0 { LETTERS } else { ALPHABET.len() };
            token.push(char::from(ALPHABET[desk.below(n)?]));
        }
        token.push(']');
        // Twice the same in 2⁵⁷; where the source of randomness is broken this never ends otherwise.
        if desk.is_free(&token)? {
            return Ok(desk.keep(class, &key, value, &token)?.to_string());
        }
    }
}
