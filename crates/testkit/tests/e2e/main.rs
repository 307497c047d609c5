//! The guarded path from end to end: real TLS, store, policies and audit log, and a model that
//! says what the test wants.
#![allow(clippy::unwrap_used, reason = "tests")]

mod canaries;
mod common;
mod cut;
mod faults;
mod hostile;
mod hunt;
mod positions;
mod recognizers;
mod records;
mod restore;
