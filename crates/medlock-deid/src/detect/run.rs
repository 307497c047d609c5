//! Runs of tokens that belong together: the chunk of an identifier, the digits of a number.

use super::token::{Kind, Tokens};

/// The last token of the chunk that begins at `i`: letters and digits joined by single connectors,
/// without a space. Bounded, so that a page without a space costs nothing extra.
pub(super) fn chunk(t: &Tokens<'_>, i: usize, connectors: &str) -> usize {
    let mut last = i;
    while last - i < 16 {
        let direct = t.joined(last + 1) && t.kind(last + 1).is_some_and(|k| k != Kind::Mark);
        let linked = t.joined(last + 1)
            && t.kind(last + 1) == Some(Kind::Mark)
            && connectors.contains(t.at(last + 1))
            && t.joined(last + 2)
            && t.kind(last + 2).is_some_and(|k| k != Kind::Mark);
        last += match (direct, linked) {
            (true, _) => 1,
            (_, true) => 2,
            _ => break,
        };
    }
    last
}

/// Whether token `i` begins a chunk: nothing but an opening mark is joined to its front.
pub(super) fn starts_chunk(t: &Tokens<'_>, i: usize) -> bool {
    if !t.joined(i) || i == 0 {
        return true;
    }
    if t.kind(i - 1) != Some(Kind::Mark) {
        return false;
    }
    let before = i >= 2 && t.joined(i - 1) && t.kind(i - 2).is_some_and(|k| k != Kind::Mark);
    !(before && matches!(t.at(i - 1), "-" | "." | "/" | "_" | "@" | "\\" | ","))
}

/// How many ASCII digits and how many letters.
pub(super) fn count(s: &str) -> (usize, usize) {
    s.chars().fold(
        (0, 0),
        |(d, l), c| {
            if c.is_ascii_digit() { (d + 1, l) } else { (d, l + usize::from(c.is_alphabetic())) }
        },
    )
}

/// A number written in groups: `(555) 123-4567`, `4111 1111 1111 1111`.
pub(super) struct Groups {
    pub(super) last: usize,
    pub(super) lens: Vec<usize>,
    pub(super) digits: String,
    /// Every separator there is, each once.
    pub(super) separators: String,
}

/// The groups that begin at `i`, at most `most` of them.
pub(super) fn groups(t: &Tokens<'_>, i: usize, most: usize) -> Option<Groups> {
    let digits = |j: usize| t.kind(j) == Some(Kind::Number) && t.at(j).len() <= 19;
    let open = t.is_mark(i, '(');
    let mut at = i + usize::from(open);
    if !digits(at) {
        return None;
    }
    let mut g = Groups { last: at, lens: vec![t.at(at).len()], digits: t.at(at).to_owned(), separators: String::new() };
    let note = |s: &mut String, c: char| {
        if !s.contains(c) {
            s.push(c);
        }
    };
    while g.lens.len() < most {
        let mut next = at + 1;
        let mut sep = ' ';
        if t.is_mark(next, ')') && t.joined(next) {
            next += 1;
        }
        if t.is_mark(next, '-') || t.is_mark(next, '.') || t.is_mark(next, '/') {
            sep = if t.is_mark(next, '-') {
                '-'
            } else if t.is_mark(next, '.') {
                '.'
            } else {
                '/'
            };
            if !t.joined(next) || !t.joined(next + 1) {
                break;
            }
            next += 1;
        }
        if t.is_mark(next, '(') && g.lens.len() == 1 {
            next += 1;
        }
        if !digits(next) || !t.same_line(next) || next == at + 1 && t.joined(next) {
            break;
        }
        note(&mut g.separators, sep);
        g.lens.push(t.at(next).len());
        g.digits.push_str(t.at(next));
        g.last = next;
        at = next;
    }
    Some(g)
}
