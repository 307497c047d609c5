//! `medlock audit show`.

use super::Context;
use super::audit::directory;
use crate::cli::AuditShow;
use crate::clock::SystemClock;
use crate::config::{self, Settings};
use crate::failure::{Doing, Failure};
use crate::installation::open_log;
use crate::lock::{self, Holder};
use crate::terminal::Terminal;
use medlock_audit::medium::Disk;
use medlock_audit::read::{Reader, StoredEntry, open_content};
use medlock_audit::{Checkpoint, Entry, Kind, LogName};
use medlock_domain::Actor;
use medlock_keys::hpke::ReadingKey;
use medlock_keys::keyring::{Keyring, load_reading_key};
use medlock_review::to_json;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(args: &AuditShow, context: &Context) -> Result<(), Failure> {
    let dir = directory(args.dir.clone(), context)?;
    let from = match &args.since {
        Some(file) => entries_under(file, &dir)?,
        None => args.from.unwrap_or(0),
    };
    let kind = args.kind.as_deref().map(kind_of).transpose()?;
    let key = match (&args.reading_key, args.content) {
        (Some(file), true) => {
            // Before the key: who cannot be recorded does not read.
            record_reading(args, context)?;
            Some(load_reading_key(file).doing("opening the reading key")?)
        }
        _ => None,
    };
    let wanted = |e: &StoredEntry| {
        e.index >= from && kind.is_none_or(|k| e.kind == k) && (args.request.is_none() || e.request == args.request)
    };
    // The last ones only are kept in memory, and only when that was asked for.
    let mut kept = VecDeque::new();
    for entry in Reader::open_on(Box::new(Disk::at(&dir))).doing("reading the log")? {
        let entry = entry.doing("reading the log")?;
        if !wanted(&entry) {
            continue;
        }
        match args.last {
            None => print(&entry, key.as_ref(), context.terminal)?,
            Some(n) => {
                kept.push_back(entry);
                if kept.len() > n {
                    kept.pop_front();
                }
            }
        }
    }
    kept.iter().try_for_each(|entry| print(entry, key.as_ref(), context.terminal))
}

fn kind_of(word: &str) -> Result<Kind, Failure> {
    let known = || Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
    let found = Kind::ALL.iter().find(|k| k.as_str() == word);
    found.copied().ok_or_else(|| Failure::error(format!("there is no such kind; there are {}", known())))
}

/// How many entries a kept checkpoint covers.
fn entries_under(file: &Path, dir: &Path) -> Result<u64, Failure> {
    let note = fs::read_to_string(file).doing(format!("reading {}", file.display()))?;
    let vkey = fs::read_to_string(dir.join("log.vkey")).doing("reading log.vkey")?;
    let name = LogName::parse(&vkey).doing("reading log.vkey")?;
    Ok(Checkpoint::verify(&note, &name).doing(format!("{} is no checkpoint of this log", file.display()))?.size)
}

/// Reading content is a record in the log that is read. That takes the directory's lock; a copy of
/// a log, named with `--dir`, has nobody to write into it, and that is said.
fn record_reading(args: &AuditShow, context: &Context) -> Result<(), Failure> {
    if args.dir.is_some() {
        context.terminal.note("this is a copy of a log: that its content was read is not recorded in it");
        return Ok(());
    }
    let settings = config::load(&context.whereabouts)?;
    let lock = match lock::take(&settings.layout)? {
        Holder::Us(lock) => lock,
        _ => {
            return Err(Failure::error(
                "a server has the log open, so that its content is read could not be recorded: stop the server, or \
                 copy the audit directory away and read the copy with --dir",
            ));
        }
    };
    append(&settings, args)?;
    drop(lock);
    Ok(())
}

fn append(settings: &Settings, args: &AuditShow) -> Result<(), Failure> {
    let keys = Keyring::open(&settings.layout.keys()).doing("opening the keys")?;
    let log = open_log(settings, &keys, Arc::new(SystemClock))?;
    let mut entry = Entry::new(Kind::ContentRead, Actor::LocalOperator).word("with", "audit-show");
    if let Some(request) = &args.request {
        entry = entry.request(request.clone());
    }
    log.append_blocking(entry).doing("recording that content is read").map(drop)
}

pub(crate) fn print(entry: &StoredEntry, key: Option<&ReadingKey>, terminal: Terminal) -> Result<(), Failure> {
    let content = match (key, &entry.content) {
        (Some(key), Some(_)) => {
            let opened = open_content(entry, key).doing(format!("opening the content of entry {}", entry.index))?;
            Some(String::from_utf8_lossy(&opened).into_owned())
        }
        _ => None,
    };
    if terminal.json {
        let mut shown = to_json(entry);
        shown.insert("content".to_owned(), content.into());
        terminal.json(Value::Object(shown));
        return Ok(());
    }
    terminal.out(line(&to_json(entry), terminal));
    if let Some(content) = content {
        content.lines().for_each(|l| terminal.out(format!("        │ {l}")));
    }
    Ok(())
}

/// One entry on one line, from its JSON.
pub(crate) fn line(entry: &Map<String, Value>, terminal: Terminal) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| entry.get(key).and_then(Value::as_u64);
    let facts = entry.get("facts").and_then(Value::as_object).into_iter().flatten();
    let facts: Vec<String> = facts.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    let sealed = number("sealed_bytes").map(|n| format!(" +{n} bytes sealed")).unwrap_or_default();
    let request = entry.get("request").and_then(Value::as_str).map(|r| format!(" {r}")).unwrap_or_default();
    format!(
        "{:>6}  {}  {:<14} {:<8} {}{request} {}{}",
        number("index").unwrap_or_default(),
        text("time"),
        terminal.bold(text("kind")),
        text("outcome"),
        text("actor"),
        terminal.dim(&facts.join(" ")),
        terminal.dim(&sealed),
    )
}
