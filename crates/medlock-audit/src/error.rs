//! Why the log could not be opened, and why an entry was not recorded.

use std::io;

/// An entry was **not** recorded. What it would have covered must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// More is waiting than the queue may hold. Trying again later can help.
    #[error("the audit log is busy")]
    Busy,
    /// A write or sync failed. Nothing is recorded until the server is started again.
    #[error("the audit log cannot be written")]
    Failed,
    /// Too few witnesses have signed for too long, and the policy demands them.
    #[error("the audit log is not witnessed")]
    Unwitnessed,
    /// The log has been closed.
    #[error("the audit log is closed")]
    Closed,
    /// This entry breaks a limit (size, number of facts, key grammar, kind). The caller's mistake.
    #[error("the entry breaks a limit of the audit log")]
    Refused,
}

/// The log cannot be created, opened or read. For the operator; holds nothing of a person.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("audit log: cannot {doing} {file}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file, relative to the log directory.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("audit log: another process is writing it")]
    InUse,
    /// `create` on a directory that holds a log.
    #[error("audit log: {file} exists already")]
    Exists {
        /// What is there.
        file: String,
    },
    /// Not a name for a log.
    #[error("audit log: an origin is 1 to 128 of A-Z a-z 0-9 . _ / : -")]
    BadOrigin,
    /// The signing key is not the one that the log was created with.
    #[error("audit log: log.vkey names another signing key; give the key that this log was created with")]
    WrongKey,
    /// Something that was acknowledged has been altered or lost. Nothing was changed on disk.
    #[error(
        "audit log: {file} is damaged at byte {offset}: {what}; run `medlock audit verify`, restore the log directory, and keep the damaged one as evidence"
    )]
    Damaged {
        /// Which file, relative to the log directory.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The log is shorter than its own `checkpoint` says. Nothing was changed on disk.
    #[error(
        "audit log: rolled back: the checkpoint file covers {checkpoint} entries, the segments hold {log}; restore the segments, and keep this directory as evidence"
    )]
    RolledBack {
        /// Entries that the checkpoint covers.
        checkpoint: u64,
        /// Entries that are there.
        log: u64,
    },
    /// The log holds other entries than its own `checkpoint` says. Nothing was changed on disk.
    #[error("audit log: the first {size} entries are not those that the checkpoint file signs")]
    Forked {
        /// Entries that the checkpoint covers.
        size: u64,
    },
    /// A witness has signed a longer log than this one. Nothing that was recorded was changed.
    #[error(
        "audit log: put back: the witness {witness} has signed {witnessed} entries, this directory holds {log}; find the newer directory, and keep this one as evidence"
    )]
    PutBack {
        /// Which witness.
        witness: String,
        /// Entries that it has signed.
        witnessed: u64,
        /// Entries that are there.
        log: u64,
    },
    /// A witness has signed another log of this name and key. Nothing that was recorded was changed.
    #[error(
        "audit log: the witness {witness} has signed another history than the {log} entries here; keep this directory and what the witness keeps as evidence"
    )]
    OtherHistory {
        /// Which witness.
        witness: String,
        /// Entries that are there.
        log: u64,
    },
    /// The policy demands the signatures of witnesses, and too few were had.
    #[error(
        "audit log: too few witnesses have signed ({why}); see that they run and can be reached, or change the policy"
    )]
    Unwitnessed {
        /// What became of those that did not.
        why: String,
    },
    /// There is no such entry.
    #[error("audit log: no entry {index} among {size}")]
    NoSuchEntry {
        /// The one asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The writer's thread could not be started.
    #[error("audit log: cannot start the writer: {0}")]
    Thread(io::Error),
}

impl Error {
    pub(crate) fn io(doing: &'static str, file: &str, source: io::Error) -> Self {
        Error::Io { doing, file: file.to_owned(), source }
    }

    pub(crate) fn damaged(file: &str, offset: usize, what: impl Into<String>) -> Self {
        Error::Damaged { file: file.to_owned(), offset: offset as u64, what: what.into() }
    }
}
