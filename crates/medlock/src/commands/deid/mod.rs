//! `medlock deid`.

mod certify;
mod eval;
mod explain;

use super::Context;
use crate::cli::{Deid, DeidVerb, Required};
use crate::failure::{Doing, Failure};
use medlock_deid::Detector;
use medlock_deid::measure::{Corpus, Options};
use medlock_keys::digest::{Digest, sha256};
use std::fmt::Display;
use std::io::Read;
use std::path::Path;

pub(crate) fn run(args: Deid, context: &Context) -> Result<(), Failure> {
    match args.verb {
        Some(DeidVerb::Eval(args)) => eval::run(&args, context),
        Some(DeidVerb::Certify(args)) => certify::run(&args, context),
        Some(DeidVerb::Explain(args)) => explain::run(&args, context),
        None => Err(Failure::error("nothing to do: see `medlock deid --help`")),
    }
}

/// What the detector is named by in records: everything that it decides by.
fn detector_digest(detector: &Detector) -> Digest {
    sha256(&detector.rule_bytes().collect::<Vec<_>>())
}

/// The bytes of a file, or of stdin for `-`.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).doing("reading stdin")?;
        return Ok(bytes);
    }
    std::fs::read(path).doing(format!("reading {}", path.display()))
}

/// The labelled notes in `bytes`, which were read from `path`.
fn gold(path: &Path, bytes: &[u8]) -> Result<Corpus, Failure> {
    let gold = Corpus::gold(bytes).map_err(|e| in_file(path, e))?;
    if gold.documents().is_empty() {
        return Err(Failure::error(format!("{} holds no documents", name(path))));
    }
    Ok(gold)
}

/// What is wrong, with the file before the line that the error names.
fn in_file(path: &Path, error: impl Display) -> Failure {
    Failure::error(format!("{}, {error}", name(path)))
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
}

fn options(required: &Required, errors: bool) -> Options {
    let ignore = required.ignore.iter().filter(|l| !l.is_empty()).cloned().collect();
    Options { ignore, safe_harbor: required.safe_harbor, errors }
}
