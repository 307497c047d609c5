//! From what may be released to what the caller gets: this request's placeholders
//! and stand-ins become values again, in prose. Never in a URL, an image or link target, a tag or its attributes, where a
//! reader's software would carry a value away by itself; code is read by people and counts as
//! prose.
//!
//! What is decided about a character follows from the text before it and at most one placeholder
//! and one host name after it, so the result does not depend on how the text was split.

mod place;

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use self::place::Place;
use crate::filter::ReleasableText;
use crate::placeholder::{self, More};
use crate::surrogates::Surrogates;
use crate::values::Secret;

/// Text for the caller: filtered, its placeholders restored where that is allowed. Made here only.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RestoredText(String);

impl RestoredText {
    /// The text, for the record and the socket.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RestoredText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RestoredText({} bytes)", self.0.len())
    }
}

/// Restores one text of an answer.
pub struct Restorer {
    surrogates: Surrogates,
    allow: bool,
    /// What may still become a placeholder.
    held: Zeroizing<String>,
    place: Place,
}

impl Restorer {
    /// A restorer for one text; without `allow` it changes nothing.
    pub fn new(surrogates: &Surrogates, allow: bool) -> Self {
        Self { surrogates: surrogates.clone(), allow, held: Zeroizing::default(), place: Place::default() }
    }

    /// Takes the next piece; gives what is decided.
    pub fn push(&mut self, piece: ReleasableText) -> Vec<RestoredText> {
        if !self.allow || self.surrogates.is_empty() {
            return vec![RestoredText(piece.expose().to_owned())];
        }
        self.hold(piece.expose());
        self.advance(false)
    }

    /// The text has ended: gives the rest of it.
    pub fn finish(&mut self) -> Vec<RestoredText> {
        self.advance(true)
    }

    /// One whole string of a tool call's arguments, by the same rules. Whether it is restored at
    /// all is `allow`'s matter: say so only for a tool that policy names.
    pub fn argument(&self, pieces: impl IntoIterator<Item = ReleasableText>) -> RestoredText {
        let mut restorer = Restorer::new(&self.surrogates, self.allow);
        let mut parts: Vec<RestoredText> = pieces.into_iter().flat_map(|p| restorer.push(p)).collect();
        parts.extend(restorer.finish());
        let mut whole = String::with_capacity(parts.iter().map(|p| p.0.len()).sum());
        parts.iter().for_each(|p| whole.push_str(&p.0));
        RestoredText(whole)
    }

    fn hold(&mut self, piece: &str) {
        let mut held = Zeroizing::new(String::with_capacity(self.held.len() + piece.len()));
        held.push_str(&self.held);
        held.push_str(piece);
        self.held = held;
    }

    fn advance(&mut self, last: bool) -> Vec<RestoredText> {
        let held = std::mem::take(&mut self.held);
        let mut parts = Parts::default();
        let mut at = 0;
        while at < held.len() {
            match self.next(&held[at..], last) {
                Err(More) => break,
                Ok((len, Some(value))) => {
                    parts.value(&held[..at], value.expose());
                    at += len;
                    parts.from = at;
                    value.expose().chars().for_each(|c| self.place.feed(c));
                }
                Ok((len, None)) => {
                    held[at..at + len].chars().for_each(|c| self.place.feed(c));
                    at += len;
                }
            }
        }
        parts.text(&held[..at]);
        self.held = Zeroizing::new(held[at..].to_owned());
        parts.done
    }

    /// How far the next unit of `text` goes, and the value to put in its place, if any. A value is
    /// put in as it is and never looked at again for placeholders.
    fn next(&self, text: &str, last: bool) -> Result<(usize, Option<Secret>), More> {
        let first = text.chars().next().map_or(1, char::len_utf8);
        let found = match placeholder::parse(text, self.place.before(), last)? {
            Some(seen) => self.surrogates.restored(seen.class, seen.number).map(|v| (seen.len, Secret::new(v))),
            None => self.surrogates.stand_ins().next(text, self.place.before(), last)?,
        };
        let Some((len, value)) = found else { return Ok((first, None)) };
        if !self.place.is_prose() || placeholder::host_follows(&text[len..], last)? {
            return Ok((len, None));
        }
        Ok((len, Some(value)))
    }
}

impl fmt::Debug for Restorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Restorer({} bytes held)", self.held.len())
    }
}

/// What comes out of one piece: text and values in turn, each in a buffer that never grows.
#[derive(Default)]
struct Parts {
    done: Vec<RestoredText>,
    /// Up to where the piece is in `done`.
    from: usize,
}

impl Parts {
    fn text(&mut self, upto: &str) {
        if upto.len() > self.from {
            self.done.push(RestoredText(upto[self.from..].to_owned()));
        }
    }

    fn value(&mut self, upto: &str, value: &str) {
        self.text(upto);
        self.done.push(RestoredText(value.to_owned()));
    }
}

#[cfg(test)]
mod tests;
