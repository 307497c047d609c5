//! What a run keeps: replacements, offsets, new ids. In front of the sealed vault, so that what is
//! new goes into it many rows at a time, and always before an output that has it appears. Nobody else
//! is at the vault meanwhile: the run holds the directory's lock.

use crate::deid_vault::{SealedVault, offset_row, replacement_row};
use medlock_deid::deidentify::{Entry, Holder, MemoryVault, Vault, VaultError};
use medlock_domain::PhiClass;
use medlock_keys::random;
use medlock_store::VaultRow;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// So many new rows go into the vault at a time.
const BATCH: usize = 4096;
/// So many rows are looked up in memory before the memory is given back.
const HELD: usize = 100_000;
/// Whose the new ids are. No patient's key begins like this.
const IDS: Holder<'static> = Holder::Patient("\u{6}resource ids");

type Memory = MemoryVault<fn(&mut [u8])>;

pub(super) struct Kept(Mutex<Inner>);

struct Inner {
    /// Of patients who are in `loaded` all that there is, of others what came up.
    recent: Memory,
    loaded: HashSet<String>,
    /// How many rows `recent` has, about.
    held: usize,
    sealed: Option<SealedVault>,
    fresh: Vec<VaultRow>,
}

impl Kept {
    /// With the sealed vault, or for this run alone.
    pub(super) fn new(sealed: Option<SealedVault>) -> Self {
        Self(Mutex::new(Inner { recent: memory(), loaded: HashSet::new(), held: 0, sealed, fresh: Vec::new() }))
    }

    /// Puts what is new into the vault. After this, what has been replaced can be turned back.
    pub(super) fn settle(&self) -> Result<(), VaultError> {
        self.lock().settle()
    }

