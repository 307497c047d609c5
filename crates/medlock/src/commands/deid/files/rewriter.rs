//! The detector and the profile behind the records' seam.

use medlock_deid::deidentify::Deidentifier;
use medlock_domain::{ClassCounts, PhiClass};
use medlock_records::{Rewrite, RewriteError};

use super::halt::Halt;
use super::kept::Kept;
use super::terms::Terms;

pub(super) struct Rewriter<'a> {
    deid: Deidentifier<'a, &'a Kept>,
    kept: &'a Kept,
    halt: &'a Halt,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(terms: &'a Terms, kept: &'a Kept, halt: &'a Halt) -> Self {
        let mut deid = Deidentifier::new(terms.detector, &terms.profile, kept);
        if let Some(year) = terms.year {
            deid = deid.in_year(year);
        }
        Self { deid, kept, halt }
    }
}

impl Rewrite for Rewriter<'_> {
    fn document(&mut self, patient: Option<&str>) {
        self.deid.document(patient);
    }

    fn text(&mut self, cue: Option<&str>, text: &str) -> Result<String, RewriteError> {
        if self.halt.wanted() {
            return Err(RewriteError::new("interrupted"));
        }
        self.deid.text(cue, text).map_err(RewriteError::new)
    }

    fn field(&mut self, class: PhiClass, value: &str) -> Result<String, RewriteError> {
        self.deid.field(class, value).map_err(RewriteError::new)
    }

    fn number(&mut self, id: &str) -> Result<Option<u64>, RewriteError> {
        self.kept.number(id).map(Some).map_err(RewriteError::new)
    }

    fn counts(&self) -> &ClassCounts {
        self.deid.counts()
    }
}
