//! Reading the audit log: finding entries, examining them (45 CFR 164.312(b): record *and examine*).
//!
//! The [`Index`] finds; what is found is read from the log itself. So the index can be thrown away and
//! made again, an index that was tampered with can hide an entry but not change one, and
//! [`Index::check`] finds out that too.

pub mod alert;
pub mod delivery;
pub mod export;
mod index;
mod json;
pub mod pack;
pub mod page;
mod query;
pub mod requests;
mod terms;

pub use index::{Difference, Index, IndexError};
pub use json::to_json;
pub use query::{BadQuery, Cursor, Order, Page, Query};
pub use terms::{FOUND_PATIENTS, Field};
