//! What every format works with: the rewriter, the report, and the numbers that ids are renamed to.

use std::collections::HashMap;

use medlock_domain::PhiClass;

use crate::value;
use crate::words::{Label, Meaning};
use crate::{Options, Place, RecordError, Report, Rewrite};

pub(crate) struct Work<'a> {
    pub(crate) rewriter: &'a mut dyn Rewrite,
    pub(crate) options: &'a Options,
    pub(crate) report: Report,
    numbers: HashMap<String, u64>,
    /// Set while a format inside another is worked on: it is no document of its own.
    pub(crate) inside: u32,
}

/// A UUID of version 8 (RFC 9562), whose content is ours.
pub(crate) fn shape_uuid(number: u64) -> String {
    format!("{:08x}-{:04x}-8000-8000-{:012x}", (number >> 16) as u32, number as u16, number >> 48)
}

/// How deep formats may stand in one another (an HL7 message in a FHIR attachment in …).
pub(crate) const MAX_INSIDE: u32 = 3;

impl<'a> Work<'a> {
    pub(crate) fn new(rewriter: &'a mut dyn Rewrite, options: &'a Options) -> Self {
        Self { rewriter, options, report: Report::default(), numbers: HashMap::new(), inside: 0 }
    }

    pub(crate) fn document(&mut self, patient: Option<&str>) {
        if self.inside == 0 {
            self.rewriter.document(patient.filter(|p| !p.trim().is_empty()));
            self.report.documents += 1;
        }
    }

    /// Free text; nothing is asked about text without letters and digits.
    pub(crate) fn text(&mut self, cue: &str, text: &str, path: &str) -> Result<String, RecordError> {
        if !text.chars().any(char::is_alphanumeric) {
            return Ok(text.to_owned());
        }
        let cue = Some(cue).filter(|c| !c.is_empty());
        self.rewriter.text(cue, text).map_err(|source| RecordError::Rewrite { source, at: Place::path(path) })
    }

    /// A value of a known class. White space around it stays; an empty one is left alone, and so is
    /// an age that is none of the Safe Harbor's.
    pub(crate) fn field(&mut self, class: PhiClass, value: &str, path: &str) -> Result<String, RecordError> {
        let core = value.trim();
        if core.is_empty() || class == PhiClass::Age && value::age_is_common(core) {
            return Ok(value.to_owned());
        }
        let new = self
            .rewriter
            .field(class, core)
            .map_err(|source| RecordError::Rewrite { source, at: Place::path(path) })?;
        let lead = value.len() - value.trim_start().len();
        Ok([&value[..lead], &new, &value[lead + core.len()..]].concat())
    }

    /// Another id for `id`, of the same shape, the same wherever `id` stands in this run.
    pub(crate) fn link(&mut self, id: &str, path: &str) -> Result<String, RecordError> {
        let given =
            self.rewriter.number(id).map_err(|source| RecordError::Rewrite { source, at: Place::path(path) })?;
        let number = match given {
            Some(number) => number,
            None => {
                let next = self.numbers.len() as u64 + 1;
                *self.numbers.entry(id.to_owned()).or_insert(next)
            }
        };
        self.report.renamed += 1;
        Ok(if value::is_uuid(id) {
            shape_uuid(number)
        } else if value::is_oid(id) {
            // Arc 2.25 takes any integer of a UUID's size.
            format!("2.25.{number}")
        } else {
            format!("r{number}")
        })
    }
}

impl Work<'_> {
    /// A value of which only its field's name is known: what CSV, JSON and Parquet have.
    pub(crate) fn labelled(&mut self, label: &Label, value: &str, path: &str) -> Result<String, RecordError> {
        match label.meaning {
            Meaning::Class(class) => self.field(class, value, path),
            Meaning::Person | Meaning::BareName if value.bytes().any(|b| b.is_ascii_digit()) => {
                self.field(PhiClass::Id, value, path)
            }
            Meaning::Person | Meaning::BareName => self.field(PhiClass::Name, value, path),
            Meaning::State if value::is_state_or_country(value) => Ok(value.to_owned()),
            Meaning::State | Meaning::Text => self.searched(&label.words, value, path),
        }
    }

    /// Free text; a value that is nothing but a computer's date or UUID needs no search.
    pub(crate) fn searched(&mut self, cue: &str, value: &str, path: &str) -> Result<String, RecordError> {
        let core = value.trim();
        if value::is_date(core) {
            self.field(PhiClass::Date, value, path)
        } else if value::is_uuid(core) {
            self.field(PhiClass::Id, value, path)
        } else {
            self.text(cue, value, path)
        }
    }
}
