//! `medlock deid`.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use medlock_deid::Preset;
use medlock_deid::deidentify::Scope;
use medlock_records::Format;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// De-identify files, and measure how well that goes on your own notes
///
/// Reads files, directories and stdin (`-`): plain text, JSON, JSON Lines, FHIR R4 (JSON, NDJSON), HL7 v2,
/// C-CDA and other XML, CSV, TSV and Parquet, of any size. One file goes to the file --out; several, or a
/// directory, go to the directory --out under the same relative names. Output files can be read by their owner
/// only, and appear when they are whole. Inputs are never written to.
///
/// What cannot be inspected (binary data, text that is not UTF-8, what is broken or too large, links) is copied
/// nowhere, and named on stderr and in the manifest. What stands inside a file and cannot be inspected, such as
/// a picture in a FHIR resource, is left out and counted.
///
/// The manifest (medlock-deid-manifest.json in the directory, or FILE.manifest.json) has what was found by class
/// and action, what was not inspected and why, and the SHA-256 of the profile, the detector and of every input
/// and output. File names may hold PHI: with --rename outputs are numbered and the manifest names no input.
/// The digest of a short input lets somebody check a guess at all of it: keep the manifest with the inputs.
///
/// Tokens, stand-ins, date offsets and new resource ids are kept in the sealed vault of the installation
/// (--data-dir), and each run is recorded in its audit log. No server may run on it meanwhile. --no-vault works
/// without an installation: nothing is kept or recorded, and replacements are the same within one run only.
///
/// Exits 0 when all files were inspected, 1 when some were not, 2 on an error, 130 when it was interrupted.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true, after_help = FILES_EXAMPLES)]
pub(crate) struct Deid {
    #[command(subcommand)]
    pub(crate) verb: Option<DeidVerb>,
    #[command(flatten)]
    pub(crate) files: DeidFiles,
}

const FILES_EXAMPLES: &str = "\
Examples:
  medlock deid note.txt --out note.deid.txt --no-vault
  medlock deid export/ --out export-deid/ --rename --data-dir /srv/medlock
  medlock deid export/ --out export-deid/ --rename --data-dir /srv/medlock --resume
  medlock deid visits.csv --profile limited-data-set --out visits.deid.csv
  medlock deid - --format hl7v2 --no-vault < messages > messages.deid
A profile of your own is TOML: `medlock deid --print-profile safe-harbor > mine.toml`, change it, --profile mine.toml";

#[derive(Debug, Args)]
pub(crate) struct DeidFiles {
    /// Files or directories (`-`: stdin)
    #[arg(value_name = "INPUT", value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where to: a file for one file, else a directory; may be left out for stdin alone (stdout)
    #[arg(long, value_name = "DIR|FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) out: Option<PathBuf>,
    /// safe-harbor, limited-data-set, or a profile's file
    #[arg(long, value_name = "NAME|FILE", default_value = "safe-harbor")]
    pub(crate) profile: String,
    /// Print a profile as TOML and do nothing else
    #[arg(long, value_name = "NAME|FILE", exclusive = true)]
    pub(crate) print_profile: Option<String>,
    /// Where the same value gets the same replacement, for all classes: document, patient or project
    /// [default: as the profile says]
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    pub(crate) scope: Option<Scope>,
    /// How sure the detector has to be: rules (fastest), balanced, or strict (fewest misses)
    #[arg(long, value_name = "PRESET", value_parser = preset)]
    pub(crate) preset: Option<Preset>,
    /// The inputs' format, where names and first bytes do not tell: text, json, jsonl, fhir, fhir-ndjson,
    /// hl7v2, xml, csv, tsv, parquet
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Number the outputs (document-000001.json …) instead of naming them as the inputs
    #[arg(long)]
    pub(crate) rename: bool,
    /// Go on with what an earlier run into --out left: what is done and unchanged is skipped
    #[arg(long)]
    pub(crate) resume: bool,
    /// Write over outputs that exist
    #[arg(long)]
    pub(crate) force: bool,
    /// Keep and record nothing; needs no installation
    #[arg(long)]
    pub(crate) no_vault: bool,
    /// How many files at a time [default: as many as cores]; one, where the profile keeps replacements
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

pub(crate) fn preset(name: &str) -> Result<Preset, String> {
    Preset::from_name(name).ok_or_else(|| "expected rules, balanced or strict".to_owned())
}

fn scope(word: &str) -> Result<Scope, String> {
    Scope::from_word(word).ok_or_else(|| "expected document, patient or project".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeidVerb {
    /// Measure the detector, or predictions of any other, on labelled notes
    ///
    /// GOLD and predictions are JSON Lines: {"id", "text", "spans": [{"start", "end", "label"}]}, offsets in
    /// Unicode code points, end exclusive; predictions need no text and are joined by id. Printed are recall,
    /// precision, leak rate and over-redaction, by class too, then a 95% interval for every rate. Only letters
    /// and digits count.
    #[command(after_help = EVAL_EXAMPLES)]
    Eval(Eval),
    /// State what the detector leaves of your labelled notes: signed evidence for an expert determination
    ///
    /// Counts the identifiers of which something is left, by class and by document, with upper bounds of 95%
    /// confidence (exact binomial), and names what was measured by digest. With --target-leak the confidence
    /// threshold is chosen for which the sample shows that rate (Learn then Test). Signed with the
    /// installation's key, as the audit log's checkpoints are (C2SP signed note): who has log.vkey can check it.
    /// This is evidence that an expert can use (45 CFR 164.514(b)(1)), not a determination.
    ///
    /// Exits 0 when it is done, 1 when the target is not shown or --verify finds a fault, 2 on an error.
    #[command(after_help = CERTIFY_EXAMPLES)]
    Certify(Certify),
    /// List what is found in a text: class, confidence, and the rules that say so
    ///
    /// Values are masked unless --show-values is given.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
}

const EVAL_EXAMPLES: &str = "\
Examples:
  medlock deid eval notes.jsonl --safe-harbor
  medlock deid eval notes.jsonl --errors 20            quotes the notes: mind who reads along
  medlock deid eval notes.jsonl --predictions other.jsonl --json";

const CERTIFY_EXAMPLES: &str = "\
Examples:
  medlock deid certify notes.jsonl --safe-harbor --drawn \"300 discharge notes of 2025, at random\" --out notes.cert
  medlock deid certify notes.jsonl --target-leak 1% --out notes.cert
  medlock deid certify --verify notes.cert --vkey log.vkey
  medlock deid certify --verify notes.cert notes.jsonl     was it made from this file?";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  medlock deid explain note.txt
  medlock deid explain - --show-values < note.txt
  medlock deid explain --text \"Call Ann Lee at 212-555-0143\" --show-values";

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The labelled notes (`-`: stdin)
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) gold: PathBuf,
    /// Score these predictions instead of running the detector
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) predictions: Option<PathBuf>,
    /// Write what the detector found: offsets and labels, no text
    #[arg(long, value_name = "FILE", conflicts_with = "predictions", value_hint = ValueHint::FilePath)]
    pub(crate) write_predictions: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) required: Required,
    /// Print so many misses and false finds each; they quote the notes
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) errors: usize,
}

