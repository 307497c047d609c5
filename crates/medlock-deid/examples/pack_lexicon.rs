//! Packs the table that `data/build_lexicons.py` writes into the finite-state map that the crate
//! carries: `cargo run -p medlock-deid --example pack_lexicon -- IN.tsv OUT.fst`.
#![allow(clippy::print_stdout, reason = "a tool")]

use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [table, out] = args.as_slice() else {
        return Err("usage: pack_lexicon IN.tsv OUT.fst".into());
    };
    let mut builder = fst::MapBuilder::memory();
    for line in fs::read_to_string(table)?.lines() {
        let (word, bits) = line.rsplit_once('\t').ok_or("a line without a tab")?;
        builder.insert(word, bits.parse()?)?;
    }
    let bytes = builder.into_inner()?;
    fs::write(out, &bytes)?;
    println!("{} bytes", bytes.len());
    Ok(())
}
