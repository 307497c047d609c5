//! What was found once is found wherever it stands again in the same text: names by their words,
//! identifiers by their whole value.

use std::collections::HashMap;

use medlock_domain::{PhiClass, PhiClasses};

use super::candidate::{Candidate, Rule};
use super::cue::Cues;
use super::lexicon::Tags;
use super::run::starts_chunk;
use super::token::{Case, Kind, Tokens};

const AGAIN: Rule = Rule::new("again", 40, 0.8);

/// So many values may begin with the same word; a text with more has them found where they stand.
const PER_WORD: usize = 16;
const LONGEST: usize = 80;

/// The values that a text has given away so far, by their first word.
#[derive(Default)]
pub(super) struct Known {
    values: HashMap<u64, Vec<Value>>,
    /// One bit for each of the hashes above, folded: most words are ruled out without a look-up.
    sieve: [u64; 16],
}

struct Value {
    lower: String,
    class: PhiClass,
    read_as: PhiClasses,
    /// A plain word is only the same value when it is capitalised.
    capital: bool,
}

impl Known {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Remembers the findings in a block.
    pub(super) fn learn(&mut self, t: &Tokens<'_>, found: &[Candidate]) {
        let mut at = 0;
        for c in found {
            while t.get(at).is_some_and(|x| (x.start as usize) < c.start) {
                at += 1;
            }
            let first = at;
            while t.get(at).is_some_and(|x| x.end as usize <= c.end) {
                at += 1;
            }
            if first == at {
                continue;
            }
            let text = &t.text[c.start..c.end];
            match c.class {
                PhiClass::Name => {
                    self.add(t, first, text, c.class, c.read_as, true);
                    (first..at).for_each(|i| self.name_word(t, i, c.read_as));
                }
                PhiClass::Date | PhiClass::Age | PhiClass::Url | PhiClass::Email => {}
                PhiClass::Location => {
                    let common = at - first == 1 && t.tags(first).any(Tags::COMMON.or_tags(Tags::MEDICAL));
                    if !common && text.len() >= 4 {
                        self.add(t, first, text, c.class, c.read_as, true);
                    }
                }
                _ => {
                    let digits = text.bytes().filter(u8::is_ascii_digit).count();
                    if digits >= 4 && text.len() >= 5 {
                        self.add(t, first, text, c.class, c.read_as, false);
                    }
                }
            }
        }
    }

    /// A word of a name is a name on its own, unless it says too little.
    fn name_word(&mut self, t: &Tokens<'_>, i: usize, read_as: PhiClasses) {
        let Some(token) = t.get(i).filter(|x| x.kind == Kind::Word) else { return };
        let tags = t.tags(i);
        let safe = token.cues.any(
            Cues::SAFE
                .or(Cues::TITLE)
                .or(Cues::CREDENTIAL)
                .or(Cues::PARTICLE)
                .or(Cues::MONTH)
                .or(Cues::KIN)
                .or(Cues::PERSON)
                .or(Cues::FACILITY),
        );
        let weak =
            tags.any(Tags::SMALL.or_tags(Tags::MEDICAL)) && !tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME));
        if t.at(i).chars().count() >= 3 && !safe && !weak {
            self.add(t, i, t.at(i), PhiClass::Name, read_as, true);
        }
    }

    fn add(&mut self, t: &Tokens<'_>, first: usize, text: &str, class: PhiClass, read_as: PhiClasses, capital: bool) {
        if text.len() > LONGEST {
            return;
        }
        let Some(key) = t.get(first).map(|x| x.hash) else { return };
        let lower = text.to_lowercase();
        self.sieve[key as usize / 64 % 16] |= 1 << (key % 64);
        let values = self.values.entry(key).or_default();
        if let Some(known) = values.iter_mut().find(|v| v.lower == lower) {
            known.read_as = known.read_as.or(read_as);
        } else if values.len() < PER_WORD {
            values.push(Value { lower, class, read_as, capital });
        }
    }

    /// Where the values stand in a block.
    pub(super) fn find(&self, t: &Tokens<'_>) -> Vec<Candidate> {
        let mut out = Vec::new();
        if self.is_empty() {
            return out;
        }
        for (i, token) in t.list.iter().enumerate() {
            if self.sieve[token.hash as usize / 64 % 16] & 1 << (token.hash % 64) == 0 {
                continue;
            }
            let Some(values) = self.values.get(&token.hash) else { continue };
            let capital = matches!(token.case, Case::Init | Case::Upper | Case::None | Case::Odd);
            let start = token.start as usize;
            for value in values {
                let several = value.lower.contains([' ', '-']);
                if value.capital && !capital && !several || !value.capital && !starts_chunk(t, i) {
                    continue;
                }
                if let Some(end) = same(&t.text[start..], &value.lower).map(|len| start + len)
                    && (!value.capital || several || !eponymous(t, i, value))
                {
                    let (class, read_as) = (value.class, value.read_as);
                    out.push(Candidate { start, end, class, read_as, rule: AGAIN });
                }
            }
        }
        out
    }
}

/// `Bell's palsy` in the notes of Mr. Bell.
fn eponymous(t: &Tokens<'_>, i: usize, value: &Value) -> bool {
    let next = if t.is_mark(i + 1, '\'') && t.is_word(i + 2, "s") { i + 3 } else { i + 1 };
    value.class == PhiClass::Name && t.same_line(next) && t.has(next, Cues::CONDITION) && t.has(i, Cues::EPONYM)
}

/// How much of `text` equals `lower` but for case, ending where a word ends.
fn same(text: &str, lower: &str) -> Option<usize> {
    let mut rest = lower.chars();
    for (off, c) in text.char_indices() {
        let Some(want) = rest.clone().next() else {
            return (!c.is_alphanumeric()).then_some(off);
        };
        for l in c.to_lowercase() {
            if rest.next() != Some(l) && !(want.is_whitespace() && c.is_whitespace()) {
                return None;
            }
        }
    }
    rest.next().is_none().then_some(text.len())
}
