//! What can go wrong. No text of a prompt or an answer is in any of these.

use std::path::PathBuf;
use std::time::Duration;

/// A model cannot be had, or is not what the catalogue says.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No such entry.
    #[error("no model of this name is in the catalogue; `medlock model list` shows what is")]
    Unknown,
    /// It is the site's own, and not signed as it has to be.
    #[error("the model {name} is not signed as it has to be: {why}")]
    Unsigned {
        /// The site's name.
        name: String,
        /// What is missing.
        why: String,
    },
    /// A name that a model of the site cannot have.
    #[error("the name of a model of your own has no slash, and is not \"quarantine\"")]
    BadName,
    /// No other version was in service.
    #[error("no version was in service before this one")]
    NothingBefore,
    /// It has not been pulled.
    #[error("the model {name} is not here; get it with `medlock model pull {name}`")]
    Missing {
        /// The catalogue's name.
        name: String,
    },
    /// The file is not the catalogued one. It was moved aside and is never used.
    #[error(
        "the file of the model {name} is not the catalogued one: {why}. It was moved to {kept} and will not be used"
    )]
    Refused {
        /// The catalogue's name.
        name: String,
        /// Size or digest, expected and found.
        why: String,
        /// Where it lies now.
        kept: PathBuf,
    },
    /// No source could be reached; the text says which were tried and what each said.
    #[error("the model {name} could not be fetched: {tried}")]
    Unreachable {
        /// The catalogue's name.
        name: String,
        /// Source by source.
        tried: String,
    },
    /// The header of the file is malformed: it is not given to the engine.
    #[error("the model file is malformed: {0}")]
    Malformed(#[from] medlock_engine::gguf::GgufError),
    /// A file operation failed.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// How.
        source: std::io::Error,
    },
}

impl ModelError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A generation was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// Every engine works and the queue is full.
    #[error("every engine is busy and the queue is full")]
    Busy {
        /// When a place is likely to be free.
        retry_after: Duration,
    },
    /// No engine runs at the moment; one is being started again.
    #[error("no engine is running")]
    Down,
}

/// A generation was started and failed, or an engine could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {prompt_tokens} tokens, the model's context holds {context}")]
    ContextLengthExceeded {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens that prompt and answer may have together.
        context: u32,
    },
    /// An unknown role, no message, a number out of its range.
    #[error("the engine refused the request's parameters")]
    BadRequest,
    /// The model's chat template cannot express this conversation.
    #[error("the model's chat template refused the conversation")]
    Template,
    /// A bias for a token that the model does not have.
    #[error("the model has no such token")]
    UnknownToken,
    /// The schema that the answer was to be held to is none, cannot be met, or says what cannot be enforced.
    #[error("the answer cannot be held to that schema")]
    Shape,
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// The engine process ended in the middle.
    #[error("the engine process ended unexpectedly ({0})")]
    Crashed(String),
    /// The model failed to compute, or could not be loaded.
    #[error("{0}")]
    Engine(medlock_engine::frame::ErrorCode),
    /// The engine could not be started, or did not answer in time.
    #[error("the engine could not be started: {0}")]
    Start(String),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}
