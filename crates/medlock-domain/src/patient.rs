//! Which patient a request is about.

use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A patient as a caller names them: a record number, or a FHIR reference such as `Patient/4411023`. It is
/// PHI: not `Display`, wiped on drop, never in a record but as a random id that the server keeps for it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct PatientRef(String);

/// Text that names no patient. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a patient is {}", <&str>::from(*self))]
pub struct BadPatient;

/// The grammar, for the person who has to mend it.
impl From<BadPatient> for &'static str {
    fn from(_: BadPatient) -> Self {
        "1 to 64 visible ASCII characters with a letter or digit among them"
    }
}

impl PatientRef {
    /// In one spelling: capitals, digits and `|` (between an issuer and its number), and nothing else, so that
    /// `44-11` and `MRN 4411` are one; without a leading `Patient/` or `MRN`.
    pub fn canonical(&self) -> &str {
        &self.0
    }

    /// Whether `other`, found in a text, names the same patient: the number, whoever issued it.
    pub fn is_same(&self, other: &PatientRef) -> bool {
        self.number() == other.number()
    }

    fn number(&self) -> &str {
        self.0.rsplit('|').next().unwrap_or_default()
    }
}

impl FromStr for PatientRef {
    type Err = BadPatient;

    fn from_str(text: &str) -> Result<Self, BadPatient> {
        if text.is_empty() || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(BadPatient);
        }
        let number = text.trim().strip_prefix("Patient/").unwrap_or(text.trim());
        // Room for all at once: growing would leave copies behind.
        let mut canonical = Self(String::with_capacity(number.len()));
        let kept = number.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '|');
        canonical.0.extend(kept.map(|c| c.to_ascii_uppercase()));
        // What a record number is called is no part of it.
        if canonical.0.strip_prefix("MRN").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            canonical.0.drain(..3);
        }
        if canonical.0.bytes().any(|b| b.is_ascii_alphanumeric()) { Ok(canonical) } else { Err(BadPatient) }
    }
}

impl fmt::Debug for PatientRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientRef")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_patient_has_one_spelling() {
        let of = |text: &str| text.parse::<PatientRef>().unwrap();
        for text in ["MRN44-11023", "mrn 4411023", "Patient/mrn.4411023", "4411023"] {
            assert_eq!(of(text).canonical(), "4411023", "{text}");
        }
        assert_eq!(of("mrnx-7").canonical(), "MRNX7");
        assert_ne!(of("north|1"), of("south|1"));
        assert!(of("north|1").is_same(&of("1")) && !of("north|1").is_same(&of("2")));
        for bad in ["", " ", "---", "José", "a\nb", &"1".repeat(65)] {
            assert_eq!(bad.parse::<PatientRef>(), Err(BadPatient), "{bad:?}");
        }
        assert_eq!(format!("{:?}", of("4411023")), "PatientRef");
    }
}
