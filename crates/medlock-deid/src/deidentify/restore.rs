//! From tokens and stand-ins back to what they stand for.
//!
//! A stand-in is known as it was written, and in the forms that somebody who writes about it makes of
//! it: one word of a name, a name in capitals, an initial and a surname, a telephone number in other
//! punctuation, a date in another format. What is decided about a place follows from the text before
//! it and from as much after it as the longest stand-in has, so it does not depend on how the text is
//! split.

mod variants;

use std::collections::{HashMap, HashSet};
use std::fmt;

use medlock_domain::PhiClass;
use zeroize::Zeroizing;

use super::DAY;
use super::fold::{Case, fold, titled};
use super::surrogate::{INITIAL, PHRASE, SPELLING};
use super::token::TOKEN;
use super::vault::Entry;
use crate::placeholder::More;
use crate::values::Secret;

/// A stand-in of fewer letters and digits is no one's for sure: an age, `3/4`.
const TELLS: usize = 4;
/// By so many characters a stand-in is looked up.
const HEAD: usize = 3;

/// The stand-ins of one document, patient or request, and what they stand for.
#[derive(Default)]
pub(crate) struct StandIns {
    literals: Vec<Literal>,
    known: HashSet<Secret>,
    /// By their first characters in lower case; and all that those begin with.
    heads: HashMap<String, Vec<usize>>,
    begun: HashSet<String>,
    /// Words of names, in lower case.
    words: HashMap<Secret, Spellings>,
    longest: usize,
}

struct Literal {
    stand_in: Secret,
    original: Secret,
    /// Of the kind whose case is that of the text it stands in.
    cased: bool,
}

/// A word as it is written in each case.
struct Spellings {
    title: Secret,
    titled: bool,
}

