//! De-identifying documents by a profile: what is found in a text, and what a field is known to hold,
//! is redacted, masked, replaced, made less of, moved or kept, class by class.
//!
//! ```
//! use medlock_deid::Detector;
//! use medlock_deid::deidentify::{Deidentifier, MemoryVault, Profile};
//! use medlock_domain::PhiClass;
//!
//! // The system's random numbers; here, for an example, some that anybody can foresee.
//! let mut n = 0u8;
//! let vault = MemoryVault::new(|out: &mut [u8]| out.iter_mut().for_each(|b| { n = n.wrapping_add(97); *b = n }));
//! let profile = Profile::safe_harbor();
//! let mut deid = Deidentifier::new(Detector::shared(), &profile, vault).in_year(2026);
//! deid.document(Some("patient 17"));
//! let text = deid.text(None, "Maria Gonzalez, born 03/04/1962, was seen for a cough.")?;
//! assert_eq!(text, "[NAME], born 1962, was seen for a cough.");
//! assert_eq!(deid.field(PhiClass::Date, "2024-05-01")?, "2024");
//! # Ok::<(), medlock_deid::deidentify::DeidError>(())
//! ```

mod action;
mod chat;
mod date;
mod desk;
mod fold;
mod generalise;
mod mask;
mod place;
mod profile;
mod restore;
mod seen;
mod surrogate;
mod token;
mod vault;

#[cfg(test)]
mod tests;

pub use action::{Action, Scope};
pub use profile::{Method, Profile, ProfileError};
pub use restore::{Restoration, RestoreStream};
pub use vault::{Entry, Holder, MemoryVault, Vault, VaultError};

pub(crate) use chat::{ChatStandIns, is_nobodys};
pub(crate) use restore::StandIns;

use std::fmt;

use medlock_domain::{ClassCounts, PhiClass, PhiClasses};
use zeroize::Zeroizing;

use self::date::{Calendar, Day};
use self::desk::ScopeDesk;
use self::seen::Seen;
use self::surrogate::Desk;
use self::vault::Page;
use crate::placeholder;
use crate::protect::{find, merge};
use crate::values::Matcher;
use crate::{Detector, RecognizerError};

/// Why a text could not be de-identified. Nothing of it may be passed on then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeidError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A recognizer of the detector: nobody knows what the text holds.
    #[error(transparent)]
    Recognizer(#[from] RecognizerError),
}

/// Works on documents one after another.
pub struct Deidentifier<'a, V: Vault> {
    detector: &'a Detector,
    profile: &'a Profile,
    vault: V,
    this_year: Option<i32>,
    patient: Option<Zeroizing<String>>,
    /// The replacements of this document that are in no vault.
    page: Page,
    /// The offset of a document whose patient is not known.
    loose_offset: Option<i32>,
    /// What was found in this document is looked for in what follows.
    matcher: Matcher,
    seen: Seen,
    calendar: Calendar,
    counts: ClassCounts,
}

/// How a day that stands for another is kept, before its number.
const DAY: &str = "\u{5}";
/// Years of two digits are of this century up to here, where nobody says which year it is.
const PIVOT: i32 = 2027;

impl<'a, V: Vault> Deidentifier<'a, V> {
    /// One that has seen no document.
    pub fn new(detector: &'a Detector, profile: &'a Profile, vault: V) -> Self {
        Self {
            detector,
            profile,
            vault,
            this_year: None,
            patient: None,
            page: Page::default(),
            loose_offset: None,
            matcher: Matcher::default(),
            seen: Seen::default(),
            calendar: Calendar { this_year: PIVOT, day_first: false, year: None },
            counts: ClassCounts::default(),
        }
    }

    /// Says which year it is, so that years that tell an age over 89 are told from others
    /// (45 CFR 164.514(b)(2)(i)(C)). Where nobody says, all up to 1950 are removed.
    pub fn in_year(mut self, year: i32) -> Self {
        self.this_year = Some(year);
        self.calendar.this_year = year;
        self
    }

