//! What a statement says, where it can be made by hand, and that it keeps its promise.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::measure::{Corpus, Options, binomial};
use medlock_domain::PhiClass;
use serde_json::json;

/// `documents`, each the confidences with which its two-letter names were found; none: not found.
fn sample(documents: &[&[Option<f64>]]) -> Sample {
    let (mut gold, mut found) = (String::new(), String::new());
    for (id, names) in documents.iter().enumerate() {
        let id = id.to_string();
        let span = |at: usize| json!({"start": 3 * at, "end": 3 * at + 2, "label": "NAME"});
        let labels: Vec<_> = (0..names.len()).map(span).collect();
        let hits: Vec<_> = names
            .iter()
            .enumerate()
            .filter_map(|(at, c)| {
                let mut hit = span(at);
                hit["confidence"] = json!((*c)?);
                Some(hit)
            })
            .collect();
        let text = "Bo ".repeat(names.len()) + "was here";
        gold += &format!("{}\n", json!({"id": id, "text": text, "spans": labels}));
        found += &format!("{}\n", json!({"id": id, "spans": hits}));
    }
    let gold = Corpus::gold(gold.as_bytes()).unwrap();
    Sample::new(&gold, &Corpus::predictions(found.as_bytes(), &gold).unwrap(), &Options::default()).unwrap()
}

fn provenance() -> Provenance {
    Provenance {
        tool: "medlock 0".into(),
        detector: "rules-0".into(),
        digests: vec![("rules and lists".into(), "00ff".into())],
        gold: "abcd".into(),
        date: "2026-01-02T03:04:05Z".into(),
        sampling: Some("at random\nidentifiers 0".into()),
    }
}

#[test]
fn leaks_by_document_identifier_and_threshold() {
    let sample = sample(&[&[Some(0.9), Some(0.5)], &[Some(0.9), None], &[], &[Some(0.7)]]);
    let leaks = |unit, threshold| {
        let Count { left, of } = sample.leaks(unit, threshold);
        (left, of)
    };
    assert_eq!(sample.size(), 4);
    for (threshold, identifiers, documents) in
        [(0.0, 1, 1), (0.5, 1, 1), (0.51, 2, 2), (0.7, 2, 2), (0.71, 3, 3), (0.9, 3, 3), (0.91, 5, 3)]
    {
        assert_eq!(leaks(LeakUnit::Identifiers, threshold), (identifiers, 5), "{threshold}");
        assert_eq!(leaks(LeakUnit::Documents, threshold), (documents, 3), "{threshold}");
    }
    let count = |left, of| Count { left, of };
    let class = CountOf { class: PhiClass::Name, identifiers: count(1, 5), documents: count(1, 3) };
    assert_eq!(sample.classes(), [class]);
}