    /// The number that stands for a resource's id: random, and the same for the same id.
    pub(super) fn number(&self, id: &str) -> Result<u64, VaultError> {
        let mut inner = self.lock();
        if let Some(known) = inner.get(IDS, PhiClass::Id, id)? {
            return known.parse().map_err(|_| VaultError("a resource's number is none".into()));
        }
        // Of 2^64 numbers no two ids draw the same.
        let number = u64::from_be_bytes(random::bytes::<8>());
        let entry = Entry { class: PhiClass::Id, key: id.into(), original: id.into(), replacement: number.to_string() };
        inner.add(IDS, entry, VaultRow::without_marks)?;
        Ok(number)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn memory() -> Memory {
    MemoryVault::new(random::fill as fn(&mut [u8]))
}

impl Inner {
    fn keep(&mut self, row: impl FnOnce() -> VaultRow) -> Result<(), VaultError> {
        if self.sealed.is_some() {
            self.fresh.push(row());
            self.held += 1;
            if self.fresh.len() >= BATCH {
                self.settle()?;
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), VaultError> {
        let Some(sealed) = &self.sealed else { return Ok(()) };
        if !self.fresh.is_empty() {
            sealed.put_all(&self.fresh)?;
            self.fresh.clear();
        }
        if self.held > HELD {
            (self.recent, self.held) = (memory(), 0);
            self.loaded.clear();
        }
        Ok(())
    }

    /// Whether the vault may know more of this holder than `recent` does. A patient's page is read
    /// once and whole: a query for each value would take most of the time.
    fn vault_knows_more(&mut self, of: Holder<'_>) -> Result<bool, VaultError> {
        let patient = match of {
            Holder::Patient(patient) if of != IDS => patient,
            _ => return Ok(self.sealed.is_some()),
        };
        if self.sealed.is_none() || self.loaded.contains(patient) {
            return Ok(false);
        }
        if self.held > HELD {
            self.settle()?;
        }
        let Some(sealed) = &self.sealed else { return Ok(false) };
        let (entries, offset) = sealed.page(of)?;
        self.held += entries.len() + 1;
        for entry in entries {
            self.recent.put(of, entry)?;
        }
        if let Some(days) = offset {
            self.recent.put_offset(patient, days)?;
        }
        self.loaded.insert(patient.to_owned());
        Ok(false)
    }

    fn get(&mut self, of: Holder<'_>, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError> {
        let more = self.vault_knows_more(of)?;
        match (self.recent.get(of, class, key)?, &mut self.sealed) {
            (None, Some(sealed)) if more => sealed.get(of, class, key),
            (known, _) => Ok(known),
        }
    }

    fn put(&mut self, of: Holder<'_>, entry: Entry) -> Result<Zeroizing<String>, VaultError> {
        if let Some(known) = self.get(of, entry.class, &entry.key)? {
            return Ok(known);
        }
        self.add(of, entry, |row| row)
    }

    /// Keeps what is not kept yet.
    fn add(
        &mut self,
        of: Holder<'_>,
        entry: Entry,
        row: impl FnOnce(VaultRow) -> VaultRow,
    ) -> Result<Zeroizing<String>, VaultError> {
        let new = self.recent.put(of, entry.clone())?;
        self.keep(|| row(replacement_row(of, &entry)))?;
        Ok(new)
    }

    fn taken(&mut self, of: Holder<'_>, mark: &str) -> Result<bool, VaultError> {
        let more = self.vault_knows_more(of)?;
        match &mut self.sealed {
            Some(sealed) if more && !self.recent.taken(of, mark)? => sealed.taken(of, mark),
            _ => self.recent.taken(of, mark),
        }
    }

    fn offset(&mut self, patient: &str) -> Result<Option<i32>, VaultError> {
        self.vault_knows_more(Holder::Patient(patient))?;
        self.recent.offset(patient)
    }

    fn put_offset(&mut self, patient: &str, days: i32) -> Result<i32, VaultError> {
        if let Some(known) = self.offset(patient)? {
            return Ok(known);
        }
        self.recent.put_offset(patient, days)?;
        self.keep(|| offset_row(patient, days))?;
        Ok(days)
    }
}

impl Vault for &Kept {
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError> {
        random::fill(out);
        Ok(())
    }

    fn get(&mut self, of: Holder<'_>, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError> {
        self.lock().get(of, class, key)
    }

    fn put(&mut self, of: Holder<'_>, entry: Entry) -> Result<Zeroizing<String>, VaultError> {
        self.lock().put(of, entry)
    }

    fn taken(&mut self, of: Holder<'_>, mark: &str) -> Result<bool, VaultError> {
        self.lock().taken(of, mark)
    }

    fn offset(&mut self, patient: &str) -> Result<Option<i32>, VaultError> {
        self.lock().offset(patient)
    }

    fn put_offset(&mut self, patient: &str, days: i32) -> Result<i32, VaultError> {
        self.lock().put_offset(patient, days)
    }

    fn entries(&mut self, of: Holder<'_>) -> Result<Vec<Entry>, VaultError> {
        let mut inner = self.lock();
        inner.settle()?;
        match &mut inner.sealed {
            Some(sealed) => sealed.entries(of),
            None => inner.recent.entries(of),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_keys::seal::DataKey;
    use medlock_store::{Store, StoreKeys};

    #[test]
    fn what_is_settled_is_there_for_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let open = || {
            let keys = StoreKeys { seal: DataKey::from_bytes([1; 32]), mac: DataKey::from_bytes([2; 32]) };
            let store = runtime.block_on(Store::open(&dir.path().join("m.db"), keys)).unwrap();
            Kept::new(Some(SealedVault::new(store.vault(DataKey::from_bytes([3; 32])), runtime.handle().clone())))
        };
        let entry = |key: &str, replacement: &str| Entry {
            class: PhiClass::Name,
            key: key.into(),
            original: key.into(),
            replacement: replacement.into(),
        };
        let of = Holder::Patient("1");
        let (number, lost) = {
            let kept = open();
            let number = kept.number("abc").unwrap();
            assert_eq!(kept.number("abc").unwrap(), number);
            assert_ne!(kept.number("abd").unwrap(), number);
            assert_eq!(&*(&kept).put(of, entry("maria", "Elodie")).unwrap(), "Elodie");
            assert_eq!((&kept).put_offset("1", 7).unwrap(), 7);
            kept.settle().unwrap();
            (number, kept.number("not settled").unwrap())
        };
        let kept = open();
        assert_eq!(kept.number("abc").unwrap(), number);
        assert_ne!(kept.number("not settled").unwrap(), lost);
        assert_eq!(&*(&kept).put(of, entry("maria", "Ingrid")).unwrap(), "Elodie");
        assert_eq!((&kept).put_offset("1", 9).unwrap(), 7);
        assert!((&kept).taken(of, "elodie").unwrap() && !(&kept).taken(Holder::Project, "elodie").unwrap());
        assert_eq!((&kept).entries(of).unwrap().len(), 1);
    }
}
