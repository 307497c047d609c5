//! Where replacements and date offsets are kept, and where randomness comes from.

use std::collections::{HashMap, HashSet};
use std::fmt;

use medlock_domain::PhiClass;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::fold::fold;
use crate::values::Secret;

/// A vault does not answer, or its content was changed by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the vault: {0}")]
pub struct VaultError(
    /// What is wrong, without any value.
    pub String,
);

/// Whose replacements.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder<'a> {
    /// One patient's, by the key under which the caller knows them. The key itself may identify.
    Patient(&'a str),
    /// Everybody's.
    Project,
}

/// One replacement.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Entry {
    /// Of which class the value is.
    #[zeroize(skip)]
    pub class: PhiClass,
    /// What makes two spellings the same value; unique in a holder's class.
    pub key: String,
    /// The value as it was written first.
    pub original: String,
    /// What stands in its place.
    pub replacement: String,
}

impl Entry {
    /// Under which marks [`Vault::taken`] must know the entry: of the value and of its replacement.
    pub fn marks(&self) -> [Zeroizing<String>; 2] {
        [fold(&self.original), fold(&self.replacement)]
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.class)
    }
}

/// Keeps replacements and secret date offsets, and gives random bytes.
///
/// A vault may be shared: [`Vault::put`] and [`Vault::put_offset`] give back what holds, which is
/// what another has put there first. What a lookup key is made from is PHI: a vault on disk looks up
/// by a keyed MAC of it and seals what it finds.
pub trait Vault {
    /// Fills `out` from a source that nobody can foresee.
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError>;

    /// The replacement of the value with this key.
    fn get(&mut self, of: Holder<'_>, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError>;

    /// Keeps a replacement unless there is one; the one that holds.
    fn put(&mut self, of: Holder<'_>, entry: Entry) -> Result<Zeroizing<String>, VaultError>;

    /// Whether some entry of this holder has this mark.
    fn taken(&mut self, of: Holder<'_>, mark: &str) -> Result<bool, VaultError>;

    /// By how many days this patient's dates are moved, if that has been settled.
    fn offset(&mut self, patient: &str) -> Result<Option<i32>, VaultError>;

    /// Settles a patient's offset unless it is; the one that holds.
    fn put_offset(&mut self, patient: &str, days: i32) -> Result<i32, VaultError>;

    /// All replacements of a holder, in the order in which they were put.
    fn entries(&mut self, of: Holder<'_>) -> Result<Vec<Entry>, VaultError>;
}

impl<V: Vault + ?Sized> Vault for &mut V {
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError> {
        (**self).random(out)
    }
    fn get(&mut self, of: Holder<'_>, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError> {
        (**self).get(of, class, key)
    }
    fn put(&mut self, of: Holder<'_>, entry: Entry) -> Result<Zeroizing<String>, VaultError> {
        (**self).put(of, entry)
    }
    fn taken(&mut self, of: Holder<'_>, mark: &str) -> Result<bool, VaultError> {
        (**self).taken(of, mark)
    }
    fn offset(&mut self, patient: &str) -> Result<Option<i32>, VaultError> {
        (**self).offset(patient)
    }
    fn put_offset(&mut self, patient: &str, days: i32) -> Result<i32, VaultError> {
        (**self).put_offset(patient, days)
    }
    fn entries(&mut self, of: Holder<'_>) -> Result<Vec<Entry>, VaultError> {
        (**self).entries(of)
    }
}

/// A vault in memory, wiped on drop.
pub struct MemoryVault<R> {
    random: R,
    pages: HashMap<Option<Secret>, Page>,
    offsets: HashMap<Secret, i32>,
}

impl<R: FnMut(&mut [u8])> MemoryVault<R> {
    /// An empty vault. `random` fills a buffer from the system's generator.
    pub fn new(random: R) -> Self {
        Self { random, pages: HashMap::new(), offsets: HashMap::new() }
    }
}

impl<R> MemoryVault<R> {
    fn page(&self, of: Holder<'_>) -> Option<&Page> {
        self.pages.get(&holder_key(of))
    }
}

fn holder_key(of: Holder<'_>) -> Option<Secret> {
    match of {
        Holder::Patient(p) => Some(Secret::new(p)),
        Holder::Project => None,
    }
}

impl<R: FnMut(&mut [u8])> Vault for MemoryVault<R> {
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError> {
        (self.random)(out);
        Ok(())
    }

    fn get(&mut self, of: Holder<'_>, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError> {
        Ok(self.page(of).and_then(|p| p.get(class, key)))
    }

    fn put(&mut self, of: Holder<'_>, entry: Entry) -> Result<Zeroizing<String>, VaultError> {
        Ok(self.pages.entry(holder_key(of)).or_default().put(entry))
    }

    fn taken(&mut self, of: Holder<'_>, mark: &str) -> Result<bool, VaultError> {
        Ok(self.page(of).is_some_and(|p| p.taken(mark)))
    }

    fn offset(&mut self, patient: &str) -> Result<Option<i32>, VaultError> {
        Ok(self.offsets.get(patient).copied())
    }

    fn put_offset(&mut self, patient: &str, days: i32) -> Result<i32, VaultError> {
        Ok(*self.offsets.entry(Secret::new(patient)).or_insert(days))
    }

    fn entries(&mut self, of: Holder<'_>) -> Result<Vec<Entry>, VaultError> {
        Ok(self.page(of).map(|p| p.entries.clone()).unwrap_or_default())
    }
}

impl<R> fmt::Debug for MemoryVault<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryVault({} holders)", self.pages.len())
    }
}

/// The replacements of one holder, or of one document.
#[derive(Default)]
pub(crate) struct Page {
    entries: Vec<Entry>,
    by_key: HashMap<(PhiClass, Secret), usize>,
    marks: HashSet<Secret>,
}

impl Page {
    pub(crate) fn get(&self, class: PhiClass, key: &str) -> Option<Zeroizing<String>> {
        let at = *self.by_key.get(&(class, Secret::new(key)))?;
        Some(Zeroizing::new(self.entries[at].replacement.clone()))
    }

    pub(crate) fn put(&mut self, entry: Entry) -> Zeroizing<String> {
        let key = (entry.class, Secret::new(entry.key.as_str()));
        let at = *self.by_key.entry(key).or_insert(self.entries.len());
        if at == self.entries.len() {
            self.marks.extend(entry.marks().iter().map(|m| Secret::new(m.as_str())));
            self.entries.push(entry);
        }
        Zeroizing::new(self.entries[at].replacement.clone())
    }

    pub(crate) fn taken(&self, mark: &str) -> bool {
        self.marks.contains(mark)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
