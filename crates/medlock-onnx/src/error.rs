use std::path::PathBuf;

/// Why a model was not loaded: names the file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LoadError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// A file says something that is not understood.
    #[error("{}: {why}", path.display())]
    Wrong { path: PathBuf, why: String },
    /// The runtime does not load, or does not take the model.
    #[error("ONNX Runtime at {}: {why}", path.display())]
    Runtime { path: PathBuf, why: String },
    /// Labels that could mean anything: all of them at once.
    #[error(
        "{}: no class is known for {}; give each one in labels.toml beside it: under [labels] a line such as {} = \
         \"NAME\" (or LOCATION, DATE, AGE, PHONE, FAX, EMAIL, SSN, MRN, HEALTH_PLAN, ACCOUNT, LICENSE, VEHICLE, DEVICE, \
         URL, IP, ID), or \"ignore\" for what identifies nobody",
        path.display(), labels.join(", "), labels.first().map_or("LABEL", String::as_str)
    )]
    Labels { path: PathBuf, labels: Vec<String> },
}

impl LoadError {
    pub(crate) fn wrong(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        Self::Wrong { path: path.into(), why: why.to_string() }
    }
}
