//! A token classifier as a recognizer.

use crate::decode::{guesses, part, united};
use crate::error::LoadError;
use crate::files::Files;
use crate::labels::{self, Meaning};
use crate::runtime::Runtime;
use crate::tokens::{Tokens, segments};
use medlock_deid::{Guess, Recognizer, RecognizerError};
use medlock_keys::digest::{hex, sha256};
use std::path::{Path, PathBuf};

/// Where a model is and how it is heard.
#[derive(Debug, Clone)]
pub struct Source {
    /// Holds `model.onnx`, `tokenizer.json`, `config.json` and perhaps `labels.toml`; its name is the model's.
    pub dir: PathBuf,
    /// The ONNX Runtime: `libonnxruntime.so`, version 1.17 or newer.
    pub library: PathBuf,
    /// How probable a class has to be, from 0 to 1.
    pub threshold: f32,
}

/// A model with its tokenizer and labels, tried once.
pub struct TokenClassifier {
    name: &'static str,
    digest: String,
    runtime: Runtime,
    tokens: Tokens,
    labels: Vec<Option<Meaning>>,
    threshold: f32,
}

impl TokenClassifier {
    /// Loads and tries a model. Its name is kept as long as the process lives.
    ///
    /// # Errors
    /// When a file is missing or not understood, a label has no class, or the runtime does not run the model.
    pub fn load(source: &Source) -> Result<Self, LoadError> {
        let name = name(&source.dir)?;
        let files = Files::read(&source.dir)?;
        let labels = labels::read(&files.config, files.labels.as_ref())?;
        let tokens = Tokens::new(&files.tokenizer, &files.config)?;
        let runtime = Runtime::load(&source.library, &files.model)?;
        let mut parts = files.digests();
        parts.push(runtime.library_digest());
        let threshold = source.threshold.to_bits().to_be_bytes();
        let all: Vec<&[u8]> = parts.iter().map(<[u8; 32]>::as_slice).chain([threshold.as_slice()]).collect();
        let digest = hex(&sha256(&all));
        let model = Self { name, digest, runtime, tokens, labels, threshold: source.threshold };
        // What would fail at the first long text fails now.
        let trial = model.tokens.framed(&model.tokens.trial());
        model.runtime.run(&trial, model.labels.len()).map_err(|why| LoadError::wrong(&files.model.path, why))?;
        Ok(model)
    }

    /// The guesses of a segment, at its own offsets.
    fn segment(&self, text: &str) -> Result<Vec<Guess>, &'static str> {
        let tokens = self.tokens.of(text)?;
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let width = self.labels.len();
        let mut parts = Vec::with_capacity(tokens.len());
        for (seen, own) in self.tokens.windows(tokens.len()) {
            let rows = self.runtime.run(&self.tokens.framed(&tokens[seen.clone()]), width)?;
            let rows = rows.chunks_exact(width).skip(self.tokens.lead() + own.start - seen.start).take(own.len());
            parts.extend(rows.map(|row| part(row, &self.labels, self.threshold)));
        }
        Ok(guesses(text, &tokens, &parts))
    }
}

impl Recognizer for TokenClassifier {
    fn name(&self) -> &'static str {
        self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn recognize(&self, text: &str) -> Result<Vec<Guess>, RecognizerError> {
        let mut out = Vec::new();
        for segment in segments(text) {
            let found = self.segment(&text[segment.clone()]).map_err(|why| {
                tracing::error!(detector = self.name, reason = why, "a text could not be searched");
                RecognizerError { name: self.name, why }
            })?;
            let moved = |g: Guess| Guess { start: g.start + segment.start, end: g.end + segment.start, ..g };
            out.extend(found.into_iter().map(moved));
        }
        // Segments overlap: what lies in both, or across the edge of one, is one.
        Ok(united(out))
    }
}

impl std::fmt::Debug for TokenClassifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenClassifier({}@{})", self.name, self.digest)
    }
}

/// The directory's name, as records name the model.
fn name(dir: &Path) -> Result<&'static str, LoadError> {
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = dir.canonicalize().map_err(|source| LoadError::Read { path: dir.to_owned(), source })?;
    match name.file_name().and_then(|n| n.to_str()) {
        Some(name) if name.len() <= 64 && name.chars().all(ok) => Ok(format!("onnx:{name}").leak()),
        _ => Err(LoadError::wrong(dir, "the directory's name is the model's: up to 64 of a-z A-Z 0-9 . _ -")),
    }
}
