//! The keys that audit content is sealed under and that can be destroyed: of days, of who answers for a
//! caller, of patients.

use medlock_audit::read::{Needs, StoredEntry};
use medlock_audit::{Holder, HolderRole, Period, Periods, Share, Word};
use medlock_domain::{HolderId, PatientRef, Timestamp, UserId};
use medlock_keys::KeyError;
use medlock_keys::period::{PeriodKeys, PeriodName};
use medlock_store::{HolderKey, HolderKeys, StoreError};
use std::io;
use std::sync::Arc;
use zeroize::Zeroizing;

/// All of them. Cheap to clone.
#[derive(Clone)]
pub struct ContentKeys {
    holders: HolderKeys,
    days: Arc<PeriodKeys>,
}

/// Why an entry's content cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// A key that it was sealed under was destroyed: which.
    #[error("the content was erased with the key {0}")]
    Erased(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key's file.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The keys of days, for the log's writer.
struct Days(Arc<PeriodKeys>);

impl Periods for Days {
    fn current(&self, now: Timestamp) -> io::Result<Period> {
        let rfc3339 = now.rfc3339();
        let day = rfc3339.get(..10).unwrap_or_default();
        let (name, key) = self.0.current(day).map_err(io::Error::other)?;
        Ok(Period { label: Word::new(name.as_str()).map_err(io::Error::other)?, key })
    }
}

/// The keys of days, as the log's writer asks for them.
pub fn periods(days: Arc<PeriodKeys>) -> Arc<dyn Periods> {
    Arc::new(Days(days))
}

impl ContentKeys {
    /// Puts the parts together.
    pub fn new(holders: HolderKeys, days: Arc<PeriodKeys>) -> Self {
        Self { holders, days }
    }

    /// What the content of a request is sealed under, beside the day's key.
    pub(crate) async fn of(
        &self,
        owner: &UserId,
        patient: Option<&PatientRef>,
        now: Timestamp,
    ) -> Result<Vec<Holder>, StoreError> {
        let owner = self.holders.of(&owner_name(owner), now).await?;
        let mut holders = vec![holder(HolderRole::Owner, owner)];
        if let Some(patient) = patient {
            holders.push(holder(HolderRole::Patient, self.holders.of(&patient_name(patient), now).await?));
        }
        Ok(holders)
    }

    /// The id that stands for a patient in records, made if there is none.
    pub(crate) async fn patient(&self, patient: &PatientRef, now: Timestamp) -> Result<HolderId, StoreError> {
        Ok(self.holders.of(&patient_name(patient), now).await?.id)
    }

    /// The same, if there is one: whether any record is about that patient.
    pub(crate) async fn find_patient(&self, patient: &PatientRef) -> Result<Option<HolderId>, StoreError> {
        Ok(self.holders.find(&patient_name(patient)).await?.map(|key| key.id))
    }

    /// The name of the key that what this person answers for is sealed under.
    pub(crate) async fn find_owner(&self, owner: &UserId) -> Result<Option<HolderId>, StoreError> {
        Ok(self.holders.find(&owner_name(owner)).await?.map(|key| key.id))
    }

    /// What the keys here give to the opening of this entry's content, and of no other's.
    pub async fn share(&self, entry: &StoredEntry) -> Result<Share, Closed> {
        let Needs { period, holders } = entry.needs().unwrap_or(Needs { period: None, holders: Vec::new() });
        let day = match period {
            None => None,
            Some(name) => {
                let key = PeriodName::new(&name).map(|name| self.days.get(&name)).transpose()?.flatten();
                Some(key.ok_or(Closed::Erased(name))?)
            }
        };
        let mut keys = Vec::new();
        for (_, id) in holders {
            keys.push(self.holders.get(&id).await?.ok_or_else(|| Closed::Erased(id.to_string()))?.key);
        }
        Ok(entry.share(day.as_ref(), &keys.iter().collect::<Vec<_>>()))
    }

    /// The keys of days.
    pub(crate) fn days(&self) -> &PeriodKeys {
        &self.days
    }

    /// The keys of owners and patients.
    pub(crate) fn holders(&self) -> &HolderKeys {
        &self.holders
    }
}

fn holder(role: HolderRole, key: HolderKey) -> Holder {
    Holder { role, id: key.id, key: key.key }
}

fn patient_name(patient: &PatientRef) -> Zeroizing<String> {
    named("patient ", patient.canonical())
}

fn owner_name(owner: &UserId) -> Zeroizing<String> {
    named("owner ", owner.as_str())
}

/// Room for all at once: growing would leave copies behind.
fn named(what: &str, whose: &str) -> Zeroizing<String> {
    let mut name = Zeroizing::new(String::with_capacity(what.len() + whose.len()));
    name.push_str(what);
    name.push_str(whose);
    name
}
