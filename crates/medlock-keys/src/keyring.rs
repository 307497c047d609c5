//! The keys of one installation: a root key-encryption key and the data keys that it wraps.
//!
//! In the directory lie `root.key`, what it wraps in `wrapped/NAME`, and `audit-reading.key`, the
//! private half of what audit content is sealed to. That one the server never reads: it is there to
//! be moved to the people who may. Its public half is wrapped as well, not because it is secret but
//! so that nobody can put his own in its place and read what is sealed from then on.
//!
//! `root.key` beside the data is the default for trying things out. Whoever copies the directory
//! has the key with the data: that is no breach safe harbor (45 CFR 164.402), and `medlock key
//! status` says so.

use crate::KeyError;
use crate::file::{directory, read_private, sync_directory, write_private};
use crate::hpke::{ReadingKey, ReadingPublic};
use crate::seal::DataKey;
use crate::sign::SigningKey;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a wrapped data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Sealing secrets in database rows.
    Store,
    /// Authenticating database rows.
    RowMac,
    /// Sealing the surrogate vault.
    Vault,
    /// Wrapping the keys whose destruction erases audit content.
    Content,
}

impl Data {
    const ALL: [Data; 4] = [Data::Store, Data::RowMac, Data::Vault, Data::Content];

    fn name(self) -> &'static str {
        match self {
            Data::Store => "store",
            Data::RowMac => "row-mac",
            Data::Vault => "vault",
            Data::Content => "content",
        }
    }
}

/// The keys of one installation, unwrapped. The private half of the audit reading key is not among
/// them: the running server cannot open yesterday's records.
pub struct Keyring {
    data: [DataKey; 4],
    audit_signing: SigningKey,
    audit_signing_before: Option<(SigningKey, i64)>,
    reading_public: ReadingPublic,
    pinned: bool,
}

const ROOT: &str = "root.key";
const SIGNING: &str = "audit-signing";
const SIGNING_BEFORE: &str = "audit-signing-before";
const READING: &str = "audit-reading.key";
const READING_PUBLIC: &str = "audit-reading-public";
const WRAPPED: &str = "wrapped";

