//! The token layer: words, numbers and marks with their offsets, letter case, the gap before them,
//! the cues they carry and what the lexicon knows of them. One pass, linear in the text.

use super::cue::{self, CueTable, Cues};
use super::lexicon::{Lexicon, Tags};

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, and an apostrophe inside.
    Word,
    /// ASCII digits.
    Number,
    /// Letters and digits.
    Mixed,
    /// One other character.
    Mark,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Not letters, or a script without case.
    None,
    Lower,
    /// `Smith`, and `McDonald` too.
    Init,
    /// Two capitals or more.
    Upper,
    /// One capital letter.
    Single,
    /// `iPhone`, `mRNA`.
    Odd,
}

/// What lies between a token and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    None,
    Space,
    Line,
}

/// A token; offsets are into the block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: Kind,
    pub(super) case: Case,
    pub(super) gap: Gap,
    pub(super) cues: Cues,
    /// Of the word in lower case; nothing else has one.
    pub(super) hash: u64,
    /// Filled for words that do not begin in lower case; see [`Tokens::tags`] for the others.
    tags: Tags,
}

/// The tokens of a block of text.
pub(super) struct Tokens<'a> {
    pub(super) text: &'a str,
    pub(super) list: Vec<Token>,
    lexicon: &'a Lexicon,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, cues: &CueTable, lexicon: &'a Lexicon) -> Self {
        debug_assert!(u32::try_from(text.len()).is_ok(), "blocks are bounded");
        let mut list = Vec::with_capacity(text.len() / 5 + 4);
        let bytes = text.as_bytes();
        let mut low = LowerCase::default();
        let mut gap = Gap::Line;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let (c, len) = if byte < 0x80 { (byte as char, 1) } else { char_at(text, at) };
            if c.is_whitespace() {
                gap = gap.max(if c == '\n' || c == '\r' { Gap::Line } else { Gap::Space });
                at += len;
                continue;
            }
            let (end, kind, case) = if !is_alnum(c) {
                (at + len, Kind::Mark, Case::None)
            } else if let Some(plain) = plain_run(bytes, at) {
                plain
            } else {
                let end = run_end(text, at);
                let (kind, case) = describe(&text[at..end]);
                (end, kind, case)
            };
            let (mut found, mut tags, mut hash) = (Cues::NONE, Tags::NONE, 0);
            if kind != Kind::Mark {
                let word = low.of(&text[at..end]);
                hash = cue::hash(word);
                if kind == Kind::Word {
                    found = cues.get_hashed(hash);
                    if case != Case::Lower && case != Case::Single {
                        tags = lexicon.tags_hashed(hash);
                    }
                }
            }
            list.push(Token { start: at as u32, end: end as u32, kind, case, gap, cues: found, hash, tags });
            gap = Gap::None;
            at = end;
        }
        Self { text, list, lexicon }
    }

    pub(super) fn get(&self, i: usize) -> Option<&Token> {
        self.list.get(i)
    }

    pub(super) fn str(&self, t: &Token) -> &'a str {
        &self.text[t.start as usize..t.end as usize]
    }

    /// The text of token `i`; empty past the end.
    pub(super) fn at(&self, i: usize) -> &'a str {
        self.get(i).map_or("", |t| self.str(t))
    }

    /// The text from the start of token `i` to the end of token `j`, both included.
    pub(super) fn between(&self, i: usize, j: usize) -> &'a str {
        match (self.get(i), self.get(j)) {
            (Some(a), Some(b)) if a.start <= b.end => &self.text[a.start as usize..b.end as usize],
            _ => "",
        }
    }

    /// What the lexicon knows of token `i`, whatever its case.
    pub(super) fn tags(&self, i: usize) -> Tags {
        match self.get(i) {
            Some(t) if t.kind == Kind::Word && matches!(t.case, Case::Lower | Case::Odd) => {
                self.lexicon.tags_hashed(t.hash)
            }
            Some(t) => t.tags,
            None => Tags::NONE,
        }
    }

    pub(super) fn lexicon(&self) -> &'a Lexicon {
        self.lexicon
    }

    pub(super) fn cues(&self, i: usize) -> Cues {
        self.get(i).map_or(Cues::NONE, |t| t.cues)
    }

    pub(super) fn has(&self, i: usize, cue: Cues) -> bool {
        self.cues(i).any(cue)
    }

    pub(super) fn kind(&self, i: usize) -> Option<Kind> {
        self.get(i).map(|t| t.kind)
    }

    /// Whether token `i` is the mark `c`.
    pub(super) fn is_mark(&self, i: usize, c: char) -> bool {
        self.get(i).is_some_and(|t| t.kind == Kind::Mark && self.str(t).starts_with(c))
    }

    /// Whether token `i` is there and follows the one before it without a space.
    pub(super) fn joined(&self, i: usize) -> bool {
        self.get(i).is_some_and(|t| t.gap == Gap::None)
    }

    /// Whether token `i` is there and on the same line as the one before it.
    pub(super) fn same_line(&self, i: usize) -> bool {
        self.get(i).is_some_and(|t| t.gap != Gap::Line)
    }

    /// Whether token `i` is written with a capital at its start.
    pub(super) fn capital(&self, i: usize) -> bool {
        self.get(i).is_some_and(|t| matches!(t.case, Case::Init | Case::Upper | Case::Single))
    }

    /// The value of token `i` when it is a number of at most nine digits, and how many digits.
    pub(super) fn number(&self, i: usize) -> Option<(u32, usize)> {
        let t = self.get(i).filter(|t| t.kind == Kind::Number && t.end - t.start <= 9)?;
        let s = self.str(t);
        s.parse().ok().map(|n| (n, s.len()))
    }

    /// Whether token `i` equals `word`, whatever the case.
    pub(super) fn is_word(&self, i: usize, word: &str) -> bool {
        self.at(i).eq_ignore_ascii_case(word)
    }
}