impl StandIns {
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut out = Self::default();
        let entries: Vec<&Entry> = entries.iter().filter(|e| !e.key.starts_with(DAY)).collect();
        let names = || entries.iter().filter(|e| e.class == PhiClass::Name && !e.key.starts_with(TOKEN));
        for e in names().filter(|e| is_word(e)) {
            out.word(e);
        }
        let families: HashMap<&str, &Entry> = names().map(|e| (e.key.as_str(), *e)).collect();
        for e in &entries {
            if e.class == PhiClass::Name && !e.key.starts_with(TOKEN) {
                if e.key.starts_with(PHRASE) {
                    out.literal(&e.replacement, &e.original, true);
                } else if let Some(key) = e.key.strip_prefix(INITIAL) {
                    out.initials(e, key, &families);
                }
            } else {
                out.literal(&e.replacement, &e.original, e.class == PhiClass::Location && !e.key.starts_with(TOKEN));
            }
        }
        // As it was written goes before what might be made of it.
        for e in entries.iter().filter(|e| !e.key.starts_with(TOKEN)) {
            for (stand_in, original) in variants::of(e.class, &e.replacement, &e.original) {
                out.literal(&stand_in, &original, false);
            }
        }
        out
    }

    /// Whether a stand-in is known again for certain and comes back as what it stands for.
    pub(crate) fn tells(&self, class: PhiClass, stand_in: &str, original: &str) -> bool {
        let letters = stand_in.chars().filter(|c| c.is_alphanumeric()).count();
        let figures = stand_in.chars().any(|c| c.is_ascii_digit());
        let told = match class {
            PhiClass::Age => false,
            PhiClass::Date => figures && letters >= TELLS,
            _ => letters >= TELLS,
        };
        told && stand_in != original && *self.back(stand_in) == *original
    }

    /// A whole text, restored.
    fn back(&self, text: &str) -> Zeroizing<String> {
        let mut stream = RestoreStream { stand_ins: self, held: Zeroizing::default(), before: None };
        let mut out = Zeroizing::new(stream.push(text));
        out.push_str(&stream.finish());
        out
    }

    fn literal(&mut self, stand_in: &str, original: &str, cased: bool) {
        let stand_in = stand_in.trim();
        let telling = stand_in.chars().filter(|c| c.is_alphanumeric()).count() >= TELLS;
        if !telling || stand_in == original || !self.known.insert(Secret::new(stand_in)) {
            return;
        }
        let lower: Vec<char> = stand_in.chars().take(HEAD).map(lower).collect();
        for n in 1..HEAD {
            self.begun.insert(lower[..n].iter().collect());
        }
        self.heads.entry(lower.iter().collect()).or_default().push(self.literals.len());
        self.literals.push(Literal { stand_in: Secret::new(stand_in), original: Secret::new(original.trim()), cased });
    }

    fn word(&mut self, e: &Entry) {
        self.longest = self.longest.max(e.replacement.len());
        let titled_already = Case::of(&e.original) == Case::Title;
        let title = if titled_already { e.original.clone() } else { titled(&e.original) };
        let spelling = e.key.starts_with(SPELLING);
        let new = Spellings { title: Secret::new(title), titled: titled_already };
        match self.words.get_mut(fold(&e.replacement).as_str()) {
            Some(known) if new.titled && (spelling || !known.titled) => *known = new,
            Some(_) => {}
            None => {
                self.words.insert(Secret::new(fold(&e.replacement).as_str()), new);
            }
        }
    }

    /// `E. Harlow` of one whose surname is known.
    fn initials(&mut self, e: &Entry, key: &str, families: &HashMap<&str, &Entry>) {
        let Some((_, family)) = key.split_once(' ').filter(|(_, f)| !f.is_empty()) else { return };
        let Some(family) = families.get(family) else { return };
        let title = |w: &str| if Case::of(w) == Case::Title { w.to_owned() } else { titled(w) };
        for dot in [". ", " "] {
            let stand_in = format!("{}{dot}{}", e.replacement, family.replacement);
            self.literal(&stand_in, &format!("{}{dot}{}", e.original, title(&family.original)), true);
        }
    }

    /// How far the stand-in at the start of `text` goes and what it stands for; `before` is the
    /// character ahead of it. `last` says that nothing follows `text`; otherwise the answer is the same
    /// whatever follows, or [`More`].
    pub(crate) fn next(&self, text: &str, before: Option<char>, last: bool) -> Result<Option<(usize, Secret)>, More> {
        let Some(first) = text.chars().next() else { return Ok(None) };
        if first.is_alphanumeric() && before.is_some_and(char::is_alphanumeric) {
            return Ok(None);
        }
        let found = self.at_literal(text, last)?;
        if found.is_some() || !first.is_alphabetic() {
            return Ok(found);
        }
        self.at_word(text, last)
    }

    fn at_literal(&self, text: &str, last: bool) -> Result<Option<(usize, Secret)>, More> {
        let head: String = text.chars().take(HEAD).map(lower).collect();
        let Some(list) = self.heads.get(&head) else {
            let open = !last && head.chars().count() < HEAD && self.begun.contains(&head);
            return if open { Err(More) } else { Ok(None) };
        };
        let mut best: Option<(usize, &Literal)> = None;
        for literal in list.iter().map(|i| &self.literals[*i]) {
            match literal.matches(text, last) {
                Err(More) => return Err(More),
                Ok(Some(len)) if best.is_none_or(|(n, _)| len > n) => best = Some((len, literal)),
                Ok(_) => {}
            }
        }
        Ok(best.map(|(len, literal)| (len, literal.back(&text[..len]))))
    }

    fn at_word(&self, text: &str, last: bool) -> Result<Option<(usize, Secret)>, More> {
        let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
        if end > self.longest {
            return Ok(None);
        }
        if end == text.len() && !last {
            return Err(More);
        }
        let word = &text[..end];
        let Some(known) = self.words.get(word.to_lowercase().as_str()) else { return Ok(None) };
        let title = known.title.expose();
        Ok(Some((end, Secret::new(Case::of(word).write(title)))))
    }
}

