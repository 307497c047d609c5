//! Runs the detector over a file of documents and writes its findings:
//! `cargo run --release -p medlock-deid --example predict -- GOLD.jsonl [ROUNDS [PRESET]] > PRED.jsonl`.
//! Documents have `id` and `text`; offsets out are in code points. The speed goes to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool")]

use std::error::Error;
use std::time::Instant;
use std::{env, fs};

use medlock_deid::{Detector, Preset};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: predict GOLD.jsonl [ROUNDS [PRESET]]")?;
    let rounds: usize = env::args().nth(2).map_or(Ok(1), |n| n.parse())?;
    let preset =
        env::args().nth(3).map_or(Some(Preset::Balanced), |p| Preset::from_name(&p)).ok_or("no such preset")?;
    let detector = Detector::preset(preset);
    let documents: Vec<Value> =
        fs::read_to_string(path)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let texts: Vec<&str> = documents.iter().filter_map(|d| d["text"].as_str()).collect();
    detector.detect("warm");
    let start = Instant::now();
    for _ in 1..rounds {
        for text in &texts {
            std::hint::black_box(detector.detect(text));
        }
    }
    let found: Vec<_> = texts.iter().map(|text| detector.detect(text)).collect();
    let seconds = start.elapsed().as_secs_f64();
    let bytes = rounds * texts.iter().map(|t| t.len()).sum::<usize>();
    for ((document, text), findings) in documents.iter().zip(&texts).zip(found) {
        // Offsets only grow from one finding to the next.
        let (mut byte, mut points) = (0, 0);
        let mut point = |to: usize| {
            points += text[byte..to].chars().count();
            byte = to;
            points
        };
        let spans: Vec<Value> = findings
            .iter()
            .map(|f| json!({"start": point(f.span.start), "end": point(f.span.end), "label": f.class.label(), "rule": f.detector}))
            .collect();
        println!("{}", json!({"id": document["id"], "spans": spans}));
    }
    eprintln!("{bytes} bytes in {seconds:.3} s: {:.1} MB/s", bytes as f64 / seconds / 1e6);
    Ok(())
}
