use medlock_domain::ProtectionMode;
use proptest::prelude::*;

use super::{answer, protect, tokenize};

const NOTE: &str = "Patient: Maria Gonzalez, DOB 03/04/1962, MRN 44-102233, SSN 219-09-9934.\n\
    She lives at 1420 Oakwood Avenue, Springfield, IL 62704; phone (555) 010-4477, maria.g@example.com.\n\
    Seen by Dr. Robert Chen on March 3, 2024 for hypertension, BP 138/84; metformin 500 mg twice daily.\n\
    Dr. Chen will call Maria Gonzalez in two weeks.";

#[test]
fn a_note_that_is_echoed_comes_back_as_it_was() {
    let protected = tokenize(&[NOTE]);
    let seen = protected.texts[0].expose();
    for raw in ["Gonzalez", "219-09-9934", "44-102233", "010-4477", "maria.g", "1962", "Chen", "Oakwood"] {
        assert!(!seen.contains(raw), "{raw} in {seen}");
    }
    for kept in ["138/84", "metformin 500 mg twice daily", "hypertension", "in two weeks"] {
        assert!(seen.contains(kept), "{kept} gone from {seen}");
    }
    assert_eq!(answer(&protected.surrogates, true, &[seen]), NOTE);
    assert_eq!(answer(&protected.surrogates, false, &[seen]), seen);
}

#[test]
fn a_stand_in_does_not_make_its_neighbours_suspect() {
    let text = "BP 138/84 and pulse 72. Dr. Maria Gonzalez";
    let protected = tokenize(&[text]);
    assert_eq!(answer(&protected.surrogates, true, &[protected.texts[0].expose()]), text);
}

#[test]
fn identified_text_passes_both_ways() {
    let protected = protect(ProtectionMode::Identified, &[NOTE]);
    assert_eq!(protected.texts[0].expose(), NOTE);
    assert!(protected.counts.total() > 6);
    assert_eq!(answer(&protected.surrogates, true, &[NOTE]), NOTE);
    let said =
        "Ms. Gonzalez (born March 4, 1962) can be reached at 555-010-4477. Another patient, SSN 321-54-9876, cannot.";
    let got = answer(&protected.surrogates, false, &[said]);
    assert_eq!(got, said.replace("321-54-9876", "[SSN]"));
}

#[test]
fn redacted_text_stays_redacted() {
    let protected = protect(ProtectionMode::Redact, &[NOTE]);
    let seen = protected.texts[0].expose();
    assert!(seen.starts_with("Patient: [NAME], DOB [DATE], MRN [MRN], SSN [SSN]."), "{seen}");
    assert_eq!(answer(&protected.surrogates, true, &[seen]), seen);
}

#[test]
fn two_requests_do_not_share_placeholders() {
    let one = tokenize(&["Patient: Maria Gonzalez, SSN 219-09-9934"]);
    let two = tokenize(&["Patient: Robert Chen"]);
    assert_eq!(answer(&one.surrogates, true, &["[NAME-1], [SSN-1]"]), "Maria Gonzalez, 219-09-9934");
    assert_eq!(answer(&two.surrogates, true, &["[NAME-1], [SSN-1]"]), "Robert Chen, [SSN-1]");
}

#[test]
fn a_value_that_looks_like_a_placeholder_or_markup_triggers_nothing() {
    let protected =
        tokenize(&["Patient: Maria Gonzalez, email [NAME-1](x)@example.com, see https://x.example/[NAME-1]?a=b"]);
    let seen = protected.texts[0].expose();
    let got = answer(&protected.surrogates, true, &[seen]);
    assert!(!got.contains("[NAME-1]") || protected.surrogates.value(medlock_domain::PhiClass::Name, 1).is_none());
}

/// Texts of identifiers and prose between them, without addresses or markup.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("SSN 219-09-9934"),
        Just("SSN 321-54-9876"),
        Just("phone (555) 010-4477"),
        Just("call 212-555-0187"),
        Just("maria.g@example.com"),
        Just("Dr. Maria Gonzalez"),
        Just("Dr. Robert Chen"),
        Just("03/04/1962"),
        Just("the patient is well"),
        Just("BP 138/84 and pulse 72"),
        Just("metformin 500 mg twice daily"),
        Just("[a note]"),
        Just("病人今天很好"),
        Just("* a list item"),
        Just("\\[escaped\\]"),
    ];
    let gap = prop_oneof![
        Just(" "),
        Just(". "),
        Just(", "),
        Just("; "),
        Just("\n"),
        Just("\n\n"),
        Just(" (see) "),
        Just(" [ "),
        Just(" ] ")
    ];
    prop::collection::vec((piece, gap), 0..12)
        .prop_map(|parts| parts.into_iter().map(|(p, g)| format!("{p}{g}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_echo_gives_back_the_text(text in texts()) {
        let protected = tokenize(&[&text]);
        let seen = protected.texts[0].expose();
        prop_assert_eq!(answer(&protected.surrogates, true, &[seen]), text);
    }
}
