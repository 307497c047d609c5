//! What is read and what is refused, and the counts where they can be made by hand. The figures as
//! a whole are compared with the reference scorer in `tests/reference.rs`.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn gold(text: &str) -> Result<Corpus, BadLine> {
    Corpus::gold(text.as_bytes())
}

fn scored(gold: &str, predicted: &str, options: &Options) -> Scores {
    let gold = Corpus::gold(gold.as_bytes()).unwrap();
    score(&gold, &Corpus::predictions(predicted.as_bytes(), &gold).unwrap(), options)
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line() {
    let good = r#"{"id":"a","text":"x","spans":[]}"#;
    let field = |field: &str, wanted| Mistake::Field { field: field.to_owned(), wanted };
    for (line, mistake) in [
        ("{", Mistake::NotJson { column: 1 }),
        ("Jane Doe", Mistake::NotJson { column: 1 }),
        ("[]", Mistake::NotObject),
        (r#"{"text":"x","spans":[]}"#, field("id", "string")),
        (r#"{"id":7,"text":"x","spans":[]}"#, field("id", "string")),
        (r#"{"id":"b","spans":[]}"#, field("text", "string")),
        (r#"{"id":"b","text":"x"}"#, field("spans", "array")),
        (r#"{"id":"b","text":"x","spans":[1]}"#, field("spans[0]", "object")),
        (
            r#"{"id":"b","text":"x","spans":[{"start":-1,"end":1,"label":"X"}]}"#,
            field("spans[0].start", "whole number from 0 on"),
        ),
        (
            r#"{"id":"b","text":"x","spans":[{"start":0,"end":1.5,"label":"X"}]}"#,
            field("spans[0].end", "whole number from 0 on"),
        ),
        (r#"{"id":"b","text":"x","spans":[{"start":0,"end":1}]}"#, field("spans[0].label", "string")),
        (
            r#"{"id":"b","text":"x","spans":[{"start":0,"end":1,"label":"X","confidence":2}]}"#,
            field("spans[0].confidence", "number from 0 to 1"),
        ),
        (r#"{"id":"b","text":"x","spans":[{"start":1,"end":1,"label":"X"}]}"#, Mistake::Empty { span: 0 }),
        (r#"{"id":"b","text":"xyz","spans":[{"start":2,"end":1,"label":"X"}]}"#, Mistake::Empty { span: 0 }),
        (r#"{"id":"b","text":"é","spans":[{"start":0,"end":2,"label":"X"}]}"#, Mistake::Beyond { span: 0, length: 1 }),
        (good, Mistake::Duplicate { first: 1 }),
    ] {
        let file = format!("{good}\r\n\n{line}\n");
        let refused = gold(&file).unwrap_err();
        assert_eq!(refused, BadLine { line: 3, mistake }, "{line}");
        assert!(!refused.to_string().contains("Jane"));
    }
    assert_eq!(Corpus::gold(b"\n\xff\n").unwrap_err(), BadLine { line: 2, mistake: Mistake::NotUtf8 });
}

#[test]
fn predictions_are_held_against_their_gold_text() {
    let gold = gold(r#"{"id":"a","text":"né","spans":[]}"#).unwrap();
    let read = |line: &str| Corpus::predictions(line.as_bytes(), &gold);
    assert_eq!(
        read(r#"{"id":"a","spans":[{"start":0,"end":3,"label":"NAME"}]}"#).unwrap_err().mistake,
        Mistake::Beyond { span: 0, length: 2 }
    );
    let empty = read(r#"{"id":"a","spans":[{"start":1,"end":1,"label":"NAME"}]}"#).unwrap();
    assert_eq!(empty.documents()[0].spans, []);
    let elsewhere = read(r#"{"id":"z","spans":[{"start":0,"end":3,"label":"NAME"}]}"#).unwrap();
    let scores = score(&gold, &elsewhere, &Options::default());
    assert_eq!((scores.unmatched, scores.unpredicted, scores.documents), (1, 1, 1));
}

#[test]
fn predictions_for_another_text_do_no_harm() {
    let (long, short) = (r#"{"id":"a","text":"Ann Lee","spans":[]}"#, r#"{"id":"a","text":"Ann","spans":[]}"#);
    let (long, short) = (gold(long).unwrap(), gold(short).unwrap());
    let spans = r#"{"id":"a","spans":[{"start":0,"end":7,"label":"NAME"},{"start":4,"end":7,"label":"NAME"}]}"#;
    let found = Corpus::predictions(spans.as_bytes(), &long).unwrap();
    assert_eq!(score(&short, &found, &Options::default()).false_chars, 3);
}

#[test]
fn counts_made_by_hand() {
    //                   0123456789012345678901
    let gold = r#"{"id":"a","text":"Dr. Ann Lee, aged 95, X","spans":[{"start":4,"end":11,"label":"NAME"},{"start":18,"end":20,"label":"AGE"},{"start":22,"end":23,"label":"OTHER"}]}"#;
    let predicted = r#"{"id":"a","spans":[{"start":0,"end":7,"label":"NAME"},{"start":18,"end":20,"label":"AGE"},{"start":22,"end":23,"label":"ID"}]}"#;
    let options = Options { errors: true, ..Options::default() };
    let s = scored(gold, predicted, &options);
    assert_eq!((s.chars, s.gold_chars, s.covered_chars, s.predicted_chars), (15, 8, 5, 7));
    assert_eq!((s.other_chars, s.false_chars), (6, 2));
    assert_eq!((s.gold_spans, s.predicted_spans, s.touched_spans, s.covered_spans, s.exact_spans), (2, 2, 2, 1, 1));
    assert_eq!((s.phi_documents, s.clean_documents, s.free_documents), (1, 0, 0));
    assert_eq!(
        s.labels.iter().map(|l| (&*l.label, l.spans, l.covered)).collect::<Vec<_>>(),
        [("NAME", 1, 0), ("AGE", 1, 1)]
    );
    assert_eq!((s.misses.len(), &*s.misses[0].value), (1, "Ann Lee"));
    // 95 is over 89, so Safe Harbor asks for it; 85 is not.
    assert_eq!(scored(gold, "", &Options { safe_harbor: true, ..Options::default() }).gold_spans, 2);
    assert_eq!(
        scored(&gold.replace("95", "85"), "", &Options { safe_harbor: true, ..Options::default() }).gold_spans,
        1
    );
    assert_eq!(scored(gold, "", &Options { ignore: ["NAME".to_owned()].into(), ..options }).gold_spans, 2);
}

#[test]
fn every_rate_has_an_interval_that_holds_it() {
    let gold = r#"{"id":"a","text":"Ann Lee saw Bo","spans":[{"start":0,"end":7,"label":"NAME"},{"start":12,"end":14,"label":"NAME"}]}
{"id":"b","text":"nobody here","spans":[]}"#;
    let predicted = r#"{"id":"a","spans":[{"start":0,"end":7,"label":"NAME"}]}
{"id":"b","spans":[{"start":0,"end":6,"label":"NAME"}]}"#;
    let rates = scored(gold, predicted, &Options::default()).rates();
    assert_eq!(rates.len(), 11 + 3);
    for rate in &rates {
        let seen = rate.seen().unwrap();
        assert!(rate.interval.lower <= seen && seen <= rate.interval.upper, "{rate:?}");
        assert!(rate.interval.upper - rate.interval.lower > 0.1, "so little data says little: {rate:?}");
    }
    let covered = rates.iter().find(|r| r.name == "spans covered whole").unwrap();
    assert_eq!((covered.hits, covered.trials, covered.unit), (1, 2, Unit::Spans));
}

#[test]
fn predictions_are_written_as_they_are_read() {
    let gold = gold("{\"id\":\"a\",\"text\":\"Müller's phone: 212-555-0143.\",\"spans\":[]}").unwrap();
    let found = predict(crate::Detector::shared(), &gold);
    let phone = found.documents()[0].spans.iter().find(|s| s.label == "PHONE").unwrap();
    assert_eq!((phone.start, phone.end), (16, 28), "code points, not bytes");
    assert!(phone.confidence.is_some_and(|c| (0.1..=1.0).contains(&c)));
    let again = Corpus::predictions(found.jsonl().as_bytes(), &gold).unwrap();
    assert_eq!(again.documents(), found.documents());
}

#[test]
fn nothing_that_debugs_quotes_a_text() {
    let gold = gold(r#"{"id":"Ann Lee","text":"Ann Lee","spans":[{"start":0,"end":7,"label":"NAME"}]}"#).unwrap();
    let s = score(&gold, &Corpus::default(), &Options { errors: true, ..Options::default() });
    assert_eq!(s.misses.len(), 1);
    assert!(!format!("{:?} {s:?}", gold.documents()).contains("Ann"));
}
