//! The sealed vault of the database as the vault of a de-identification. It blocks: to be used on a
//! thread of its own (`spawn_blocking`), never on one that drives tasks.

use medlock_deid::deidentify::{Entry, Holder, Vault, VaultError};
use medlock_domain::PhiClass;
use medlock_store::{StoreError, VaultRow, VaultStore};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

/// The first byte of a row: what it holds.
const REPLACEMENT: u8 = b'r';
const OFFSET: u8 = b'o';

/// Replacements and offsets in the database, random bytes from the system.
pub(crate) struct SealedVault {
    store: VaultStore,
    runtime: Handle,
}

impl SealedVault {
    pub(crate) fn new(store: VaultStore, runtime: Handle) -> Self {
        Self { store, runtime }
    }

    /// All that a holder has: replacements, and the offset of a patient's dates.
    pub(crate) fn page(&self, of: Holder<'_>) -> Result<(Vec<Entry>, Option<i32>), VaultError> {
        let rows = self.runtime.block_on(self.store.all(&holder(of))).map_err(|e| failed(&e))?;
        let (mut entries, mut offset) = (Vec::with_capacity(rows.len()), None);
        for row in &rows {
            match row.first() {
                Some(&OFFSET) => offset = Some(days(row)?),
                _ => entries.push(decode(row)?),
            }
        }
        Ok((entries, offset))
    }

    /// Keeps rows that nobody has yet, all or none, at the price of one.
    pub(crate) fn put_all(&self, rows: &[VaultRow]) -> Result<(), VaultError> {
        self.runtime.block_on(self.store.put_all(rows)).map_err(|e| failed(&e))
    }
}

/// The row that keeps a replacement.
pub(crate) fn replacement_row(of: Holder<'_>, entry: &Entry) -> VaultRow {
    let marks = entry.marks().iter().map(|m| Zeroizing::new(m.as_bytes().to_vec())).collect();
    VaultRow { holder: holder(of), slot: slot(entry.class, &entry.key), value: encode(entry), marks }
}

/// The row that keeps a patient's offset.
pub(crate) fn offset_row(patient: &str, days: i32) -> VaultRow {
    let holder = holder(Holder::Patient(patient));
    VaultRow { holder, slot: Zeroizing::new(vec![OFFSET]), value: offset_value(days), marks: Vec::new() }
}

fn offset_value(days: i32) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([&[OFFSET][..], &days.to_be_bytes()].concat())
}

impl Vault for SealedVault {
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError> {
        medlock_keys::random::fill(out);
        Ok(())
    }

    fn get(&mut self, of: Holder<'_>, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError> {
        let (holder, slot) = (holder(of), slot(class, key));
        let row = self.runtime.block_on(self.store.get(&holder, &slot)).map_err(|e| failed(&e))?;
        row.map(|r| Ok(Zeroizing::new(decode(&r)?.replacement.clone()))).transpose()
    }

    fn put(&mut self, of: Holder<'_>, entry: Entry) -> Result<Zeroizing<String>, VaultError> {
        let row = replacement_row(of, &entry);
        let marks: Vec<&[u8]> = row.marks.iter().map(|m| m.as_slice()).collect();
        let held = self.runtime.block_on(self.store.put(&row.holder, &row.slot, &row.value, &marks));
        let held = held.map_err(|e| failed(&e))?;
        Ok(Zeroizing::new(decode(&held)?.replacement.clone()))
    }

    fn taken(&mut self, of: Holder<'_>, mark: &str) -> Result<bool, VaultError> {
        self.runtime.block_on(self.store.is_marked(&holder(of), mark.as_bytes())).map_err(|e| failed(&e))
    }

    fn offset(&mut self, patient: &str) -> Result<Option<i32>, VaultError> {
        let of = holder(Holder::Patient(patient));
        let row = self.runtime.block_on(self.store.get(&of, &[OFFSET])).map_err(|e| failed(&e))?;
        row.map(|r| days(&r)).transpose()
    }

