//! The append-only audit log: durable writer, Merkle proofs, recovery, offline verifier and reader.
//!
//! One rule: **durable, then acknowledged**. [`Log::append`] gives a [`Receipt`] only when the
//! entry, its sealed content and a signed checkpoint over the whole log up to it have been through
//! `fdatasync`. Entries that arrive during one `fdatasync` are the next group; nobody waits to gather.
//!
//! # What lies in the log directory
//! | file | what it is |
//! |---|---|
//! | `log.vkey` | the log's name and public key (C2SP signed-note verifier key), to copy away |
//! | `segments/00000000.seg` … | everything that was recorded; see [`mod@format`] |
//! | `tile/…` | the same entries and their hashes as C2SP tlog-tiles, to be served as they lie |
//! | `checkpoint` | the checkpoint over what is published in tiles: the log must never be shorter than this |
//! | `recovered/*.torn` | bytes that a crash left unfinished, set aside; a `recovery` entry names each |
//! | `lock` | empty; held while a writer is open |
//!
//! # Who can read what
//! Entries (who, when, what kind, outcome, [`Facts`]) are plain and hold no free text. Content is
//! sealed *forward*: each segment has a fresh key, encapsulated to the reading key's public half
//! and wiped when the segment ends, so the running server cannot open yesterday's records. It is also sealed
//! under keys that can be destroyed ([`Periods`], [`Holder`]): that erases it, and the tree stays whole.
//!
//! # What this cannot show by itself
//! Whoever can write the directory can cut the log back to any checkpoint not older than the
//! `checkpoint` file, or put a whole older directory back. A checkpoint kept elsewhere
//! ([`verify::verify_dir`] takes it as `since`) is what catches that. Damage to the very last group
//! after a crash looks like the crash itself, unless the `checkpoint` file or a kept one covers it;
//! so would a disk that, when the power fails, spoils bytes of a sector which it had made durable
//! before (the end of one group and the start of the next share one).
//!
//! # What it costs
//! Memory does not grow with the log: the writer keeps the edge of the tree, and proofs are read from
//! tiles, some of 8 KB each. Opening reads what came after the published checkpoint; what stands before
//! it is for [`verify`], which reads every byte.

mod entry;
mod erasable;
mod error;
mod facts;
pub mod fault;
pub mod format;
mod log;
pub mod medium;
mod noise;
mod note;
mod proof;
mod queue;
pub mod read;
mod receipt;
mod recover;
mod scan;
mod seal;
mod tiles;
mod tree;
pub mod verify;
pub mod witness;
mod writer;

pub use entry::{Entry, Kind, Outcome};
pub use erasable::{Holder, HolderRole, Period, Periods, Sealing, Share};
pub use error::{Error, Unavailable};
pub use facts::{BadWord, Fact, Facts, Word};
pub use log::{Limits, Log, Signers};
pub use note::{BadNote, Checkpoint, LogName};
pub use proof::{ConsistencyProof, InclusionProof, verify_consistency, verify_inclusion};
pub use receipt::Receipt;
pub use tiles::read::Published;
pub use tree::{Hash, leaf_hash};

#[cfg(test)]
mod tests;
