//! `medlock key`.

use super::Context;
use crate::cli::{Key, RotateKey};
use crate::clock::SystemClock;
use crate::config;
use crate::failure::{Doing, Failure};
use crate::installation::{days, open_log};
use crate::lock;
use crate::signers;
use medlock_audit::{Entry, Kind, LogName};
use medlock_domain::{Actor, Clock};
use medlock_keys::digest::{hex, sha256};
use medlock_keys::keyring::Keyring;
use serde_json::json;
use std::sync::Arc;

pub(crate) fn run(verb: &Key, context: &Context) -> Result<(), Failure> {
    match verb {
        Key::Signer { name, dir } => signers::make_key(name, dir, context.terminal),
        Key::Status => status(context),
        Key::Rotate { key: RotateKey::AuditSigning { overlap_days } } => rotate(*overlap_days, context),
    }
}

fn rotate(overlap_days: u16, context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts)?;
    let lock = lock::take_or_fail(&settings.layout)?;
    let (dir, clock) = (settings.layout.keys(), Arc::new(SystemClock));
    let keys = Keyring::open(&dir).doing("opening the keys")?;
    if keys.audit_signing_before().is_some() {
        return Err(Failure::error(
            "the key before is still in force: both sign until its time is over; rotate again after that",
        ));
    }
    // The log must be good under the key so far before that one gives way.
    let days = Arc::new(days(&settings.layout, &keys)?);
    drop(open_log(&settings, &keys, days.clone(), clock.clone())?);
    let until = clock.now().plus_ms(i64::from(overlap_days) * 24 * 60 * 60 * 1000);
    Keyring::rotate_audit_signing(&dir, until.0).doing("making a new signing key")?;
    let keys = Keyring::open(&dir).doing("opening the keys")?;
    let log = open_log(&settings, &keys, days, clock)?;
    let entry = Entry::new(Kind::AdminOutcome, Actor::LocalOperator).word("verb", "rotate_key");
    let entry = entry.word("what", "audit-signing").int("overlap_until", until.0);
    log.append_blocking(entry).doing("recording that the key was rotated")?;
    let vkey = log.name().vkey();
    drop((log, lock));
    if context.terminal.json {
        context.terminal.json(json!({ "vkeys": vkey.lines().collect::<Vec<_>>(), "both_sign_until": until.rfc3339() }));
    } else {
        context.terminal.out(vkey.trim_end());
        context.terminal.note(format!(
            "the first of these signs from now on, the next as well until {}; give the new audit/log.vkey to whoever \
             checks the log, witnesses first",
            until.rfc3339()
        ));
    }
    Ok(())
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
