//! Measuring, certifying and explaining, as they are run.

use crate::support::{Ran, medlock};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../medlock-deid/tests/data").join(name);
    path.to_str().unwrap().to_owned()
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = dir.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A note in which a telephone number is found, and one with a name that nobody could find.
const NOTES: &str = r#"{"id":"1","text":"Call 212-555-0143.","spans":[{"start":5,"end":17,"label":"PHONE"}]}
{"id":"2","text":"the zorblax was well","spans":[{"start":4,"end":11,"label":"NAME"}]}
"#;

#[test]
fn eval_needs_no_installation_and_prints_figures_with_intervals() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| medlock(dir.path(), NOTES, &[&["deid", "eval"], args].concat());
    let text = run(&["-"]).code(0);
    for said in ["docs 2  alnum chars", "fully clean 1 (50.00%)", "PHONE             1  1.0000", "95% intervals"] {
        assert!(text.out.contains(said), "{said}\n{}", text.out);
    }
    assert!(text.err.is_empty() && !text.out.contains("zorblax"), "only --errors quotes notes");
    assert!(run(&["-", "--errors", "3"]).code(0).out.contains("MISS ('NAME', 'zorblax', 'the zorblax was well')"));
    let json = run(&["-", "--json", "--errors", "3"]).code(0).json();
    assert_eq!((&json["docs"], &json["labels"]["NAME"]["covered_R"]), (&2.into(), &0.0.into()));
    assert_eq!(json["errors"]["misses"][0]["value"], "zorblax");
    assert_eq!(json["intervals"]["confidence"], 0.95);
    let ignored = run(&["-", "--ignore", "NAME,OTHER", "--json"]).code(0).json();
    assert_eq!(ignored["docs_clean_rate"], 1.0);
}

#[test]
fn predictions_can_be_written_and_scored() {
    let dir = tempfile::tempdir().unwrap();
    let (gold, predictions) = (corpus("asq-phi.jsonl"), dir.path().join("p.jsonl"));
    let predictions = predictions.to_str().unwrap();
    let run = |args: &[&str]| medlock(dir.path(), "", &[&["deid", "eval"], args].concat());
    let own = run(&[&gold, "--safe-harbor", "--write-predictions", predictions]).code(0);
    let read = run(&[&gold, "--safe-harbor", "--predictions", predictions]).code(0);
    assert_eq!((own.out, read.err), (read.out, String::new()));
    let written = fs::read_to_string(predictions).unwrap();
    assert!(!written.contains("\"text\"") && written.contains("\"confidence\""));

    let notes = file(dir.path(), "notes.jsonl", NOTES);
    let missing = run(&[&notes, "--predictions", predictions]).code(0);
    assert!(missing.err.contains("2 of 2 documents are not in") && missing.err.contains("525 predictions are for no"));
    assert!(run(&[&notes, "--write-predictions", &notes]).code(2).err.contains("not overwritten"));
    assert_eq!(fs::read_to_string(&notes).unwrap(), NOTES);
}

#[test]
fn what_cannot_be_used_is_named_by_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let twice = NOTES.lines().next().unwrap();
    for (notes, said) in [
        (format!("{NOTES}Jane Doe\n"), "line 3: not JSON"),
        (NOTES.replace("17", "99"), "line 1: `spans[0]` ends beyond the text, which has 18 code points"),
        (format!("{NOTES}\n{twice}\n"), "line 4: the same `id` as on line 1"),
        ("\n".to_owned(), "holds no documents"),
    ] {
        let notes = file(dir.path(), "bad.jsonl", &notes);
        for verb in [&["deid", "eval", &notes][..], &["deid", "certify", &notes, "--unsigned"]] {
            let ran = medlock(dir.path(), "", verb).code(2);
            assert!(ran.err.contains(said) && ran.err.contains("bad.jsonl"), "{said}: {}", ran.err);
            assert!(ran.out.is_empty() && !ran.err.contains("Jane"), "{}", ran.err);
        }
    }
    assert!(medlock(dir.path(), "", &["deid", "eval", "nowhere.jsonl"]).code(2).err.contains("reading nowhere.jsonl"));
    let strange = file(dir.path(), "strange.jsonl", &NOTES.replace("NAME", "NICKNAME"));
    let refused = medlock(dir.path(), "", &["deid", "certify", &strange, "--unsigned"]).code(2);
    assert!(refused.err.contains("strange.jsonl, line 2: the label of `spans[0]` is no class"), "{}", refused.err);
}

