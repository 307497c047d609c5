//! Where a step may end: between words.

use super::{AHEAD, STRETCH};

const _: () = assert!(STRETCH < AHEAD);

/// The best end for a step at `at` whose bytes end at `limit`: the last place between words, else
/// one a little further on, else one inside a word whose end can be seen, `stop` being the next
/// finding. `None` says that the word is longer than `text`.
pub(super) fn find(text: &str, at: usize, limit: usize, stop: Option<usize>) -> Option<usize> {
    if let Some(seam) = places(text, at, at, limit).filter(|(_, p)| *p == Place::Between).last() {
        return Some(seam.0);
    }
    let end = stop.unwrap_or(text.len());
    let further = places(text, at, limit, end).find(|(_, p)| *p == Place::Between).map(|(i, _)| i);
    // A finding is an end too; the end of sight is not.
    let further = further.or(stop)?;
    if further <= limit + STRETCH {
        return Some(further);
    }
    Some(places(text, at, at, limit).filter(|(_, p)| *p == Place::Inside).last().map_or(further, |(i, _)| i))
}

/// The first place between words from `at` to `limit`, for leaving a run that began before.
pub(super) fn between(text: &str, at: usize, limit: usize) -> Option<usize> {
    if kind(text, at) == Place::Between {
        return Some(at);
    }
    places(text, at, at, limit).find(|(i, _)| kind(text, *i) == Place::Between).map(|(i, _)| i)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    /// At punctuation inside a word.
    Inside,
    None,
}

/// The places after `from` up to `to`. Punctuation at `at` with no letter or digit yet is between
/// words all along: a rule of a hundred dashes hides nothing.
fn places(text: &str, at: usize, from: usize, to: usize) -> impl Iterator<Item = (usize, Place)> {
    let bare = text[at..to].find(char::is_alphanumeric).map_or(to + 1, |n| at + n);
    text[from..to]
        .char_indices()
        .map(move |(i, c)| from + i + c.len_utf8())
        .map(move |i| (i, if i < bare { Place::Between } else { kind(text, i) }))
}

fn kind(text: &str, i: usize) -> Place {
    let (Some(a), Some(b)) = (text[..i].chars().next_back(), text[i..].chars().next()) else { return Place::None };
    // Of what encodings and addresses are made of, a pair proves nothing.
    let mark = |c: char| c.is_ascii_punctuation() && !"+/=_-%&?.#@~".contains(c);
    if a.is_whitespace() || b.is_whitespace() || unspaced(a) || unspaced(b) || mark(a) && mark(b) {
        Place::Between
    } else if a.is_alphanumeric() != b.is_alphanumeric() {
        Place::Inside
    } else {
        Place::None
    }
}

/// A character of a script that puts no spaces between words.
fn unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_between_words() {
        assert_eq!(find("one two three four five", 0, 9, None), Some(8));
        assert_eq!(find("one two three four five", 0, 8, Some(10)), Some(8));
        assert_eq!(find("onetwothree four", 0, 4, None), Some(11));
        assert_eq!(find("onetwothree four", 0, 4, Some(6)), Some(6));
        assert_eq!(find("病人今天很好今天很好", 0, 9, None), Some(9));
        assert_eq!(find("{\"a\":\"b\",\"c\":1,\"d\":2}", 0, 9, None), Some(9));
        assert_eq!(find(&"-".repeat(120), 0, 16, None), Some(16));
        assert_eq!(find(&"x".repeat(112), 0, 16, None), None);
        assert_eq!(find(&"c2F5+/".repeat(20), 0, 16, None), None);
        let word = format!("a.b{} c", "x".repeat(60));
        assert_eq!(find(&word, 0, 16, None), Some(2));
    }

    #[test]
    fn a_run_is_left_at_its_end() {
        assert_eq!(between("xxxx yyyy", 1, 3), None);
        assert_eq!(between("xxxx yyyy", 1, 6), Some(4));
        assert_eq!(between("xxxx yyyy", 5, 9), Some(5));
    }
}
