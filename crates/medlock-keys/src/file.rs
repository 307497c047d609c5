//! Private files: mode 0600 from the first byte, durable, never half written.

use crate::KeyError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Longer than any key file; what is longer is something else.
const MAX_BYTES: u64 = 64 * 1024;

/// Writes a file of mode 0600, whole or not at all, over what was there.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o600)
}

/// The same with other rights.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let dir = directory(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let temporary = dir.join(format!(".{name}.{}", crate::digest::hex(&crate::random::bytes::<6>())));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _nothing_more_to_do = std::fs::remove_file(&temporary);
    }
    written?;
    sync_directory(dir) // a crash before this may leave the old file, never half of one
}

/// Reads a file of at most 64 KiB that nobody but its owner has any right to.
///
/// # Errors
/// [`KeyError::Exposed`] when others may read, write or run it, [`KeyError::Damaged`] when it is too
/// long or not a file.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let io = |source| KeyError::Io { path: path.display().to_string(), source };
    let file = File::open(path).map_err(io)?;
    // Of the open file: the name could come to mean another one meanwhile.
    let meta = file.metadata().map_err(io)?;
    if meta.mode() & 0o077 != 0 {
        return Err(KeyError::Exposed(path.display().to_string()));
    }
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(KeyError::Damaged(path.display().to_string()));
    }
    // Room for all of it at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(meta.len() as usize + 1));
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The directory that the path's last name is in.
pub(crate) fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn private_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read_private(&path).unwrap()[..], b"two"[..]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = read_private(&path).unwrap_err();
            assert!(matches!(&error, KeyError::Exposed(_)) && error.to_string().contains("chmod 600"), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read_private(&path).unwrap()[..], b"two"[..]);
        assert!(write_private(&dir.path().join("none/k"), b"x").is_err());
        assert!(write_private(Path::new("/"), b"x").is_err());
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        write_private(&path, &vec![0; MAX_BYTES as usize + 1]).unwrap();
        assert!(matches!(read_private(&path), Err(KeyError::Damaged(_))));
        assert!(matches!(read_private(&dir.path().join("absent")), Err(KeyError::Io { .. })));
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(read_private(dir.path()), Err(KeyError::Damaged(_))), "a directory");
    }
}
