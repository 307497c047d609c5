//! Which patients a request is about: the one that the caller declares, and those whose record numbers stand
//! in its texts. A note of one patient sent in the name of another would be counted, and restored, as that
//! other's.

use crate::chat::Placed;
use crate::content_keys::ContentKeys;
use medlock_audit::Entry;
use medlock_domain::{Finding, HolderId, PatientRef, PhiClass, PhiText, Timestamp};
use medlock_review::FOUND_PATIENTS;
use medlock_store::StoreError;
use serde_json::{Value, json};
use std::collections::HashSet;

/// What to do when the texts name another patient than the one declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOtherPatient {
    /// Let it pass, and say so in the record and to the caller.
    #[default]
    Flag,
    /// Refuse it.
    Deny,
}

/// How the texts of a request go with the patient that it declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They name that one only.
    Same,
    /// They name somebody else.
    Other,
    /// They name nobody.
    NotFound,
}

impl Agreement {
    /// The word, for the record and the caller.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Other => "other",
            Self::NotFound => "not_found",
        }
    }
}

/// The patients whose record numbers were found in texts, each once, in order.
pub(crate) fn found(texts: &[Placed<PhiText>], findings: &[Vec<Finding>]) -> Vec<PatientRef> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for (placed, findings) in texts.iter().zip(findings) {
        let numbers = findings.iter().filter(|f| f.class == PhiClass::Mrn);
        for number in numbers.filter_map(|f| placed.text.expose().get(f.span.start..f.span.end)) {
            if let Ok(patient) = number.parse::<PatientRef>()
                && seen.insert(patient.clone())
            {
                found.push(patient);
            }
        }
    }
    found
}

/// So many are named in a record; the sealed part has all.
const NAMED: [&str; 4] = FOUND_PATIENTS;
/// Ids in one word of a record.
const IN_A_WORD: usize = 8;

/// Those of one request.
#[derive(Debug, Default)]
pub(crate) struct Patients {
    declared: Option<PatientRef>,
    /// In the texts, each once, in order.
    found: Vec<PatientRef>,
    /// As records name those.
    ids: Vec<HolderId>,
}

impl Patients {
    /// Those that were found, beside the declared one.
    pub(crate) async fn of(
        declared: Option<PatientRef>,
        found: Vec<PatientRef>,
        keys: &ContentKeys,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut patients = Self { declared, found, ids: Vec::new() };
        for patient in patients.others().take(NAMED.len() * IN_A_WORD).cloned().collect::<Vec<_>>() {
            patients.ids.push(keys.patient(&patient, now).await?);
        }
        Ok(patients)
    }

    /// Those found that are not the declared one.
    fn others(&self) -> impl Iterator<Item = &PatientRef> {
        self.found.iter().filter(|p| self.declared.as_ref().is_none_or(|declared| !declared.is_same(p)))
    }

    /// How the texts go with the declaration, if there was one.
    pub(crate) fn agreement(&self) -> Option<Agreement> {
        self.declared.as_ref()?;
        Some(match (self.found.is_empty(), self.others().next()) {
            (true, _) => Agreement::NotFound,
            (false, None) => Agreement::Same,
            (false, Some(_)) => Agreement::Other,
        })
    }

    /// The record's part that anybody may see: how many, and random ids.
    pub(crate) fn note(&self, mut entry: Entry) -> Entry {
        if let Some(agreement) = self.agreement() {
            entry = entry.word("patient_agreement", agreement.as_str());
        }
        if !self.found.is_empty() {
            entry = entry.int("patients", self.found.len() as i64);
        }
        let left_out = self.others().count() - self.ids.len();
        if left_out > 0 {
            entry = entry.int("patients_left_out", left_out as i64);
        }
        for (key, ids) in NAMED.into_iter().zip(self.ids.chunks(IN_A_WORD)) {
            let ids: Vec<&str> = ids.iter().map(HolderId::as_str).collect();
            entry = entry.word(key, &ids.join(","));
        }
        entry
    }

    /// The part that is sealed.
    pub(crate) fn sealed(&self) -> Value {
        let found: Vec<&str> = self.found.iter().map(PatientRef::canonical).collect();
        json!({ "declared": self.declared.as_ref().map(PatientRef::canonical), "found": found })
    }
}
