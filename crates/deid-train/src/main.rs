//! Trains the tagger of `medlock-deid` on what lies in `data`, the same byte for byte each time:
//!
//! ```text
//! cargo run --release -p deid-train              # writes crates/medlock-deid/src/data/tagger.bin
//! cargo run --release -p deid-train -- check     # trains, and compares with what is there
//! cargo run --release -p deid-train -- sample 20 # shows documents that the frames make
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool")]

mod augment;
mod calibrate;
mod corpora;
mod document;
mod frames;
mod perceptron;
mod rng;
mod values;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use medlock_deid::train::{Packed, PlainWords, lower_words, stretches, tag};

use crate::augment::{Source, augment};
use crate::document::Document;
use crate::frames::Frame;
use crate::perceptron::{EITHER, Perceptron};
use crate::rng::Rng;
use crate::values::Values;

/// Models that are averaged, each trained on documents of its own.
const SEEDS: u64 = 4;
const EPOCHS: usize = 6;
/// Documents that the frames make for one model.
const MADE: usize = 9000;
/// In so many documents of a hundred, half of the listed names and places are made unknown.
const DROPOUT: usize = 35;
/// A word is plain when it was seen so often and never within an identifier.
const PLAIN_AFTER: usize = 3;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("deid-train: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<(), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = here.join("../medlock-deid/src/data/tagger.bin");
    let values = Values::read(here)?;
    let frames = read_frames(here, &values)?;
    match args {
        [] => {
            let bytes = train(here, &values, &frames)?;
            std::fs::write(&target, &bytes).map_err(|e| format!("{}: {e}", target.display()))?;
            eprintln!("{} bytes in {}", bytes.len(), target.display());
        }
        ["check"] => {
            let bytes = train(here, &values, &frames)?;
            let there = std::fs::read(&target).map_err(|e| format!("{}: {e}", target.display()))?;
            if bytes != there {
                return Err(format!("{} is not what training gives", target.display()));
            }
            eprintln!("the same, {} bytes", bytes.len());
        }
        ["sample", n] => {
            let n: usize = n.parse().map_err(|_| "how many?".to_owned())?;
            let mut rng = Rng::new(1);
            for _ in 0..n {
                let at = rng.below(frames.len());
                show(&frames[at].fill(&values, &mut rng));
            }
        }
        ["gold", n] => {
            let n: usize = n.parse().map_err(|_| "how many?".to_owned())?;
            for (i, d) in made(&frames, &values, n, &mut Rng::new(HELD_OUT)).iter().enumerate() {
                println!("{}", calibrate::json(i, d));
            }
        }
        _ => return Err("usage: deid-train [check | sample N | gold N]".to_owned()),
    }
    Ok(())
}

/// The seed of documents that nothing is trained on.
const HELD_OUT: u64 = 999;

fn show(document: &Document) {
    for (piece, label) in document.pieces() {
        match label {
            None => print!("{piece}"),
            Some(label) => print!("⟦{}:{piece}⟧", label.map_or("-", medlock_domain::PhiClass::label)),
        }
    }
    println!("\n---");
}

fn files(dir: &Path, suffixes: &[&str]) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.retain(|p| suffixes.iter().any(|s| p.to_string_lossy().ends_with(s)));
    paths.sort();
    Ok(paths)
}

fn read_frames(here: &Path, values: &Values) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    for path in files(&here.join("data/frames"), &[".frames"])? {
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        frames.extend(frames::parse(&text, values).map_err(|e| format!("{}: {e}", path.display()))?);
    }
    eprintln!("{} frames", frames.len());
    Ok(frames)
}

/// Documents of all frames in turn.
fn made(frames: &[Frame], values: &Values, n: usize, rng: &mut Rng) -> Vec<Document> {
    (0..n).map(|i| frames[i % frames.len()].fill(values, rng)).collect()
}

