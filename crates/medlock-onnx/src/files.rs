//! What lies in a model's directory, read once: what is hashed is what is used.

use crate::error::LoadError;
use medlock_keys::digest::{Digest, sha256};
use std::path::{Path, PathBuf};

/// A file's bytes and where they are from.
pub(crate) struct Read {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// The files of a model.
pub(crate) struct Files {
    pub(crate) model: Read,
    pub(crate) tokenizer: Read,
    pub(crate) config: Read,
    /// The user's own table of labels.
    pub(crate) labels: Option<Read>,
}

impl Files {
    /// Of `dir`; `config` is how the kind of model calls its configuration.
    pub(crate) fn read(dir: &Path, config: &str) -> Result<Self, LoadError> {
        let labels = dir.join("labels.toml");
        Ok(Self {
            model: read(dir.join("model.onnx"))?,
            tokenizer: read(dir.join("tokenizer.json"))?,
            config: read(dir.join(config))?,
            labels: if labels.try_exists().unwrap_or(true) { Some(read(labels)?) } else { None },
        })
    }

    /// Of every file by itself, in a fixed order.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        let required = [&self.model, &self.tokenizer, &self.config].map(|f| sha256(&[&f.bytes]));
        let labels = self.labels.as_ref().map(|f| sha256(&[&f.bytes]));
        required.into_iter().chain(labels).collect()
    }
}

pub(crate) fn read(path: PathBuf) -> Result<Read, LoadError> {
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Read { path, bytes }),
        Err(source) => Err(LoadError::Read { path, source }),
    }
}
