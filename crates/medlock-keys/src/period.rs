//! The keys of days, each in a file of its own, so that what was sealed on a day can be erased by destroying
//! one file (SP 800-88r2: cryptographic erase; 45 CFR 164.310(d)(2)(i)).
//!
//! A file is overwritten and synced before it is removed. Where the disk keeps old blocks (flash, snapshots,
//! backups), copies outlive that: they are opened by the key that wraps them all, and so by the root key.

use crate::KeyError;
use crate::file::{read_private, sync_directory, write_private};
use crate::seal::DataKey;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const KEY: &str = ".key";
const GONE: &str = ".erased";
/// Random bytes beside the key's: a file is overwritten with as many.
const OVERHEAD: usize = 28;

/// The keys of days in one directory.
pub struct PeriodKeys {
    dir: PathBuf,
    wrap: DataKey,
}

/// The name of a day's key: `2026-11-23`, or `2026-11-23.1` where an earlier one was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeriodName(String);

impl PeriodName {
    /// The name, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let (day, number) = text.split_once('.').unwrap_or((text, "1"));
        let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
        let mut parts = day.split('-');
        let whole =
            [4, 2, 2].iter().all(|n| parts.next().is_some_and(|part| digits(part, *n))) && parts.next().is_none();
        let counted = number.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == number);
        (whole && counted).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day, `2026-11-23`.
    pub fn day(&self) -> &str {
        &self.0[..10]
    }
}

impl PeriodKeys {
    /// Those in `dir`, which is made if it is not there, wrapped under `wrap`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(dir: &Path, wrap: DataKey) -> Result<Self, KeyError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed(dir, e))?;
        Ok(Self { dir: dir.to_owned(), wrap })
    }

    /// The key for what is sealed on `day` (`YYYY-MM-DD`), made and durable if there is none yet.
    ///
    /// # Errors
    /// When the day is none, or its file cannot be read or written.
    pub fn current(&self, day: &str) -> Result<(PeriodName, DataKey), KeyError> {
        let invalid = || failed(&self.dir, ErrorKind::InvalidInput.into());
        for number in 0.. {
            let name = if number == 0 { day.to_owned() } else { format!("{day}.{number}") };
            let name = PeriodName::new(&name).ok_or_else(invalid)?;
            if there(&self.path(&name, GONE))? {
                continue;
            }
            if let Some(key) = self.get(&name)? {
                return Ok((name, key));
            }
            let (path, key) = (self.path(&name, KEY), DataKey::generate());
            write_private(&path, &self.wrap.seal(&aad(&name), key.expose())).map_err(|e| failed(&path, e))?;
            return Ok((name, key));
        }
        Err(invalid())
    }

    /// The key of this name, while it lives.
    ///
    /// # Errors
    /// When its file is damaged, or can be read by others.
    pub fn get(&self, name: &PeriodName) -> Result<Option<DataKey>, KeyError> {
        let path = self.path(name, KEY);
        if !there(&path)? || there(&self.path(name, GONE))? {
            return Ok(None);
        }
        let damaged = || KeyError::Damaged(path.display().to_string());
        let opened = self.wrap.open(&aad(name), &read_private(&path)?).map_err(|_| damaged())?;
        let bytes = <[u8; 32]>::try_from(&opened[..]).map(Zeroizing::new).map_err(|_| damaged())?;
        Ok(Some(DataKey::from_bytes(*bytes)))
    }

    /// The names of those that live, by day.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn living(&self) -> Result<Vec<PeriodName>, KeyError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(|e| failed(&self.dir, e))? {
            let file = entry.map_err(|e| failed(&self.dir, e))?.file_name();
            let name = file.to_str().and_then(|f| f.strip_suffix(KEY)).and_then(PeriodName::new);
            if let Some(name) = name
                && !there(&self.path(&name, GONE))?
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Destroys a key; false when it does not live. What says that it is gone is durable first, so that a key
    /// file which comes back, from a backup or after a crash, opens nothing.
    ///
    /// # Errors
    /// When a file cannot be written or removed: then it is to be done again.
    pub fn destroy(&self, name: &PeriodName) -> Result<bool, KeyError> {
        let (path, gone) = (self.path(name, KEY), self.path(name, GONE));
        if !there(&path)? {
            return Ok(false);
        }
        write_private(&gone, b"").map_err(|e| failed(&gone, e))?;
        self.wipe(&path).map_err(|e| failed(&path, e))?;
        Ok(true)
    }

    /// Destroys what was to be destroyed and is there again: what a crash left, or a backup brought back.
    /// Gives the names.
    ///
    /// # Errors
    /// As [`PeriodKeys::destroy`].
    pub fn finish(&self) -> Result<Vec<PeriodName>, KeyError> {
        let mut done = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(|e| failed(&self.dir, e))? {
            let file = entry.map_err(|e| failed(&self.dir, e))?.file_name();
            let Some(name) = file.to_str().and_then(|f| f.strip_suffix(GONE)).and_then(PeriodName::new) else {
                continue;
            };
            let path = self.path(&name, KEY);
            if there(&path)? {
                self.wipe(&path).map_err(|e| failed(&path, e))?;
                done.push(name);
            }
        }
        Ok(done)
    }

    fn wipe(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let length = file.metadata()?.len().max(32 + OVERHEAD as u64) as usize;
        let mut noise = vec![0; length];
        crate::random::fill(&mut noise);
        file.write_all(&noise)?;
        file.sync_all()?;
        std::fs::remove_file(path)?;
        sync_directory(&self.dir)
    }

    fn path(&self, name: &PeriodName, end: &str) -> PathBuf {
        self.dir.join(format!("{}{end}", name.as_str()))
    }
}

