//! The gateway over real TLS, with the whole guarded path behind it and a scripted model.
#![allow(clippy::unwrap_used, reason = "tests")]

mod admin;
mod approval;
mod browser;
mod chat;
mod connection;
mod content;
mod crowd;
mod doors;
mod emergency;
mod limits;
mod machines;
mod passkey;
mod recertify;
mod reports;
mod scim;
mod sso;
mod storm;
mod stream;
