//! A token classifier as a recognizer.

use crate::decode::{guesses, part};
use crate::error::LoadError;
use crate::files::Files;
use crate::labels::{self, Meaning};
use crate::runtime::{Given, Kind, Runtime};
use crate::source::{self, Source};
use crate::tokens::Tokens;
use medlock_deid::{Guess, Recognizer, RecognizerError};
use medlock_keys::digest::{hex, sha256};

/// The inputs of Hugging Face's exports.
const KIND: Kind = Kind {
    inputs: &["input_ids", "attention_mask", "token_type_ids"],
    needed: &["input_ids"],
    masks: &[],
    hint: "is it a token classifier? A GLiNER has its gliner_config.json beside it",
    misshapen: "the model's answer is not one row per token and one figure per label",
};
const THRESHOLD: f32 = 0.5;

/// A model that gives each token a label, with its tokenizer, tried once.
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
        let name = source::name(&source.dir)?;
        let files = Files::read(&source.dir, "config.json")?;
        let labels = labels::read(&files.config, files.labels.as_ref())?;
        let tokens = Tokens::new(&files.tokenizer, &files.config, "")?;
        let runtime = Runtime::load(&source.library, &files.model, &KIND)?;
        let threshold = source.threshold.unwrap_or(THRESHOLD);
        let mut parts = files.digests();
        parts.push(runtime.library_digest());
        let bits = threshold.to_bits().to_be_bytes();
        let all: Vec<&[u8]> = parts.iter().map(<[u8; 32]>::as_slice).chain([bits.as_slice()]).collect();
        let digest = hex(&sha256(&all));
        let model = Self { name, digest, runtime, tokens, labels, threshold };
        // What would fail at the first long text fails now.
        let trial = model.tokens.framed(&model.tokens.trial());
        model.rows(&trial).map_err(|why| LoadError::wrong(&files.model.path, why))?;
        Ok(model)
    }

    /// `ids.len()` rows of a figure per label, one after another.
    fn rows(&self, ids: &[i64]) -> Result<Vec<f32>, &'static str> {
        let n = ids.len();
        let give = |input: &str| {
            let values = match input {
                "input_ids" => ids.to_vec(),
                // Every token is there, and all are of one text.
                "attention_mask" => vec![1; n],
                _ => vec![0; n],
            };
            Given { shape: vec![1, n], values }
        };
        self.runtime.run(give, &[1, n, self.labels.len()])
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
            let rows = self.rows(&self.tokens.framed(&tokens[seen.clone()]))?;
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
        source::search(self.name, text, |segment| self.segment(segment))
    }
}

impl std::fmt::Debug for TokenClassifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenClassifier({}@{})", self.name, self.digest)
    }
}