#[test]
fn a_letter_left_is_a_leak_and_what_is_covered_too_much_is_counted() {
    let gold = r#"{"id":"a","text":"Ann Lee, 80, came","spans":[{"start":0,"end":7,"label":"NAME"},{"start":9,"end":11,"label":"AGE"}]}
{"id":"b","text":"nobody","spans":[]}"#;
    let gold = Corpus::gold(gold.as_bytes()).unwrap();
    let found = |spans: &str| {
        let found = format!(
            r#"{{"id":"a","spans":[{spans}]}}{}{{"id":"b","spans":[{{"start":0,"end":2,"label":"NAME"}}]}}"#,
            "\n"
        );
        let found = Corpus::predictions(found.as_bytes(), &gold).unwrap();
        Sample::new(&gold, &found, &Options { safe_harbor: true, ..Options::default() }).unwrap()
    };
    let left = |s: &Sample| s.leaks(LeakUnit::Identifiers, 0.0);
    let almost = found(r#"{"start":0,"end":6,"label":"NAME"}"#);
    assert_eq!(
        (left(&almost), almost.over_redacted(0.0), almost.free_touched(0.0)),
        (Count { left: 1, of: 1 }, (2, 10), (1, 1))
    );
    let joined = found(r#"{"start":0,"end":3,"label":"ID"},{"start":4,"end":12,"label":"NAME"}"#);
    assert_eq!((left(&joined), joined.over_redacted(0.0)), (Count { left: 0, of: 1 }, (2, 10)));
}

#[test]
fn what_no_statement_can_be_made_about_is_refused() {
    let refused = |gold: &str, found: &str| {
        let gold = Corpus::gold(gold.as_bytes()).unwrap();
        let found = Corpus::predictions(found.as_bytes(), &gold).unwrap();
        Sample::new(&gold, &found, &Options::default()).unwrap_err()
    };
    let nobody = r#"{"id":"a","text":"x","spans":[{"start":0,"end":1,"label":"OTHER"}]}"#;
    assert_eq!(refused(nobody, r#"{"id":"a","spans":[]}"#), Uncertifiable::NoIdentifiers);
    assert_eq!(refused("", ""), Uncertifiable::NoIdentifiers);
    assert_eq!(refused(&format!("\n{nobody}"), ""), Uncertifiable::Unpredicted { line: 2 });
    let strange = r#"{"id":"a","text":"x","spans":[{"start":0,"end":1,"label":"NICKNAME"}]}"#;
    let said = refused(strange, r#"{"id":"a","spans":[]}"#);
    assert_eq!(said, Uncertifiable::UnknownLabel { line: 1, span: 0 });
    assert!(!said.to_string().contains("NICKNAME"));
}

#[test]
fn a_target_is_shown_where_the_sample_is_large_enough() {
    // 0.95 of 59 documents without a leak show 5%; of 58 they do not.
    let clean: &[Option<f64>] = &[Some(0.8)];
    let target = Target { rate: 0.05, unit: LeakUnit::Documents };
    let few = Threshold::choose(&sample(&vec![clean; 58]), target);
    assert_eq!((few.chosen, few.refused.unwrap().threshold, few.least_sample()), (None, 0.0, 59));
    let enough = Threshold::choose(&sample(&vec![clean; 59]), target);
    assert_eq!((enough.chosen.unwrap().threshold, enough.refused.unwrap().threshold), (0.8, 0.81));
    // Ten findings in 300 are weak: the threshold stops below them where they may not be lost.
    let mut mixed = vec![clean; 290];
    mixed.extend([[Some(0.3)].as_slice(); 10]);
    let chosen = |rate| Threshold::choose(&sample(&mixed), Target { rate, ..target }).chosen.unwrap();
    assert_eq!(chosen(0.02).threshold, 0.3);
    assert_eq!((chosen(0.07).threshold, chosen(0.07).leaks), (0.8, Count { left: 10, of: 300 }));
}

/// The promise of the method: over many samples from a known world, the threshold chosen breaks the
/// target in at most 5% of them (and, so that the test can fail, not in none).
#[test]
fn a_shown_target_is_broken_seldom() {
    // One document in 25 is found with confidence 0.2 only, one in 25 with 0.5: 4% leak above 0.2, 8%
    // above 0.5. A target of 7.9% is thus broken by exactly the thresholds above 0.5.
    let mut seed = 7_u64;
    let mut draw = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (seed >> 33) % 25 {
            0 => &[Some(0.2)] as &[Option<f64>],
            1 => &[Some(0.5)],
            _ => &[Some(0.9)],
        }
    };
    let target = Target { rate: 0.079, unit: LeakUnit::Documents };
    let broken = (0..600)
        .filter(|_| {
            let drawn: Vec<_> = (0..120).map(|_| draw()).collect();
            Threshold::choose(&sample(&drawn), target).chosen.is_some_and(|c| c.threshold > 0.5)
        })
        .count() as u64;
    assert!(broken > 0, "a test without a chance to fail");
    assert!(binomial::interval(broken, 600, 0.999).lower <= 0.05, "{broken} of 600");
}

#[test]
fn a_statement_says_what_was_counted_and_round_trips() {
    let options = Options::default();
    let sample = sample(&[&[Some(0.9), None], &[Some(0.4)], &[]]);
    let threshold = Threshold::choose(&sample, Target { rate: 0.01, unit: LeakUnit::Documents });
    let statement = Statement::new(&sample, &options, Some(&threshold), &provenance());
    let text = statement.text();
    assert!(text.starts_with("medlock de-identification certificate 1\n"));
    for said in [
        "Evidence for an expert determination under 45 CFR 164.514(b)(1)",
        "3 documents, 2 with identifiers",
        "drawn      at random identifiers 0\n",
        "NOT SHOWN",
        "299 documents would show it",
        "Not measured, since the sample holds none: LOCATION",
        "rules and lists SHA-256 00ff",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(!text.to_lowercase().contains("compliant"));
    assert_eq!(Statement::parse(&text).unwrap().json()["documents"], statement.json()["documents"]);
    assert_eq!(Statement::parse(&text).unwrap().text(), text);
    let documents = &statement.json()["documents"];
    assert_eq!((&documents["left"], &documents["of"]), (&json!(1), &json!(2)));
    let (upper, together) = (documents["upper"].as_f64().unwrap(), documents["upper_together"].as_f64().unwrap());
    let exact = binomial::upper_bound(1, 2, 0.95);
    assert!(upper >= exact && upper < exact + 2e-6 && together > upper, "{upper} {exact} {together}");
    // 2 in all and 2 of the one class.
    assert_eq!(statement.json()["bounds_together"], 4);

    for other in
        [text.replacen("certificate 1", "certificate 2", 1), text.replace(r#""left":1"#, r#""left": 1"#), String::new()]
    {
        assert_eq!(Statement::parse(&other), None);
    }
}
