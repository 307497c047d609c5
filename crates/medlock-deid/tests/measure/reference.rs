//! Our figures against those of the reference scorer: the same JSON numbers, the same printed text.
//! Needs python3; skipped where there is none, but never in CI.

use crate::{data, gold};
use medlock_deid::Detector;
use medlock_deid::measure::{Corpus, Document, Label, Options, predict, score};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_detectors_predictions_score_the_same() {
    for name in ["asq-phi", "outis-val", "openmed-golden"] {
        let gold = gold(name);
        let predicted = predict(Detector::shared(), &gold);
        compare(name, &data(&format!("{name}.jsonl")), &gold, &predicted.jsonl());
    }
}

/// Predictions with everything that a scorer can trip over.
#[test]
fn spoiled_predictions_score_the_same() {
    for (seed, name) in [(1, "asq-phi"), (2, "outis-val"), (3, "openmed-golden")] {
        let gold = gold(name);
        let spoiled: String = gold.documents().iter().filter_map(|d| spoil(d, seed)).collect();
        compare(&format!("{name}-spoiled"), &data(&format!("{name}.jsonl")), &gold, &spoiled);
    }
}

/// Gold with overlaps, spans twice, spans without a letter, other scripts, and quotes in the errors.
#[test]
fn odd_gold_scores_the_same() {
    let odd = concat!(
        r#"{"id":"1","text":"Ann O'Hara, born 1950, aged ٩٥ or 95; \"Bo\"\n\u00a0 in Texas","spans":["#,
        r#"{"start":0,"end":10,"label":"NAME"},{"start":4,"end":10,"label":"ID"},{"start":0,"end":10,"label":"OTHER"},"#,
        r#"{"start":17,"end":21,"label":"DATE"},{"start":28,"end":30,"label":"AGE"},{"start":34,"end":36,"label":"AGE"},"#,
        r#"{"start":38,"end":42,"label":"NAME"},{"start":43,"end":44,"label":"URL"},{"start":48,"end":53,"label":"LOCATION"}]}"#,
        "\n\n",
        r#"{"id":"2","text":"née Ⓐ日本e\u0301 — 👍 Ｘ１ 𝟡","spans":[{"start":0,"end":3,"label":"NAME"},{"start":0,"end":3,"label":"VEHICLE"},"#,
        r#"{"start":4,"end":9,"label":"LOCATION"},{"start":10,"end":11,"label":"PHONE"},{"start":14,"end":18,"label":"ID"}]}"#,
        "\n",
        r#"{"id":"3","text":"nothing here","spans":[]}"#,
        "\n",
        r#"{"id":"4","text":"","spans":[]}"#,
    );
    let predicted = concat!(
        r#"{"id":"1","spans":[{"start":0,"end":3,"label":"NAME"},{"start":0,"end":3,"label":"NAME"},{"start":5,"end":6,"label":"ID"},"#,
        r#"{"start":17,"end":21,"label":"DATE"},{"start":15,"end":33,"label":"AGE"},{"start":38,"end":42,"label":"IGNORE"},{"start":42,"end":46,"label":"X"}]}"#,
        "\n",
        r#"{"id":"2","spans":[{"start":4,"end":6,"label":"NAME"},{"start":3,"end":4,"label":"NAME"},{"start":16,"end":18,"label":"ID"},{"start":2,"end":2,"label":"ID"}]}"#,
        "\n",
        r#"{"id":"3","spans":[{"start":7,"end":8,"label":"NAME"}]}"#,
        "\n",
        r#"{"id":"nobody","spans":[{"start":700,"end":800,"label":"NAME"}]}"#,
    );
    let file = scratch("odd.gold.jsonl");
    fs::write(&file, odd).unwrap();
    let gold = Corpus::gold(odd.as_bytes()).unwrap();
    compare("odd", &file, &gold, predicted);
    compare("odd-unpredicted", &file, &gold, "");

    // Rates that end in a 5, which is rounded to even: 1 of 32, 3 of 160 …
    for (found, of) in [(1, 32), (3, 32), (5, 32), (31, 32), (1, 64), (3, 160), (1, 800), (1, 6400), (1, 20_000)] {
        let line = |found| {
            let spans: Vec<String> =
                (0..found).map(|k| format!(r#"{{"start":{},"end":{},"label":"NAME"}}"#, 2 * k, 2 * k + 1)).collect();
            format!(r#"{{"id":"1","text":"{}","spans":[{}]}}"#, "a ".repeat(of), spans.join(","))
        };
        let (file, text) = (scratch("ties.gold.jsonl"), line(of));
        fs::write(&file, &text).unwrap();
        compare("ties", &file, &Corpus::gold(text.as_bytes()).unwrap(), &line(found));
    }
}

/// The predictions of the gold spans themselves, each spoiled in a way that its place decides.
fn spoil(gold: &Document, seed: usize) -> Option<String> {
    let length = gold.text.chars().count();
    let hash = |text: &str| text.bytes().fold(seed, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let which = hash(&gold.id);
    if which.is_multiple_of(7) {
        return None;
    }
    let mut spans = Vec::new();
    for (at, span) in gold.spans.iter().enumerate() {
        let mut push = |start: usize, end: usize, label: &str| {
            let (start, end) = (start.min(length), end.min(length));
            spans.push(serde_json::json!({"start": start, "end": end.max(start), "label": label}));
        };
        let Label { start, end, label, .. } = span;
        match (which + at) % 9 {
            0 => {}
            1 => push(start + 1, *end, label),
            2 => push(start.saturating_sub(4), end + 3, label),
            3 => push(*start, *end, "NAME"),
            4 => [*label == "NAME", true].into_iter().for_each(|_| push(*start, *end, label)),
            5 => push(*start, *start, label),
            6 => push(end + 1, end + 12, "ID"),
            7 => push(*start, *end, "IGNORE"),
            _ => push(*start, *end, label),
        }
    }
    if gold.spans.is_empty() && which.is_multiple_of(2) {
        spans.push(serde_json::json!({"start": 3, "end": 9, "label": "LOCATION"}));
    }
    Some(format!("{}\n", serde_json::json!({"id": gold.id, "spans": spans})))
}

fn compare(name: &str, gold_file: &Path, gold: &Corpus, predictions: &str) {
    let predicted = Corpus::predictions(predictions.as_bytes(), gold).unwrap();
    let (file, json) = (scratch(&format!("{name}.pred.jsonl")), scratch(&format!("{name}.json")));
    fs::write(&file, predictions).unwrap();
    for (ignore, safe_harbor, errors) in
        [("OTHER", false, 0), ("OTHER", true, 5), ("", true, 100_000), ("NAME,DATE,OTHER", false, 3)]
    {
        let options = Options {
            ignore: ignore.split(',').filter(|l| !l.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>(),
            safe_harbor,
            errors: errors > 0,
        };
        let mut python = Command::new("python3");
        python.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tools/score_deid.py"));
        python.arg(gold_file).arg(&file).arg("--json").arg(&json);
        python.args(["--ignore", ignore, "--errors", &errors.to_string()]).env("PYTHONIOENCODING", "utf-8");
        if safe_harbor {
            python.arg("--safe-harbor");
        }
        let ran = match python.output() {
            Ok(ran) => ran,
            Err(_) if std::env::var_os("CI").is_none() => return,
            Err(e) => panic!("the reference scorer needs python3: {e}"),
        };
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let case = format!("{name} --ignore {ignore:?} --safe-harbor {safe_harbor} --errors {errors}");
        let scores = score(gold, &predicted, &options);
        let printed = scores.text() + &scores.errors_text(errors);
        let wanted = String::from_utf8(ran.stdout).unwrap();
        for (line, (got, want)) in printed.lines().zip(wanted.lines()).enumerate() {
            assert_eq!(got, want, "{case}, line {}", line + 1);
        }
        assert_eq!(printed.lines().count(), wanted.lines().count(), "{case}");
        let wanted: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        same(&scores.json(), &wanted, &case);
    }
}

/// Everything in `want` is in `got`, in the same order, numbers to 1e-12.
fn same(got: &Value, want: &Value, path: &str) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            let shared: Vec<&String> = got.keys().filter(|k| want.contains_key(*k)).collect();
            assert_eq!(shared, want.keys().collect::<Vec<_>>(), "{path}");
            want.iter().for_each(|(k, want)| same(&got[k], want, &format!("{path}.{k}")));
        }
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            assert!((got - want).abs() <= 1e-12, "{path}: {got} is not {want}");
        }
        _ => assert_eq!(got, want, "{path}"),
    }
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}
