use proptest::prelude::*;

use super::decode::{Path, Transitions, allowed, decode};
use super::*;
use crate::{Detector, Preset};

/// The best score of any path, by trying all.
fn exhaustive(scores: &[Scores], transitions: &Transitions, at: usize, before: u8) -> i32 {
    if at == scores.len() {
        return transitions[before as usize * TAGS];
    }
    (0..TAGS as u8)
        .filter(|tag| allowed(before, *tag))
        .map(|tag| {
            let here = scores[at][tag as usize] + transitions[before as usize * TAGS + tag as usize];
            here + exhaustive(scores, transitions, at + 1, tag)
        })
        .max()
        .unwrap_or(i32::MIN)
}

fn score(scores: &[Scores], transitions: &Transitions, path: &[u8]) -> i32 {
    let mut before = OUTSIDE as usize;
    let mut sum = 0;
    for (s, tag) in scores.iter().zip(path) {
        assert!(allowed(before as u8, *tag));
        sum += s[*tag as usize] + transitions[before * TAGS + *tag as usize];
        before = *tag as usize;
    }
    sum + transitions[before * TAGS]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_path_is_the_best_of_all(
        rows in prop::collection::vec(prop::array::uniform16(-500i32..500), 1..5),
        steps in prop::collection::vec(-200i32..200, TAGS * TAGS),
    ) {
        let transitions: Transitions = steps.try_into().expect("as many");
        let mut path = Path::default();
        decode(&rows, &transitions, &mut path);
        prop_assert_eq!(path.tags.len(), rows.len());
        prop_assert_eq!(score(&rows, &transitions, &path.tags), exhaustive(&rows, &transitions, 0, OUTSIDE));
    }

    #[test]
    fn any_text_is_tagged_within_it(text in "(\\PC|[\u{200b}\u{202e}\u{5d0}\u{6f22}\n\t]|[A-Z][a-z]{2,6} |[0-9]{1,4}[-/]){0,60}") {
        let strict = Detector::preset(Preset::Strict);
        let found = strict.detect(&text);
        prop_assert_eq!(&found, &strict.detect(&text));
        let mut end = 0;
        for f in found {
            prop_assert!(f.span.start >= end && f.span.start < f.span.end);
            prop_assert!(text.is_char_boundary(f.span.start) && text.is_char_boundary(f.span.end));
            prop_assert!((0.0..=1.0).contains(&f.confidence));
            end = f.span.end;
        }
    }
}

#[test]
fn a_larger_margin_is_surer() {
    let tagger = Tagger::open();
    let sure: Vec<f32> = (-20..40).map(|m| tagger.confidence(m as f32)).collect();
    assert!(sure.is_sorted() && sure[0] < 0.05 && sure.last().is_some_and(|s| *s > 0.99 && *s <= 1.0), "{sure:?}");
}

#[test]
fn a_stricter_preset_covers_more() {
    let questions = include_str!("../../../tests/data/asq-phi.jsonl");
    let covered = |preset| -> usize {
        let texts = questions.lines().take(100).map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON"));
        texts
            .map(|d| Detector::preset(preset).detect(d["text"].as_str().expect("text")))
            .map(|found| found.iter().map(|f| f.span.end - f.span.start).sum::<usize>())
            .sum()
    };
    let (rules, balanced, strict) = (covered(Preset::Rules), covered(Preset::Balanced), covered(Preset::Strict));
    assert!(rules < balanced && balanced <= strict, "{rules} {balanced} {strict}");
}
