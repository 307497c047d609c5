#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::tests::{counting, protect as protect_in, tokenize};
use PhiClass::{Date, Mrn, Name, Phone, Ssn};
use medlock_domain::PhiClasses;

fn finding(start: usize, end: usize, class: PhiClass) -> Finding {
    Finding { span: Span { start, end }, class, read_as: PhiClasses::only(class), confidence: 1.0, detector: "test" }
}

#[track_caller]
fn check(texts: &[&str], expected: &[&str]) {
    let protected = tokenize(texts);
    let got: Vec<&str> = protected.texts.iter().map(ProtectedText::expose).collect();
    assert_eq!(got, expected);
}

#[test]
fn overlapping_findings_become_one_and_adjacent_ones_stay() {
    let merged = merge(vec![
        finding(4, 18, Name),
        finding(10, 12, Date),
        finding(16, 20, Ssn),
        finding(20, 24, Phone),
        finding(0, 4, Mrn),
    ]);
    let read_as = [Name, Date, Ssn].into_iter().collect();
    let several = Finding { read_as, ..finding(4, 20, Name) };
    assert_eq!(merged, [finding(0, 4, Mrn), several, finding(20, 24, Phone)]);
    let mut issuer = Issuer::new(ProtectionMode::Tokenize.into(), HashSet::new());
    let got = replace("0123456789abcdefghijklmnop", &merged, &HashMap::new(), &mut issuer, &mut Own::default());
    assert_eq!(got, "[MRN-1][NAME-1][PHONE-1]op");
}

#[test]
fn the_same_value_gets_the_same_placeholder() {
    check(
        &[
            "Dr. Maria Gonzalez, SSN 219-09-9934",
            "MARIA  GONZALEZ called; 219 09 9934",
            "Dr. Robert Chen and maria gonzalez",
        ],
        &["Dr. [NAME-1], SSN [SSN-1]", "[NAME-1] called; [SSN-1]", "Dr. [NAME-2] and [NAME-1]"],
    );
    check(&["phone (555) 010-4477 or 555.010.4477"], &["phone [PHONE-1] or [PHONE-1]"]);
}

#[test]
fn a_value_is_replaced_wherever_it_stands() {
    check(
        &["is gonzalez better? a gonzalezian plant", "Patient: Maria Gonzalez, MRN 44-102233", "44-102233 today"],
        &["is [NAME-1] better? a gonzalezian plant", "Patient: [NAME-2], MRN [MRN-1]", "[MRN-1] today"],
    );
}

#[test]
fn what_the_caller_typed_is_never_issued() {
    let texts = ["[NAME-1] and <name_2>, Name 3", "Dr. Maria Gonzalez"];
    let protected = tokenize(&texts);
    assert_eq!(protected.texts[1].expose(), "Dr. [NAME-4]");
    assert_eq!(protected.texts[0].expose(), texts[0]);
    let got = crate::tests::answer(&protected.surrogates, true, &["[NAME-1] <name_2> [name 3] [NAME-4]"]);
    assert_eq!(got, "[NAME-1] <name_2> [name 3] Maria Gonzalez");
    // Also where the shape stands in a JSON key.
    let input = Input { cue: Some(PhiText::new("[NAME-1]")), text: PhiText::new("Dr. Maria Gonzalez"), name: false };
    let protected = protect_all(Detector::shared(), ProtectionMode::Tokenize, vec![input], &mut counting()).unwrap();
    assert_eq!(protected.texts[0].expose(), "Dr. [NAME-2]");
}

#[test]
fn a_key_says_what_a_value_is() {
    let under = |key: &str, text: &str| Input { cue: Some(PhiText::new(key)), text: PhiText::new(text), name: false };
    let inputs = vec![under("mrn", "44102233"), under("dateOfBirth", "1962-03-04"), under("dose", "44")];
    let protected = protect_all(Detector::shared(), ProtectionMode::Tokenize, inputs, &mut counting()).unwrap();
    let got: Vec<&str> = protected.texts.iter().map(ProtectedText::expose).collect();
    assert_eq!(got, ["[MRN-1]", "[DATE-1]", "44"]);
    assert_eq!(protected.findings[0][0].span, Span { start: 0, end: 8 });
}

