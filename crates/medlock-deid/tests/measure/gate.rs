//! The detector may not get worse: what it does on three small corpora is held against
//! `tests/data/gate.json`. Recall (over all and by class), clean documents, over-redaction and
//! PHI-free documents touched are each checked.
//!
//! To take what it does now as the new standard, better or worse, and then read the difference:
//!
//! ```text
//! MEDLOCK_BLESS=1 cargo test -p medlock-deid --test measure gate && git diff crates/medlock-deid/tests/data/gate.json
//! ```

use crate::{data, gold};
use medlock_deid::Detector;
use medlock_deid::measure::{Options, Scores, predict, score};
use serde_json::{Map, Value, json};
use std::fs;

const CORPORA: [&str; 3] = ["asq-phi", "outis-val", "aci-phi"];

#[test]
fn the_detector_is_no_worse_than_it_was() {
    let now: Map<String, Value> = CORPORA.iter().map(|name| ((*name).to_owned(), figures(&measured(name)))).collect();
    let file = data("gate.json");
    if std::env::var_os("MEDLOCK_BLESS").is_some_and(|v| v == "1") {
        fs::write(&file, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
        return;
    }
    let before: Map<String, Value> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let mut worse = Vec::new();
    for name in CORPORA {
        compare(&now[name], &before[name], name, &mut worse);
    }
    assert!(
        worse.is_empty(),
        "worse than tests/data/gate.json:\n{}\nIf that is meant: MEDLOCK_BLESS=1 cargo test -p medlock-deid --test \
         measure gate",
        worse.join("\n")
    );
}

/// A gate that nothing trips is none.
#[test]
fn the_gate_trips() {
    let good = measured("asq-phi");
    let worse = |spoil: fn(&mut Scores)| {
        let (mut bad, mut found) = (good.clone(), Vec::new());
        spoil(&mut bad);
        compare(&figures(&bad), &figures(&good), "x", &mut found);
        found
    };
    assert_eq!(worse(|_| {}), Vec::<String>::new());
    assert_eq!(worse(|s| s.covered_chars -= 1).len(), 1);
    assert_eq!(worse(|s| s.false_chars += 1).len(), 1);
    assert_eq!(worse(|s| s.touched_documents += 1).len(), 1);
    assert_eq!(worse(|s| s.clean_documents -= 1).len(), 1);
    assert_eq!(worse(|s| s.labels[0].covered_chars -= 1).len(), 1);
    assert_eq!(worse(|s| s.gold_chars += 1).len(), 1, "another corpus");
    assert_eq!(worse(|s| s.labels.truncate(1)).len(), good.labels.len() - 1, "classes gone from the corpus");
    assert_eq!(worse(|s| s.covered_chars += 1), Vec::<String>::new(), "better is no failure");
}

fn measured(name: &str) -> Scores {
    let gold = gold(name);
    score(&gold, &predict(Detector::shared(), &gold), &Options { safe_harbor: true, ..Options::default() })
}

/// Counts, since they are exact: `[what happened, of what]`.
fn figures(s: &Scores) -> Value {
    let mut classes: Vec<_> = s.labels.iter().collect();
    classes.sort_by(|a, b| a.label.cmp(&b.label));
    let classes: Map<String, Value> =
        classes.iter().map(|l| (l.label.clone(), json!([l.covered_chars, l.chars]))).collect();
    json!({
        "covered": [s.covered_chars, s.gold_chars],
        "clean": [s.clean_documents, s.phi_documents],
        "over_redacted": [s.false_chars, s.other_chars],
        "phi_free_touched": [s.touched_documents, s.free_documents],
        "covered_by_class": classes,
    })
}

fn compare(now: &Value, before: &Value, path: &str, worse: &mut Vec<String>) {
    for (key, before) in before.as_object().unwrap() {
        let (now, path) = (&now[key], format!("{path}.{key}"));
        if before.is_object() {
            compare(now, before, &path, worse);
            continue;
        }
        let (had, of) = (before[0].as_u64().unwrap(), &before[1]);
        let bad_if_more = matches!(key.as_str(), "over_redacted" | "phi_free_touched");
        match now[0].as_u64() {
            Some(has) if now[1] != *of => worse.push(format!("{path}: {has} of {} where it was {had} of {of}", now[1])),
            Some(has) if bad_if_more && has > had => worse.push(format!("{path}: {has} of {of}, was {had}")),
            Some(has) if !bad_if_more && has < had => worse.push(format!("{path}: {has} of {of}, was {had}")),
            Some(_) => {}
            None => worse.push(format!("{path}: gone")),
        }
    }
}
