//! `medlock audit search` and `medlock audit index`.

use super::Context;
use super::audit_show::print;
use crate::cli::{AuditIndex, AuditSearch};
use crate::clock::SystemClock;
use crate::config::{self, Settings};
use crate::failure::{Doing, Failure};
use crate::installation::open_log;
use crate::lock::{self, Holder};
use medlock_audit::{Entry, Kind};
use medlock_domain::{Actor, Clock as _, Timestamp};
use medlock_keys::keyring::Keyring;
use medlock_review::{Difference, Index, IndexError, Order, Query};
use serde_json::json;
use std::sync::Arc;

/// More differences say nothing new.
const DIFFERENCES: usize = 20;

pub(crate) async fn run(args: AuditSearch, context: &Context) -> Result<(), Failure> {
    let query = query(&args)?;
    let cursor = args.cursor.as_deref().map(str::parse).transpose().doing("--cursor")?;
    let settings = config::load(&context.whereabouts)?;
    record(&settings)?;
    let index = open(&settings).await?;
    index.catch_up().await.map_err(unfit)?;
    let page = index.search(&query, cursor, usize::from(args.limit)).await.map_err(unfit)?;
    index.close().await;
    let terminal = context.terminal;
    page.entries.iter().try_for_each(|entry| print(entry, None, terminal))?;
    if let Some(next) = page.next {
        if terminal.json {
            terminal.json(json!({ "next": next.to_string() }));
        } else {
            terminal.note(format!("there is more: --cursor {next}"));
        }
    }
    if page.entries.is_empty() { Err(Failure::denied("nothing was found")) } else { Ok(()) }
}

/// Looking is a record as well, where it can be written: a running server has the log, and whoever reads
/// its files there is root to it anyway.
fn record(settings: &Settings) -> Result<(), Failure> {
    let lock = match lock::take(&settings.layout)? {
        Holder::Us(lock) => lock,
        _ => return Ok(()),
    };
    let keys = Keyring::open(&settings.layout.keys()).doing("opening the keys")?;
    let log = open_log(settings, &keys, Arc::new(SystemClock))?;
    let entry = Entry::new(Kind::LogRead, Actor::LocalOperator).word("with", "audit-search");
    log.append_blocking(entry).doing("recording that the log is searched")?;
    drop(log);
    drop(lock);
    Ok(())
}

pub(crate) async fn index(verb: AuditIndex, context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts)?;
    let terminal = context.terminal;
    match verb {
        AuditIndex::Rebuild => {
            Index::remove(&settings.layout.audit_index()).doing("removing the index")?;
            let index = open(&settings).await?;
            let entries = index.catch_up().await.map_err(unfit)?;
            index.close().await;
            if terminal.json {
                terminal.json(json!({ "entries": entries }));
            } else {
                terminal.out(format!("made again: {entries} entries"));
            }
            Ok(())
        }
        AuditIndex::Check => {
            let index = open(&settings).await?;
            index.catch_up().await.map_err(unfit)?;
            let (entries, found) = index.check(DIFFERENCES).await.map_err(unfit)?;
            index.close().await;
            let says = |difference: &Difference| match difference {
                Difference::Entry(n) => format!("entry {n} stands elsewhere in the log, or at another time"),
                Difference::Terms(n) => format!("entry {n} would not be found by what the log says of it"),
                Difference::Extra(n) => format!("there is no entry {n} in the log"),
            };
            let found: Vec<String> = found.iter().map(says).collect();
            if terminal.json {
                terminal.json(json!({ "entries": entries, "differences": found }));
            } else {
                found.iter().for_each(|line| terminal.out(line));
            }
            if !found.is_empty() {
                return Err(Failure::denied(
                    "the index is NOT what the log says; make it again: medlock audit index rebuild",
                ));
            }
            if !terminal.json {
                terminal.out(format!("{} {entries} entries, every row as the log says", terminal.good("good")));
            }
            Ok(())
        }
    }
}

async fn open(settings: &Settings) -> Result<Index, Failure> {
    Index::open(&settings.layout.audit_index(), &settings.layout.audit()).await.map_err(unfit)
}

fn unfit(error: IndexError) -> Failure {
    match error {
        IndexError::Unfit(_) => Failure::denied(error.to_string()),
        other => Failure::Error(other.to_string()),
    }
}

fn query(args: &AuditSearch) -> Result<Query, Failure> {
    let filters = [
        ("who", &args.who),
        ("about", &args.about),
        ("request", &args.request),
        ("id", &args.id),
        ("kind", &args.kind),
        ("action", &args.action),
        ("outcome", &args.outcome),
        ("class", &args.class),
        ("model", &args.model),
        ("purpose", &args.purpose),
        ("code", &args.code),
        ("from", &args.from),
    ];
    let mut query = Query::new().order(if args.oldest { Order::Oldest } else { Order::Newest });
    for (field, values) in filters {
        if let Some(values) = values {
            query = query.named(field, values).map_err(|e| Failure::error(e.to_string()))?;
        }
    }
    if let Some(text) = &args.since {
        query = query.since(time(text, "--since")?);
    }
    if let Some(text) = &args.until {
        query = query.until(time(text, "--until")?);
    }
    Ok(query)
}

/// A moment, or so long ago.
fn time(text: &str, flag: &str) -> Result<Timestamp, Failure> {
    let ago = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let ago = number.parse::<u32>().ok().map(i64::from)?.checked_mul(unit)?;
        Some(Timestamp(SystemClock.now().0.checked_sub(ago)?))
    };
    let parsed = ago().or_else(|| Timestamp::parse_rfc3339(text));
    parsed.ok_or_else(|| Failure::error(format!("{flag}: a time such as 2026-11-23T08:00:00Z, or 90m, 24h, 7d ago")))
}
