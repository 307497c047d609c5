//! What a producer proposes.

use medlock_domain::{Finding, PhiClass, PhiClasses, Span};

use super::fold::Folded;
use super::token::Tokens;

/// The rule behind a candidate: its name (from a closed set, fit for a record), who wins when two
/// meet, and how sure it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) priority: u8,
    pub(super) confidence: f32,
}

impl Rule {
    pub(super) const fn new(name: &'static str, priority: u8, confidence: f32) -> Self {
        Self { name, priority, confidence }
    }
}

/// A stretch of text that may identify somebody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: PhiClass,
    /// Every class that something in it was read as.
    pub(super) read_as: PhiClasses,
    pub(super) rule: Rule,
}

impl Candidate {
    pub(super) fn new(start: usize, end: usize, class: PhiClass, rule: Rule) -> Self {
        Self { start, end, class, read_as: PhiClasses::only(class), rule }
    }

    /// Covers another as well, which says what both are if it is the one to be believed.
    pub(super) fn take_in(&mut self, other: Self, believed: bool) {
        if believed {
            (self.class, self.rule) = (other.class, other.rule);
        }
        self.read_as = self.read_as.or(other.read_as);
        self.end = self.end.max(other.end);
    }

    pub(super) fn moved(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by, ..self }
    }

    /// The finding in the text as it came.
    pub(super) fn finding(self, folded: &Folded<'_>) -> Finding {
        Finding {
            span: Span { start: folded.original(self.start), end: folded.original(self.end) },
            class: self.class,
            read_as: self.read_as,
            confidence: self.rule.confidence,
            detector: self.rule.name,
        }
    }
}

/// The tokens of a block and what has been proposed for it.
pub(super) struct Scan<'a> {
    pub(super) tokens: &'a Tokens<'a>,
    pub(super) candidates: Vec<Candidate>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(tokens: &'a Tokens<'a>) -> Self {
        Self { tokens, candidates: Vec::new() }
    }

    /// Proposes the tokens from `first` to `last`, both included.
    pub(super) fn push(&mut self, first: usize, last: usize, class: PhiClass, rule: Rule) {
        if let (Some(a), Some(b)) = (self.tokens.get(first), self.tokens.get(last)) {
            self.push_bytes(a.start as usize, b.end as usize, class, rule);
        }
    }

    pub(super) fn push_bytes(&mut self, start: usize, end: usize, class: PhiClass, rule: Rule) {
        if start < end {
            self.candidates.push(Candidate::new(start, end, class, rule));
        }
    }
}
