//! Checkpoints of the audit log kept where this server cannot take them back: a directory (of another disk, a
//! write-once medium) or a bucket with object lock. The latest is the mark that the log must reach when it is opened:
//! a data directory that was put back to an earlier day does not open.

mod s3;

use crate::config::{MarkSettings, S3Settings};
use crate::failure::{Doing, Failure};
use medlock_audit::{Checkpoint, Error, Log, LogName, Published};
use medlock_domain::Clock;
use medlock_keys::file;
use s3::Bucket;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const END: &str = ".checkpoint";

/// Where checkpoints are kept.
trait Shelf: Send + Sync {
    /// For messages.
    fn name(&self) -> String;
    /// The first name in order that begins with `prefix`, and what it holds.
    fn first(&self, prefix: &str) -> io::Result<Option<(String, String)>>;
    /// Puts down what is never changed. What is there already under the name stays.
    fn put(&self, name: &str, text: &str) -> io::Result<()>;
}

/// The shelves that the settings name.
#[derive(Clone)]
pub(crate) struct Marks {
    shelves: Arc<Vec<Box<dyn Shelf>>>,
    every: Duration,
}

/// The ports that must be open for reaching them.
pub(crate) fn port(settings: &MarkSettings) -> Option<u16> {
    settings.s3.as_ref().map(|s3| s3.port)
}

impl Marks {
    pub(crate) fn of(settings: &MarkSettings, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let mut shelves: Vec<Box<dyn Shelf>> = Vec::new();
        if let Some(dir) = &settings.dir {
            shelves.push(Box::new(Directory(dir.clone())));
        }
        if let Some(s3) = &settings.s3 {
            let S3Settings { url, .. } = s3;
            shelves.push(Box::new(Bucket::of(s3, clock).doing(format!("setting up the bucket {url}"))?));
        }
        Ok(Self { shelves: Arc::new(shelves), every: settings.every })
    }

    /// Before the log in `dir` is opened: what is published there must not be behind a mark.
    pub(crate) fn before(&self, dir: &Path) -> Result<Vec<Checkpoint>, Failure> {
        let mut marks = Vec::new();
        for shelf in self.shelves.iter() {
            let published = Published::open(dir, None).doing("reading the audit log's checkpoint")?;
            let vkey = fs::read_to_string(dir.join("log.vkey")).doing("reading log.vkey")?;
            let name = LogName::parse(&vkey).doing("reading log.vkey")?;
            let doing = || format!("asking {} for the last checkpoint of the audit log", shelf.name());
            let Some((file, note)) = shelf.first(&prefix(&name)).doing(doing())? else { continue };
            let mark = Checkpoint::verify(&note, &name).doing(format!("{}, {file}", shelf.name()))?;
            // An older one under the newest name would let an older directory pass.
            if file != file_of(&name, mark.size) {
                return Err(Failure::denied(format!(
                    "{}, {file}, holds another checkpoint than its name says: somebody changed what is kept there",
                    shelf.name()
                )));
            }
            if mark.size > published.checkpoint().size {
                return Err(Failure::denied(format!(
                    "the audit log was put back: {} keeps a checkpoint over {} entries, this directory holds {}; find \
                     the newer directory, and keep this one as evidence",
                    shelf.name(),
                    mark.size,
                    published.checkpoint().size
                )));
            }
            marks.push(mark);
        }
        Ok(marks)
    }

    /// After it was opened: it must continue every mark.
    pub(crate) fn after(log: &Log, marks: &[Checkpoint]) -> Result<(), Failure> {
        for mark in marks {
            log.consistency_proof(*mark).map_err(|e| match e {
                Error::Forked { .. } | Error::RolledBack { .. } => Failure::denied(format!(
                    "the audit log is not the one of which a checkpoint was kept elsewhere: {e}; keep this directory as \
                     evidence"
                )),
                e => Failure::Error(e.to_string()),
            })?;
        }
        Ok(())
    }

