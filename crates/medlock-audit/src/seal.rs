//! Forward sealing: a fresh key per segment that only the reading key can bring back, and from it
//! one key per record.

use crate::erasable::Share;
use crate::format::record::RecordId;
use medlock_keys::digest::hkdf_sha256;
use medlock_keys::hpke::{self, Exporter, ReadingKey, ReadingPublic};
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

    pub(crate) fn seal(&self, id: &RecordId, index: u64, share: &Share, content: &[u8]) -> Vec<u8> {
        self.record_key(id, share).seal_once(&associated(id, index), content)
    }

    pub(crate) fn open(&self, id: &RecordId, index: u64, share: &Share, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.record_key(id, share).open_once(&associated(id, index), sealed).ok()
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

/// Ties the content to its place: moved to another entry, it does not open.
fn associated(id: &RecordId, index: u64) -> Vec<u8> {
    [&id[..], &index.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_the_reading_key_and_the_same_place_open_it() {
        let reading = ReadingKey::generate();
        let (enc, key) = SegmentKey::fresh(&reading.public(), "log", 3);
        let (share, other) = (Share::from_bytes([7; 32]), Share::from_bytes([8; 32]));
        let sealed = key.seal(&[1; 16], 5, &share, b"text");
        let back = SegmentKey::recover(&enc, &reading, "log", 3).unwrap();
        assert_eq!(back.open(&[1; 16], 5, &share, &sealed).unwrap().as_slice(), b"text");
        assert!(back.open(&[1; 16], 6, &share, &sealed).is_none(), "another index");
        assert!(back.open(&[2; 16], 5, &share, &sealed).is_none(), "another record");
        assert!(back.open(&[1; 16], 5, &other, &sealed).is_none(), "another share");
        let opens = |key: &ReadingKey, origin, segment| {
            SegmentKey::recover(&enc, key, origin, segment).and_then(|k| k.open(&[1; 16], 5, &share, &sealed)).is_some()
        };
        assert!(opens(&reading, "log", 3));
        assert!(!opens(&reading, "log", 4) && !opens(&reading, "gol", 3), "another segment or log");
        assert!(!opens(&ReadingKey::generate(), "log", 3), "another reading key");
    }
}
