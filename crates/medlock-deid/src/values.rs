//! When two spellings are the same value, and where known values stand in a text.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;

use medlock_domain::{Finding, PhiClass, PhiClasses, Span};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Detector;

/// Between two words of one key; in no text that is split into words.
const JOINT: char = '\u{1f}';
/// The longest value that is looked for, in words.
const WORDS: usize = 16;
/// The most values that one matcher holds.
const VALUES: usize = 1 << 16;
/// The longest number that is looked for in any grouping, its country's 1 included.
const MOST_DIGITS: usize = 20;
/// What a finding is called that rests on a value found elsewhere.
const ELSEWHERE: &str = "elsewhere";

/// A person's text as a key: wiped on drop, never shown.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Secret {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// What makes two values of a class the same: letter case and white space never tell them apart,
/// nor does punctuation in numbers of telephones and social security.
pub(crate) fn key(class: PhiClass, value: &str) -> Secret {
    if is_number(class) {
        return Secret(digits(value));
    }
    let mut out = String::with_capacity(value.len() + 8);
    for (i, part) in value.split_whitespace().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.extend(part.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase));
    }
    Secret(out)
}

fn is_number(class: PhiClass) -> bool {
    matches!(class, PhiClass::Phone | PhiClass::Fax | PhiClass::Ssn)
}

/// Letters and digits only; a leading 1 of eleven digits is the country's.
fn digits(value: &str) -> String {
    let mut out: String = value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if out.len() == 11 && out.starts_with('1') {
        out.remove(0);
    }
    out
}

/// A character that shows nothing and must not hide a value.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Titles and suffixes: nobody's by themselves.
pub(crate) fn is_title(word: &str) -> bool {
    const TITLES: [&str; 24] = [
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "dr",
        "doctor",
        "prof",
        "professor",
        "md",
        "do",
        "rn",
        "np",
        "pa",
        "phd",
        "jr",
        "sr",
        "ii",
        "iii",
        "iv",
        "sir",
        "rev",
        "nurse",
        "patient",
    ];
    TITLES.contains(&word)
}

/// The words of a text (letters and digits, in lower case) with where they stand.
pub(crate) struct Words {
    folded: Zeroizing<String>,
    list: Vec<Word>,
}

#[derive(Clone, Copy)]
struct Word {
    span: Span,
    /// In `folded`.
    from: usize,
    to: usize,
    capital: bool,
}

impl Words {
    pub(crate) fn of(text: &str) -> Self {
        let mut folded = Zeroizing::new(String::with_capacity(text.len() + 16));
        let mut list: Vec<Word> = Vec::new();
        let mut open = false;
        for (at, c) in text.char_indices() {
            if c.is_alphanumeric() {
                if !open {
                    let from = folded.len();
                    let span = Span { start: at, end: at };
                    list.push(Word { span, from, to: from, capital: c.is_uppercase() });
                    open = true;
                }
                folded.extend(c.to_lowercase());
                if let Some(word) = list.last_mut() {
                    word.span.end = at + c.len_utf8();
                    word.to = folded.len();
                }
            } else if !is_invisible(c) {
                open = false;
            }
        }
        Self { folded, list }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.list.len()).map(|i| self.word(i))
    }

    /// The words of `text[span]` with one more on either side, between single spaces.
    pub(crate) fn around(&self, span: Span) -> Zeroizing<String> {
        let from = self.list.partition_point(|w| w.span.end <= span.start).saturating_sub(1);
        let to = self.list.len().min(self.list.partition_point(|w| w.span.start < span.end) + 1);
        let mut out = Zeroizing::new(String::with_capacity(self.folded.len() + self.list.len() + 1));
        for i in from..to {
            out.push(' ');
            out.push_str(self.word(i));
        }
        out
    }

    fn word(&self, i: usize) -> &str {
        &self.folded[self.list[i].from..self.list[i].to]
    }

    /// All of them as one key.
    fn joined(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(self.folded.len() + self.list.len()));
        for (i, word) in self.iter().enumerate() {
            if i > 0 {
                out.push(JOINT);
            }
            out.push_str(word);
        }
        out
    }
}

/// Finds known values as whole words.
#[derive(Default)]
pub(crate) struct Matcher {
    phrases: HashMap<Secret, Target>,
    /// First word of a phrase → how many words the longest such phrase has.
    firsts: HashMap<Secret, usize>,
    numbers: HashMap<Secret, Target>,
    /// How long the numbers are, a bit each.
    lengths: u32,
}

#[derive(Clone, Copy)]
struct Target {
    /// As the surest finding of the value has it.
    class: PhiClass,
    /// Every class that it was found as.
    read_as: PhiClasses,
    confidence: f32,
    /// The word is also plain English: only with a capital is it somebody's.
    capital: bool,
}

impl Matcher {
    /// Adds a value, and of a name of several words each that can stand alone. What would be found
    /// all over a text without being the value (an age, a bare `3/4`, a two-letter state) is left.
    pub(crate) fn add(
        &mut self,
        detector: &Detector,
        class: PhiClass,
        read_as: PhiClasses,
        confidence: f32,
        value: &str,
    ) {
        if self.phrases.len() + self.numbers.len() >= VALUES {
            return;
        }
        if is_number(class) {
            let digits = digits(value);
            if (7..=MOST_DIGITS).contains(&digits.len()) {
                self.lengths |= 1 << digits.len();
                keep(&mut self.numbers, digits, Target { class, read_as, confidence, capital: false });
            }
            return;
        }
        let words = Words::of(value);
        if let Some(capital) = tells(detector, class, &words) {
            self.insert(&words, Target { class, read_as, confidence, capital });
        }
        if class == PhiClass::Name && words.list.len() > 1 {
            for part in value.split_whitespace() {
                let words = Words::of(part);
                let proper = words.list.first().is_some_and(|w| w.capital) && words.iter().all(|w| !is_title(w));
                if let Some(capital) = tells(detector, class, &words).filter(|_| proper) {
                    self.insert(&words, Target { class, read_as, confidence, capital });
                }
            }
        }
    }

