//! `medlock audit`.

use super::{
    Context, audit_erase, audit_export, audit_open, audit_prove, audit_report, audit_search, audit_show, audit_tail,
    block_on,
};
use crate::cli::Audit;
use crate::config;
use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use medlock_audit::LogName;
use medlock_audit::medium::Disk;
use medlock_audit::verify::{Problem, Report, Trouble, verify_witnessed};
use medlock_audit::witness::Policy;
use medlock_domain::Timestamp;
use medlock_keys::digest::hex;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn run(verb: Audit, context: &Context) -> Result<(), Failure> {
    match verb {
        Audit::Verify { dir, vkey, proof: Some(proof), .. } => {
            audit_prove::check(dir, vkey.as_deref(), &proof, context)
        }
        Audit::Verify { dir, vkey, since, witnesses, proof: None } => {
            verify(dir, vkey.as_deref(), since.as_deref(), witnesses.as_deref(), context)
        }
        Audit::Prove { index, since, dir } => audit_prove::run(index, since.as_deref(), dir, context),
        Audit::Search(args) => block_on(audit_search::run(*args, context)),
        Audit::Index(verb) => block_on(audit_search::index(verb, context)),
        Audit::Tail { lines, follow, dir } => block_on(audit_tail::run(lines, follow, dir, context)),
        Audit::Export(args) => audit_export::run(&args, context),
        Audit::Show(args) => block_on(audit_show::run(&args, context)),
        Audit::Open { request, reading_key, why } => block_on(audit_open::run(&request, &reading_key, &why, context)),
        Audit::Certificate { number } => block_on(audit_erase::certificate(number, context)),
        Audit::Erase { scope, why, yes } => block_on(audit_erase::erase(&scope, &why, yes, context)),
        Audit::Reconstruct { search, states, paper } => {
            block_on(audit_report::reconstruct(&search, states.as_deref(), &paper, context))
        }
        Audit::Disclosures { patient, all, paper } => {
            block_on(audit_report::disclosures(&patient, all, &paper, context))
        }
        Audit::Sinks => audit_export::sinks(context),
        Audit::Review(verb) => block_on(audit_report::review(verb, context)),
        Audit::Hold(verb) => block_on(audit_erase::hold(verb, context)),
    }
}

/// The log directory that is meant. A directory that is named needs no configuration beside it.
pub(crate) fn directory(named: Option<PathBuf>, context: &Context) -> Result<PathBuf, Failure> {
    match named {
        Some(dir) => Ok(dir),
        None => Ok(config::load(&context.whereabouts)?.layout.audit()),
    }
}

/// The log's name and key, from its file.
pub(crate) fn name(file: &Path) -> Result<LogName, Failure> {
    let text = fs::read_to_string(file).doing(format!("reading {}", file.display()))?;
    LogName::parse(&text).doing(format!("{} is no verifier key", file.display()))
}

fn verify(
    dir: Option<PathBuf>,
    vkey: Option<&Path>,
    since: Option<&Path>,
    witnesses: Option<&Path>,
    context: &Context,
) -> Result<(), Failure> {
    let terminal = context.terminal;
    let dir = directory(dir, context)?;
    if !dir.join("segments").is_dir() {
        return Err(Failure::error(format!("{} holds no audit log", dir.display())));
    }
    let name = name(vkey.unwrap_or(&dir.join("log.vkey")))?;
    if vkey.is_none() {
        terminal.note(
            "checked against the key in the same directory: give a copy that was kept elsewhere with --vkey, and a \
             kept checkpoint with --since, to notice that the whole log was replaced or cut short",
        );
    }
    let since = since.map(|f| fs::read_to_string(f).doing(format!("reading {}", f.display()))).transpose()?;
    let policy = witnesses
        .map(|file| {
            let text = fs::read_to_string(file).doing(format!("reading {}", file.display()))?;
            Policy::parse(&text).doing(format!("{}, the witnesses' policy", file.display()))
        })
        .transpose()?;
    match verify_witnessed(&Disk::at(&dir), &name, since.as_deref(), policy.as_ref()) {
        Ok(report) => intact(&report, name.origin(), terminal),
        Err(problems) => return Err(damaged(&problems, terminal)),
    }
    Ok(())
}

fn intact(report: &Report, origin: &str, terminal: Terminal) {
    let time = |t: Option<Timestamp>| t.map(Timestamp::rfc3339);
    if terminal.json {
        terminal.json(json!({
            "intact": true, "origin": origin, "entries": report.size, "root": hex(&report.root),
            "segments": report.segments, "checkpoints": report.checkpoints, "contents": report.contents,
            "recoveries": report.recoveries, "bytes": report.bytes, "in_flight": report.in_flight,
            "first": time(report.first), "last": time(report.last), "checkpoint": report.checkpoint,
            "witnesses": report.witnessed.iter().map(|(name, when)| json!({"name": name, "time": when.rfc3339()}))
                .collect::<Vec<_>>(),
        }));
        return;
    }
    terminal.out(format!("{} {origin}", terminal.good("intact")));
    let Report { size, segments, checkpoints, contents, recoveries, bytes, .. } = report;
    terminal.out(format!(
        "  {size} entries, {contents} with sealed content, in {segments} segments ({bytes} bytes), {checkpoints} checkpoints"
    ));
    if let (Some(first), Some(last)) = (time(report.first), time(report.last)) {
        terminal.out(format!("  from {first} to {last}"));
    }
    if *recoveries > 0 {
        terminal.out(format!("  {recoveries} times unfinished bytes were set aside after a crash"));
    }
    terminal.out(format!("  root {}", hex(&report.root)));
    for (witness, when) in &report.witnessed {
        terminal.out(format!("  witnessed by {witness} at {}", when.rfc3339()));
    }
    if report.witnessed.is_empty() {
        terminal.out("  no witness has signed it: tamper-evident below root only (medlock witness --help)");
    }
    terminal.out(format!("\nKeep this checkpoint elsewhere, for --since:\n\n{}", report.checkpoint.trim_end()));
}

/// Wrong is a 1; what could not be judged is a 2.
fn damaged(problems: &[Problem], terminal: Terminal) -> Failure {
    if terminal.json {
        let each = |p: &Problem| {
            json!({"file": p.file, "offset": p.offset, "entry": p.entry, "trouble": format!("{:?}", p.trouble),
                "what": p.what, "meaning": p.trouble.meaning()})
        };
        terminal.json(json!({"intact": false, "problems": problems.iter().map(each).collect::<Vec<_>>()}));
    } else {
        problems.iter().for_each(|p| terminal.out(p));
    }
    let unjudged = |p: &Problem| matches!(p.trouble, Trouble::BadQuestion | Trouble::Unreadable);
    if problems.iter().all(unjudged) {
        Failure::error("the audit log could not be checked")
    } else {
        Failure::denied("the audit log is NOT intact; keep this directory as evidence")
    }
}
