//! From scores of spans to those that are kept.

use medlock_domain::PhiClass;
use std::ops::Range;

/// A span of words and how much it is of a label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    pub(super) words: Range<usize>,
    pub(super) label: usize,
    pub(super) score: f32,
}

impl Scored {
    /// Every span of a window that is of a label by `threshold` at least.
    pub(super) fn all(
        figures: &[f32],
        window: &Range<usize>,
        widest: usize,
        labels: usize,
        threshold: f32,
    ) -> impl Iterator<Item = Self> {
        let each = figures.iter().enumerate().filter_map(move |(at, figure)| {
            let score = 1.0 / (1.0 + (-figure).exp());
            let (span, label) = (at / labels, at % labels);
            let (start, width) = (window.start + span / widest, span % widest + 1);
            (score >= threshold && start + width <= window.end).then_some((start, width, label, score))
        });
        each.map(|(start, width, label, score)| Self { words: start..start + width, label, score })
    }
}

/// Which of the windows decides about a span: the one in which it has most around it. The text's ends cut nothing off.
pub(super) fn best(windows: &[Range<usize>], span: &Range<usize>, words: usize) -> usize {
    let around = |window: &Range<usize>| {
        let before = span.start.checked_sub(window.start)?;
        let behind = window.end.checked_sub(span.end)?;
        let before = if window.start == 0 { usize::MAX } else { before };
        let behind = if window.end == words { usize::MAX } else { behind };
        Some(before.min(behind))
    };
    let mut best = (0, None);
    for (number, window) in windows.iter().enumerate() {
        let around = around(window);
        // The first of equals.
        if around > best.1 {
            best = (number, around);
        }
    }
    best.0
}

/// Of spans that overlap the surest alone, in the order of the text. One that identifies nobody takes away only
/// what lies within it.
pub(super) fn flat(mut found: Vec<Scored>, classes: &[Option<PhiClass>], words: usize) -> Vec<Scored> {
    found.sort_by(|a, b| {
        let place = |s: &Scored| (s.words.start, s.words.end, s.label);
        b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
    });
    let (mut taken, mut nobodys) = (vec![false; words], Vec::<Range<usize>>::new());
    let mut out = Vec::new();
    for span in found {
        let within = |n: &Range<usize>| n.start <= span.words.start && span.words.end <= n.end;
        if taken[span.words.clone()].contains(&true) || nobodys.iter().any(within) {
            continue;
        }
        if classes[span.label].is_none() {
            nobodys.push(span.words);
        } else {
            taken[span.words.clone()].fill(true);
            out.push(span);
        }
    }
    out.sort_by_key(|s| s.words.start);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(words: Range<usize>, label: usize, score: f32) -> Scored {
        Scored { words, label, score }
    }

    #[test]
    fn the_surest_of_those_that_overlap_is_kept() {
        let classes = [Some(PhiClass::Name), Some(PhiClass::Location), None];
        let name = |words, score| scored(words, 0, score);
        let found = vec![name(4..5, 0.4), name(0..2, 0.6), scored(1..4, 1, 0.9), scored(5..6, 1, 0.5), name(5..6, 0.5)];
        let kept = flat(found, &classes, 6);
        assert_eq!(kept, [scored(1..4, 1, 0.9), name(4..5, 0.4), name(5..6, 0.5)]);
        // What identifies nobody takes away what lies in it and is less sure.
        let nobodys = scored(1..3, 2, 0.8);
        let found = vec![nobodys, name(1..2, 0.7), name(2..4, 0.6), name(0..1, 0.5)];
        assert_eq!(flat(found, &classes, 4), [name(0..1, 0.5), name(2..4, 0.6)]);
        assert_eq!(flat(vec![scored(0..2, 2, 0.7), name(0..1, 0.8)], &classes, 2), [name(0..1, 0.8)]);
    }

    #[test]
    fn a_span_is_decided_where_it_has_most_around_it() {
        let windows = [0..10, 6..16, 12..20];
        for (span, number) in [
            (0..3, 0),
            (7..8, 0),
            (8..9, 1),
            (8..10, 1),
            (11..12, 1),
            (13..14, 1),
            (14..15, 2),
            (19..20, 2),
            (6..10, 0),
        ] {
            assert_eq!(best(&windows, &span, 20), number, "{span:?}");
        }
    }

    #[test]
    fn scores_are_those_of_their_spans() {
        // Two words, spans of two at most, two labels; what would reach past the window is none.
        let figures = [0.0, 9.0, -9.0, 1.0, 2.0, -2.0, 9.0, 9.0];
        let all: Vec<_> = Scored::all(&figures, &(5..7), 2, 2, 0.5).collect();
        let places: Vec<_> = all.iter().map(|s| (s.words.clone(), s.label)).collect();
        assert_eq!(places, [(5..6, 0), (5..6, 1), (5..7, 1), (6..7, 0)]);
        let wanted = [0.5, 0.999_876_6, 0.731_058_6, 0.880_797_1];
        assert!(all.iter().zip(wanted).all(|(s, score)| (s.score - score).abs() < 1e-6), "{all:?}");
    }
}
