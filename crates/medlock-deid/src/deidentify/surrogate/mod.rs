//! Realistic stand-ins of the same kind and format. Telephone numbers are of the range for fiction,
//! hosts and addresses of the network of the ranges for documentation, social security numbers of
//! areas that are never issued, check digits wrong, places on no map; names are anybody's but nobody's
//! who occurs: no stand-in is a value, a part of a name or a word that has been seen, nor another's
//! stand-in.

mod check;
mod name;
mod net;
mod number;
mod place;
pub(super) mod pools;

pub(super) use name::{INITIAL, PARTICLES, PHRASE, SPELLING};

use medlock_domain::PhiClass;
use zeroize::Zeroizing;

use super::fold::{Case, fold};
use super::vault::VaultError;

/// So often another stand-in is drawn before there is none.
const TRIES: usize = 64;

/// Where stand-ins are looked up, kept and drawn for one scope.
pub(super) trait Desk {
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError>;
    /// The stand-in that a value has.
    fn known(&mut self, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError>;
    /// Keeps a stand-in; the one that holds.
    fn keep(
        &mut self,
        class: PhiClass,
        key: &str,
        original: &str,
        stand_in: &str,
    ) -> Result<Zeroizing<String>, VaultError>;
    /// Whether `stand_in` is nothing that has been seen and nobody's yet.
    fn is_free(&mut self, stand_in: &str) -> Result<bool, VaultError>;

    /// A number below `n`.
    fn below(&mut self, n: usize) -> Result<usize, VaultError> {
        let mut bytes = [0; 8];
        self.random(&mut bytes)?;
        // The bias is below n / 2⁶⁴.
        Ok((u64::from_le_bytes(bytes) % (n.max(1) as u64)) as usize)
    }

    /// One word of a list.
    fn word(&mut self, list: &'static str) -> Result<&'static str, VaultError> {
        let n = list.split_whitespace().count();
        let at = self.below(n)?;
        Ok(list.split_whitespace().nth(at).unwrap_or("Harlow"))
    }

    /// A digit, a letter.
    fn digit(&mut self) -> Result<char, VaultError> {
        Ok(char::from(b'0' + self.below(10)? as u8))
    }
    fn letter(&mut self) -> Result<char, VaultError> {
        Ok(char::from(b'A' + self.below(26)? as u8))
    }
}

/// A stand-in for a value of any class but dates and ages; `None` when none can be made, and the
/// value is to be removed.
pub(super) fn stand_in(desk: &mut impl Desk, class: PhiClass, value: &str) -> Result<Option<String>, VaultError> {
    match class {
        PhiClass::Name => name::stand_in(desk, value),
        PhiClass::Location => place::stand_in(desk, value),
        PhiClass::Phone | PhiClass::Fax => whole(desk, PhiClass::Phone, value, number::phone),
        PhiClass::Ssn => whole(desk, PhiClass::Ssn, value, number::ssn),
        PhiClass::Email => whole(desk, class, value, net::email),
        PhiClass::Url => whole(desk, class, value, net::url),
        PhiClass::Ip => whole(desk, class, value, net::ip),
        PhiClass::Date | PhiClass::Age => Ok(None),
        // One kind of number in one place and another elsewhere is the same number.
        _ => whole(desk, PhiClass::Id, value, number::pattern),
    }
}

/// An age over 89 becomes another one; what is no such figure is made less of.
pub(super) fn age(desk: &mut impl Desk, value: &str, alone: bool) -> Result<Option<String>, VaultError> {
    let digits = value.find(|c: char| c.is_ascii_digit()).map(|from| {
        let len = value[from..].bytes().take_while(u8::is_ascii_digit).count();
        (from, from + len)
    });
    let Some((from, to)) = digits else { return Ok(Some(super::generalise::age(value, alone))) };
    let others = value[..from].chars().chain(value[to..].chars()).any(char::is_numeric);
    let Ok(age) = value[from..to].parse::<u32>() else { return Ok(None) };
    if others || age < 90 {
        return Ok(Some(super::generalise::age(value, alone)));
    }
    let key = age.to_string();
    let new = match desk.known(PhiClass::Age, &key)? {
        Some(known) => known,
        None => {
            let drawn = (0..TRIES).try_fold(None, |found, _| match found {
                None => desk.below(10).map(|n| Some(90 + n as u32).filter(|n| *n != age)),
                found => Ok(found),
            })?;
            desk.keep(PhiClass::Age, &key, &key, &drawn.unwrap_or(90).to_string())?
        }
    };
    Ok(Some(format!("{}{}{}", &value[..from], new.as_str(), &value[to..])))
}

/// Draws until a stand-in is free.
fn whole<D: Desk>(
    desk: &mut D,
    class: PhiClass,
    value: &str,
    draw: impl Fn(&mut D, &str) -> Result<String, VaultError>,
) -> Result<Option<String>, VaultError> {
    let key = fold(value);
    if key.is_empty() {
        return Ok(None);
    }
    if let Some(known) = desk.known(class, &key)? {
        return Ok(Some(like(class, &known, value)));
    }
    for _ in 0..TRIES {
        let drawn = draw(desk, value)?;
        let folded = fold(&drawn);
        if folded != key && !check::could_be_real(&folded) && desk.is_free(&drawn)? {
            return desk.keep(class, &key, value, &drawn).map(|kept| Some(like(class, &kept, value)));
        }
    }
    Ok(None)
}

/// A known stand-in, written as `value` is.
fn like(class: PhiClass, known: &str, value: &str) -> String {
    match class {
        PhiClass::Phone | PhiClass::Ssn | PhiClass::Id => poured(known, value),
        _ => Case::of(value).write(known),
    }
}

/// A number, written as `like` is: its letters and digits in the other's
/// punctuation.
pub(super) fn poured(known: &str, like: &str) -> String {
    let slots = like.chars().filter(|c| c.is_alphanumeric()).count();
    let mut fill = known.chars().filter(|c| c.is_alphanumeric());
    if fill.clone().count() != slots {
        return known.to_owned();
    }
    let cased = Case::of(like) != Case::Title;
    let mut out = String::with_capacity(like.len() + 8);
    for c in like.chars() {
        match (c.is_alphanumeric(), c.is_lowercase()) {
            (false, _) => out.push(c),
            (true, lower) => {
                let f = fill.next().unwrap_or(c);
                match (cased, lower) {
                    (true, true) => out.extend(f.to_lowercase()),
                    (true, false) => out.extend(f.to_uppercase()),
                    _ => out.push(f),
                }
            }
        }
    }
    out
}
