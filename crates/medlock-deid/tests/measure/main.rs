//! Measuring over the corpora in `tests/data`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod gate;
mod reference;

use medlock_deid::measure::Corpus;
use std::fs;
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn gold(name: &str) -> Corpus {
    Corpus::gold(&fs::read(data(&format!("{name}.jsonl"))).unwrap()).unwrap()
}