#[test]
fn values_inside_json_are_replaced_without_touching_it() {
    let text = r#"{"name":"Dr. Maria Gonzalez","ssn":"219-09-9934","note":"call \"(555) 010-4477\""}"#;
    let protected = tokenize(&[text]);
    let value: serde_json::Value = serde_json::from_str(protected.texts[0].expose()).unwrap();
    assert_eq!(value["ssn"], "[SSN-1]");
    assert_eq!(value["note"], "call \"[PHONE-1]\"");
    assert!(!protected.texts[0].expose().contains("Gonzalez"));
}

#[test]
fn block_counts_and_says_no_more() {
    let texts = |t: &str| vec![PhiText::new(t).into()];
    let blocked =
        protect_all(Detector::shared(), ProtectionMode::Block, texts("SSN 219-09-9934"), &mut counting()).unwrap_err();
    assert_eq!(blocked.to_string(), "the request holds identifiers: SSN=1");
    let passed = protect_all(Detector::shared(), ProtectionMode::Block, texts("a cough"), &mut counting()).unwrap();
    assert_eq!(passed.texts[0].expose(), "a cough");
}

#[test]
fn nothing_shows_a_value() {
    let protected = protect_in(ProtectionMode::Tokenize, &["SSN 219-09-9934"]);
    let shown = format!("{protected:?}");
    assert!(!shown.contains("219") && shown.contains("ProtectedText(11 bytes)"), "{shown}");
}

#[test]
fn a_key_in_a_text_says_what_its_value_is_however_it_is_spelled() {
    check(
        &[
            r#"{"medicalRecordNumber":90417,"doseMg":500,"patientName": "okonkwo", "ids": {"socialSecurityNumber": "90418"}}"#,
            r#"He sent "{\"accountNumber\": [\"90419\"], \"visitType\": \"follow-up\"}" to us."#,
            r#"{"postal_code": 94105, "bedNumber": "", "isNew": true, "": 1, "x:y": 2}"#,
        ],
        &[
            r#"{"medicalRecordNumber":[MRN-1],"doseMg":500,"patientName": "[NAME-1]", "ids": {"socialSecurityNumber": "[SSN-1]"}}"#,
            r#"He sent "{\"accountNumber\": [\"[ACCOUNT-1]\"], \"visitType\": \"follow-up\"}" to us."#,
            r#"{"postal_code": [LOCATION-1], "bedNumber": "", "isNew": true, "": 1, "x:y": 2}"#,
        ],
    );
}

#[test]
fn the_words_of_programs_are_nobodys_until_a_text_says_whose_they_are() {
    let name = |text: &str| Input { name: true, ..PhiText::new(text).into() };
    let given = |inputs: Vec<Input>| {
        let mode = ProtectionMode::Tokenize;
        let protected = protect_all(crate::Detector::shared(), mode, inputs, &mut counting()).unwrap();
        protected.texts.iter().map(|t| t.expose().to_owned()).collect::<Vec<_>>()
    };
    for plain in ["ward", "parentCity", "last_visit", "#/$defs/reason", "type"] {
        assert_eq!(given(vec![name(plain)]), [plain]);
    }
    for told in ["Okonkwo", "Maria Gonzalez", "mrn 44719023", "219-09-9999"] {
        assert_ne!(given(vec![name(told)]), [told]);
    }
    let both = given(vec![name("Ward"), name("ward"), PhiText::new("Patient: John Ward, MRN 44719023").into()]);
    assert_eq!(both[..2], ["[NAME-1]", "ward"], "{both:?}");
}