impl Keyring {
    /// Makes the keys of a new installation in `dir`.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when `dir` has keys, or a part of them, already.
    pub fn create(dir: &Path) -> Result<Keyring, KeyError> {
        for name in [ROOT, READING] {
            if dir.join(name).symlink_metadata().is_ok() {
                return Err(exists(&dir.join(name)));
            }
        }
        let wrapped = dir.join(WRAPPED);
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| io(dir, e))?;
        // Only one can make this one: two that start at once do not mix their keys, and keys whose
        // root key is kept elsewhere are not overwritten.
        DirBuilder::new().mode(0o700).create(&wrapped).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => exists(&wrapped),
            _ => io(&wrapped, e),
        })?;
        let root = DataKey::generate();
        let reading = ReadingKey::generate();
        let signing = SigningKey::generate();
        let write = |path: PathBuf, bytes: &[u8]| write_private(&path, bytes).map_err(|e| io(&path, e));
        for data in Data::ALL {
            write(wrapped.join(data.name()), &root.seal(&aad(data.name()), DataKey::generate().expose()))?;
        }
        write(wrapped.join(SIGNING), &root.seal(&aad(SIGNING), &signing.to_pkcs8()))?;
        write(dir.join(READING), reading.to_text().as_bytes())?;
        write(wrapped.join(READING_PUBLIC), &root.seal(&aad(READING_PUBLIC), reading.public().to_text().as_bytes()))?;
        // Last: a crash before this leaves wrapped keys that nothing can open and nothing uses, and
        // `open` says so.
        write(dir.join(ROOT), root.expose())?;
        sync_directory(directory(dir)).map_err(|e| io(dir, e))?;
        Keyring::open(dir)
    }

    /// Opens the keys in `dir`.
    ///
    /// # Errors
    /// When a file is missing, can be read by others, or does not belong to this root key.
    pub fn open(dir: &Path) -> Result<Keyring, KeyError> {
        let root = open_root(dir)?;
        let path = |name: &str| dir.join(WRAPPED).join(name);
        let unwrap = |name: &str| root.open(&aad(name), &read_private(&path(name))?).map_err(|_| damaged(&path(name)));
        let data_key = |data: Data| to_key(&unwrap(data.name())?, &path(data.name()));
        let data = [data_key(Data::Store)?, data_key(Data::RowMac)?, data_key(Data::Vault)?, data_key(Data::Content)?];
        let public = unwrap(READING_PUBLIC)?;
        let public = std::str::from_utf8(&public).ok().and_then(|t| ReadingPublic::from_text(t).ok());
        Ok(Keyring {
            // All are asked for, whatever becomes of the first.
            pinned: data.each_ref().map(DataKey::pin) == [true; 4],
            data,
            audit_signing_before: match path(SIGNING_BEFORE).try_exists().map_err(|e| io(&path(SIGNING_BEFORE), e))? {
                true => Some(before(&unwrap(SIGNING_BEFORE)?).ok_or_else(|| damaged(&path(SIGNING_BEFORE)))?),
                false => None,
            },
            audit_signing: SigningKey::from_pkcs8(&unwrap(SIGNING)?).ok_or_else(|| damaged(&path(SIGNING)))?,
            reading_public: public.ok_or_else(|| damaged(&path(READING_PUBLIC)))?,
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

    /// The key that signed them before, while both do, and until when (milliseconds since the Unix epoch).
    pub fn audit_signing_before(&self) -> Option<(&SigningKey, i64)> {
        // The same one: a change that was interrupted before the new key was there.
        let same = |key: &SigningKey| key.public() == self.audit_signing.public();
        self.audit_signing_before.as_ref().filter(|(key, _)| !same(key)).map(|(key, until)| (key, *until))
    }

    /// Makes a new key for signing the audit log's checkpoints in `dir`; the one so far signs as well until `until_ms`.
    /// The keyring that is open does not change.
    ///
    /// # Errors
    /// When a file cannot be read or written: then the old key is still in force.
    pub fn rotate_audit_signing(dir: &Path, until_ms: i64) -> Result<(), KeyError> {
        let root = open_root(dir)?;
        let path = |name: &str| dir.join(WRAPPED).join(name);
        let current = root.open(&aad(SIGNING), &read_private(&path(SIGNING))?).map_err(|_| damaged(&path(SIGNING)))?;
        let mut kept = Zeroizing::new(Vec::with_capacity(8 + current.len()));
        kept.extend_from_slice(&until_ms.to_be_bytes());
        kept.extend_from_slice(&current);
        // One that was begun and not ended goes on; another key has to have vouched first.
        if path(SIGNING_BEFORE).try_exists().map_err(|e| io(&path(SIGNING_BEFORE), e))? {
            let before = root.open(&aad(SIGNING_BEFORE), &read_private(&path(SIGNING_BEFORE))?);
            if before.map_err(|_| damaged(&path(SIGNING_BEFORE)))?.get(8..) != Some(&current[..]) {
                return Err(exists(&path(SIGNING_BEFORE)));
            }
        }
        let put = |name: &str, bytes: &[u8]| {
            write_private(&path(name), &root.seal(&aad(name), bytes)).map_err(|e| io(&path(name), e))
        };
        put(SIGNING_BEFORE, &kept)?;
        put(SIGNING, &SigningKey::generate().to_pkcs8())
    }

    /// Forgets the key before, whose time is over.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn forget_audit_signing_before(dir: &Path) -> Result<(), KeyError> {
        let path = dir.join(WRAPPED).join(SIGNING_BEFORE);
        std::fs::remove_file(&path).map_err(|e| io(&path, e))
    }

    /// What audit content is sealed to.
    pub fn reading_public(&self) -> &ReadingPublic {
        &self.reading_public
    }

    /// Whether the system promised never to swap this keyring's data keys out. It does not where
    /// `RLIMIT_MEMLOCK` is too low. Copies of them, and the signing key, which lies in AWS-LC's own
    /// memory, are not covered.
    pub fn pinned(&self) -> bool {
        self.pinned
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
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

fn open_root(dir: &Path) -> Result<DataKey, KeyError> {
    let path = dir.join(ROOT);
    let absent = |e: &KeyError| matches!(e, KeyError::Io { source, .. } if source.kind() == ErrorKind::NotFound);
    let bytes = match read_private(&path) {
        Err(e) if absent(&e) && dir.join(WRAPPED).exists() => {
            return Err(KeyError::Unfinished(dir.display().to_string()));
        }
        read => read?,
    };
    let root = to_key(&bytes, &path)?;
    root.pin();
    Ok(root)
}

/// Until when, and the key.
fn before(bytes: &[u8]) -> Option<(SigningKey, i64)> {
    let (until, key) = bytes.split_first_chunk()?;
    Some((SigningKey::from_pkcs8(key)?, i64::from_be_bytes(*until)))
}

fn to_key(bytes: &[u8], path: &Path) -> Result<DataKey, KeyError> {
    let bytes = <[u8; 32]>::try_from(bytes).map(Zeroizing::new).map_err(|_| damaged(path))?;
    Ok(DataKey::from_bytes(*bytes))
}

/// A wrapped key opens under its own name only, so that files cannot be swapped.
fn aad(name: &str) -> Vec<u8> {
    format!("medlock wrapped key {name}").into_bytes()
}

fn io(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::Io { path: path.display().to_string(), source }
}

fn exists(path: &Path) -> KeyError {
    KeyError::Exists(path.display().to_string())
}

fn damaged(path: &Path) -> KeyError {
    KeyError::Damaged(path.display().to_string())
}

#[cfg(test)]
mod tests;
