//! Checkpoints of the audit log kept where this server cannot take them back: a directory (of another disk, a
//! write-once medium) or a bucket with object lock. The latest is the mark that the log must reach when it is opened:
//! a data directory that was put back to an earlier day does not open.

mod s3;

use crate::config::{MarkSettings, S3Settings};
use crate::failure::{Doing, Failure};
use medlock_audit::{Checkpoint, Error, Log, LogName, Published};
use medlock_domain::Clock;
use s3::Bucket;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
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
            let Some((file, note)) = shelf.first(&slug(name.origin())).doing(doing())? else { continue };
            let mark = Checkpoint::verify(&note, &name).doing(format!("{}, {file}", shelf.name()))?;
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
            let done = tokio::task::spawn_blocking(move || marks.put(&now, kept)).await;
            match done {
                Ok(Ok(size)) => kept = size,
                Ok(Err(e)) => tracing::warn!(error = %e, "a checkpoint of the audit log could not be kept elsewhere"),
                Err(_panicked) => return,
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Puts down a checkpoint over what is published now, if that is more than `kept`; over how much it is.
    pub(crate) fn put(&self, log: &Log, kept: u64) -> io::Result<u64> {
        let published = log.publish().map_err(io::Error::other)?;
        let size = published.checkpoint().size;
        if size <= kept {
            return Ok(kept);
        }
        // The largest comes first in order.
        let name = format!("{}-{:020}-{size}{END}", slug(log.name().origin()), u64::MAX - size);
        for shelf in self.shelves.iter() {
            let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", shelf.name()));
            shelf.put(&name, published.note()).map_err(named)?;
        }
        Ok(size)
    }
}

/// The log's name as a part of a file's.
fn slug(origin: &str) -> String {
    origin.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
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
        // Written under another name first: half of a checkpoint would be the mark for ever.
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        if path.exists() {
            return Ok(());
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o444).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        fs::File::open(&self.0)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

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
