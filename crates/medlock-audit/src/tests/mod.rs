//! The log as a whole: on a disk in memory that fails, and on a real one.
#![allow(clippy::unwrap_used, reason = "tests")]

mod disaster;
mod erase;
mod everyday;
mod power;
mod rotate;
mod tamper;
mod tiles;
mod witness;

use crate::fault::FaultDisk;
use crate::read::{Reader, StoredEntry, open_content};
use crate::verify::{Problem, Report, verify_on};
use crate::{Entry, Error, Kind, Limits, Log, Receipt};
use medlock_domain::{Actor, ManualClock, Timestamp};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use std::sync::Arc;

const ORIGIN: &str = "test.example/audit";

/// Keys and a clock that outlive any number of openings of one log.
struct World {
    signing: SigningKey,
    reading: ReadingKey,
    clock: Arc<ManualClock>,
    limits: Limits,
}

impl World {
    fn new() -> Self {
        Self {
            signing: SigningKey::generate(),
            reading: ReadingKey::generate(),
            clock: Arc::new(ManualClock::new(Timestamp(1_700_000_000_000))),
            limits: Limits::default(),
        }
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_pkcs8(&self.signing.to_pkcs8()).unwrap()
    }

    fn created(&self) -> FaultDisk {
        let disk = FaultDisk::new();
        Log::create_on(&disk, ORIGIN, &self.signing).unwrap();
        disk
    }

    fn open(&self, disk: &FaultDisk) -> Result<Log, Error> {
        Log::open_with(
            Box::new(disk.clone()),
            self.signing(),
            self.reading.public(),
            self.clock.clone(),
            self.limits,
            None,
        )
    }

    fn verify(&self, disk: &FaultDisk, since: Option<&str>) -> Result<Report, Vec<Problem>> {
        verify_on(disk, &self.signing.public(), ORIGIN, since)
    }

    /// Opens, appends these, closes; gives the receipts.
    fn session(&self, disk: &FaultDisk, contents: &[&str]) -> Vec<Receipt> {
        let log = self.open(disk).unwrap();
        contents.iter().map(|text| log.append_blocking(entry(text)).unwrap()).collect()
    }

    fn read(&self, disk: &FaultDisk) -> Vec<StoredEntry> {
        Reader::open_on(Box::new(disk.clone())).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The content of an entry as text.
    fn text(&self, entry: &StoredEntry) -> String {
        String::from_utf8(open_content(entry, &self.reading, &entry.share(None, &[])).unwrap().to_vec()).unwrap()
    }
}

/// An entry with content, or without when the text is empty.
fn entry(text: &str) -> Entry {
    let entry =
        Entry::new(Kind::Release, Actor::LocalOperator).int("bytes", text.len() as i64).word("mode", "tokenize");
    if text.is_empty() { entry } else { entry.content(text) }
}

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("\n  {p}")).collect()
}
