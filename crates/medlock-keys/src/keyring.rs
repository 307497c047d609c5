//! The keys of one installation: a root key-encryption key and the data keys that it wraps.
//!
//! `root.key` beside the data is the default for trying things out. Whoever copies the directory
//! has the key with the data: that is no breach safe harbor (45 CFR 164.402), and `medlock key
//! status` says so.

use crate::KeyError;
use crate::file::{read_private, write_private};
use crate::hpke::{ReadingKey, ReadingPublic};
use crate::seal::DataKey;
use crate::sign::SigningKey;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What a wrapped data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Sealing secrets in database rows.
    Store,
    /// Authenticating database rows.
    RowMac,
    /// Sealing the surrogate vault.
    Vault,
}

impl Data {
    const ALL: [Data; 3] = [Data::Store, Data::RowMac, Data::Vault];

    fn name(self) -> &'static str {
        match self {
            Data::Store => "store",
            Data::RowMac => "row-mac",
            Data::Vault => "vault",
        }
    }
}

/// The keys of one installation, unwrapped. The private half of the audit reading key is not among
/// them: the running server cannot open yesterday's records.
pub struct Keyring {
    data: [DataKey; 3],
    audit_signing: SigningKey,
    reading_public: ReadingPublic,
}

const ROOT: &str = "root.key";
const SIGNING: &str = "audit-signing";
const READING: &str = "audit-reading.key";
const READING_PUBLIC: &str = "audit-reading.pub";

impl Keyring {
    /// Makes the keys of a new installation in `dir`.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when `dir` has keys already.
    pub fn create(dir: &Path) -> Result<Keyring, KeyError> {
        let wrapped = dir.join("wrapped");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&wrapped).map_err(|e| io(&wrapped, e))?;
        for name in [ROOT, READING, READING_PUBLIC] {
            if dir.join(name).exists() {
                return Err(KeyError::Exists(dir.join(name).display().to_string()));
            }
        }
        let root = DataKey::generate();
        let reading = ReadingKey::generate();
        let signing = SigningKey::generate();
        let write = |path: PathBuf, bytes: &[u8]| write_private(&path, bytes).map_err(|e| io(&path, e));
        for data in Data::ALL {
            write(wrapped.join(data.name()), &root.seal(&aad(data.name()), DataKey::generate().expose()))?;
        }
        write(wrapped.join(SIGNING), &root.seal(&aad(SIGNING), &signing.to_pkcs8()))?;
        write(dir.join(READING), reading.to_text().as_bytes())?;
        write(dir.join(READING_PUBLIC), reading.public().to_text().as_bytes())?;
        // Last: a crash before this leaves wrapped keys that nothing can open and nothing uses, and
        // the next try says which file to remove.
        write(dir.join(ROOT), root.expose())?;
        Keyring::open(dir)
    }

    /// Opens the keys in `dir`.
    ///
    /// # Errors
    /// When a file is missing, can be read by others, or does not belong to this root key.
    pub fn open(dir: &Path) -> Result<Keyring, KeyError> {
        let root_path = dir.join(ROOT);
        let root = read_private(&root_path)?;
        let root: [u8; 32] = root[..].try_into().map_err(|_| damaged(&root_path))?;
        let root = DataKey::from_bytes(root);
        let unwrap = |name: &str| {
            let path = dir.join("wrapped").join(name);
            root.open(&aad(name), &read_private(&path)?).map_err(|_| damaged(&path))
        };
        let data_key = |data: Data| {
            let bytes: [u8; 32] = unwrap(data.name())?[..].try_into().map_err(|_| damaged(dir))?;
            Ok::<_, KeyError>(DataKey::from_bytes(bytes))
        };
        let public_path = dir.join(READING_PUBLIC);
        let public = read_private(&public_path)?;
        Ok(Keyring {
            data: [data_key(Data::Store)?, data_key(Data::RowMac)?, data_key(Data::Vault)?],
            audit_signing: SigningKey::from_pkcs8(&unwrap(SIGNING)?).ok_or_else(|| damaged(dir))?,
            reading_public: std::str::from_utf8(&public)
                .ok()
                .and_then(|t| ReadingPublic::from_text(t).ok())
                .ok_or_else(|| damaged(&public_path))?,
        })
    }

    /// The data key for a purpose.
    pub fn data_key(&self, data: Data) -> &DataKey {
        &self.data[data as usize]
    }

    /// Signs the audit log's checkpoints.
    pub fn audit_signing(&self) -> &SigningKey {
        &self.audit_signing
    }

    /// What audit content is sealed to.
    pub fn reading_public(&self) -> &ReadingPublic {
        &self.reading_public
    }
}

/// The private half of the reading key, for somebody who may read.
///
/// # Errors
/// When the file is missing, can be read by others, or is something else.
pub fn load_reading_key(path: &Path) -> Result<ReadingKey, KeyError> {
    let text = read_private(path)?;
    std::str::from_utf8(&text).ok().and_then(|t| ReadingKey::from_text(t).ok()).ok_or_else(|| damaged(path))
}

/// A wrapped key opens under its own name only, so that files cannot be swapped.
fn aad(name: &str) -> Vec<u8> {
    format!("medlock wrapped key {name}").into_bytes()
}

fn io(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::Io { path: path.display().to_string(), source }
}

fn damaged(path: &Path) -> KeyError {
    KeyError::Damaged(path.display().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_come_back_and_are_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let made = Keyring::create(dir.path()).unwrap();
        let opened = Keyring::open(dir.path()).unwrap();
        for data in Data::ALL {
            assert_eq!(made.data_key(data).expose(), opened.data_key(data).expose());
        }
        assert_ne!(made.data_key(Data::Store).expose(), made.data_key(Data::Vault).expose());
        assert_eq!(made.audit_signing().public(), opened.audit_signing().public());
        let reading = load_reading_key(&dir.path().join(READING)).unwrap();
        assert_eq!(&reading.public(), opened.reading_public());
        assert!(matches!(Keyring::create(dir.path()), Err(KeyError::Exists(_))));
    }

    #[test]
    fn exposed_swapped_and_foreign_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        Keyring::create(dir.path()).unwrap();
        let (a, b) = (dir.path().join("wrapped/store"), dir.path().join("wrapped/row-mac"));
        let own = std::fs::read(&a).unwrap();
        std::fs::copy(&b, &a).unwrap();
        assert!(matches!(Keyring::open(dir.path()), Err(KeyError::Damaged(_))));
        std::fs::write(&a, own).unwrap();
        let root = dir.path().join(ROOT);
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keyring::open(dir.path()), Err(KeyError::Exposed(_))));
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&root, [0; 32]).unwrap();
        assert!(matches!(Keyring::open(dir.path()), Err(KeyError::Damaged(_))));
    }
}
