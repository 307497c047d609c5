//! What is done with an identifier, and how far the same value gets the same replacement.

use std::fmt;

/// What is done with a class of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The class stands in its place: `[NAME]`.
    Redact,
    /// Letters become `X` or `x`, digits `0`; a date becomes the first of January 1900 as it was
    /// written. The shape stays, nothing of the value does.
    Mask,
    /// A random code from the vault, never derived from the value (45 CFR 164.514(c)(1)).
    Tokenize,
    /// A realistic stand-in of the same kind and format, which can be nobody's or is nobody's here.
    Surrogate,
    /// Less of it: a date's year, `90 or older`, a state and three digits of a ZIP code
    /// (45 CFR 164.514(b)(2)(i)(B) and (C)); in a limited data set city, state and ZIP code
    /// (45 CFR 164.514(e)(2)(ii)).
    Generalise,
    /// A date moved by its patient's secret number of days. No Safe Harbor method.
    Shift,
    /// It stays.
    Keep,
}

impl Action {
    /// Every action there is.
    pub const ALL: [Action; 7] =
        [Self::Redact, Self::Mask, Self::Tokenize, Self::Surrogate, Self::Generalise, Self::Shift, Self::Keep];

    /// The word that profiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Mask => "mask",
            Self::Tokenize => "tokenize",
            Self::Surrogate => "surrogate",
            Self::Generalise => "generalise",
            Self::Shift => "shift",
            Self::Keep => "keep",
        }
    }

    /// The action that profiles call so.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == word)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a replacement stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// In one document: nothing links two of them. These replacements are in no vault and are gone
    /// with the document.
    Document,
    /// In all documents of one patient. A document whose patient is not known is one of its own.
    Patient,
    /// Everywhere under one vault: it links what different patients share, so their number can tell.
    Project,
}

impl Scope {
    /// Every scope there is, narrowest first.
    pub const ALL: [Scope; 3] = [Self::Document, Self::Patient, Self::Project];

    /// The word that profiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Patient => "patient",
            Self::Project => "project",
        }
    }

    /// The scope that profiles call so.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
