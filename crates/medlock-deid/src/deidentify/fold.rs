//! When two spellings are the same value.

use zeroize::Zeroizing;

use crate::values::is_invisible;

/// Letters in lower case and digits, nothing else: `(555) 010-4477` and `555.010.4477` are the same,
/// `O'Brien` and `OBRIEN` as well.
pub(super) fn fold(value: &str) -> Zeroizing<String> {
    // Lower case takes at most three times the bytes; a string that grows leaves a copy behind.
    let mut out = Zeroizing::new(String::with_capacity(value.len() * 3));
    out.extend(value.chars().filter(|c| c.is_alphanumeric() && !is_invisible(*c)).flat_map(char::to_lowercase));
    out
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    /// A capital first, or mixed.
    Title,
}

impl Case {
    pub(super) fn of(word: &str) -> Self {
        let mut letters = word.chars().filter(|c| c.is_alphabetic());
        let several = word.chars().filter(|c| c.is_alphabetic()).count() > 1;
        if several && letters.clone().all(|c| !c.is_lowercase()) {
            Case::Upper
        } else if letters.next().is_some_and(char::is_lowercase) && letters.all(|c| !c.is_uppercase()) {
            Case::Lower
        } else {
            Case::Title
        }
    }

    /// A word in title case, written so.
    pub(super) fn write(self, title: &str) -> String {
        match self {
            Case::Upper => title.to_uppercase(),
            Case::Lower => title.to_lowercase(),
            Case::Title => title.to_owned(),
        }
    }
}

/// `mcdonald` and `MCDONALD` with a capital first.
pub(super) fn titled(word: &str) -> String {
    let mut out = String::with_capacity(word.len() * 3);
    let mut first = true;
    for c in word.chars() {
        if first && c.is_alphabetic() {
            out.extend(c.to_uppercase());
            first = false;
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}