/// What has to be found.
#[derive(Debug, Args)]
pub(crate) struct Required {
    /// Do not ask for ages under 90, dates that are only a year, states and countries
    /// (45 CFR 164.514(b)(2)(i)(B) and (C))
    #[arg(long)]
    pub(crate) safe_harbor: bool,
    /// Labels that are neither required nor penalised
    #[arg(long, value_name = "LABEL,LABEL", value_delimiter = ',', default_value = "OTHER")]
    pub(crate) ignore: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Certify {
    /// The labelled notes: drawn at random, labelled completely, never used for tuning (`-`: stdin)
    #[arg(required_unless_present = "verify", value_hint = ValueHint::FilePath)]
    pub(crate) gold: Option<PathBuf>,
    /// Show a leak rate of at most this (0.01 or 1%), and up to which confidence threshold
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) target_leak: Option<f64>,
    /// What the target counts: documents in which something is left, or identifiers
    #[arg(long, value_name = "UNIT", default_value = "document", requires = "target_leak")]
    pub(crate) per: Per,
    #[command(flatten)]
    pub(crate) required: Required,
    /// How the sample was drawn; becomes part of the statement
    #[arg(long, value_name = "TEXT")]
    pub(crate) drawn: Option<String>,
    /// Write the certificate here; a file that exists is kept
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Without a signature, where there is no installation
    #[arg(long)]
    pub(crate) unsigned: bool,
    /// Check a certificate; with GOLD, also that it was made from that file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["target_leak", "drawn", "out", "unsigned", "safe_harbor"])]
    pub(crate) verify: Option<PathBuf>,
    /// A copy of log.vkey that was kept elsewhere
    #[arg(long, value_name = "FILE", requires = "verify", value_hint = ValueHint::FilePath)]
    pub(crate) vkey: Option<PathBuf>,
}

/// What a target counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Per {
    /// Documents with identifiers; independent of one another when they are drawn at random
    Document,
    /// Identifiers, as if independent
    Identifier,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A text file [default: stdin, as `-`]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// This text; never a patient's: what is on a command line stays in histories and process lists
    #[arg(long, value_name = "TEXT", conflicts_with = "input")]
    pub(crate) text: Option<String>,
    /// Print what was found as it stands
    #[arg(long)]
    pub(crate) show_values: bool,
    /// How sure the detector has to be: rules, balanced or strict
    #[arg(long, value_name = "PRESET", value_parser = preset)]
    pub(crate) preset: Option<Preset>,
}

fn rate(text: &str) -> Result<f64, String> {
    let parsed = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
        None => text.parse(),
    };
    match parsed {
        Ok(rate) if rate > 0.0 && rate < 1.0 => Ok(rate),
        _ => Err("a rate is more than 0 and less than 1: 0.01 or 1%".to_owned()),
    }
}