    /// Begins another document. `patient` is the key under which the caller knows whose it is: it
    /// decides by how much dates are moved and what replacements are the same. Without one the
    /// document is a patient of its own.
    pub fn document(&mut self, patient: Option<&str>) {
        self.patient = patient.map(|p| Zeroizing::new(p.to_owned()));
        self.page = Page::default();
        self.loose_offset = None;
        self.matcher = Matcher::default();
        self.seen.clear();
        self.calendar = Calendar { day_first: false, year: None, ..self.calendar };
    }

    /// Free text; `cue` is the name of the field that it stands under. What was found in this
    /// document before, in a field or a text, is found here too.
    ///
    /// # Errors
    /// When the vault or a recognizer fails: the text is then not to be passed on.
    pub fn text(&mut self, cue: Option<&str>, text: &str) -> Result<String, DeidError> {
        let mut found = find(self.detector, cue, text)?;
        for f in &found {
            self.matcher.add(self.detector, f.class, f.read_as, f.confidence, &text[f.span.start..f.span.end]);
        }
        found.extend(self.matcher.find(text));
        let mut found = merge(found);
        found.iter_mut().for_each(|f| f.class = self.profile.strictest(f.class, f.read_as));
        self.seen.read(text);
        for f in &found {
            let value = &text[f.span.start..f.span.end];
            self.seen.value(value);
            self.learn(f.class, value);
        }
        let mut out = String::with_capacity(text.len() + found.len() * 16);
        let mut at = 0;
        for f in &found {
            out.push_str(&text[at..f.span.start]);
            out.push_str(&self.replace(f.class, &text[f.span.start..f.span.end], text)?);
            at = f.span.end;
        }
        out.push_str(&text[at..]);
        Ok(out)
    }

    /// A value whose class is known from its field, whatever it looks like; white space around it
    /// stays. Its format stays where the action has one to keep: `redact` writes `[DATE]` even where a
    /// date has to be, so a field of a strict type whose class is redacted is to be left out.
    ///
    /// # Errors
    /// As [`Deidentifier::text`].
    pub fn field(&mut self, class: PhiClass, value: &str) -> Result<String, DeidError> {
        let inner = value.trim();
        if inner.is_empty() {
            return Ok(value.to_owned());
        }
        let start = value.len() - value.trim_start().len();
        self.matcher.add(self.detector, class, PhiClasses::only(class), 1.0, inner);
        self.seen.read(inner);
        self.seen.value(inner);
        self.learn(class, inner);
        let new = self.replace(class, inner, inner)?;
        Ok(format!("{}{new}{}", &value[..start], &value[start + inner.len()..]))
    }

    /// How many identifiers of each class there were, in all documents, kept ones included.
    pub fn counts(&self) -> &ClassCounts {
        &self.counts
    }

    /// What turns this document's tokens and stand-ins back, in its own words or in what somebody
    /// wrote about it. Of dates those that this document has.
    ///
    /// # Errors
    /// When the vault fails.
    pub fn restoration(&mut self) -> Result<Restoration, DeidError> {
        let mut entries = self.page.entries().to_vec();
        if let Some(patient) = &self.patient {
            entries.extend(self.vault.entries(Holder::Patient(patient))?);
        }
        entries.extend(self.vault.entries(Holder::Project)?);
        Ok(Restoration::new(StandIns::of(&entries)))
    }

    /// The vault back.
    pub fn into_vault(self) -> V {
        self.vault
    }

    /// What a date says about those that leave something open.
    fn learn(&mut self, class: PhiClass, value: &str) {
        if class == PhiClass::Date
            && let Some(written) = date::read(value, self.calendar)
        {
            self.calendar.day_first |= written.day_first;
            self.calendar.year = written.year.or(self.calendar.year);
        }
    }

    fn replace(&mut self, class: PhiClass, value: &str, text: &str) -> Result<String, DeidError> {
        self.counts.add(class);
        let removed = || placeholder::mark(class);
        Ok(match self.profile.action(class) {
            Action::Keep => value.to_owned(),
            Action::Redact => removed(),
            Action::Mask => mask::mask(class, value, self.calendar),
            Action::Tokenize => token::token(&mut self.desk(class, text), class, value)?,
            Action::Generalise => self.less(class, value, value.len() == text.len()).unwrap_or_else(removed),
            Action::Shift => self.shifted(value)?.unwrap_or_else(removed),
            Action::Surrogate => self.stand_in(class, value, text)?.unwrap_or_else(removed),
        })
    }

