//! The few file operations that the log uses, so that a failing disk and a power cut can be put
//! under it (see [`crate::fault`]).

use std::any::Any;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A directory with files, named by relative paths with `/`.
///
/// Nothing is durable before it is synced: a file's bytes by [`Appender::sync`], its name by
/// [`Medium::sync_dir`] on the directory it is in (`""` for the log directory itself).
pub trait Medium: Send + Sync {
    /// Makes a directory durably, or keeps the one that is there.
    fn make_dir(&self, path: &str) -> io::Result<()>;
    /// Makes an empty file; fails if there is one.
    fn create(&self, path: &str) -> io::Result<Box<dyn Appender>>;
    /// The whole file; fails if it is longer than `limit`.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// At most `length` bytes from `offset` on; none at the end.
    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Every file below a directory, as paths like all others, sorted; none if there is no such directory.
    fn walk(&self, path: &str) -> io::Result<Vec<String>>;
    /// The names in a directory, sorted.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Cuts a file to `length` bytes, durably.
    fn truncate(&self, path: &str, length: u64) -> io::Result<()>;
    /// Gives a file another name; atomic, replaces what has that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a directory if there is one and nothing in it.
    fn remove_dir(&self, path: &str) -> io::Result<()>;
    /// Makes every file below a directory durable, and every name.
    fn sync_tree(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Keeps other writers out until the value is dropped. `WouldBlock` if there is one.
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>>;
    /// Whether some writer holds the lock.
    fn in_use(&self) -> bool;
}

/// A file that is being appended to.
pub trait Appender: Send {
    /// Writes all of `bytes` at the end, or fails after having written some of them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended so far durable (`fdatasync`).
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes a whole file durably under `path`, by way of `temporary`: after a crash either the old
/// file is there or the new one.
pub(crate) fn replace(medium: &dyn Medium, path: &str, temporary: &str, bytes: &[u8]) -> io::Result<()> {
    match medium.remove(temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = medium.create(temporary)?;
    file.append(bytes)?;
    file.sync()?;
    medium.rename(temporary, path)?;
    medium.sync_dir(path.rsplit_once('/').map_or("", |(dir, _)| dir))
}

const LOCK: &str = "lock";

/// A directory of the file system. Files are 0600, directories 0700.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// The directory at `dir`, whether it exists yet or not.
    pub fn at(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.0.clone() } else { self.0.join(path) }
    }
}

impl Medium for Disk {
    fn make_dir(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        let new: Vec<_> = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        DirBuilder::new().mode(0o700).recursive(true).create(&path)?;
        // What is recorded is durable only if the directories above are.
        for parent in new.iter().filter_map(|p| p.parent()) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            match File::open(parent).and_then(|dir| dir.sync_all()) {
                // One that we may enter but not list: somebody else's, and durable long since.
                Err(e) if e.kind() != io::ErrorKind::PermissionDenied => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn Appender>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.path(path))?;
        Ok(Box::new(DiskFile(file)))
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(path))?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than such a file can be"));
        }
        Ok(bytes)
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let (mut bytes, mut filled) = (vec![0; length], 0);
        let file = File::open(self.path(path))?;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn walk(&self, path: &str) -> io::Result<Vec<String>> {
        let (mut files, mut dirs) = (Vec::new(), vec![path.to_owned()]);
        while let Some(dir) = dirs.pop() {
            let entries = match fs::read_dir(self.path(&dir)) {
                // Gone since it was named: a server removes what it no longer needs.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() { dirs.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        Ok(files)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(path))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(path))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn remove_dir(&self, path: &str) -> io::Result<()> {
        match fs::remove_dir(self.path(path)) {
            Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Err(e),
            _ => Ok(()),
        }
    }

    fn sync_tree(&self, path: &str) -> io::Result<()> {
        // One call for thousands of files, and for their names. It waits for others' files as well.
        Ok(rustix::fs::syncfs(File::open(self.path(path))?)?)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_all()
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        let options = &mut OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(self.path(LOCK))?;
        // A verifier looks whether the lock is held by taking it for an instant: try again.
        for _ in 0..10 {
            match file.try_lock() {
                Ok(()) => return Ok(Box::new(file)),
                Err(TryLockError::Error(e)) => return Err(e),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn in_use(&self) -> bool {
        let Ok(file) = File::open(self.path(LOCK)) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

struct DiskFile(File);

impl Appender for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn files_are_private_and_the_lock_is_exclusive() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::at(&dir.path().join("log"));
        disk.make_dir("").unwrap();
        disk.make_dir("segments").unwrap();
        disk.create("segments/a").unwrap().append(b"12345").unwrap();
        assert!(disk.create("segments/a").is_err(), "never overwrites");
        let mode = |p: &str| fs::metadata(disk.path(p)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(""), mode("segments"), mode("segments/a")), (0o700, 0o700, 0o600));
        assert_eq!(disk.read("segments/a", 5).unwrap(), b"12345");
        assert_eq!(disk.read("segments/a", 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);

        assert!(!disk.in_use());
        let held = disk.lock().unwrap();
        assert!(disk.in_use());
        assert_eq!(disk.lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(disk.lock().is_ok());
    }
}