/// A key opens under its own name only, so that files cannot be swapped.
fn aad(name: &PeriodName) -> Vec<u8> {
    format!("medlock day key {}", name.as_str()).into_bytes()
}

/// What cannot be found out is not taken for "no": a new key would take the place of a living one.
fn there(path: &Path) -> Result<bool, KeyError> {
    path.try_exists().map_err(|e| failed(path, e))
}

fn failed(path: &Path, source: io::Error) -> KeyError {
    KeyError::Io { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_days_and_nothing_else() {
        for good in ["2026-11-23", "2026-11-23.1", "2026-11-23.12"] {
            assert_eq!(PeriodName::new(good).unwrap().day(), "2026-11-23", "{good}");
        }
        for bad in [
            "",
            "2026-11",
            "2026-11-23.",
            "2026-11-23.0",
            "2026-11-23.01",
            "../2026-11-23",
            "2026-11-23.1.1",
            "20261123",
            "2026-1-230",
        ] {
            assert_eq!(PeriodName::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_has_one_key_until_it_is_destroyed() {
        let dir = tempfile::tempdir().unwrap();
        let wrap = DataKey::generate();
        let keys = PeriodKeys::open(&dir.path().join("days"), wrap.clone()).unwrap();
        let (name, first) = keys.current("2026-11-23").unwrap();
        assert_eq!(keys.current("2026-11-23").unwrap().1.expose(), first.expose());
        assert_ne!(keys.current("2026-11-24").unwrap().1.expose(), first.expose());
        let again = PeriodKeys::open(&dir.path().join("days"), wrap).unwrap();
        assert_eq!(again.get(&name).unwrap().unwrap().expose(), first.expose());
        let path = dir.path().join("days/2026-11-23.key");
        let copy = std::fs::read(&path).unwrap();
        assert!(again.destroy(&name).unwrap() && !again.destroy(&name).unwrap() && !path.exists());
        assert!(again.get(&name).unwrap().is_none());
        let (second, key) = again.current("2026-11-23").unwrap();
        assert_eq!(second.as_str(), "2026-11-23.1");
        assert_ne!(key.expose(), first.expose());
        // A backup brings the file back: it is not used, and destroyed again.
        write_private(&path, &copy).unwrap();
        assert!(again.get(&name).unwrap().is_none());
        assert_eq!(
            again.living().unwrap().iter().map(PeriodName::as_str).collect::<Vec<_>>(),
            ["2026-11-23.1", "2026-11-24"]
        );
        assert_eq!(again.finish().unwrap(), [name]);
        assert!(!path.exists() && again.finish().unwrap().is_empty());
    }

    #[test]
    fn files_cannot_be_swapped_or_changed() {
        let dir = tempfile::tempdir().unwrap();
        let keys = PeriodKeys::open(dir.path(), DataKey::generate()).unwrap();
        let (a, _) = keys.current("2026-11-23").unwrap();
        keys.current("2026-11-24").unwrap();
        std::fs::copy(dir.path().join("2026-11-24.key"), dir.path().join("2026-11-23.key")).unwrap();
        assert!(matches!(keys.get(&a), Err(KeyError::Damaged(_))));
        assert!(keys.current("today").is_err() && keys.current("../x").is_err());
    }
}
