//! Other people's recognizers beside the rules: what they guess is checked, and united with what the
//! rules and the tagger found.

use medlock_domain::{Finding, PhiClass, PhiClasses, Span};

use super::candidate::{Candidate, Rule};
use super::cue::Cues;
use super::place::state_end;
use super::token::Tokens;

/// Finds identifiers by other means than this crate's: a neural network of the user's own, say. It
/// lives outside this crate, which does no I/O.
pub trait Recognizer: Send + Sync {
    /// What its findings are said to come from, such as `onnx:NAME`: of `a-z A-Z 0-9 . _ : -`, since it goes
    /// into records.
    fn name(&self) -> &'static str;

    /// A fingerprint of everything that it decides by, hexadecimal: goes into the detector's version
    /// and digest, and so into every audit record.
    fn digest(&self) -> &str;

    /// The identifiers in `text`, in any order; they may overlap.
    ///
    /// # Errors
    /// When `text` could not be searched from end to end. Nothing of it may be passed on then.
    fn recognize(&self, text: &str) -> Result<Vec<Guess>, RecognizerError>;
}

/// What a [`Recognizer`] takes for an identifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// First byte, on a character boundary.
    pub start: usize,
    /// One past the last byte, on a character boundary.
    pub end: usize,
    /// Of which class.
    pub class: PhiClass,
    /// From 0 to 1.
    pub confidence: f32,
}

/// A recognizer could not search a text, so that nobody knows what is in it. Carries nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recognizer {name} failed: {why}")]
pub struct RecognizerError {
    /// [`Recognizer::name`].
    pub name: &'static str,
    /// In words of the recognizer's own.
    pub why: &'static str,
}

/// As the tagger's; it decides only where the same value is found again.
const PRIORITY: u8 = 54;
/// A network's probability is seldom calibrated: a shape with a checksum keeps its class beside it.
const MOST: f32 = 0.94;

/// What the recognizers guess of a block, without what the law leaves in.
pub(super) fn hear(
    recognizers: &[Box<dyn Recognizer>],
    tokens: &Tokens<'_>,
    block: &str,
) -> Result<Vec<Candidate>, RecognizerError> {
    let mut out = Vec::new();
    for recognizer in recognizers {
        let name = recognizer.name();
        for guess in recognizer.recognize(block)? {
            let Guess { start, end, class, confidence } = guess;
            let Some(value) = block.get(start..end).filter(|v| !v.is_empty()) else {
                return Err(RecognizerError { name, why: "it gave offsets that are not in the text" });
            };
            if !(0.0..=1.0).contains(&confidence) {
                return Err(RecognizerError { name, why: "it gave a confidence that is none" });
            }
            if !left_in(tokens, start, end, class, value) {
                let rule = Rule::new(name, PRIORITY, confidence.min(MOST));
                out.push(Candidate::new(start, end, class, rule));
            }
        }
    }
    Ok(out)
}

/// Whether a value identifies nobody in the law's sense: a year alone, a state alone, an age under 90
/// (45 CFR 164.514(b)(2)(i)(B) and (C)).
fn left_in(t: &Tokens<'_>, start: usize, end: usize, class: PhiClass, value: &str) -> bool {
    let first = t.list.partition_point(|x| (x.end as usize) <= start);
    let after = t.list.partition_point(|x| (x.start as usize) < end);
    let numbers = || (first..after).filter_map(|i| t.number(i));
    match class {
        PhiClass::Date => {
            let year = |(n, len): (u32, usize)| len == 4 && (1850..2100).contains(&n);
            after == first + 1 && numbers().all(year) && numbers().count() == 1
        }
        PhiClass::Age => {
            let mut all = value.split(|c: char| !c.is_ascii_digit()).filter(|d| !d.is_empty()).peekable();
            let spelt = (first..after).any(|i| t.has(i, Cues::NINETY));
            !spelt && all.peek().is_some() && all.all(|d| d.parse::<u32>().is_ok_and(|n| n < 90))
        }
        PhiClass::Location => state_end(t, first).is_some_and(|last| last + 1 == after),
        _ => false,
    }
}

/// Whatever either covers stays covered; where they overlap the surer says what it is.
pub(super) fn unite(found: Vec<Candidate>, guesses: Vec<Candidate>) -> Vec<Candidate> {
    if guesses.is_empty() {
        return found;
    }
    let mut all = found;
    all.extend(guesses);
    all.sort_by_key(|c| (c.start, std::cmp::Reverse(c.end)));
    let mut out: Vec<Candidate> = Vec::with_capacity(all.len());
    for next in all {
        match out.last_mut() {
            Some(last) if next.start < last.end => {
                last.take_in(next, next.rule.confidence > last.rule.confidence);
            }
            _ => out.push(next),
        }
    }
    out
}

/// A text that could not be searched is an identifier from end to end: whoever cannot say that it
/// failed passes nothing on.
pub(super) fn everything(text: &str, error: RecognizerError) -> Option<Finding> {
    let span = Span { start: 0, end: text.len() };
    let (class, read_as) = (PhiClass::Id, PhiClasses::ALL);
    (!text.is_empty()).then_some(Finding { span, class, read_as, confidence: 1.0, detector: error.name })
}
