//! `medlock audit reconstruct`, `disclosures` and `review`.

use super::Context;
use super::audit_search::filters;
use crate::admin::{Office, PackAsk};
use crate::cli::{AuditReview, AuditSearch, Paper, PaperFormat};
use crate::failure::{Doing, Failure};
use crate::prompt;
use medlock_keys::random;
use medlock_pipeline::admin::States;
use medlock_review::pack::{self, SECTIONS};
use medlock_review::page;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

pub(crate) async fn reconstruct(
    search: &AuditSearch,
    states: Option<&Path>,
    paper: &Paper,
    context: &Context,
) -> Result<(), Failure> {
    let said = filters(search)?.into_iter().filter(|(name, _)| !matches!(name.as_str(), "order" | "limit" | "cursor"));
    let said: Vec<_> = said.collect();
    let states = match states {
        None => States::default(),
        Some(file) => {
            let text = fs::read_to_string(file).map(Zeroizing::new).doing(format!("reading {}", file.display()))?;
            text.parse().map_err(|expected| Failure::error(format!("{}: {expected}", file.display())))?
        }
    };
    let report = Office::with(&context.whereabouts, async |office| office.reconstruct(&said, &states).await).await?;
    requests("Requests put together again", &report, paper, context)
}

pub(crate) async fn disclosures(patient: &str, all: bool, paper: &Paper, context: &Context) -> Result<(), Failure> {
    let patient = prompt::patient(patient)?;
    let report = Office::with(&context.whereabouts, async |office| office.disclosures(&patient, all).await).await?;
    requests("Accounting of disclosures (45 CFR 164.528)", &report, paper, context)
}

fn requests(title: &str, report: &Value, paper: &Paper, context: &Context) -> Result<(), Failure> {
    let rows = report["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = match paper.format {
        PaperFormat::Json => pretty(report)?,
        PaperFormat::Csv => page::csv(page::REQUESTS, rows),
        PaperFormat::Html => page::html(title, &report["summary"], &[("Requests", page::REQUESTS, rows)]),
    };
    write(&text, paper, context)?;
    if rows.is_empty() { Err(Failure::denied("nothing was found")) } else { Ok(()) }
}

/// The columns of a section of a pack, whose rows are entries but for those that are requests or people.
fn columns(section: &str) -> &'static [&'static str] {
    match section {
        "largest" => &["person", "requests", "bytes_written"],
        "sample" => page::REQUESTS,
        _ => &["index", "time", "kind", "actor", "outcome", "request", "facts"],
    }
}

pub(crate) async fn review(verb: AuditReview, context: &Context) -> Result<(), Failure> {
    match verb {
        AuditReview::Pack { from_day, to_day, seed, sample, paper } => {
            let seed = seed.unwrap_or_else(|| u32::from_be_bytes(random::bytes()));
            let ask = PackAsk { from: from_day, to: to_day, seed, sample };
            let pack = Office::with(&context.whereabouts, async |office| office.review_pack(&ask).await).await?;
            let text = match paper.format {
                PaperFormat::Json => pretty(&pack)?,
                PaperFormat::Csv => return Err(Failure::error("a pack is json (to be signed) or html (to be read)")),
                PaperFormat::Html => {
                    let rows = |name: &str| pack["sections"][name]["rows"].as_array().map(Vec::as_slice);
                    let section = |(name, head): &(&'static str, &'static str)| {
                        (*head, columns(name), rows(name).unwrap_or_default())
                    };
                    let sections: Vec<_> = SECTIONS.iter().map(section).collect();
                    let mut summary = json!({ "pack": pack["pack"], "period": pack["period"], "seed": pack["seed"] });
                    summary["requests"] = pack["requests"].clone();
                    let cut: Vec<_> = SECTIONS.iter().filter(|(n, _)| pack["sections"][*n]["not_shown"] != 0).collect();
                    for (name, head) in cut {
                        summary[format!("not shown of {head}")] = pack["sections"][*name]["not_shown"].clone();
                    }
                    page::html("Review of the audit log (45 CFR 164.308(a)(1)(ii)(D))", &summary, &sections)
                }
            };
            write(&text, &paper, context)
        }
        AuditReview::Sign { pack: file, verdict } => {
            let text = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
            let pack: Value = serde_json::from_str(&text).doing(format!("reading {}", file.display()))?;
            let number = pack["pack"]["number"].as_u64();
            let number = number.ok_or_else(|| Failure::error(format!("{} is no review pack", file.display())))?;
            // Of what was read here, not what it says of itself.
            let digest = pack::digest(&pack);
            Office::with(&context.whereabouts, async |office| office.sign_review(number, digest, verdict).await)
                .await?;
            context.terminal.note(format!("pack {number} is signed off: {}", verdict.as_str()));
            Ok(())
        }
    }
}

fn pretty(value: &Value) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value).doing("writing the report")? + "\n")
}

fn write(text: &str, paper: &Paper, context: &Context) -> Result<(), Failure> {
    let Some(file) = &paper.out else {
        context.terminal.out(text.trim_end());
        return Ok(());
    };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => Failure::error(format!("{} is there already; name another file", file.display())),
        _ => Failure::error(format!("making {}: {e}", file.display())),
    });
    let mut made = made?;
    made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).doing(format!("writing {}", file.display()))
}
