//! What holds for every text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::Detector;

/// Sorted, apart, not empty, on character boundaries; and the same again for the same text.
fn well_formed(text: &str) {
    let findings = Detector::shared().detect(text);
    let mut end = 0;
    for f in &findings {
        assert!(f.span.start >= end && f.span.start < f.span.end && f.span.end <= text.len(), "{f:?} in {text:?}");
        assert!(text.is_char_boundary(f.span.start) && text.is_char_boundary(f.span.end), "{f:?} in {text:?}");
        assert!((0.0..=1.0).contains(&f.confidence));
        end = f.span.end;
    }
    assert_eq!(findings, Detector::shared().detect(text));
}

const PIECES: [&str; 64] = [
    "Dr",
    ".",
    " ",
    "\n",
    "\r\n",
    ",",
    ":",
    "-",
    "/",
    "(",
    ")",
    "#",
    "@",
    "'",
    "\u{200b}",
    "\u{2019}",
    "\u{ff11}",
    "é",
    "中",
    "\u{301}",
    "Smith",
    "SMITH",
    "Mary",
    "J",
    "mrn",
    "MRN",
    "SSN",
    "ID",
    "phone",
    "fax",
    "of",
    "the",
    "St",
    "Hospital",
    "clinic",
    "in",
    "lives",
    "Springfield",
    "IL",
    "62701",
    "123",
    "45",
    "6789",
    "1",
    "9",
    "/9",
    "March",
    "may",
    "3rd",
    "2024",
    "97",
    "-year-old",
    "mg",
    "http://",
    "www.",
    "x.org",
    "::",
    "1.2.3.4",
    "N0",
    "Patient",
    "named",
    "County",
    "Box",
    "&",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_at_all(text in any::<String>()) {
        well_formed(&text);
    }

    #[test]
    fn any_order_of_the_pieces_that_rules_look_for(at in prop::collection::vec(0..PIECES.len(), 0..60), spaced in any::<bool>()) {
        let pieces: Vec<&str> = at.into_iter().map(|i| PIECES[i]).collect();
        well_formed(&pieces.join(if spaced { " " } else { "" }));
    }

    #[test]
    fn a_number_with_its_cue_is_covered_wherever_it_stands(before in "[a-z .,\n]{0,40}", n in 1_000_000u32..99_999_999, after in "[ .,\n][a-z .,\n]{0,40}") {
        let text = format!("{before} MRN: {n}{after}");
        let start = before.len() + 6;
        let end = start + n.to_string().len();
        let hit = Detector::shared().detect(&text).iter().any(|f| f.span.start <= start && f.span.end >= end);
        prop_assert!(hit, "{text:?}");
    }
}

#[test]
fn long_runs_take_linear_time() {
    const LEN: usize = 100_000;
    let begin = Instant::now();
    for piece in [
        "a",
        "A",
        "9",
        "Ab ",
        "A.",
        "1-",
        "1.",
        "1/1/",
        "@",
        "a@",
        "a.",
        ":",
        "::1",
        "Dr. ",
        "Smith, ",
        "MRN ",
        "MRN: 12-",
        "(01)",
        "St. ",
        "http://",
        "www.",
        "é",
        "\u{200b}",
        "John Smith ",
        "X-",
        "12 Oak ",
        "'",
        "New York ",
        "of the ",
        "\n",
        "+1 ",
    ] {
        let text = piece.repeat(LEN / piece.len());
        well_formed(&text);
    }
    assert!(begin.elapsed() < Duration::from_secs(120), "{:?}", begin.elapsed());
}

#[test]
fn a_text_of_many_blocks_is_covered_throughout() {
    let mut text = String::new();
    let mut planted = Vec::new();
    while text.len() < 5 << 19 {
        text.push_str("The patient reports feeling well and will return to us in two weeks for a visit. ");
        if planted.len() * 40_000 < text.len() {
            planted.push(text.len() + 5);
            text.push_str(&format!("SSN: 385-74-3{:03}. ", planted.len()));
        }
    }
    let findings = Detector::shared().detect(&text);
    assert!(planted.len() > 50);
    for at in planted {
        assert!(findings.iter().any(|f| f.span.start == at && f.span.end == at + 11), "at {at}");
    }
}
