//! Keys that content is sealed under beside the segment's, so that destroying one of them erases it
//! (SP 800-88: cryptographic erase): the key of the day, the key of who answers for the caller, the key of the
//! patient that the request is about.
//!
//! Whoever opens content needs the reading key *and* the share of that record, which is made from these
//! keys. The keys are with the server and the reading key is not, so neither opens anything alone.

use crate::facts::Word;
use crate::format::record::RecordId;
use medlock_domain::{HolderId, Timestamp};
use medlock_keys::digest::hmac_sha256;
use medlock_keys::seal::DataKey;
use std::io;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HolderRole {
    /// Who answers for the caller: a person, or the owner of an API key.
    Owner,
    /// Whom the request is about.
    Patient,
}

impl HolderRole {
    /// In the order in which their keys go into a share.
    pub const ALL: [Self; 2] = [Self::Owner, Self::Patient];

    /// The fact that names the key in an entry.
    pub fn fact(self) -> &'static str {
        match self {
            Self::Owner => "owner_key",
            Self::Patient => "patient",
        }
    }
}

/// A key that content is sealed under because of whose it is. The id is random and says nothing; who is
/// behind it, only the key's keeper knows, until it is erased.
#[derive(Clone)]
pub struct Holder {
    /// Whose.
    pub role: HolderRole,
    /// The key's name in entries.
    pub id: HolderId,
    /// The key.
    pub key: DataKey,
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Holder({}, {})", self.role.fact(), self.id)
    }
}

/// The key of a day.
pub struct Period {
    /// Its name in the segments of that day.
    pub label: Word,
    /// The key.
    pub key: DataKey,
}

/// Keeps the keys of days. Asked when a segment begins; a segment never goes past a day's end (UTC).
pub trait Periods: Send + Sync {
    /// The key of the day that `now` is in; durable before this returns. A day whose key was destroyed gets
    /// another, of another name.
    fn current(&self, now: Timestamp) -> io::Result<Period>;
}

/// What content is sealed to.
#[derive(Clone)]
pub struct Sealing {
    /// Only its private half opens content.
    pub reading: medlock_keys::hpke::ReadingPublic,
    /// Who keeps the keys of days. Without, content is not erased by days.
    pub periods: Option<Arc<dyn Periods>>,
    /// Whether content is kept at all; what is not kept is not written, sealed or not.
    pub keep: bool,
}

impl From<medlock_keys::hpke::ReadingPublic> for Sealing {
    fn from(reading: medlock_keys::hpke::ReadingPublic) -> Self {
        Self { reading, periods: None, keep: true }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Whether both are of one day (UTC).
pub(crate) fn same_day(a: Timestamp, b: Timestamp) -> bool {
    a.0.div_euclid(DAY_MS) == b.0.div_euclid(DAY_MS)
}

/// What the erasable keys give to the opening of one record, and of no other.
pub struct Share(Zeroizing<[u8; 32]>);

impl Share {
    /// Of the record `id`, from the keys of its day and its holders, in the order of [`HolderRole::ALL`].
    pub(crate) fn of(id: &RecordId, period: Option<&DataKey>, holders: &[&DataKey]) -> Self {
        let mut share = Zeroizing::new([0; 32]);
        for (n, key) in period.into_iter().chain(holders.iter().copied()).enumerate() {
            // Chained, so that each key is needed and their order and number count.
            let step = hmac_sha256(key.expose(), &[b"medlock record share v1", &[n as u8], id, &share[..]]);
            *share = step;
        }
        Self(share)
    }

    /// Its bytes, to be handed to whoever holds the reading key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Back from [`Share::expose`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_its_place_and_the_record_count() {
        let [a, b, c] = [1, 2, 3].map(|n| DataKey::from_bytes([n; 32]));
        let shares = [
            Share::of(&[0; 16], None, &[]),
            Share::of(&[0; 16], Some(&a), &[]),
            Share::of(&[1; 16], Some(&a), &[]),
            Share::of(&[0; 16], Some(&a), &[&b]),
            Share::of(&[0; 16], Some(&a), &[&c]),
            Share::of(&[0; 16], Some(&b), &[&a]),
            Share::of(&[0; 16], Some(&a), &[&b, &c]),
            Share::of(&[0; 16], Some(&a), &[&c, &b]),
        ];
        for (i, one) in shares.iter().enumerate() {
            assert!(shares[..i].iter().all(|other| other.expose() != one.expose()), "{i}");
        }
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let day = |ms| Timestamp(ms);
        assert!(same_day(day(0), day(DAY_MS - 1)) && !same_day(day(DAY_MS - 1), day(DAY_MS)));
        assert!(!same_day(day(-1), day(0)));
    }
}