fn train(here: &Path, values: &Values, frames: &[Frame]) -> Result<Vec<u8>, String> {
    let mut corpora: Vec<(Document, Source)> = Vec::new();
    for path in files(&here.join("data/corpora"), &[".jsonl", ".jsonl.gz"])? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let source = if name.starts_with("general-") { Source::General } else { Source::Clinical };
        let documents = corpora::read(&path)?;
        eprintln!("{name}: {} documents", documents.len());
        corpora.extend(documents.into_iter().map(|d| (d, source)));
    }
    let plain = plain_words(&corpora, &made(frames, values, MADE, &mut Rng::new(0)));
    eprintln!("{} plain words", plain.len());
    let words = PlainWords::new(plain.clone());
    let models: Vec<Model> = std::thread::scope(|scope| {
        let (corpora, words) = (&corpora, &words);
        let mut all: Vec<(u64, Model)> = Vec::new();
        // Two at a time: a model takes some hundred megabytes.
        for from in (1..=SEEDS).step_by(2) {
            let running: Vec<_> = (from..(from + 2).min(SEEDS + 1))
                .map(|seed| (seed, scope.spawn(move || model(seed, corpora, words, values, frames))))
                .collect();
            all.extend(running.into_iter().filter_map(|(seed, t)| t.join().ok().map(|m| (seed, m))));
        }
        all.sort_by_key(|(seed, _)| *seed);
        all.into_iter().map(|(_, m)| m).collect()
    });
    if models.len() != SEEDS as usize {
        return Err("a model was not trained".to_owned());
    }
    let mean = |pick: fn(&Model) -> &Vec<f32>| -> Vec<f32> {
        (0..pick(&models[0]).len()).map(|i| models.iter().map(|m| pick(m)[i]).sum::<f32>() / SEEDS as f32).collect()
    };
    let (weights, transitions) = (mean(|m| &m.0), mean(|m| &m.1));
    let packed = Packed::new(&weights, &transitions, plain);
    let held_out = made(frames, values, 3000, &mut Rng::new(HELD_OUT));
    Ok(calibrate::calibrate(packed, &held_out).bytes())
}

/// The weights and transitions of one model.
type Model = (Vec<f32>, Vec<f32>);

/// One model.
fn model(seed: u64, corpora: &[(Document, Source)], plain: &PlainWords, values: &Values, frames: &[Frame]) -> Model {
    let mut rng = Rng::new(seed);
    let mut documents: Vec<(Document, Source)> = corpora.to_vec();
    documents.extend(made(frames, values, MADE, &mut rng).into_iter().map(|d| (d, Source::Frames)));
    let mut perceptron = Perceptron::new();
    for epoch in 1..=EPOCHS {
        rng.shuffle(&mut documents);
        perceptron.errors = 0;
        let mut tokens = 0;
        for (document, source) in &documents {
            let d = augment(document, *source, values, &mut rng);
            let dropout = rng.percent(DROPOUT).then(|| rng.next());
            for stretch in stretches(&d.text, plain, dropout) {
                tokens += stretch.tokens.len();
                let gold = gold(&d, &stretch.tokens);
                perceptron.learn(&stretch, &gold);
            }
        }
        eprintln!(
            "model {seed}, epoch {epoch}: {tokens} tokens, {:.3}% learned from",
            100.0 * perceptron.errors as f64 / tokens as f64
        );
    }
    perceptron.average()
}

/// The tag of each token.
fn gold(d: &Document, tokens: &[(usize, usize)]) -> Vec<i8> {
    let Some(first) = tokens.first() else { return Vec::new() };
    let mut at = d.spans.partition_point(|(_, end, _)| *end <= first.0);
    let mut open = usize::MAX;
    tokens
        .iter()
        .map(|(start, end)| {
            while d.spans.get(at).is_some_and(|s| s.1 <= *start) {
                at += 1;
            }
            match d.spans.get(at) {
                Some((s, _, label)) if s < end => {
                    // A stretch may begin inside.
                    let continued = open == at || *s < *start && open == usize::MAX && first.0 == *start;
                    open = at;
                    label.map_or(EITHER, |class| tag(class) as i8 + i8::from(continued))
                }
                _ => 0,
            }
        })
        .collect()
}

/// The words in lower case that were never part of an identifier.
fn plain_words(corpora: &[(Document, Source)], made: &[Document]) -> Vec<u64> {
    let mut seen: HashMap<u64, (usize, bool)> = HashMap::new();
    for d in corpora.iter().filter(|(_, s)| *s != Source::General).map(|(d, _)| d).chain(made) {
        let mut at = 0;
        for (hash, start, end) in lower_words(&d.text) {
            while d.spans.get(at).is_some_and(|s| s.1 <= start) {
                at += 1;
            }
            let within = d.spans.get(at).is_some_and(|s| s.0 < end && s.2.is_some());
            let entry = seen.entry(hash).or_default();
            entry.0 += 1;
            entry.1 |= within && !little(&d.text[start..end]);
        }
    }
    let mut words: Vec<u64> =
        seen.into_iter().filter(|(_, (n, within))| *n >= PLAIN_AFTER && !within).map(|(hash, _)| hash).collect();
    words.sort_unstable();
    words
}

/// Words that stand within names of places and dates and are plain all the same: beside a capital they
/// are looked at anyway.
fn little(word: &str) -> bool {
    matches!(word, "of" | "the" | "and" | "for" | "at" | "in" | "on" | "to" | "by" | "with" | "upon" | "from")
}
