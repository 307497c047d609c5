//! What every kind of model has: where it is, its name, and how a text is gone through.

use crate::classifier::TokenClassifier;
use crate::decode::united;
use crate::error::LoadError;
use crate::gliner::Gliner;
use crate::tokens::segments;
use medlock_deid::{Guess, Recognizer, RecognizerError};
use std::path::{Path, PathBuf};

/// Where a model is and how it is heard.
#[derive(Debug, Clone)]
pub struct Source {
    /// Holds `model.onnx`, `tokenizer.json`, `config.json` or `gliner_config.json`, and perhaps `labels.toml`; its
    /// name is the model's.
    pub dir: PathBuf,
    /// The ONNX Runtime: `libonnxruntime.so`, version 1.17 or newer.
    pub library: PathBuf,
    /// How probable a class has to be, from 0 to 1; if nothing is said, what suits the kind of model.
    pub threshold: Option<f32>,
}

/// Loads and tries the model of a directory: a [`Gliner`] where `gliner_config.json` lies in it, a
/// [`TokenClassifier`] otherwise. Its name is kept as long as the process lives.
///
/// # Errors
/// As [`Gliner::load`] and [`TokenClassifier::load`].
pub fn load(source: &Source) -> Result<Box<dyn Recognizer>, LoadError> {
    Ok(match source.dir.join(crate::gliner::CONFIG).try_exists() {
        Ok(false) => Box::new(TokenClassifier::load(source)?),
        _ => Box::new(Gliner::load(source)?),
    })
}

/// The directory's name, as records name the model.
pub(crate) fn name(dir: &Path) -> Result<&'static str, LoadError> {
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = dir.canonicalize().map_err(|source| LoadError::Read { path: dir.to_owned(), source })?;
    match name.file_name().and_then(|n| n.to_str()) {
        Some(name) if name.len() <= 64 && name.chars().all(ok) => Ok(format!("onnx:{name}").leak()),
        _ => Err(LoadError::wrong(dir, "the directory's name is the model's: up to 64 of a-z A-Z 0-9 . _ -")),
    }
}

/// What `guesses` finds in the segments of a text.
pub(crate) fn search(
    name: &'static str,
    text: &str,
    guesses: impl Fn(&str) -> Result<Vec<Guess>, &'static str>,
) -> Result<Vec<Guess>, RecognizerError> {
    let mut out = Vec::new();
    for segment in segments(text) {
        let found = guesses(&text[segment.clone()]).map_err(|why| {
            tracing::error!(detector = name, reason = why, "a text could not be searched");
            RecognizerError { name, why }
        })?;
        let moved = |g: Guess| Guess { start: g.start + segment.start, end: g.end + segment.start, ..g };
        out.extend(found.into_iter().map(moved));
    }
    // Segments overlap: what lies in both, or across the edge of one, is one.
    Ok(united(out))
}
