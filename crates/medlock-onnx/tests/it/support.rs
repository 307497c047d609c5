use medlock_onnx::{LoadError, Source, TokenClassifier};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The runtime that setup fetched; where it is neither there nor asked for, what needs it is skipped.
pub(crate) fn library() -> Option<PathBuf> {
    let asked = std::env::var_os("MEDLOCK_TEST_ONNX_LIBRARY").map(PathBuf::from);
    let must = asked.is_some() || std::env::var_os("CI").is_some();
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/onnxruntime/libonnxruntime.so");
    let path = asked.unwrap_or_else(default);
    assert!(path.exists() || !must, "no ONNX Runtime at {}: run `make setup`", path.display());
    path.exists().then_some(path)
}

/// A copy of the model, to be changed.
pub(crate) struct Model(TempDir);

impl Model {
    pub(crate) fn copy() -> Self {
        Self::of(&shipped(), "config.json")
    }

    pub(crate) fn of(dir: &Path, config: &str) -> Self {
        let model = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(model.dir()).unwrap();
        for file in ["model.onnx", "tokenizer.json", config] {
            std::fs::copy(dir.join(file), model.dir().join(file)).unwrap();
        }
        model
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.0.path().join("copy")
    }

    /// Puts `new` in the place of `old`, which must be there.
    pub(crate) fn change(&self, file: &str, old: &str, new: &str) {
        let path = self.dir().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        std::fs::write(path, text.replacen(old, new, 1)).unwrap();
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir().join(file), text).unwrap();
    }

    pub(crate) fn load(&self, library: &Path) -> Result<TokenClassifier, LoadError> {
        TokenClassifier::load(&Source { dir: self.dir(), library: library.to_owned(), threshold: Some(0.5) })
    }
}

pub(crate) fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny")
}

pub(crate) fn tiny(library: &Path) -> TokenClassifier {
    TokenClassifier::load(&Source { dir: shipped(), library: library.to_owned(), threshold: Some(0.5) }).unwrap()
}