/// Lower-cases words without allocating for the usual ones.
#[derive(Default)]
pub(super) struct LowerCase {
    short: [u8; 24],
    long: String,
}

impl LowerCase {
    pub(super) fn of(&mut self, word: &str) -> &str {
        if word.is_ascii() && word.len() <= self.short.len() {
            let low = &mut self.short[..word.len()];
            low.copy_from_slice(word.as_bytes());
            low.make_ascii_lowercase();
            std::str::from_utf8(low).unwrap_or_default()
        } else if word.len() <= 64 {
            self.long.clear();
            self.long.extend(word.chars().flat_map(char::to_lowercase));
            &self.long
        } else {
            "" // no word of any list is so long
        }
    }
}

fn char_at(text: &str, at: usize) -> (char, usize) {
    text[at..].chars().next().map_or((' ', 1), |c| (c, c.len_utf8()))
}

fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { c.is_alphabetic() || is_combining(c) }
}

/// Marks that belong to the letter before them.
fn is_combining(c: char) -> bool {
    matches!(c as u32, 0x300..=0x36f | 0x591..=0x5bd | 0x64b..=0x65f | 0x900..=0x903 | 0x93a..=0x94f | 0x1ab0..=0x1aff
        | 0x980..=0xdff | 0xe31..=0xe4e)
}

fn is_alnum(c: char) -> bool {
    c.is_ascii_digit() || is_letter(c)
}

/// The end of the run of letters and digits that begins at `at`, taking along an apostrophe that
/// belongs to the word (`O'Brien`, not `Smith's`).
fn run_end(text: &str, at: usize) -> usize {
    for (off, c) in text[at..].char_indices() {
        if is_alnum(c) {
            continue;
        }
        if c == '\'' && off > 0 {
            let mut after = text[at + off + 1..].chars();
            let two = after.next().is_some_and(is_letter) && after.next().is_some_and(is_letter);
            if two && text.as_bytes()[at + off - 1].is_ascii_alphabetic() {
                continue;
            }
        }
        return at + off;
    }
    text.len()
}

/// [`run_end`] and [`describe`] at once, for a run that is ASCII and has no apostrophe at its end.
fn plain_run(bytes: &[u8], at: usize) -> Option<(usize, Kind, Case)> {
    let (mut upper, mut digits, mut lower) = (0usize, 0usize, 0usize);
    let mut end = at;
    loop {
        match bytes.get(end) {
            Some(b'a'..=b'z') => lower += 1,
            Some(b'A'..=b'Z') => upper += 1,
            Some(b'0'..=b'9') => digits += 1,
            Some(b'\'' | 0x80..) => return None,
            _ => break,
        }
        end += 1;
    }
    Some((end, kind_of(upper + lower, digits), case_of(upper, lower, upper + lower, bytes[at].is_ascii_uppercase())))
}

fn kind_of(letters: usize, digits: usize) -> Kind {
    match (letters, digits) {
        (0, 0) => Kind::Mark,
        (0, _) => Kind::Number,
        (_, 0) => Kind::Word,
        _ => Kind::Mixed,
    }
}

fn case_of(upper: usize, lower: usize, letters: usize, first_upper: bool) -> Case {
    match (upper, lower) {
        (0, 0) => Case::None,
        (0, _) => Case::Lower,
        (1, 0) if letters == 1 => Case::Single,
        (_, 0) => Case::Upper,
        // `McDonald` and `MacLeod`, not `AFib` or `UTIs`.
        _ if first_upper && (upper == 1 || lower > upper) => Case::Init,
        _ => Case::Odd,
    }
}

fn describe(s: &str) -> (Kind, Case) {
    let (mut upper, mut lower, mut digits, mut letters) = (0usize, 0usize, 0usize, 0usize);
    let mut first_upper = false;
    for (i, c) in s.chars().enumerate() {
        if c.is_ascii_digit() {
            digits += 1;
        } else if is_letter(c) {
            letters += 1;
            if c.is_uppercase() {
                upper += 1;
                first_upper |= i == 0;
            } else if c.is_lowercase() {
                lower += 1;
            }
        }
    }
    (kind_of(letters, digits), case_of(upper, lower, letters, first_upper))
}