    /// Puts down a checkpoint now and then, until it is dropped.
    pub(crate) async fn keep(self, log: Log) {
        let mut kept = 0;
        loop {
            let (marks, now) = (self.clone(), log.clone());
            let done = tokio::task::spawn_blocking(move || match now.size() > kept {
                true => marks.put(&now),
                false => Ok(kept),
            });
            match done.await.unwrap_or_else(|_panicked| Err(io::Error::other("keeping it panicked"))) {
                Ok(size) => kept = size,
                Err(e) => tracing::warn!(error = %e, "a checkpoint of the audit log could not be kept elsewhere"),
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Puts down a checkpoint over what is published now, on every shelf; over how much it is. Of several that
    /// fail, the last is told.
    pub(crate) fn put(&self, log: &Log) -> io::Result<u64> {
        let published = log.publish().map_err(io::Error::other)?;
        let size = published.checkpoint().size;
        let (name, mut done) = (file_of(log.name(), size), Ok(size));
        for shelf in self.shelves.iter() {
            if let Err(e) = shelf.put(&name, published.note()) {
                done = Err(io::Error::new(e.kind(), format!("{}: {e}", shelf.name())));
            }
        }
        done
    }
}

/// The name of the checkpoint over `size` entries: the largest comes first in order.
fn file_of(log: &LogName, size: u64) -> String {
    format!("{}{:020}-{size}{END}", prefix(log), u64::MAX - size)
}

/// How the names of one log begin, and of no other.
fn prefix(log: &LogName) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    log.origin().chars().map(plain).collect::<String>() + "_"
}

/// A directory, perhaps of a write-once medium.
struct Directory(PathBuf);

impl Shelf for Directory {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn first(&self, prefix: &str) -> io::Result<Option<(String, String)>> {
        let mut first: Option<String> = None;
        for entry in fs::read_dir(&self.0)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let ours = name.starts_with(prefix) && name.ends_with(END);
            if ours && first.as_ref().is_none_or(|first| name < *first) {
                first = Some(name);
            }
        }
        first.map(|name| Ok((name.clone(), fs::read_to_string(self.0.join(name))?))).transpose()
    }

    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.0.join(name);
        // Whole or not at all: half of a checkpoint would be the mark for ever.
        if path.exists() { Ok(()) } else { file::write(&path, text.as_bytes(), 0o444) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_audit::{Entry, Kind};
    use medlock_domain::{Actor, Timestamp};
    use medlock_keys::hpke::ReadingKey;
    use medlock_keys::sign::SigningKey;
    use std::process::Command;

    fn log_in(dir: &Path, signing: &SigningKey) -> Log {
        let clock = Arc::new(medlock_domain::ManualClock::new(Timestamp(1_700_000_000_000)));
        if !dir.exists() {
            Log::create(dir, "test.example/audit", signing).unwrap();
        }
        Log::open(dir, signing.clone(), ReadingKey::generate().public(), clock).unwrap()
    }

    fn copied(from: &Path, to: &Path) {
        let all = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(all.success());
    }

    #[tokio::test]
    async fn a_directory_that_is_behind_or_beside_a_mark_does_not_open() {
        let place = tempfile::tempdir().unwrap();
        let (dir, monday, shelf) = (place.path().join("log"), place.path().join("monday"), place.path().join("shelf"));
        fs::create_dir(&shelf).unwrap();
        let marks = |n: u64| Marks {
            shelves: Arc::new(vec![Box::new(Directory(shelf.clone()))]),
            every: Duration::from_secs(n),
        };
        let (marks, signing) = (marks(1), SigningKey::generate());
        let grown = async |dir: &Path| {
            let log = log_in(dir, &signing);
            log.append(Entry::new(Kind::LogRead, Actor::Server)).await.unwrap();
            let size = marks.put(&log).unwrap();
            log.close().await;
            size
        };
        let first = grown(&dir).await;
        copied(&dir, &monday);
        let second = grown(&dir).await;
        assert_eq!((first, second, marks.before(&dir).unwrap()[0].size), (2, 4, 4));
        assert!(matches!(marks.before(&monday), Err(Failure::Denied(e)) if e.contains("put back")));
        // Monday's own checkpoint under the newest name does not help.
        let name = LogName::parse(&fs::read_to_string(dir.join("log.vkey")).unwrap()).unwrap();
        let newest = shelf.join(file_of(&name, second));
        fs::remove_file(&newest).unwrap();
        fs::copy(shelf.join(file_of(&name, first)), &newest).unwrap();
        assert!(matches!(marks.before(&monday), Err(Failure::Denied(e)) if e.contains("than its name says")));
        // One that grew otherwise since Monday: as long, and not the same.
        fs::remove_file(&newest).unwrap();
        let kept = marks.before(&dir).unwrap();
        assert_eq!(kept[0].size, first);
        let tuesday = grown(&dir).await;
        let mark = marks.before(&dir).unwrap();
        let log = log_in(&monday, &signing);
        for _ in 0..6 {
            log.append(Entry::new(Kind::LogRead, Actor::Server)).await.unwrap();
        }
        assert!(log.size() > tuesday);
        assert!(matches!(Marks::after(&log, &mark), Err(Failure::Denied(e)) if e.contains("not the one")));
        let log = log_in(&dir, &signing);
        Marks::after(&log, &mark).unwrap();
    }

    #[test]
    fn one_shelf_that_fails_does_not_keep_the_next_from_its_checkpoint() {
        let place = tempfile::tempdir().unwrap();
        let (dir, shelf) = (place.path().join("log"), place.path().join("shelf"));
        fs::create_dir(&shelf).unwrap();
        let shelves: Vec<Box<dyn Shelf>> =
            vec![Box::new(Directory(place.path().join("absent"))), Box::new(Directory(shelf.clone()))];
        let marks = Marks { shelves: Arc::new(shelves), every: Duration::from_secs(1) };
        let log = tokio::runtime::Runtime::new().unwrap().block_on(async { log_in(&dir, &SigningKey::generate()) });
        assert!(marks.put(&log).unwrap_err().to_string().contains("absent"));
        assert_eq!(fs::read_dir(&shelf).unwrap().count(), 1);
    }

    #[test]
    fn the_largest_comes_first_and_nothing_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Directory(dir.path().to_owned());
        assert_eq!(shelf.first("log").unwrap(), None);
        for size in [7u64, 1000, 12] {
            shelf.put(&format!("log-{:020}-{size}{END}", u64::MAX - size), &size.to_string()).unwrap();
        }
        shelf.put(&format!("other-{:020}-5000{END}", u64::MAX - 5000), "5000").unwrap();
        assert_eq!(shelf.first("log").unwrap().unwrap().1, "1000");
        let name = format!("log-{:020}-1000{END}", u64::MAX - 1000);
        shelf.put(&name, "changed").unwrap();
        assert_eq!(shelf.first("log").unwrap().unwrap(), (name, "1000".to_owned()));
        assert!(Directory(dir.path().join("absent")).first("log").is_err());
    }
}