    fn put_offset(&mut self, patient: &str, offset: i32) -> Result<i32, VaultError> {
        let row = offset_value(offset);
        let of = holder(Holder::Patient(patient));
        let held = self.runtime.block_on(self.store.put(&of, &[OFFSET], &row, &[])).map_err(|e| failed(&e))?;
        days(&held)
    }

    fn entries(&mut self, of: Holder<'_>) -> Result<Vec<Entry>, VaultError> {
        Ok(self.page(of)?.0)
    }
}

/// Its message names tables and digests only.
fn failed(e: &StoreError) -> VaultError {
    VaultError(e.to_string())
}

fn unreadable() -> VaultError {
    VaultError("a row is of no known form".into())
}

fn holder(of: Holder<'_>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match of {
        Holder::Patient(key) => [b"patient ", key.as_bytes()].concat(),
        Holder::Project => b"project".to_vec(),
    })
}

fn slot(class: PhiClass, key: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([&[REPLACEMENT][..], class.label().as_bytes(), b" ", key.as_bytes()].concat())
}

/// Each part with its length before it.
fn encode(entry: &Entry) -> Zeroizing<Vec<u8>> {
    let parts = [entry.class.label(), &entry.key, &entry.original, &entry.replacement];
    let mut out = Zeroizing::new(Vec::with_capacity(1 + parts.iter().map(|p| p.len() + 4).sum::<usize>()));
    out.push(REPLACEMENT);
    for part in parts {
        out.extend_from_slice(&(part.len() as u32).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out
}

fn decode(row: &[u8]) -> Result<Entry, VaultError> {
    let mut rest = row.strip_prefix(&[REPLACEMENT]).ok_or_else(unreadable)?;
    let mut part = || {
        let (length, more) = rest.split_first_chunk::<4>()?;
        let (text, more) = more.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = more;
        std::str::from_utf8(text).ok()
    };
    let mut next = || part().ok_or_else(unreadable);
    let class = PhiClass::from_label(next()?).ok_or_else(unreadable)?;
    let (key, original, replacement) = (next()?.to_owned(), next()?.to_owned(), next()?.to_owned());
    Ok(Entry { class, key, original, replacement })
}

fn days(row: &[u8]) -> Result<i32, VaultError> {
    let bytes = row.strip_prefix(&[OFFSET]).and_then(|d| d.try_into().ok()).ok_or_else(unreadable)?;
    Ok(i32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use medlock_deid::Detector;
    use medlock_deid::deidentify::{Action, Deidentifier, Profile};
    use medlock_keys::seal::DataKey;
    use medlock_store::{Store, StoreKeys};

    #[test]
    fn what_one_run_replaced_the_next_one_restores() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let open = || {
            let keys = StoreKeys { seal: DataKey::from_bytes([1; 32]), mac: DataKey::from_bytes([2; 32]) };
            let store = runtime.block_on(Store::open(&dir.path().join("m.db"), keys)).unwrap();
            SealedVault::new(store.vault(DataKey::from_bytes([3; 32])), runtime.handle().clone())
        };
        let mut toml = Profile::limited_data_set().to_string();
        toml = toml.replace("redact", Action::Surrogate.as_str()).replace("DATE = \"keep\"", "DATE = \"shift\"");
        let profile = Profile::from_toml(&toml).unwrap();
        let note = "Patient: Maria Gonzalez, MRN 44-102233, seen 03/04/2024 and 03/09/2024.";
        let first = {
            let mut deid = Deidentifier::new(Detector::shared(), &profile, open());
            deid.document(Some("4711"));
            deid.text(None, note).unwrap()
        };
        let mut deid = Deidentifier::new(Detector::shared(), &profile, open());
        deid.document(Some("4711"));
        assert_eq!(deid.text(None, note).unwrap(), first);
        assert_eq!(deid.restoration().unwrap().restore(&first), note);
        deid.document(Some("4712"));
        assert_ne!(deid.text(None, note).unwrap(), first);
        assert!(!deid.restoration().unwrap().restore(&first).contains("Gonzalez"));
    }
}
