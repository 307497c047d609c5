//! The minimum necessary: some classes pass or come back, the others do not.

use super::{answer, counting};
use crate::{Detector, protect_all};
use medlock_domain::{PhiClass, PhiClasses, PhiText, Protection, ProtectionMode};

const NOTE: &str = "Patient John Smith, SSN 219-09-9999, phone (415) 555-0132.";

fn only(classes: &[PhiClass]) -> PhiClasses {
    classes.iter().copied().collect()
}

/// What the model is given, and what the caller gets when it says `said`.
fn through(protection: Protection, said: &str) -> (String, String) {
    let given = protect_all(Detector::shared(), protection, vec![PhiText::new(NOTE).into()], &mut counting()).unwrap();
    (given.texts[0].expose().to_owned(), answer(&given.surrogates, true, &[said]))
}

#[test]
fn only_some_classes_come_back() {
    let restored = only(&[PhiClass::Name]);
    let tokens = Protection { restored, ..ProtectionMode::Tokenize.into() };
    let said = "[NAME-1] has [SSN-1], call [PHONE-1]";
    assert_eq!(through(tokens, said).1, "John Smith has [SSN-1], call [PHONE-1]");

    // Stand-ins that are never turned back would pass for what they are not.
    let stand_ins = Protection { restored, ..ProtectionMode::Surrogate.into() };
    let (given, back) = through(stand_ins, "[SSN-1] and 219-09-9999");
    assert!(given.contains("SSN [SSN-1], phone [PHONE-1]") && !given.contains("Smith"), "{given}");
    assert_eq!(back, "[SSN-1] and [SSN]");
}

#[test]
fn only_some_classes_pass_as_they_are() {
    let identified = only(&[PhiClass::Name, PhiClass::Phone]);
    let raw = Protection { identified, ..ProtectionMode::Identified.into() };
    let (given, back) = through(raw, "John Smith, [SSN-1], not 219-09-9999");
    assert_eq!(given, "Patient John Smith, SSN [SSN-1], phone (415) 555-0132.");
    // What the model was not shown it guessed.
    assert_eq!(back, "John Smith, 219-09-9999, not [SSN]");
    let (_, back) = through(Protection { restored: only(&[]), ..raw }, "[SSN-1], [NAME-1]");
    assert_eq!(back, "[SSN-1], [NAME-1]");
    assert_eq!(through(ProtectionMode::Identified.into(), "John Smith").0, NOTE);
}
