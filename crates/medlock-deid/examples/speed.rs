//! What detection costs on one core: throughput by preset, latency by size, odd input, start, memory.
//! `cargo run --release -p medlock-deid --example speed`; needs the corpora in `tests/data`.
#![allow(clippy::print_stdout, reason = "a tool")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use medlock_deid::{Detector, Preset};
use serde_json::Value;

/// Timings of which the median is told.
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    black_box(Detector::shared().detect("Ann Lee was seen on 3/4/2024."));
    println!("first use: {:.0} ms; resident at most afterwards: {} MB", ms(begin.elapsed()), peak_mb()?);

    println!("\n{:<44} {:>8} {:>16}", "throughput of one core, MB/s", "median", "slowest-fastest");
    for (name, file) in [("visit notes", "aci-phi.jsonl"), ("short questions", "asq-phi.jsonl")] {
        let texts = texts(file)?;
        let bytes: usize = texts.iter().map(String::len).sum();
        for preset in Preset::ALL {
            let detector = Detector::preset(preset);
            let times = timed(|| texts.iter().map(|t| black_box(detector.detect(t)).len()).sum());
            let speed = |t: Duration| bytes as f64 / t.as_secs_f64() / 1e6;
            let [fastest, median, slowest] = times;
            let label = format!("{name}, {}", preset.name());
            println!("{label:<44} {:>8.1} {:>16}", speed(median), range(speed(slowest), speed(fastest)));
        }
    }

    println!("\n{:<44} {:>8} {:>16}", "one text, ms", "median", "fastest-slowest");
    let notes = texts("aci-phi.jsonl")?.concat();
    for size in [100, 1_000, 10_000, 100_000] {
        let text: String = notes.chars().take(size).collect();
        let times = timed(|| Detector::shared().detect(&text).len());
        print_ms(&format!("{size} characters of visit notes"), times);
    }

    println!("\n{:<44} {:>8} {:>16}", "1 MB without a line end, ms", "median", "fastest-slowest");
    for (name, unit) in [("letters", "a"), ("digits", "7"), ("names", "Ann Lee, "), ("spaces", " "), ("dots", "1.")] {
        let text = unit.repeat(1_000_000 / unit.len());
        print_ms(name, timed(|| Detector::shared().detect(&text).len()));
    }
    println!("\nresident at most: {} MB", peak_mb()?);
    Ok(())
}

fn texts(file: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    let lines = fs::read_to_string(path)?;
    let text =
        |line: &str| serde_json::from_str::<Value>(line).map(|d| d["text"].as_str().unwrap_or_default().to_owned());
    Ok(lines.lines().map(text).collect::<Result<_, _>>()?)
}

/// Fastest, median, slowest.
fn timed(mut run: impl FnMut() -> usize) -> [Duration; 3] {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            black_box(run());
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    [times[0], times[ROUNDS / 2], times[ROUNDS - 1]]
}

fn ms(t: Duration) -> f64 {
    t.as_secs_f64() * 1e3
}

fn print_ms(name: &str, [fastest, median, slowest]: [Duration; 3]) {
    println!("{name:<44} {:>8.3} {:>16}", ms(median), range(ms(fastest), ms(slowest)));
}

fn range(a: f64, b: f64) -> String {
    format!("{a:.3}-{b:.3}")
}

fn peak_mb() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()? / 1024)
}
