//! Forward sealing: a fresh key per segment that only the reading key can bring back, and from it
//! one key per record.

use crate::erasable::{Holder, Period, Share};
use crate::format::record::RecordId;
use crate::tree::Hash;
use medlock_keys::digest::{hkdf_sha256, sha256};
use medlock_keys::hpke::{self, Exporter, ReadingKey, ReadingPublic};
use medlock_keys::random;
use medlock_keys::seal::DataKey;
use zeroize::Zeroizing;

/// The key of one segment. The writer holds it while the segment is open and wipes it with it.
pub(crate) struct SegmentKey(Zeroizing<[u8; 32]>);

impl SegmentKey {
    /// A fresh key, and what the holder of the reading key needs to get it back.
    pub(crate) fn fresh(reading: &ReadingPublic, origin: &str, segment: u64) -> (Vec<u8>, Self) {
        let (enc, exporter) = hpke::encapsulate(reading, &info(origin, segment));
        (enc, Self::from_exporter(&exporter))
    }

    /// The key of a segment of the past.
    pub(crate) fn recover(enc: &[u8], key: &ReadingKey, origin: &str, segment: u64) -> Option<Self> {
        let exporter = hpke::decapsulate(enc, key, &info(origin, segment)).ok()?;
        Some(Self::from_exporter(&exporter))
    }

    fn from_exporter(exporter: &Exporter) -> Self {
        Self(exporter.export(b"medlock segment key v1"))
    }

    pub(crate) fn seal(&self, id: &RecordId, share: &Share, content: &[u8]) -> Vec<u8> {
        self.record_key(id, share).seal_once(id, content)
    }

    pub(crate) fn open(&self, id: &RecordId, share: &Share, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.record_key(id, share).open_once(id, sealed).ok()
    }

    /// Used for one message only, since a record id is never used twice: it is 128 random bits.
    fn record_key(&self, id: &RecordId, share: &Share) -> DataKey {
        let mut key = Zeroizing::new([0; 32]);
        hkdf_sha256(&self.0[..], share.expose(), &[&b"medlock record key v1"[..], id].concat(), &mut key[..]);
        DataKey::from_bytes(*key)
    }
}

fn info(origin: &str, segment: u64) -> Vec<u8> {
    [b"medlock audit segment v1\n", origin.as_bytes(), b"\n", &segment.to_be_bytes()].concat()
}

/// Seals the content of one segment, on whatever thread has it: the entry's place is not known yet, and need not be,
/// since the entry says what was sealed with it.
pub(crate) struct Sealer {
    pub(crate) segment: u64,
    pub(crate) key: SegmentKey,
    pub(crate) period: Option<Period>,
}

/// Content that was sealed.
pub(crate) struct Sealed {
    segment: u64,
    pub(crate) id: RecordId,
    pub(crate) bytes: Vec<u8>,
    pub(crate) sha256: Hash,
}

impl Sealer {
    /// Under a new record id.
    pub(crate) fn seal(&self, holders: &[Holder], content: &[u8]) -> Sealed {
        let id = random::bytes::<16>();
        let holders: Vec<_> = holders.iter().map(|holder| &holder.key).collect();
        let share = Share::of(&id, self.period.as_ref().map(|p| &p.key), &holders);
        let bytes = self.key.seal(&id, &share, content);
        Sealed { segment: self.segment, id, sha256: sha256(&[&bytes]), bytes }
    }

    /// Whether it was sealed for this segment.
    pub(crate) fn has(&self, sealed: &Sealed) -> bool {
        sealed.segment == self.segment
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_the_reading_key_and_the_same_record_open_it() {
        let reading = ReadingKey::generate();
        let (enc, key) = SegmentKey::fresh(&reading.public(), "log", 3);
        let (share, other) = (Share::from_bytes([7; 32]), Share::from_bytes([8; 32]));
        let sealed = key.seal(&[1; 16], &share, b"text");
        let back = SegmentKey::recover(&enc, &reading, "log", 3).unwrap();
        assert_eq!(back.open(&[1; 16], &share, &sealed).unwrap().as_slice(), b"text");
        assert!(back.open(&[2; 16], &share, &sealed).is_none(), "another record");
        assert!(back.open(&[1; 16], &other, &sealed).is_none(), "another share");
        let opens = |key: &ReadingKey, origin, segment| {
            SegmentKey::recover(&enc, key, origin, segment).and_then(|k| k.open(&[1; 16], &share, &sealed)).is_some()
        };
        assert!(opens(&reading, "log", 3));
        assert!(!opens(&reading, "log", 4) && !opens(&reading, "gol", 3), "another segment or log");
        assert!(!opens(&ReadingKey::generate(), "log", 3), "another reading key");
    }
}
