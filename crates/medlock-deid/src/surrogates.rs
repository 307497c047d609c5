//! The table of one request: which placeholder stands for which value. It lives as long as the
//! request and is wiped after it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use medlock_domain::{PhiClass, Protection, ProtectionMode, Span};
use zeroize::Zeroizing;

use crate::deidentify::StandIns;
use crate::values::{Matcher, Secret, Words, is_title, key};

/// A request's own placeholders and values. Cheap to clone; wiped when the last clone goes.
#[derive(Clone)]
pub struct Surrogates(Arc<Table>);

struct Table {
    protection: Protection,
    values: Vec<(PhiClass, Secret)>,
    numbered: HashMap<(PhiClass, u32), usize>,
    matcher: Matcher,
    own: Own,
    stand_ins: StandIns,
}

impl Surrogates {
    /// How the request was protected.
    pub fn mode(&self) -> ProtectionMode {
        self.0.protection.mode
    }

    /// How many different values the request held.
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Whether the request held none.
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// The value behind a placeholder, if this request issued it.
    pub(crate) fn value(&self, class: PhiClass, number: u32) -> Option<&str> {
        let at = *self.0.numbered.get(&(class, number))?;
        Some(self.0.values[at].1.expose())
    }

    /// The same, if it may be put back into the answer.
    pub(crate) fn restored(&self, class: PhiClass, number: u32) -> Option<&str> {
        self.value(class, number).filter(|_| self.0.protection.restored.contains(class))
    }

    /// The stand-ins that this request issued.
    pub(crate) fn stand_ins(&self) -> &StandIns {
        &self.0.stand_ins
    }

    /// Where the request's own values are found again.
    pub(crate) fn matcher(&self) -> &Matcher {
        &self.0.matcher
    }

    /// What the model was shown.
    pub(crate) fn own(&self) -> &Own {
        &self.0.own
    }
}

impl fmt::Debug for Surrogates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surrogates({} values, {})", self.len(), self.mode())
    }
}

/// Gives out placeholders, numbered by class in the order of asking.
pub(crate) struct Issuer {
    protection: Protection,
    /// What the caller typed: never issued, so that it never becomes somebody's value.
    taken: HashSet<(PhiClass, u32)>,
    last: HashMap<PhiClass, u32>,
    known: HashMap<(PhiClass, Secret), (usize, u32)>,
    values: Vec<(PhiClass, Secret)>,
}

impl Issuer {
    pub(crate) fn new(protection: Protection, taken: HashSet<(PhiClass, u32)>) -> Self {
        Self { protection, taken, last: HashMap::new(), known: HashMap::new(), values: Vec::new() }
    }

    pub(crate) fn mode(&self) -> ProtectionMode {
        self.protection.mode
    }

    /// Whether values of this class go to the model as they are.
    pub(crate) fn passes(&self, class: PhiClass) -> bool {
        self.protection.mode == ProtectionMode::Identified && self.protection.identified.contains(class)
    }

    /// The number of a value: the same for the same value, a new one otherwise.
    pub(crate) fn number(&mut self, class: PhiClass, value: &str) -> u32 {
        let known = (class, key(class, value));
        if let Some((_, number)) = self.known.get(&known) {
            return *number;
        }
        let last = self.last.entry(class).or_default();
        *last += 1;
        while self.taken.contains(&(class, *last)) {
            *last += 1;
        }
        self.known.insert(known, (self.values.len(), *last));
        self.values.push((class, Secret::new(value)));
        *last
    }

    pub(crate) fn finish(self, matcher: Matcher, own: Own, stand_ins: StandIns) -> Surrogates {
        let numbered = match self.protection.mode {
            ProtectionMode::Identified | ProtectionMode::Tokenize | ProtectionMode::Surrogate => {
                let issued = self.known.iter().filter(|((class, _), _)| !self.passes(*class));
                issued.map(|((class, _), (at, n))| ((*class, *n), *at)).collect()
            }
            ProtectionMode::Redact | ProtectionMode::Block => HashMap::new(),
        };
        Surrogates(Arc::new(Table {
            protection: self.protection,
            values: self.values,
            numbered,
            matcher,
            own,
            stand_ins,
        }))
    }
}

/// What the model was shown, by words, so that it is no leak when the model repeats it; in
/// `identified` mode also with a date written another way or a name turned round.
#[derive(Default)]
pub(crate) struct Own {
    /// Every word of the request between spaces.
    text: Zeroizing<String>,
    names: Vec<HashSet<Secret>>,
    figures: HashMap<PhiClass, Vec<Vec<Secret>>>,
}

