//! What an entry may say beside its fixed fields: numbers, digests and words of a strict grammar.
//! No free text gets in, so no entry can carry PHI in the clear.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Most facts that one entry holds.
pub(crate) const MAX_FACTS: usize = 64;
const MAX_KEY: usize = 40;
const MAX_WORD: usize = 256;
const REFUSED: &str = "(refused)";

/// A short machine word: at most 256 of `A-Z a-z 0-9 . _ : / @ = , + -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word(String);

/// Text that is not a [`Word`]. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a word for the audit log: up to 256 of A-Z a-z 0-9 . _ : / @ = , + -")]
pub struct BadWord;

impl Word {
    /// Takes `text` if it follows the grammar.
    pub fn new(text: &str) -> Result<Self, BadWord> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"._:/@=,+-".contains(&b);
        if text.len() <= MAX_WORD && text.bytes().all(ok) { Ok(Self(text.into())) } else { Err(BadWord) }
    }

    /// Stands in the record for text that was no word. No word can be spelt like it.
    pub fn refused() -> Self {
        Self(REFUSED.into())
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_stored(text: &str) -> Result<Self, BadWord> {
        if text == REFUSED { Ok(Self::refused()) } else { Self::new(text) }
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A number.
    Int(i64),
    /// A word of the strict grammar.
    Word(Word),
    /// A SHA-256 digest (never of PHI without a key: it would be an oracle that outlives erasure).
    Digest([u8; 32]),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Int(n) => write!(f, "{n}"),
            Fact::Word(w) => f.write_str(w.as_str()),
            Fact::Digest(d) => f.write_str(&medlock_keys::digest::hex(d)),
        }
    }
}

/// Facts by key, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<Cow<'static, str>, Fact>);

impl Facts {
    /// No facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key`. Keys are words of the program, never of a caller, hence `'static`.
    pub fn set(&mut self, key: &'static str, fact: Fact) {
        self.0.insert(Cow::Borrowed(key), fact);
    }

    /// The fact under `key`.
    pub fn get(&self, key: &str) -> Option<&Fact> {
        self.0.get(key)
    }

    /// The number under `key`.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Fact::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The word under `key`.
    pub fn word(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Fact::Word(w) => Some(w.as_str()),
            _ => None,
        }
    }

    /// The digest under `key`.
    pub fn digest(&self, key: &str) -> Option<[u8; 32]> {
        match self.get(key)? {
            Fact::Digest(d) => Some(*d),
            _ => None,
        }
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.0.iter().map(|(k, v)| (k.as_ref(), v))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From a file: the key has been checked, and must come after every key so far, so that one
    /// set of facts has exactly one encoding.
    pub(crate) fn push_stored(&mut self, key: &str, fact: Fact) -> Result<(), &'static str> {
        if self.0.last_key_value().is_some_and(|(last, _)| last.as_ref() >= key) {
            return Err("the facts are not in order");
        }
        self.0.insert(Cow::Owned(key.to_owned()), fact);
        Ok(())
    }
}

/// `a-z`, then `a-z 0-9 _ .`, at most 40.
pub(crate) fn is_key(key: &str) -> bool {
    key.len() <= MAX_KEY
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn words_carry_no_free_text() {
        for good in ["", "usr_01", "2001:db8::1", "chat:tokenize", "a/b@c=d,e+f-g", &"x".repeat(256)] {
            assert_eq!(Word::new(good).unwrap().as_str(), good);
        }
        for bad in ["John Smith", "a\nb", "é", "a\"b", "(555) 010-0199", REFUSED, &"x".repeat(257)] {
            assert_eq!(Word::new(bad), Err(BadWord), "{bad:?}");
        }
    }

    #[test]
    fn keys_have_a_grammar() {
        for good in ["a", "prev_size", "counts.name"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "A", "1a", "a b", "é", &"k".repeat(41)] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }
}
