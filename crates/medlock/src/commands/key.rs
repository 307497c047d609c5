//! `medlock key`.

use super::Context;
use crate::cli::Key;
use crate::config;
use crate::failure::{Doing, Failure};
use medlock_audit::LogName;
use medlock_keys::digest::{hex, sha256};
use medlock_keys::keyring::Keyring;
use serde_json::json;

pub(crate) fn run(verb: &Key, context: &Context) -> Result<(), Failure> {
    match verb {
        Key::Status => status(context),
    }
}

/// What there is and how it is kept, with what that is worth.
fn status(context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts)?;
    let layout = &settings.layout;
    let keys = Keyring::open(&layout.keys()).doing("opening the keys")?;
    let vkey = std::fs::read_to_string(layout.audit().join("log.vkey")).doing("reading log.vkey")?;
    let origin = LogName::parse(&vkey).doing("reading log.vkey")?.origin().to_owned();
    let reading_here = layout.reading_key().exists();
    let reading = hex(&sha256(&[keys.reading_public().bytes()])[..8]);
    let signing = hex(keys.audit_signing().public().bytes());
    let terminal = context.terminal;
    if terminal.json {
        terminal.json(json!({
            "root": {"kept": "file", "path": layout.keys().join("root.key").display().to_string(),
                     "breach_safe_harbor": false},
            "log": {"origin": origin, "ed25519": signing},
            "reading": {"fingerprint": reading, "private_half_here": reading_here},
            "memory_pinned": keys.pinned(),
        }));
        return Ok(());
    }
    terminal.out(format!("root key            {} (a file beside the data)", layout.keys().join("root.key").display()));
    terminal.out(format!("log signing key     {signing} for {origin}"));
    terminal
        .out(format!("audit reading key   {reading}, private half {}", if reading_here { "HERE" } else { "not here" }));
    terminal
        .out(format!("keys in memory      {}", if keys.pinned() { "never swapped out" } else { "may be swapped out" }));
    terminal.note(
        "a root key beside the data gives no breach safe harbor (45 CFR 164.402): whoever copies this directory can \
         open what is in it",
    );
    if reading_here {
        terminal.note(format!("move {} off this machine: the server does not need it", layout.reading_key().display()));
    }
    Ok(())
}
