//! `medlock audit show`.

use super::Context;
use super::audit::directory;
use crate::cli::AuditShow;
use crate::config;
use crate::failure::{Doing, Failure};
use crate::installation::Installation;
use crate::lock::{self, Holder, RunLock};
use crate::terminal::Terminal;
use medlock_audit::medium::Disk;
use medlock_audit::read::{Reader, StoredEntry, open_content};
use medlock_audit::{Checkpoint, Entry, Kind, LogName};
use medlock_domain::Actor;
use medlock_keys::hpke::ReadingKey;
use medlock_keys::keyring::load_reading_key;
use medlock_pipeline::content_keys::Closed;
use medlock_review::to_json;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs;
use std::path::Path;

pub(crate) async fn run(args: &AuditShow, context: &Context) -> Result<(), Failure> {
    let dir = directory(args.dir.clone(), context)?;
    let from = match &args.since {
        Some(file) => entries_under(file, &dir)?,
        None => args.from.unwrap_or(0),
    };
    let kind = args.kind.as_deref().map(kind_of).transpose()?;
    let opening = match (&args.reading_key, args.content) {
        (Some(file), true) => Some(Opening::of(args, file, context).await?),
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
            None => shown(&entry, opening.as_ref(), context.terminal).await?,
            Some(n) => {
                kept.push_back(entry);
                if kept.len() > n {
                    kept.pop_front();
                }
            }
        }
    }
    for entry in &kept {
        shown(entry, opening.as_ref(), context.terminal).await?;
    }
    match opening {
        Some(Opening { installation, .. }) => installation.close().await,
        None => Ok(()),
    }
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

/// What it takes to open content.
struct Opening {
    key: ReadingKey,
    installation: Installation,
    _lock: RunLock,
}

impl Opening {
    /// That content is read is a record first: who cannot be recorded does not read.
    async fn of(args: &AuditShow, key: &Path, context: &Context) -> Result<Self, Failure> {
        let settings = config::load(&context.whereabouts)?;
        let lock = match lock::take(&settings.layout)? {
            Holder::Us(lock) => lock,
            _ => {
                return Err(Failure::error(
                    "a server has the log open: `medlock audit open REQUEST` opens the content of a request; to open \
                     more, stop the server",
                ));
            }
        };
        let installation = Installation::open(&settings).await?;
        if installation.index.is_none() {
            return Err(Failure::error(
                "it cannot be told what was erased: make the index again with `medlock audit index rebuild`",
            ));
        }
        let mut entry = Entry::new(Kind::ContentRead, Actor::LocalOperator).word("with", "audit-show");
        if let Some(request) = &args.request {
            entry = entry.request(request.clone());
        }
        installation.log.append(entry).await.doing("recording that content is read")?;
        Ok(Self { key: load_reading_key(key).doing("opening the reading key")?, installation, _lock: lock })
    }

    async fn text(&self, entry: &StoredEntry) -> Result<Option<String>, Failure> {
        if entry.content.is_none() {
            return Ok(None);
        }
        let doing = || format!("opening the content of entry {}", entry.index);
        let share = match self.installation.content_keys.share(entry).await {
            Err(Closed::Erased(key)) => return Ok(Some(format!("(erased with the key {key})"))),
            share => share.doing(doing())?,
        };
        let opened = open_content(entry, &self.key, &share).doing(doing())?;
        Ok(Some(String::from_utf8_lossy(&opened).into_owned()))
    }
}

async fn shown(entry: &StoredEntry, opening: Option<&Opening>, terminal: Terminal) -> Result<(), Failure> {
    let content = match opening {
        Some(opening) => opening.text(entry).await?,
        None => None,
    };
    print(entry, content.as_deref(), terminal);
    Ok(())
}

pub(crate) fn print(entry: &StoredEntry, content: Option<&str>, terminal: Terminal) {
    if terminal.json {
        let mut shown = to_json(entry);
        shown.insert("content".to_owned(), content.into());
        terminal.json(Value::Object(shown));
        return;
    }
    terminal.out(line(&to_json(entry), terminal));
    content.into_iter().flat_map(str::lines).for_each(|l| terminal.out(format!("        │ {l}")));
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
