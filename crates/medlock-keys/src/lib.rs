//! Every cryptographic primitive and key life cycle. No other crate names a crypto library, so that
//! there is one place to read, and one to swap for a validated module.

pub mod digest;
pub mod file;
pub mod hpke;
pub mod keyring;
pub mod password;
pub mod period;
pub mod random;
pub mod seal;
pub mod sign;
pub mod totp;

/// Why a key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is a key there already; nothing was overwritten.
    #[error("{0} exists already; keys are never overwritten")]
    Exists(String),
    /// Others than the owner may read the file.
    #[error("{0} can be read by others: run chmod 600 on it")]
    Exposed(String),
    /// Making the keys was interrupted, or the root key is kept elsewhere.
    #[error("{0} has wrapped keys and no root.key: put it back, or remove the directory if these keys were never used")]
    Unfinished(String),
    /// Not a key of the kind expected, or wrapped under another root key.
    #[error("{0} is not a key of this keyring: damaged, or wrapped under another root key")]
    Damaged(String),
    /// The file or its disk.
    #[error("key file {path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}
