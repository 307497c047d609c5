//! What is found and what is left alone, class by class. The people in these texts do not exist.
#![allow(clippy::unwrap_used, reason = "tests")]

mod names;
mod numbers;
mod properties;
mod recognizers;
mod together;

use std::fs;
use std::path::Path;

use medlock_domain::{Finding, PhiClass};

use super::{Detector, Preset, title};

/// What the rules find by themselves, without the titles before names: the tagger is measured, not
/// pinned word by word.
fn found(text: &str) -> Vec<(PhiClass, &str)> {
    let plain = |f: Finding| {
        let value = &text[f.span.start..f.span.end];
        (f.class, if f.class == PhiClass::Name { &value[title::after(value)..] } else { value })
    };
    Detector::preset(Preset::Rules).detect(text).into_iter().map(plain).collect()
}

/// Each text gives exactly these findings.
fn exactly(cases: &[(&str, &[(PhiClass, &str)])]) {
    for (text, want) in cases {
        assert_eq!(found(text), *want, "in {text:?}");
    }
}

/// Each value is covered, as this class, in its text; what else is found there is another test's.
fn covers(class: PhiClass, cases: &[(&str, &str)]) {
    for (text, value) in cases {
        let at = text.find(value).unwrap();
        let (start, end) = (at, at + value.len());
        let findings: Vec<Finding> = Detector::preset(Preset::Rules).detect(text);
        let hit = findings.iter().find(|f| f.span.start <= start && f.span.end >= end);
        assert!(hit.is_some_and(|f| f.class == class), "{value:?} as {class} in {text:?}: {:?}", found(text));
    }
}

/// Nothing is found in any of the texts.
fn nothing(cases: &[&str]) {
    for text in cases {
        assert_eq!(found(text), [], "in {text:?}");
    }
}

/// A rule file that the digest leaves out could change unseen.
#[test]
fn the_digest_covers_every_rule_file() {
    fn sources(dir: &Path, into: &mut Vec<Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && path.file_name().unwrap() != "tests" {
                sources(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs")
                // The trainer's view of the tagger decides nothing.
                && !["tests.rs", "train.rs"].iter().any(|n| path.ends_with(n))
            {
                into.push(fs::read(&path).unwrap());
            }
        }
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detect"), &mut files);
    let covered: Vec<&[u8]> = Detector::shared().rule_bytes().collect();
    assert!(files.len() > 15);
    assert!(files.iter().all(|f| covered.contains(&f.as_slice())));
    assert_eq!(covered.len(), files.len() + 3, "the rule files, the lists, the weights and the preset");
}

#[test]
fn the_detector_says_what_it_is() {
    let d = Detector::shared();
    assert!(d.version().starts_with("rules-"));
    assert_eq!(d.digest().len(), 32);
    assert_eq!(d.digest(), d.digest());
    assert!(d.rule_bytes().map(<[u8]>::len).sum::<usize>() > 1_000_000);
    assert_eq!(format!("{d:?}"), format!("Detector({})", d.version()));
}
