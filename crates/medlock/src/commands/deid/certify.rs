//! `medlock deid certify`.

use super::{detector_digest, gold, in_file, options, read};
use crate::cli::{Certify, Per};
use crate::clock::SystemClock;
use crate::commands::Context;
use crate::config;
use crate::detector;
use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use medlock_audit::LogName;
use medlock_deid::certify::{LeakUnit, Provenance, Sample, Statement, Target, Threshold};
use medlock_deid::measure::try_predict;
use medlock_domain::Clock;
use medlock_keys::digest::{hex, sha256};
use medlock_keys::keyring::Keyring;
use serde_json::json;
use std::io::Write;
use std::path::Path;

pub(crate) fn run(args: &Certify, context: &Context) -> Result<(), Failure> {
    match (&args.verify, &args.gold) {
        (Some(file), gold) => verify(file, gold.as_deref(), args.vkey.as_deref(), context),
        (None, Some(gold)) => make(gold, args, context),
        (None, None) => Err(Failure::error("there is nothing to certify: name the labelled notes")),
    }
}

fn make(path: &Path, args: &Certify, context: &Context) -> Result<(), Failure> {
    // A key that is not there is told before the work is done.
    let signer = if args.unsigned { None } else { Some(Signer::open(context)?) };
    let bytes = read(path)?;
    let gold = gold(path, &bytes)?;
    let options = options(&args.required, false);
    let detector = detector::configured(&context.whereabouts, None)?;
    let predicted = try_predict(detector, &gold).doing("searching the notes")?;
    let sample = Sample::new(&gold, &predicted, &options).map_err(|e| in_file(path, e))?;
    let unit = match args.per {
        Per::Document => LeakUnit::Documents,
        Per::Identifier => LeakUnit::Identifiers,
    };
    let threshold = args.target_leak.map(|rate| Threshold::choose(&sample, Target { rate, unit }));
    let provenance = Provenance {
        tool: concat!("medlock ", env!("CARGO_PKG_VERSION")).to_owned(),
        detector: detector.version().to_owned(),
        digests: vec![("rules_and_lists".to_owned(), hex(&detector_digest(detector)))],
        gold: hex(&sha256(&[&bytes])),
        date: SystemClock.now().rfc3339(),
        sampling: args.drawn.clone(),
    };
    let statement = Statement::new(&sample, &options, threshold.as_ref(), &provenance);
    let note = match &signer {
        Some(signer) => signer.sign(&statement.text())?,
        None => statement.text(),
    };
    publish(&statement, &note, args.out.as_deref(), context.terminal)?;
    if signer.is_none() {
        context.terminal.note("not signed: nobody can tell whether this was changed");
    }
    match threshold.filter(|t| t.chosen.is_none()) {
        Some(_) => Err(Failure::denied("the target is not shown: too much is left, or the sample is too small")),
        None => Ok(()),
    }
}

/// The installation's signing key and the name it signs with.
struct Signer {
    keys: Keyring,
    name: LogName,
}

impl Signer {
    fn open(context: &Context) -> Result<Self, Failure> {
        let layout = match config::load(&context.whereabouts) {
            Ok(settings) => settings.layout,
            Err(Failure::Error(why)) => {
                return Err(Failure::error(format!("{why}; without an installation's key, --unsigned")));
            }
            Err(other) => return Err(other),
        };
        let keys = Keyring::open(&layout.keys()).doing("opening the keys")?;
        Ok(Self { keys, name: vkey(&layout.audit().join("log.vkey"))? })
    }

    fn sign(&self, text: &str) -> Result<String, Failure> {
        self.name.sign(text, self.keys.audit_signing()).doing("signing the certificate")
    }
}

fn publish(statement: &Statement, note: &str, out: Option<&Path>, terminal: Terminal) -> Result<(), Failure> {
    if let Some(path) = out {
        let doing = || format!("writing {}", path.display());
        // A certificate is evidence: none is overwritten.
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).doing(doing())?;
        file.write_all(note.as_bytes()).and_then(|()| file.sync_all()).doing(doing())?;
        terminal.note(format!("written to {}", path.display()));
    }
    match (terminal.json, out) {
        (true, _) => terminal.json(json!({"statement": statement.json(), "note": note})),
        (false, Some(_)) => terminal.write(&statement.people()),
        (false, None) => terminal.write(note),
    }
    Ok(())
}

fn verify(file: &Path, gold: Option<&Path>, kept: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    let name = match kept {
        Some(kept) => vkey(kept)?,
        None => {
            let own = vkey(&config::load(&context.whereabouts)?.layout.audit().join("log.vkey"))?;
            terminal.note("checked against this installation's own key: give one that was kept elsewhere with --vkey");
            own
        }
    };
    let note = String::from_utf8(read(file)?).doing(format!("reading {}", file.display()))?;
    let text = name.open(&note).map_err(|e| refused(file, &e.to_string(), terminal))?;
    let statement =
        Statement::parse(text).ok_or_else(|| refused(file, "a signed note, but no certificate", terminal))?;
    let from = statement.json()["sample"]["sha256"].as_str();
    if let Some(gold) = gold
        && from != Some(&hex(&sha256(&[&read(gold)?])))
    {
        return Err(refused(file, &format!("not made from {}", gold.display()), terminal));
    }
    let own = hex(&detector_digest(detector::configured(&context.whereabouts, None)?));
    let detector = statement.json()["detector"]["sha256"]["rules_and_lists"].as_str() == Some(&own);
    if !detector {
        terminal.note("the certificate is about another detector than the one here: it says nothing about this one");
    }
    if terminal.json {
        terminal.json(json!({
            "valid": true, "origin": name.origin(), "this_detector": detector, "statement": statement.json(),
        }));
    } else {
        terminal.out(format!("{} signed by {}\n", terminal.good("valid"), name.origin()));
        terminal.write(&statement.people());
    }
    Ok(())
}

fn refused(file: &Path, why: &str, terminal: Terminal) -> Failure {
    if terminal.json {
        terminal.json(json!({"valid": false, "why": why}));
    }
    Failure::denied(format!("{} is NOT valid: {why}", file.display()))
}

fn vkey(path: &Path) -> Result<LogName, Failure> {
    let text = std::fs::read_to_string(path).doing(format!("reading {}", path.display()))?;
    LogName::parse(&text).doing(format!("{} is no verifier key", path.display()))
}
