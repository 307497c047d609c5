//! Telephone and social security numbers, and whatever has a pattern of letters and digits.

use super::Desk;
use crate::deidentify::vault::VaultError;

/// The same punctuation with a number of the range for fiction, 555-0100 to 555-0199.
pub(super) fn phone(desk: &mut impl Desk, like: &str) -> Result<String, VaultError> {
    let main =
        like.to_lowercase().find(['x', 'e', '#', 'p']).filter(|i| like.is_char_boundary(*i)).unwrap_or(like.len());
    let digits: Vec<char> = like[..main].chars().filter(char::is_ascii_digit).collect();
    let letters = like[..main].chars().any(|c| c.is_alphabetic() || c.is_numeric() && !c.is_ascii_digit());
    if digits.len() < 7 || letters {
        return pattern(desk, like);
    }
    let mut new: Vec<char> = Vec::with_capacity(digits.len());
    let head = digits.len() - 7;
    let area = head.saturating_sub(3);
    for (i, old) in digits[..head].iter().enumerate() {
        // The country's number says no more than the country.
        let country = i < area && (area <= 3 && like.trim_start().starts_with(['+', '0', '(']) || area == 1);
        new.push(if country { *old } else { desk.digit()? });
    }
    if head >= 3 {
        // An area code: none for free calls, none of a service.
        new[area] = char::from(b'2' + desk.below(6)? as u8);
        new[area + 1] = char::from(b'1' + desk.below(8)? as u8);
        if new[area + 1] == '1' && new[area + 2] == '1' {
            new[area + 2] = '3';
        }
    }
    new.extend("55501".chars());
    new.extend([desk.digit()?, desk.digit()?]);
    let mut fill = new.into_iter();
    let number: String =
        like[..main].chars().map(|c| if c.is_ascii_digit() { fill.next().unwrap_or(c) } else { c }).collect();
    let mut extension = String::new();
    for c in like[main..].chars() {
        extension.push(if c.is_numeric() { desk.digit()? } else { c });
    }
    Ok(number + &extension)
}

/// The same punctuation with a number of an area that is never issued: 666, or 900 to 999 with a
/// group that is no taxpayer's either. Of a number in part the part.
pub(super) fn ssn(desk: &mut impl Desk, like: &str) -> Result<String, VaultError> {
    let digits = like.chars().filter(char::is_ascii_digit).count();
    if digits != 9 {
        return pattern(desk, like);
    }
    let area = if desk.below(8)? == 0 { "666".to_owned() } else { format!("9{:02}", desk.below(100)?) };
    let number = format!("{area}{:02}{:04}", 1 + desk.below(49)?, 1 + desk.below(9999)?);
    let mut fill = number.chars();
    Ok(like.chars().map(|c| if c.is_ascii_digit() { fill.next().unwrap_or(c) } else { c }).collect())
}

/// Letters for letters in their case, digits for digits, all else as it is. A zero in front stays
/// one, other digits in front become none; a part of two digits in round brackets names what follows
/// it in a device's identifier and stays.
pub(super) fn pattern(desk: &mut impl Desk, like: &str) -> Result<String, VaultError> {
    let chars: Vec<char> = like.chars().collect();
    let figures = chars.iter().filter(|c| c.is_numeric()).count();
    let mut out = String::with_capacity(like.len());
    let mut first = true;
    for (i, c) in chars.iter().enumerate() {
        let at = |j: isize| i.checked_add_signed(j).and_then(|j| chars.get(j)).copied().unwrap_or(' ');
        let named = c.is_ascii_digit()
            && (at(-1) == '(' && at(1).is_ascii_digit() && at(2) == ')'
                || at(-2) == '(' && at(-1).is_ascii_digit() && at(1) == ')');
        if c.is_numeric() && !named {
            out.push(match (first, *c) {
                (true, '0') if figures > 1 => '0',
                (true, _) => char::from(b'1' + desk.below(9)? as u8),
                _ => desk.digit()?,
            });
            first = false;
        } else if c.is_alphabetic() {
            let l = desk.letter()?;
            out.push(if c.is_lowercase() { l.to_ascii_lowercase() } else { l });
        } else {
            out.push(*c);
        }
    }
    Ok(out)
}
