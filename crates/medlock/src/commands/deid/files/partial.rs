//! An output that is not whole yet: beside its place under another name, for its owner alone. What
//! a crash leaves of it is written over by the next run; nobody takes it for the output.

use crate::failure::Failure;
use medlock_keys::digest::{Digest, Sha256, hex, sha256};
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::inputs::shown;

/// What lies about and is to be removed, whatever ends the program.
static ABOUT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

pub(super) struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    hash: Sha256,
    length: u64,
    published: bool,
}

impl Partial {
    /// Opens it, and makes the directories above it.
    pub(super) fn create(target: &Path) -> Result<Self, Failure> {
        let failed = |e: io::Error| failure(target, &e);
        let directory = directory(target);
        make_directory(directory).map_err(failed)?;
        let path = directory.join(name(target));
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match open() {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                abandoned(&path).map_err(failed)?;
                open()
            }
            other => other,
        };
        let file = file.map_err(failed)?;
        // Held while we write, so that another run can tell ours from what a crash left.
        if let Err(TryLockError::Error(e)) = file.try_lock()
            && e.kind() != ErrorKind::Unsupported
        {
            return Err(failed(e));
        }
        about(|paths| paths.insert(path.clone()));
        let target = target.to_owned();
        Ok(Self { file, path, target, hash: Sha256::new(), length: 0, published: false })
    }

    /// Gives it its place, whole and durable. Without `over`, nothing that is there is replaced.
    pub(super) fn publish(mut self, over: bool) -> Result<(Digest, u64), Failure> {
        let failed = |e: io::Error| failure(&self.target, &e);
        self.file.sync_all().map_err(failed)?;
        if over {
            fs::rename(&self.path, &self.target).map_err(failed)?;
        } else {
            match fs::hard_link(&self.path, &self.target) {
                Ok(()) => fs::remove_file(&self.path).map_err(failed)?,
                Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(failed(e)),
                // A file system without links.
                Err(_) if self.target.symlink_metadata().is_ok() => {
                    return Err(failed(ErrorKind::AlreadyExists.into()));
                }
                Err(_) => fs::rename(&self.path, &self.target).map_err(failed)?,
            }
        }
        self.published = true;
        // A crash before this may leave no file, never half of one.
        File::open(directory(&self.target)).and_then(|d| d.sync_all()).map_err(failed)?;
        Ok((self.hash.clone().finish(), self.length))
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.length += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            let _nothing_more_to_do = fs::remove_file(&self.path);
        }
        about(|paths| paths.remove(&self.path));
    }
}

/// Removes all that is not whole: for whoever ends the program without waiting.
pub(super) fn remove_all() {
    about(|paths| {
        for path in paths.drain() {
            let _nothing_more_to_do = fs::remove_file(path);
        }
    });
}

fn about<T>(with: impl FnOnce(&mut HashSet<PathBuf>) -> T) -> T {
    with(ABOUT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Short whatever the target's name is, and the same for the next run.
fn name(target: &Path) -> String {
    let digest = sha256(&[target.file_name().unwrap_or_default().as_bytes()]);
    format!(".medlock-{}.partial", hex(&digest[..8]))
}

/// Removes what a run left that is no more.
fn abandoned(path: &Path) -> io::Result<()> {
    let old = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    match old.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another medlock is writing it: wait until it is done")),
        _ => fs::remove_file(path),
    }
}

/// Made with what is above it, for their owner alone.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What keeps an output from being written, and what to do about it.
pub(super) fn failure(target: &Path, error: &io::Error) -> Failure {
    let what = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room and go on with --resume",
        ErrorKind::AlreadyExists => "; --force writes over it",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; name another place with --out",
        _ => "",
    };
    Failure::error(format!("writing {}: {error}{what}", shown(target)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn there_when_it_is_whole_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sub/a.txt");
        let begin = || {
            let mut partial = Partial::create(&target).unwrap();
            partial.write_all(b"abc").unwrap();
            partial
        };
        drop(begin());
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 0);

        let partial = begin();
        assert!(!target.exists());
        assert_eq!(fs::metadata(&partial.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Partial::create(&target).is_err(), "somebody is at it");
        assert_eq!(partial.publish(false).unwrap().1, 3);
        assert_eq!(fs::read(&target).unwrap(), b"abc");

        fs::write(&target, "kept").unwrap();
        let refused = begin().publish(false).unwrap_err().to_string();
        assert!(refused.contains("--force"), "{refused}");
        assert_eq!(fs::read(&target).unwrap(), b"kept");
        // What a crash left is nobody's.
        fs::write(dir.path().join("sub").join(name(&target)), "half").unwrap();
        begin().publish(true).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 1);
    }
}
