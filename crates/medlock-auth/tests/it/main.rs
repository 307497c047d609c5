//! The crate from outside: a real database, a clock that stands still, the shipped policies.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod admin;
mod bench;
mod emergency;
mod factor;
mod keys;
mod login;
mod matrix;
mod policy;
mod sessions;