impl Literal {
    /// How many bytes of `text` it takes, case and the kind of blank aside.
    fn matches(&self, text: &str, last: bool) -> Result<Option<usize>, More> {
        let mut rest = text.char_indices();
        let mut end = 0;
        for want in self.stand_in.expose().chars() {
            match rest.next() {
                None => return if last { Ok(None) } else { Err(More) },
                Some((i, c)) if lower(c) == lower(want) || c.is_whitespace() && want.is_whitespace() => {
                    end = i + c.len_utf8()
                }
                Some(_) => return Ok(None),
            }
        }
        let ends_in_word = self.stand_in.expose().ends_with(char::is_alphanumeric);
        match rest.next() {
            None if !last && ends_in_word => Err(More),
            Some((_, c)) if ends_in_word && c.is_alphanumeric() => Ok(None),
            _ => Ok(Some(end)),
        }
    }

    /// The original, in the case of what was seen where that is another than the stand-in's.
    fn back(&self, seen: &str) -> Secret {
        let original = self.original.expose();
        let (now, was) = (Case::of(seen), Case::of(self.stand_in.expose()));
        if !self.cased || now == was {
            return Secret::new(original);
        }
        match now {
            Case::Title if Case::of(original) != Case::Title => Secret::new(words_titled(original)),
            Case::Title => Secret::new(original),
            case => Secret::new(case.write(original)),
        }
    }
}

fn words_titled(text: &str) -> String {
    text.split_inclusive(|c: char| !c.is_alphanumeric()).map(titled).collect()
}

fn lower(c: char) -> char {
    let mut l = c.to_lowercase();
    match (l.next(), l.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Whether an entry is of a word of a name.
fn is_word(e: &Entry) -> bool {
    ![PHRASE, INITIAL].iter().any(|p| e.key.starts_with(p))
}

/// Turns tokens and stand-ins back into what they stand for.
pub struct Restoration(StandIns);

impl Restoration {
    pub(super) fn new(stand_ins: StandIns) -> Self {
        Self(stand_ins)
    }

    /// A whole text, restored. It is PHI.
    pub fn restore(&self, text: &str) -> String {
        String::clone(&self.0.back(text))
    }

    /// Restores a text that comes in pieces: what comes out is the same wherever it was split.
    pub fn stream(&self) -> RestoreStream<'_> {
        RestoreStream { stand_ins: &self.0, held: Zeroizing::default(), before: None }
    }
}

impl fmt::Debug for Restoration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Restoration({} stand-ins)", self.0.literals.len() + self.0.words.len())
    }
}

/// Restores one text piece by piece.
pub struct RestoreStream<'r> {
    stand_ins: &'r StandIns,
    /// What may still become a stand-in.
    held: Zeroizing<String>,
    before: Option<char>,
}

impl RestoreStream<'_> {
    /// Takes the next piece; gives what is decided.
    pub fn push(&mut self, piece: &str) -> String {
        let mut held = Zeroizing::new(String::with_capacity(self.held.len() + piece.len()));
        held.push_str(&self.held);
        held.push_str(piece);
        self.held = held;
        self.advance(false)
    }

    /// The text has ended: gives the rest of it.
    pub fn finish(&mut self) -> String {
        self.advance(true)
    }

    fn advance(&mut self, last: bool) -> String {
        let held = std::mem::take(&mut self.held);
        let mut out = String::with_capacity(held.len() + 64);
        let mut at = 0;
        while let Some(c) = held[at..].chars().next() {
            match self.stand_ins.next(&held[at..], self.before, last) {
                Err(More) => break,
                Ok(Some((len, original))) => {
                    // Of what was written, not of what it stands for: that decides nothing.
                    self.before = held[at..at + len].chars().next_back();
                    out.push_str(original.expose());
                    at += len;
                }
                Ok(None) => {
                    out.push(c);
                    self.before = Some(c);
                    at += c.len_utf8();
                }
            }
        }
        self.held = Zeroizing::new(held[at..].to_owned());
        out
    }
}

impl fmt::Debug for RestoreStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RestoreStream({} bytes held)", self.held.len())
    }
}
