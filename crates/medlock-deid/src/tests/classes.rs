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
    let (mut given, back) = all_through(protection, &[NOTE], said);
    (given.remove(0), back)
}

fn all_through(protection: Protection, texts: &[&str], said: &str) -> (Vec<String>, String) {
    let texts = texts.iter().map(|t| PhiText::new(*t).into()).collect();
    let given = protect_all(Detector::shared(), protection, texts, &mut counting()).unwrap();
    (given.texts.iter().map(|t| t.expose().to_owned()).collect(), answer(&given.surrogates, true, &[said]))
}

fn but(class: PhiClass) -> PhiClasses {
    PhiClass::ALL.into_iter().filter(|c| *c != class).collect()
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

#[test]
fn what_lies_inside_a_finding_of_another_class_keeps_its_own_rule() {
    let notes = ["See https://portal.example.org/p?name=x&ssn=219-09-9999 today."];
    let raw = Protection { identified: but(PhiClass::Ssn), ..ProtectionMode::Identified.into() };
    let (given, _) = all_through(raw, &notes, "");
    assert_eq!(given, ["See [SSN-1] today."]);
    assert_eq!(all_through(ProtectionMode::Identified.into(), &notes, "").0, notes);

    for mode in [ProtectionMode::Tokenize, ProtectionMode::Surrogate, ProtectionMode::Identified] {
        let kept = Protection { mode, identified: but(PhiClass::Ssn), restored: but(PhiClass::Ssn) };
        let (given, back) = all_through(kept, &notes, "Go to [SSN-1] or [URL-1].");
        assert_eq!(given, ["See [SSN-1] today."], "{mode}");
        assert_eq!(back, "Go to [SSN-1] or [URL-1].", "{mode}");
    }
}

#[test]
fn a_value_read_as_two_classes_is_treated_by_the_stricter_rule_everywhere() {
    let texts = ["MRN: 44719023", "Account number 44719023", "Filed under 44719023 before"];
    for forbidden in [PhiClass::Mrn, PhiClass::Account] {
        let raw = Protection { identified: but(forbidden), ..ProtectionMode::Identified.into() };
        for texts in [texts, [texts[1], texts[0], texts[2]]] {
            let (given, _) = all_through(raw, &texts, "");
            assert!(given.iter().all(|t| t.contains(&format!("[{}-1]", forbidden.label()))), "{given:?}");
            let (given, _) = all_through(raw, &[&texts.join(". ")], "");
            assert!(!given[0].contains("44719023"), "{given:?}");
        }
    }
}
