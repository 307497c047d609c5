//! `medlock deid`.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// A verb, or (with none) inputs to de-identify.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Deid {
    #[command(subcommand)]
    pub(crate) verb: Option<DeidVerb>,
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
    /// List what is found in a text: class, confidence, and the rule that says so
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