    fn insert(&mut self, words: &Words, target: Target) {
        if words.list.is_empty() || words.list.len() > WORDS {
            return;
        }
        let longest = self.firsts.entry(Secret::new(words.word(0))).or_default();
        *longest = words.list.len().max(*longest);
        keep(&mut self.phrases, words.joined().as_str(), target);
    }

    /// Where known values stand, the longest where they overlap, in the order of the text.
    pub(crate) fn find(&self, text: &str) -> Vec<Finding> {
        let mut out = Vec::new();
        if self.phrases.is_empty() && self.numbers.is_empty() {
            return out;
        }
        let words = Words::of(text);
        let known = |i| self.phrase(text, &words, i).into_iter().chain(self.number(text, &words, i));
        let mut i = 0;
        while i < words.list.len() {
            let Some((n, target)) = known(i).max_by_key(|(n, _)| *n) else {
                i += 1;
                continue;
            };
            // What starts within it is covered by it.
            let read_as = (i..i + n).flat_map(known).fold(target.read_as, |all, (_, t)| all.or(t.read_as));
            let span = Span { start: words.list[i].span.start, end: words.list[i + n - 1].span.end };
            let Target { class, confidence, .. } = target;
            out.push(Finding { span, class, read_as, confidence, detector: ELSEWHERE });
            i += n;
        }
        out
    }

    /// The longest phrase at word `i`, in words; read as the shorter ones are, too.
    fn phrase(&self, text: &str, words: &Words, i: usize) -> Option<(usize, Target)> {
        let most = *self.firsts.get(words.word(i))?;
        let mut joined = Zeroizing::new(String::with_capacity(64));
        let mut best = None;
        for n in 1..=most.min(words.list.len() - i) {
            if n > 1 {
                let (a, b) = (words.list[i + n - 2].span.end, words.list[i + n - 1].span.start);
                if !joins(&text[a..b]) {
                    break;
                }
                joined.push(JOINT);
            }
            joined.push_str(words.word(i + n - 1));
            match self.phrases.get(joined.as_str()) {
                Some(target) if !target.capital || words.list[i].capital => best = longer(best, n, target),
                _ => {}
            }
        }
        best
    }

    /// The longest number at word `i`, however it is grouped; read as the shorter ones are, too.
    fn number(&self, text: &str, words: &Words, i: usize) -> Option<(usize, Target)> {
        if self.numbers.is_empty() {
            return None;
        }
        let mut joined = Zeroizing::new(String::with_capacity(24));
        let mut best = None;
        for n in 1..=(words.list.len() - i).min(11) {
            let word = words.word(i + n - 1);
            if !word.bytes().all(|b| b.is_ascii_digit()) || joined.len() + word.len() > MOST_DIGITS {
                break;
            }
            if n > 1 {
                let gap = &text[words.list[i + n - 2].span.end..words.list[i + n - 1].span.start];
                if gap.len() > 6 || gap.chars().any(|c| c == '\n' || c == ',' || c == ';') {
                    break;
                }
            }
            joined.push_str(word);
            if self.lengths >> joined.len() & 1 == 0 && joined.len() != 11 {
                continue;
            }
            let national = joined.strip_prefix('1').filter(|d| d.len() == 10);
            if let Some(target) = self.numbers.get(joined.as_str()).or_else(|| self.numbers.get(national?)) {
                best = longer(best, n, target);
            }
        }
        best
    }
}

/// `n` words of a target, which cover those of `best`.
fn longer(best: Option<(usize, Target)>, n: usize, target: &Target) -> Option<(usize, Target)> {
    let read_as = best.map_or(target.read_as, |(_, t)| target.read_as.or(t.read_as));
    Some((n, Target { read_as, ..*target }))
}

/// Adds a value; where it is known, the surer class holds.
fn keep(values: &mut HashMap<Secret, Target>, value: impl Into<String>, target: Target) {
    let known = values.entry(Secret::new(value)).or_insert(target);
    known.capital &= target.capital;
    known.read_as = known.read_as.or(target.read_as);
    if target.confidence > known.confidence {
        (known.class, known.confidence) = (target.class, target.confidence);
    }
}

/// Whether a value can be looked for by its words alone, and if so, whether only with a capital.
fn tells(detector: &Detector, class: PhiClass, words: &Words) -> Option<bool> {
    let n = words.list.len();
    let letters = words.folded.chars().filter(|c| c.is_alphabetic()).count();
    let figures = words.folded.chars().filter(char::is_ascii_digit).count();
    let found = match class {
        PhiClass::Age => false,
        PhiClass::Name => n > 1 && letters > 3 || letters > 2,
        PhiClass::Location => n > 1 || letters > 3 || figures > 4,
        PhiClass::Date => n > 2 || n == 2 && letters > 2 && figures > 0,
        PhiClass::Email | PhiClass::Url => n > 1,
        PhiClass::Ip => n > 3,
        _ => figures > 0 && letters + figures > 4,
    };
    let capital = n == 1
        && match class {
            PhiClass::Name => detector.is_ordinary(words.word(0)),
            PhiClass::Location => figures == 0,
            _ => false,
        };
    found.then_some(capital)
}

/// Whether what lies between two words leaves them one value.
fn joins(gap: &str) -> bool {
    gap.len() <= 32 && gap.chars().filter(|c| !c.is_whitespace()).count() <= 3 && gap.matches('\n').count() <= 1
}

#[cfg(test)]
mod tests;
