//! From text to words, and from words to the windows that a model takes.

use super::config::Config;
use crate::tokens::Tokens;
use regex_automata::meta::Regex;
use std::ops::Range;
use std::sync::OnceLock;

/// A word and its tokens, of which there is one at least.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) ids: Vec<i64>,
}

/// The words of a segment. One of more than `most` tokens (it is no word, and the library would cut the text off in
/// it) counts as several.
pub(super) fn words(text: &str, tokens: &Tokens, most: usize) -> Result<Vec<Word>, &'static str> {
    let mut out = Vec::new();
    let mut left: Vec<Range<usize>> = split(text)?.rev().collect();
    while let Some(Range { start, end }) = left.pop() {
        let ids = tokens.of_word(&text[start..end])?;
        let middle = text.ceil_char_boundary(start + (end - start) / 2);
        if ids.len() > most && middle < end && start < middle {
            left.extend([middle..end, start..middle]);
        } else if !ids.is_empty() {
            // What the tokenizer knows nothing of has no number among the words: the next one has it.
            out.push(Word { start, end, ids });
        }
    }
    Ok(out)
}

/// Where the library's `whitespace` splitter sees words: letters and digits, joined by hyphens and underscores, or any
/// other character by itself that is no space. Its language counts other characters as letters and as spaces than
/// Rust does, so the general categories are asked.
fn split(text: &str) -> Result<impl DoubleEndedIterator<Item = Range<usize>> + use<>, &'static str> {
    static WORD: OnceLock<Option<Regex>> = OnceLock::new();
    let word = || Regex::new(r"[\p{L}\p{N}_]+(?:[-_][\p{L}\p{N}_]+)*|[^\s\x1c-\x1f]").ok();
    let word = WORD.get_or_init(word).as_ref().ok_or("its words cannot be told apart")?;
    Ok(word.find_iter(text).map(|m| m.range()).collect::<Vec<_>>().into_iter())
}

/// The windows over words of `lengths` tokens each: as many as there is room for. They overlap by a quarter, and so
/// far that a span of the greatest width lies in one of them, unless its words are of tens of tokens each.
pub(super) fn windows(lengths: &[usize], room: usize, config: &Config) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    loop {
        let mut tokens = 0;
        let fits = |length: &&usize| {
            tokens += **length;
            tokens <= room
        };
        let count = lengths[start..].iter().take(config.max_len).take_while(fits).count().max(1);
        let end = (start + count).min(lengths.len());
        out.push(start..end);
        if end == lengths.len() {
            return out;
        }
        start = end - (count / 4).max(config.max_width).min(count / 2);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split(text).unwrap().map(|r| &text[r]).collect()
    }

    #[test]
    fn words_are_those_of_the_library() {
        // Each as `re.findall` of Python 3.11 has it.
        assert_eq!(
            parts("Dr. O'Neil-Šmíd's x_y__z -a- 3.5%"),
            ["Dr", ".", "O", "'", "Neil-Šmíd", "'", "s", "x_y__z", "-", "a", "-", "3", ".", "5", "%"]
        );
        assert_eq!(
            parts("e\u{301}a\u{a0}b\u{1c}c\u{200b}d\u{85}漢字ⅷ²क\u{93f}"),
            ["e", "\u{301}", "a", "b", "c", "\u{200b}", "d", "漢字ⅷ²क", "\u{93f}"]
        );
        assert!(parts(" \r\n\t").is_empty() && parts("").is_empty());
    }

    #[test]
    fn every_span_lies_in_a_window() {
        let config = |max_len, max_width| Config {
            max_width,
            max_len,
            ent_token: String::new(),
            sep_token: String::new(),
            class_token: None,
        };
        for (n, length, room, max_len, width) in
            [(0, 1, 128, 48, 6), (1, 1, 128, 48, 6), (48, 1, 128, 48, 6), (500, 1, 128, 48, 6), (500, 3, 128, 384, 12)]
        {
            let lengths = vec![length; n];
            let all = windows(&lengths, room, &config(max_len, width));
            assert!(all.iter().all(|w| w.len() * length <= room && w.len() <= max_len));
            for start in 0..n {
                let end = (start + width).min(n);
                assert!(all.iter().any(|w| w.start <= start && end <= w.end), "{start}..{end} of {n}");
            }
            assert!(all.windows(2).all(|w| w[0].start < w[1].start && w[0].end < w[1].end));
        }
        // Words of more tokens than there is room for are taken one by one.
        assert_eq!(windows(&[200, 200, 1], 128, &config(48, 6)), [0..1, 1..2, 2..3]);
    }
}