impl Own {
    /// Takes in what the model was shown, all of it at once: a string that grows leaves a copy behind.
    pub(crate) fn texts<'a>(&mut self, texts: impl Iterator<Item = &'a str> + Clone) {
        let mut all = Zeroizing::new(String::with_capacity(texts.clone().map(|t| t.len() * 2 + 2).sum()));
        for text in texts {
            // Two spaces between texts: no phrase goes across.
            all.push(' ');
            for word in Words::of(text).iter() {
                all.push(' ');
                all.push_str(word);
            }
            all.push(' ');
        }
        self.text = all;
    }

    /// Takes in a value that was found there.
    pub(crate) fn value(&mut self, class: PhiClass, value: &str) {
        let words = Words::of(value);
        match class {
            PhiClass::Name => self.names.push(words.iter().map(Secret::new).collect()),
            PhiClass::Date | PhiClass::Age => {
                self.figures.entry(class).or_default().push(figures(&words));
            }
            PhiClass::Phone | PhiClass::Fax | PhiClass::Ssn => {
                self.figures.entry(class).or_default().push(vec![key(class, value)]);
            }
            _ => {}
        }
    }

    /// Whether what stands at `span` of `text` repeats the request, one word before and after
    /// included (of the last word, its beginning: the text may go on).
    pub(crate) fn echoed(&self, text: &str, span: Span) -> bool {
        let around = Words::of(text).around(span);
        !around.is_empty() && self.text.contains(around.as_str())
    }

    /// Whether `value`, found in the answer, is the caller's own.
    pub(crate) fn said(&self, class: PhiClass, value: &str) -> bool {
        let value = value.strip_suffix("'s").or_else(|| value.strip_suffix("’s")).unwrap_or(value);
        let words = Words::of(value);
        let mut phrase = Zeroizing::new(String::with_capacity(value.len() * 2 + 2));
        phrase.push(' ');
        words.iter().for_each(|w| {
            phrase.push_str(w);
            phrase.push(' ');
        });
        if self.text.contains(phrase.as_str()) {
            return true;
        }
        match class {
            PhiClass::Name => self.names.iter().any(|own| is_of(own, &words)),
            PhiClass::Date | PhiClass::Age => {
                let found = figures(&words);
                !found.is_empty() && self.figures_of(class).any(|own| found.iter().all(|f| own.contains(f)))
            }
            PhiClass::Phone | PhiClass::Fax | PhiClass::Ssn => {
                let found = key(class, value);
                [PhiClass::Phone, PhiClass::Fax, PhiClass::Ssn]
                    .iter()
                    .any(|c| self.figures_of(*c).any(|own| own.contains(&found)))
            }
            _ => false,
        }
    }

    fn figures_of(&self, class: PhiClass) -> impl Iterator<Item = &Vec<Secret>> {
        self.figures.get(&class).into_iter().flatten()
    }
}

/// Whether `words` are words of the one name `own`, or their initials, and not initials only.
fn is_of(own: &HashSet<Secret>, words: &Words) -> bool {
    let initial = |w: &str| w.chars().count() == 1 && own.iter().any(|o| o.expose().starts_with(w));
    words.iter().all(|w| own.contains(w) || is_title(w) || initial(w))
        && words.iter().any(|w| w.chars().count() > 1 && own.contains(w))
}

/// The numbers of a date or age, a month by its name being one.
fn figures(words: &Words) -> Vec<Secret> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let figure = |w: &str| {
        let digits = w.trim_end_matches(char::is_alphabetic).trim_start_matches('0');
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Secret::new(digits));
        }
        let month = MONTHS.iter().position(|m| w.starts_with(m))?;
        Some(Secret::new((month + 1).to_string()))
    };
    words.iter().filter_map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use PhiClass::{Date, Name, Phone};

    #[test]
    fn numbers_that_the_caller_typed_are_skipped() {
        let mut issuer = Issuer::new(ProtectionMode::Tokenize.into(), HashSet::from([(Name, 1), (Name, 3)]));
        assert_eq!(issuer.number(Name, "Ann"), 2);
        assert_eq!(issuer.number(Name, "Bob"), 4);
        assert_eq!(issuer.number(Name, "ANN"), 2);
        assert_eq!(issuer.number(Date, "Ann"), 1);
        let surrogates = issuer.finish(Matcher::default(), Own::default(), StandIns::default());
        assert_eq!(surrogates.value(Name, 4), Some("Bob"));
        assert_eq!(surrogates.value(Name, 1), None);
        assert_eq!(format!("{surrogates:?}"), "Surrogates(3 values, tokenize)");
    }

    #[test]
    fn what_the_caller_said() {
        let mut own = Own::default();
        own.texts(["Maria Gonzalez, born 03/04/1962, call (555) 010-4477"].into_iter());
        own.value(Name, "Maria Gonzalez");
        own.value(Date, "03/04/1962");
        own.value(Phone, "(555) 010-4477");
        for (class, value) in [
            (Name, "MARIA gonzalez"),
            (Name, "Gonzalez, Maria"),
            (Name, "Ms. M. Gonzalez's"),
            (Date, "March 4, 1962"),
            (Date, "1962"),
            (Phone, "+1 555 010 4477"),
        ] {
            assert!(own.said(class, value), "{value}");
        }
        for (class, value) in [
            (Name, "Mark Gonzalez"),
            (Name, "M. G."),
            (Date, "March 5, 1962"),
            (Phone, "555-010-4478"),
            (Name, "Gonzal"),
        ] {
            assert!(!own.said(class, value), "{value}");
        }
    }
}
