//! `medlock audit search` and `medlock audit index`.

use super::Context;
use super::audit_show::line;
use crate::admin::{Found, Office};
use crate::cli::{AuditIndex, AuditSearch};
use crate::clock::SystemClock;
use crate::config::{self, Settings};
use crate::failure::{Doing, Failure};
use crate::prompt;
use medlock_domain::{Clock as _, Timestamp};
use medlock_review::{Cursor, Difference, Index, IndexError, Query};
use serde_json::{Value, json};

/// More differences say nothing new.
const DIFFERENCES: usize = 20;

/// Asked of the server where one runs, by whoever is logged in; else of the files. Either way that
/// somebody looked is a record.
pub(crate) async fn run(args: AuditSearch, context: &Context) -> Result<(), Failure> {
    let filters = filters(&args)?;
    let found = Office::with(&context.whereabouts, async |office| office.search(&filters).await).await;
    let Found { data, next } = found?;
    let terminal = context.terminal;
    for entry in &data {
        if terminal.json {
            terminal.json(Value::Object(entry.clone()));
        } else {
            terminal.out(line(entry, terminal));
        }
    }
    if let Some(next) = next {
        if terminal.json {
            terminal.json(json!({ "next": next }));
        } else {
            terminal.note(format!("there is more: --cursor {next}"));
        }
    }
    if data.is_empty() { Err(Failure::denied("nothing was found")) } else { Ok(()) }
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

/// As the server takes them.
pub(super) fn filters(args: &AuditSearch) -> Result<Vec<(String, String)>, Failure> {
    let time = |text: &Option<String>, flag| text.as_deref().map(|text| time(text, flag)).transpose();
    let patient = args.patient.as_deref().map(prompt::patient_text).transpose()?;
    let said = [
        ("who", args.who.clone()),
        ("about", args.about.clone()),
        ("patient", patient.as_deref().cloned()),
        ("request", args.request.clone()),
        ("id", args.id.clone()),
        ("kind", args.kind.clone()),
        ("action", args.action.clone()),
        ("outcome", args.outcome.clone()),
        ("class", args.class.clone()),
        ("model", args.model.clone()),
        ("purpose", args.purpose.clone()),
        ("code", args.code.clone()),
        ("from", args.from.clone()),
        ("since", time(&args.since, "--since")?.map(Timestamp::rfc3339)),
        ("until", time(&args.until, "--until")?.map(Timestamp::rfc3339)),
        ("order", args.oldest.then(|| "oldest".to_owned())),
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor.clone()),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let said: Vec<(String, String)> = said.collect();
    // What cannot be meant is a mistake of the command line, wherever it would be refused.
    for (name, value) in &said {
        match name.as_str() {
            "since" | "until" | "order" | "limit" | "patient" => {}
            "cursor" => drop(value.parse::<Cursor>().map_err(|e| Failure::error(format!("--cursor: {e}")))?),
            field => drop(Query::new().named(field, value).map_err(|e| Failure::error(format!("--{e}")))?),
        }
    }
    Ok(said)
}

/// A moment, or so long ago.
pub(super) fn time(text: &str, flag: &str) -> Result<Timestamp, Failure> {
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