    fn less(&self, class: PhiClass, value: &str, alone: bool) -> Option<String> {
        let detail = match self.profile.method() {
            Method::LimitedDataSet => generalise::Detail::City,
            _ => generalise::Detail::State,
        };
        match class {
            PhiClass::Date => generalise::date(value, self.calendar, self.this_year),
            PhiClass::Age => Some(generalise::age(value, alone)),
            PhiClass::Location => generalise::location(value, detail),
            _ => None,
        }
    }

    fn stand_in(&mut self, class: PhiClass, value: &str, text: &str) -> Result<Option<String>, DeidError> {
        match class {
            PhiClass::Date if *self.profile.method() == Method::SafeHarbor => self.any_day(value),
            PhiClass::Date => self.shifted(value),
            PhiClass::Age => Ok(surrogate::age(&mut self.desk(class, text), value, value.len() == text.len())?),
            _ => Ok(surrogate::stand_in(&mut self.desk(class, text), class, value)?),
        }
    }

    /// The date, moved by its patient's offset: all of a patient's by the same, so that what lies
    /// between two stays.
    fn shifted(&mut self, value: &str) -> Result<Option<String>, DeidError> {
        let Some(written) = date::read(value, self.calendar) else { return Ok(None) };
        let days = self.offset()?;
        Ok(written.moved(days, self.calendar).inspect(|moved| self.issued(value, moved)))
    }

    /// Remembers a date that no vault has, for restoring this document.
    fn issued(&mut self, date: &str, replacement: &str) {
        let [key, original, replacement] = [replacement, date, replacement].map(str::to_owned);
        self.page.put(Entry { class: PhiClass::Date, key, original, replacement });
    }

    /// Some day of the same year that has nothing to do with the date but to be the same for the
    /// same; its time is midnight. Years that Safe Harbor removes are removed here.
    fn any_day(&mut self, value: &str) -> Result<Option<String>, DeidError> {
        let Some(written) = date::read(value, self.calendar) else { return Ok(None) };
        let (Some(year), true) = (written.year, generalise::date(value, self.calendar, self.this_year).is_some())
        else {
            return Ok(None);
        };
        let was = written.day(self.calendar);
        let calendar = self.calendar;
        let key = format!("{DAY}{}", was.number());
        let mut desk = self.desk(PhiClass::Date, value);
        let known = match desk.known(PhiClass::Date, &key)? {
            Some(known) => known,
            None => {
                let day = Day { year, month: 1, day: 1 }.plus(desk.below(365)? as i32);
                desk.keep(PhiClass::Date, &key, value, &day.number().to_string())?
            }
        };
        let Ok(number) = known.parse() else { return Ok(None) };
        let new = mask::timeless(&written.with(Day::of(number)), calendar);
        self.issued(value, &new);
        Ok(Some(new))
    }

    /// The patient's secret number of days: −365 to 365, never none.
    fn offset(&mut self) -> Result<i32, VaultError> {
        let known = match &self.patient {
            Some(patient) => self.vault.offset(patient)?,
            None => self.loose_offset,
        };
        if let Some(days) = known {
            return Ok(days);
        }
        let drawn = self.desk(PhiClass::Date, "").below(730)? as i32;
        let days = if drawn < 365 { drawn - 365 } else { drawn - 364 };
        match &self.patient {
            Some(patient) => self.vault.put_offset(patient, days),
            None => Ok(*self.loose_offset.insert(days)),
        }
    }

    fn desk<'s>(&'s mut self, class: PhiClass, text: &'s str) -> ScopeDesk<'s, V> {
        let holder = match (self.profile.scope(class), &self.patient) {
            (Scope::Project, _) => Some(Holder::Project),
            (Scope::Patient, Some(patient)) => Some(Holder::Patient(patient.as_str())),
            (Scope::Patient, None) | (Scope::Document, _) => None,
        };
        ScopeDesk {
            detector: self.detector,
            vault: &mut self.vault,
            page: &mut self.page,
            holder,
            seen: &self.seen,
            text,
        }
    }
}

impl<V: Vault> fmt::Debug for Deidentifier<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deidentifier({}, {})", self.profile.name(), self.counts)
    }
}
