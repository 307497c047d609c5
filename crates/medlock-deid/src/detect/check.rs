//! Check digits. A number that fails its own is somebody else's kind of number.

/// Luhn's sum over ASCII digits, other characters ignored (ISO/IEC 7812-1).
pub(super) fn luhn(digits: &str) -> bool {
    luhn_sum(digits).is_multiple_of(10)
}

fn luhn_sum(digits: &str) -> u32 {
    let values = digits.bytes().rev().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'));
    values.enumerate().map(|(i, d)| if i % 2 == 0 { d } else { d * 2 / 10 + d * 2 % 10 }).sum()
}

/// A payment card: 13 to 19 digits, an issuer's first digit, Luhn.
pub(super) fn card(digits: &str) -> bool {
    (13..=19).contains(&digits.len())
        && matches!(digits.as_bytes()[0], b'2'..=b'6')
        && digits.bytes().any(|b| b != digits.as_bytes()[0])
        && luhn(digits)
}

/// A National Provider Identifier: ten digits, Luhn with the prefix 80840 (45 CFR 162.406).
pub(super) fn npi(digits: &str) -> bool {
    digits.len() == 10
        && matches!(digits.as_bytes()[0], b'1' | b'2')
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (luhn_sum(digits) + 24).is_multiple_of(10)
}

/// A DEA registration: two letters (or a letter and 9), six digits and their check digit.
pub(super) fn dea(s: &str) -> bool {
    let b = s.as_bytes();
    if b.len() != 9 || !b[0].is_ascii_alphabetic() || !(b[1].is_ascii_alphabetic() || b[1] == b'9') {
        return false;
    }
    let Some(d) = b[2..].iter().map(|c| c.is_ascii_digit().then(|| u32::from(c - b'0'))).collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]
}

/// Seventeen characters that a vehicle identification number may hold (ISO 3779).
pub(super) fn vin_shape(s: &str) -> bool {
    s.len() == 17
        && s.bytes().all(|b| b.is_ascii_alphanumeric() && !matches!(b.to_ascii_uppercase(), b'I' | b'O' | b'Q'))
        && s.bytes().any(|b| b.is_ascii_digit())
        && s.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A vehicle identification number with its check digit (49 CFR 565.15).
pub(super) fn vin(s: &str) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if !vin_shape(s) {
        return false;
    }
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'H' => u32::from(b - b'A') + 1,
        b'J'..=b'R' => u32::from(b - b'J') + 1,
        _ => u32::from(b - b'S') + 2,
    };
    let sum: u32 = s.bytes().zip(WEIGHTS).map(|(b, w)| value(b.to_ascii_uppercase()) * w).sum();
    let check = s.as_bytes()[8].to_ascii_uppercase();
    check == if sum % 11 == 10 { b'X' } else { b'0' + (sum % 11) as u8 }
}

/// A Medicare Beneficiary Identifier: eleven characters of a fixed pattern (CMS, 2018).
pub(super) fn mbi(s: &str) -> bool {
    let b = s.as_bytes();
    let letter = |c: u8| {
        let c = c.to_ascii_uppercase();
        c.is_ascii_uppercase() && !matches!(c, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z')
    };
    let digit = |c: u8| c.is_ascii_digit();
    let either = |c: u8| letter(c) || digit(c);
    b.len() == 11
        && matches!(b[0], b'1'..=b'9')
        && [1, 4, 7, 8].iter().all(|i| letter(b[*i]))
        && [2, 5].iter().all(|i| either(b[*i]))
        && [3, 6, 9, 10].iter().all(|i| digit(b[*i]))
}

/// An international bank account number without its spaces (ISO 13616, mod 97).
pub(super) fn iban(s: &str) -> bool {
    let b = s.as_bytes();
    if !(15..=34).contains(&b.len())
        || !b.iter().all(u8::is_ascii_alphanumeric)
        || !b[..2].iter().all(u8::is_ascii_alphabetic)
        || !b[2..4].iter().all(u8::is_ascii_digit)
    {
        return false;
    }
    let rest = b[4..].iter().chain(&b[..4]).fold(0u32, |m, c| {
        if c.is_ascii_digit() {
            (m * 10 + u32::from(c - b'0')) % 97
        } else {
            (m * 100 + u32::from(c.to_ascii_uppercase() - b'A') + 10) % 97
        }
    });
    rest == 1
}

/// A social security number that can have been issued or stands for one in an example.
pub(super) fn ssn(digits: &str) -> bool {
    digits.len() == 9
        && digits.bytes().any(|b| b != digits.as_bytes()[0])
        && &digits[5..] != "0000"
        && &digits[3..5] != "00"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits() {
        type Check = fn(&str) -> bool;
        let all: [(&str, Check, &str, &str); 7] = [
            ("luhn", luhn, "79927398713", "79927398710"),
            ("card", card, "4111111111111111", "4111111111111112"),
            ("npi", npi, "1234567893", "1234567890"),
            ("dea", dea, "AB1234563", "AB1234567"),
            ("vin", vin, "1HGCM82633A004352", "1HGCM82643A004352"),
            ("mbi", mbi, "1EG4TE5MK73", "1EG4TE5MKS3"),
            ("iban", iban, "GB82WEST12345698765432", "GB83WEST12345698765432"),
        ];
        for (name, check, good, bad) in all {
            assert!(check(good), "{name} {good}");
            assert!(!check(bad), "{name} {bad}");
            for odd in ["", "é", "中文中文中文中文", "0"] {
                let _ = check(odd);
            }
        }
    }
}
