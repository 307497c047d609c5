//! Check digits, so that a stand-in for a number that has them has wrong ones and can be nobody's.

/// Luhn: cards, and with `80840` before it an NPI.
fn luhn(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(i, d)| match (i % 2, d * 2) {
            (0, _) => d,
            (_, twice) => twice / 10 + twice % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// GS1 mod 10: GTIN and SSCC, in a UDI.
fn gs1(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    digits.rev().enumerate().map(|(i, d)| if i % 2 == 0 { d } else { d * 3 }).sum::<u32>().is_multiple_of(10)
}

/// Two letters and seven digits: the Drug Enforcement Administration's numbers of prescribers.
fn dea(text: &[u8]) -> bool {
    let [a, b, digits @ ..] = text else { return false };
    let n: Vec<u32> = digits.iter().map(|d| u32::from(d.wrapping_sub(b'0'))).collect();
    a.is_ascii_alphabetic()
        && (b.is_ascii_alphabetic() || *b == b'9')
        && n.len() == 7
        && n.iter().all(|d| *d < 10)
        && (n[0] + n[2] + n[4] + 2 * (n[1] + n[3] + n[5])) % 10 == n[6]
}

/// The ninth character of a vehicle's number (49 CFR 565.15(c)).
fn vin(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |b: u8| match b.to_ascii_uppercase() {
        d @ b'0'..=b'9' => Some(u32::from(d - b'0')),
        c @ b'A'..=b'H' => Some(u32::from(c - b'A') + 1),
        c @ (b'J'..=b'N' | b'P' | b'R') => Some(u32::from(c - b'J') + 1),
        c @ b'S'..=b'Z' => Some(u32::from(c - b'S') + 2),
        _ => None,
    };
    let values: Option<Vec<u32>> = text.iter().map(|b| value(*b)).collect();
    let Some(values) = values.filter(|v| v.len() == 17) else { return false };
    let rest = values.iter().zip(WEIGHTS).map(|(v, w)| v * w).sum::<u32>() % 11;
    let check = text[8].to_ascii_uppercase();
    if rest == 10 { check == b'X' } else { u32::from(check.wrapping_sub(b'0')) == rest }
}

/// ISO 13616: two letters, two check digits, up to thirty characters.
fn iban(text: &[u8]) -> bool {
    if !(15..=34).contains(&text.len())
        || !text[..2].iter().all(u8::is_ascii_alphabetic)
        || !text[2..4].iter().all(u8::is_ascii_digit)
    {
        return false;
    }
    let mut rest = 0u32;
    for b in text[4..].iter().chain(&text[..4]) {
        rest = match b.to_ascii_uppercase() {
            d @ b'0'..=b'9' => (rest * 10 + u32::from(d - b'0')) % 97,
            c @ b'A'..=b'Z' => (rest * 100 + u32::from(c - b'A') + 10) % 97,
            _ => return false,
        };
    }
    rest == 1
}

/// The form of a Medicare beneficiary's number, which has no check digit: letters are never S, L, O,
/// I, B or Z.
fn mbi(text: &[u8]) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() && !b"SLOIBZ".contains(&b.to_ascii_uppercase());
    text.len() == 11
        && (b'1'..=b'9').contains(&text[0])
        && text.iter().enumerate().all(|(i, b)| match i {
            1 | 4 | 7 | 8 => letter(*b),
            2 | 5 => letter(*b) || b.is_ascii_digit(),
            _ => b.is_ascii_digit(),
        })
}

/// Whether a number (its letters and digits) could be somebody's by its check digit.
pub(super) fn could_be_real(folded: &str) -> bool {
    let b = folded.as_bytes();
    if !folded.is_ascii() {
        return false;
    }
    let digits = || b.iter().map(|d| u32::from(d - b'0'));
    let all = b.iter().all(u8::is_ascii_digit);
    let npi = || [8, 0, 8, 4, 0].into_iter().chain(digits());
    let numeric = all
        && match b.len() {
            10 => luhn(npi()),
            8 | 18 => gs1(digits()),
            12..=14 => luhn(digits()) || gs1(digits()),
            15..=19 => luhn(digits()),
            _ => false,
        };
    numeric || dea(b) || vin(b) || iban(b) || mbi(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published examples of each.
    #[test]
    fn real_forms_are_known() {
        for real in [
            "4111111111111111",
            "1234567893",
            "ab1234563",
            "1m8gdm9axkp042788",
            "gb82west12345698765432",
            "1eg4te5mk73",
            "00844588003288",
            "036000291452",
        ] {
            assert!(could_be_real(real), "{real}");
        }
        for other in [
            "4111111111111112",
            "1234567890",
            "ab1234564",
            "1m8gdm9a1kp042788",
            "gb83west12345698765432",
            "1sg4te5mk73",
            "44102233",
        ] {
            assert!(!could_be_real(other), "{other}");
        }
    }
}
