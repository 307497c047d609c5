//! Content that is sealed under keys which can be destroyed.

use super::*;
use crate::erasable::{Holder, HolderRole, Period, Periods};
use crate::read::{Needs, ReadError};
use crate::{Share, Word};
use medlock_domain::HolderId;
use medlock_keys::seal::DataKey;
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The keys of days, in memory.
#[derive(Default)]
struct Days(Mutex<BTreeMap<String, DataKey>>);

impl Periods for Days {
    fn current(&self, now: Timestamp) -> io::Result<Period> {
        let label = now.rfc3339()[..10].to_owned();
        let key = self.0.lock().unwrap().entry(label.clone()).or_insert_with(DataKey::generate).clone();
        Ok(Period { label: Word::new(&label).unwrap(), key })
    }
}

#[test]
fn a_days_key_is_not_kept_for_the_next_day() {
    let keys = Keys::new();
    let disk = keys.world.created();
    let log = keys.open(&disk);
    log.append_blocking(entry("one")).unwrap();
    assert!(log.is_sealing());
    keys.world.clock.advance_ms(DAY_MS);
    // Nobody comes.
    let ended = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        !log.is_sealing()
    });
    assert!(ended);
    log.append_blocking(entry("two")).unwrap();
    assert!(log.is_sealing());
}

struct Keys {
    world: World,
    days: Arc<Days>,
}

impl Keys {
    fn new() -> Self {
        Self { world: World::new(), days: Arc::default() }
    }

    fn open(&self, disk: &FaultDisk) -> Log {
        let World { reading, clock, limits, .. } = &self.world;
        let sealing = crate::Sealing { reading: reading.public(), periods: Some(self.days.clone()), keep: true };
        Log::open_with(Box::new(disk.clone()), self.world.signing(), sealing, clock.clone(), *limits, None).unwrap()
    }

    fn share(&self, entry: &StoredEntry, holders: &[&DataKey]) -> Option<Share> {
        let Needs { period, .. } = entry.needs()?;
        Some(entry.share(Some(self.days.0.lock().unwrap().get(&period?)?), holders))
    }

    fn text(&self, entry: &StoredEntry, holders: &[&DataKey]) -> Result<String, ReadError> {
        let share = self.share(entry, holders).ok_or(ReadError::NoContent)?;
        open_content(entry, &self.world.reading, &share).map(|text| String::from_utf8(text.to_vec()).unwrap())
    }
}

fn holder(role: HolderRole, n: u8) -> Holder {
    Holder { role, id: HolderId::from_random([n; 16]), key: DataKey::generate() }
}

#[test]
fn a_segment_ends_with_its_day_and_each_day_has_a_key() {
    let keys = Keys::new();
    let disk = keys.world.created();
    let log = keys.open(&disk);
    log.append_blocking(entry("monday")).unwrap();
    keys.world.clock.advance_ms(DAY_MS);
    log.append_blocking(entry("tuesday")).unwrap();
    drop(log);
    let stored: Vec<_> = keys.world.read(&disk).into_iter().filter(|e| e.content.is_some()).collect();
    let day = |e: &StoredEntry| e.needs().unwrap().period.unwrap();
    assert_eq!((day(&stored[0]), day(&stored[1])), ("2023-11-14".into(), "2023-11-15".into()));
    assert_eq!(keys.text(&stored[0], &[]).unwrap(), "monday");
    let second = &stored[1];
    assert_eq!(keys.text(second, &[]).unwrap(), "tuesday");
    // Another day's key does not open it, nor does the reading key by itself.
    let monday = keys.days.0.lock().unwrap()["2023-11-14"].clone();
    let open = |share: Share| open_content(second, &keys.world.reading, &share);
    assert_eq!(open(second.share(Some(&monday), &[])), Err(ReadError::Altered));
    assert_eq!(open(second.share(None, &[])), Err(ReadError::Altered));
    assert_eq!(open(keys.share(&stored[0], &[]).unwrap()), Err(ReadError::Altered), "another record's share");
    keys.days.0.lock().unwrap().remove("2023-11-14");
    assert_eq!(keys.text(&stored[0], &[]), Err(ReadError::NoContent), "erased");
    assert_eq!(keys.text(second, &[]).unwrap(), "tuesday");
    keys.world.verify(&disk, None).unwrap();
}

#[test]
fn content_is_named_by_its_holders_and_opens_with_all_of_their_keys() {
    let keys = Keys::new();
    let disk = keys.world.created();
    let log = keys.open(&disk);
    let (owner, patient) = (holder(HolderRole::Owner, 1), holder(HolderRole::Patient, 2));
    // In whatever order they are given.
    log.append_blocking(entry("both").under(&[patient.clone(), owner.clone()])).unwrap();
    drop(log);
    let stored = keys.world.read(&disk).into_iter().find(|e| e.content.is_some()).unwrap();
    let named = stored.needs().unwrap().holders;
    assert_eq!(named, [(HolderRole::Owner, owner.id.clone()), (HolderRole::Patient, patient.id.clone())]);
    assert_eq!(stored.facts().word("patient"), Some(patient.id.as_str()));
    assert_eq!(keys.text(&stored, &[&owner.key, &patient.key]).unwrap(), "both");
    for wrong in [&[][..], &[&owner.key], &[&patient.key], &[&patient.key, &owner.key]] {
        assert_eq!(keys.text(&stored, wrong), Err(ReadError::Altered), "{} keys", wrong.len());
    }
    // Handed over, it opens with the share and the reading key, and not when anything was changed.
    let share = keys.share(&stored, &[&owner.key, &patient.key]).unwrap();
    let parcel = stored.parcel().unwrap();
    let there = parcel.clone().entry().unwrap();
    let share = Share::from_bytes(*share.expose());
    assert_eq!(open_content(&there, &keys.world.reading, &share).unwrap().as_slice(), b"both");
    let mut other = parcel;
    other.sealed[0] ^= 1;
    assert!(other.entry().is_err());
}

#[test]
fn an_entry_with_its_content_is_read_from_its_place() {
    let keys = Keys::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    Log::create(&path, ORIGIN, &keys.world.signing).unwrap();
    let log = Log::open(&path, keys.world.signing(), keys.world.reading.public(), keys.world.clock.clone()).unwrap();
    for text in ["one", "", "a longer third"] {
        log.append_blocking(entry(text)).unwrap();
    }
    drop(log);
    let follow = crate::read::Follow::from(&path, crate::read::Position::START).unwrap().next(100).unwrap();
    let read = |(at, _): &(crate::read::Position, StoredEntry)| crate::read::entry_with_content_at(&path, *at).unwrap();
    let texts: Vec<_> = follow.iter().map(read).filter(|e| e.content.is_some()).map(|e| keys.world.text(&e)).collect();
    assert_eq!(texts, ["one", "a longer third"]);
    assert!(follow.iter().map(read).zip(&follow).all(|(whole, (_, e))| whole.leaf() == e.leaf()));
}