#[test]
fn a_certificate_is_signed_checked_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let run = |args: &[&str]| -> Ran { medlock(&data, "", &[&["deid", "certify"], args].concat()) };
    let gold = corpus("aci-phi.jsonl");
    let without = run(&[&gold]).code(2);
    assert!(without.err.contains("medlock init") && without.err.contains("--unsigned"), "{}", without.err);

    medlock(&data, "", &["init"]).code(0);
    let out = dir.path().join("notes.cert");
    let out = out.to_str().unwrap();
    let made = run(&[&gold, "--safe-harbor", "--drawn", "all notes", "--out", out]).code(0);
    assert!(made.out.contains("87 documents, 87 with identifiers") && made.out.contains("all notes"));
    assert!(!made.out.to_lowercase().contains("compliant"));
    let note = fs::read_to_string(out).unwrap();
    assert!(note.starts_with("medlock de-identification certificate 1\n") && note.contains("\n\n— "));
    run(&[&gold, "--out", out]).code(2);
    assert_eq!(fs::read_to_string(out).unwrap(), note);

    let valid = run(&["--verify", out]).code(0);
    assert!(valid.out.starts_with("valid signed by ") && valid.err.contains("--vkey"));
    let vkey = data.join("audit/log.vkey");
    let elsewhere = dir.path().join("no-installation");
    let kept = ["deid", "certify", "--verify", out, "--vkey", vkey.to_str().unwrap(), "--json", &gold];
    let json = medlock(&elsewhere, "", &kept).code(0).json();
    assert_eq!((&json["valid"], &json["this_detector"]), (&true.into(), &true.into()));
    assert_eq!(json["statement"]["sample"]["documents"], 87);
    assert_eq!(json["statement"]["detector"]["sha256"]["rules_and_lists"].as_str().unwrap().len(), 64);
    let other = corpus("asq-phi.jsonl");
    assert!(run(&["--verify", out, &other]).code(1).err.contains("not made from"));

    let forged = file(dir.path(), "forged.cert", &note.replacen("87 documents", "99 documents", 1));
    assert!(run(&["--verify", &forged]).code(1).err.contains("NOT valid"));
    let checkpoint = data.join("audit/checkpoint");
    assert!(run(&["--verify", checkpoint.to_str().unwrap()]).code(1).err.contains("no certificate"));
    assert!(run(&["--verify", "nowhere"]).code(2).err.contains("reading nowhere"));
}

#[test]
fn a_target_that_the_sample_does_not_show_is_a_1() {
    let dir = tempfile::tempdir().unwrap();
    let gold = corpus("asq-phi.jsonl");
    let run = |args: &[&str]| medlock(dir.path(), "", &[&["deid", "certify", &gold, "--unsigned"], args].concat());
    let not_shown = run(&["--target-leak", "0.1%"]).code(1);
    assert!(not_shown.out.contains("NOT SHOWN") && not_shown.err.contains("the target is not shown"));
    assert!(not_shown.err.contains("not signed"));
    let shown = run(&["--target-leak", "0.6", "--json"]).code(0).json();
    let target = &shown["statement"]["target"];
    assert_eq!((&target["rate"], &target["unit"]), (&0.6.into(), &"documents".into()));
    assert!(target["chosen"]["p"].as_f64().unwrap() <= 0.05);
    let per = run(&["--target-leak", "0.6", "--per", "identifier", "--json"]).code(0).json();
    assert_eq!(per["statement"]["target"]["unit"], "identifiers");
    for (args, said) in [
        (&["--target-leak", "0"][..], "more than 0"),
        (&["--target-leak", "150%"], "more than 0"),
        (&["--per", "identifier"], "--target-leak"),
        (&["--verify", "x", "--drawn", "y"], "cannot be used with"),
    ] {
        assert!(run(args).code(2).err.contains(said), "{args:?}");
    }
    assert!(medlock(dir.path(), "", &["deid", "certify"]).code(2).err.contains("GOLD"));
}

#[test]
fn explain_masks_what_it_finds_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let text = "Dr. Ann Lee\nphone 212-555-0143\n";
    let note = file(dir.path(), "note.txt", text);
    for args in [
        &["deid", "explain", &note][..],
        &["deid", "explain", "-"],
        &["deid", "explain"],
        &["deid", "explain", "--text", text],
    ] {
        let ran = medlock(dir.path(), text, args).code(0);
        assert!(
            ran.out.contains("PHONE") && ran.out.contains("999-999-9999") && !ran.out.contains("0143"),
            "{}",
            ran.out
        );
        let shown = medlock(dir.path(), text, &[args, &["--show-values"]].concat()).code(0);
        assert!(shown.out.contains("212-555-0143"));
    }
    let json = medlock(dir.path(), "", &["deid", "explain", &note, "--json"]).code(0).json();
    let phone = json["findings"].as_array().unwrap().iter().find(|f| f["class"] == "PHONE").unwrap();
    assert_eq!((&phone["start"], &phone["end"], &phone["line"]), (&18.into(), &30.into(), &2.into()));
    assert!(phone.get("value").is_none() && phone["detectors"].as_array().unwrap().contains(&"phone-cue".into()));
    let because = phone["because"].as_array().unwrap();
    assert!(because.len() > 1 && because.iter().any(|b| b["class"] == "ID"), "what was weighed against it: {phone:#}");
    let heard = |preset: &str| medlock(dir.path(), "", &["deid", "explain", &note, "--preset", preset]).code(0).out;
    assert!(heard("balanced").contains("tagger") && !heard("rules").contains("tagger"));
    medlock(dir.path(), "", &["deid", "explain", &note, "--preset", "best"]).code(2);
    assert!(medlock(dir.path(), "plain words", &["deid", "explain"]).code(0).err.contains("nothing was found"));
    fs::write(dir.path().join("latin1"), b"ab\xff").unwrap();
    let latin1 = dir.path().join("latin1");
    assert!(
        medlock(dir.path(), "", &["deid", "explain", latin1.to_str().unwrap()]).code(2).err.contains("from byte 2 on")
    );
}

#[test]
fn help_has_examples() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["eval", "certify", "explain"] {
        let help = medlock(dir.path(), "", &["deid", verb, "--help"]).code(0);
        assert!(help.out.contains(&format!("Examples:\n  medlock deid {verb} ")), "{}", help.out);
    }
    assert!(medlock(dir.path(), "", &["deid"]).code(2).err.contains("certify"));
    assert!(medlock(dir.path(), "", &["deid", "--help"]).code(0).out.contains("Examples:\n  medlock deid note.txt "));
}
