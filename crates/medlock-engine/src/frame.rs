//! What server and engine say to each other. No error carries text of a prompt or an answer.

use serde::{Deserialize, Serialize};
use std::fmt;

/// From the server to the engine.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// The first frame, exactly once: load the model.
    Start(Start),
    /// Answer a conversation. Another one may follow before this one's [`Reply::Done`] or [`Reply::Error`] has come where
    /// both are of one scope.
    Generate(Generate),
    /// Stop working on this request. One that has ended already is ignored.
    Cancel {
        /// The id that [`Generate`] carried.
        id: u64,
    },
    /// Wipe what was kept for the next request of a scope.
    Forget,
}

/// How to load the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Tokens of prompt and answer together; 0 takes what the model was trained with.
    pub context: u32,
    /// Tokens that are computed in one go while reading a prompt.
    pub batch: u32,
    /// Requests that are answered at once at most; they share the context's tokens.
    pub together: u32,
    /// Read the weights instead of mapping them: for formats that are repacked at load, where a
    /// mapping would keep both copies.
    pub read_weights: bool,
}

impl Default for Start {
    fn default() -> Self {
        Self { context: 4096, batch: 256, together: 4, read_weights: false }
    }
}

/// A conversation to answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Generate {
    /// Names this request in replies and in [`Request::Cancel`].
    pub id: u64,
    /// Requests of one scope may be answered together, in one context; one without is answered alone. Another scope is
    /// sent only when all of the one before have ended.
    pub scope: Option<u64>,
    /// Keep what the model made of it, for the next request of the scope, until [`Request::Forget`] or another scope.
    pub keep: bool,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// How to choose the answer's tokens.
    pub sampling: Sampling,
    /// What the answer has to look like, if anything.
    pub shape: Option<Shape>,
}

/// What an answer has to look like: tokens that do not fit are not chosen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// JSON schema of it.
    pub schema: String,
    /// A schema that says what cannot be enforced is refused; else that much of it is left to the model.
    pub strict: bool,
    /// Only of an answer that begins with this, and then of what comes after it.
    pub after: Option<String>,
}

impl fmt::Debug for Shape {
    /// Without the schema, which a caller wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({} bytes, after {:?})", self.schema.len(), self.after)
    }
}

/// One message. `Debug` gives lengths, never text.
#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `developer`, `user`, `assistant` or `tool`; anything else is refused.
    pub role: String,
    /// Its text. Never parsed for control tokens.
    pub content: String,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.content.len())
    }
}

/// How tokens are chosen. The seed is always given: the engine has no source of randomness.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// At most this many tokens of answer; none: until the context is full.
    pub max_tokens: Option<u32>,
    /// 0 always takes the likeliest token.
    pub temperature: f32,
    /// Keep the likeliest tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Keep this many of the likeliest tokens; 0 keeps all.
    pub top_k: u32,
    /// Drop tokens below this fraction of the likeliest one's probability; 0 drops none.
    pub min_p: f32,
    /// Subtracted once from a token that has occurred in the answer.
    pub presence_penalty: f32,
    /// Subtracted for each time that a token has occurred in the answer.
    pub frequency_penalty: f32,
    /// Added to what the model gives these tokens.
    pub bias: Vec<(u32, f32)>,
    /// The same seed, prompt and build give the same answer.
    pub seed: u64,
    /// The answer ends before the first of these texts.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            max_tokens: None,
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            bias: Vec::new(),
            seed: 0,
            stop: Vec::new(),
        }
    }
}

impl fmt::Debug for Sampling {
    /// Without the stop texts, which a caller wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling")
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("seed", &self.seed)
            .field("stop", &self.stop.len())
            .finish_non_exhaustive()
    }
}

impl Sampling {
    /// At most this many stop texts …
    pub const MAX_STOPS: usize = 16;
    /// … of at most this many bytes.
    pub const MAX_STOP_BYTES: usize = 512;
    /// At most this many tokens with a bias.
    pub const MAX_BIASED: usize = 1024;

    /// Whether every number is finite and in its range, and the stop texts are few and short.
    pub fn is_valid(&self) -> bool {
        let within = |v: f32, low: f32, high: f32| v.is_finite() && v >= low && v <= high;
        within(self.temperature, 0.0, 10.0)
            && within(self.top_p, 0.0, 1.0)
            && within(self.min_p, 0.0, 1.0)
            && within(self.presence_penalty, -10.0, 10.0)
            && within(self.frequency_penalty, -10.0, 10.0)
            && self.bias.len() <= Self::MAX_BIASED
            && self.bias.iter().all(|(_, by)| within(*by, -100.0, 100.0))
            && self.stop.len() <= Self::MAX_STOPS
            && self.stop.iter().all(|s| !s.is_empty() && s.len() <= Self::MAX_STOP_BYTES)
    }
}

/// From the engine to the server.
#[derive(Serialize, Deserialize)]
pub enum Reply {
    /// Locked down, loaded, waiting.
    Ready(Ready),
    /// A piece of the answer: whole characters, nothing that may yet turn out to be a stop text.
    Text {
        /// Of which request.
        id: u64,
        /// The piece.
        text: String,
    },
    /// The request has ended. When the last one of its scope has, all of them that are not kept are wiped: nothing of them is
    /// left in the engine's memory.
    Done {
        /// Which request.
        id: u64,
        /// Why the answer ends here.
        finish: Finish,
        /// Tokens of the prompt, the template's own included.
        prompt_tokens: u32,
        /// Tokens that were generated, one that ended the answer included.
        completion_tokens: u32,
        /// Tokens of the prompt that were not computed, since the scope had them.
        cached_tokens: u32,
    },
    /// The request was refused or failed, and is wiped as with `Done`; without an id the engine itself gives up.
    Error {
        /// Which request.
        id: Option<u64>,
        /// What was wrong.
        code: ErrorCode,
    },
    /// An assertion in the model code failed; the process ends with SIGABRT right after this.
    Fault {
        /// `file:line`, from the assertion. Never its text.
        place: String,
    },
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Ready(r) => r.fmt(f),
            Reply::Text { id, text } => write!(f, "Text({id}, {} bytes)", text.len()),
            Reply::Done { id, finish, prompt_tokens, completion_tokens, cached_tokens } => {
                write!(f, "Done({id}, {finish:?}, {prompt_tokens}-{cached_tokens}+{completion_tokens})")
            }
            Reply::Error { id, code } => write!(f, "Error({id:?}, {code:?})"),
            Reply::Fault { place } => write!(f, "Fault({place})"),
        }
    }
}

/// What the engine loaded, and how it is confined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The architecture that the model names itself.
    pub architecture: String,
    /// Tokens of prompt and answer together.
    pub context: u32,
    /// Milliseconds that parsing and mapping the weights took.
    pub load_ms: u32,
    /// Microseconds that locking down took.
    pub lock_down_us: u32,
    /// What Landlock says it enforces; seccomp is always in force.
    pub landlock: Enforced,
    /// Whether the process' memory is kept out of swap.
    pub memory_locked: bool,
}

/// How much of the Landlock rule set the running kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Enforced {
    /// All of it.
    Fully,
    /// Files at least; an older kernel lacks the rest, which seccomp covers.
    Partly,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// The model said so, or a stop text was reached.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
    /// The server asked for it.
    Cancelled,
}

/// What was wrong with a request, or with the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ErrorCode {
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
    /// The model's chat template cannot express this conversation, or raised an exception itself.
    #[error("the model's chat template refused the conversation")]
    Template,
    /// A bias for a token that the model does not have.
    #[error("the model has no such token")]
    UnknownToken,
    /// The schema of the answer is none, cannot be met, or says what cannot be enforced.
    #[error("the engine cannot hold the answer to that schema")]
    Shape,
    /// The model computed nonsense or ran out of memory.
    #[error("the model failed to compute")]
    Compute,
    /// The file is not a model that this build can run.
    #[error("the engine could not load the model")]
    ModelRefused,
    /// The process could not lock itself down, and so did not start.
    #[error("the engine could not be confined: {0}")]
    Confinement(Step),
}

/// The step of the lock-down that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Step {
    #[error("freed memory is not zeroed: free() is not interposed in this build")]
    ZeroOnFree,
    #[error("resource limits")]
    Limits,
    #[error("PR_SET_DUMPABLE")]
    Dumpable,
    #[error("the model descriptor is not a sealed memory file")]
    Seals,
    #[error("the model descriptor cannot be read")]
    Open,
    #[error("Landlock is not available (Linux 5.13 or newer with landlock among its LSMs is needed)")]
    Landlock,
    #[error("seccomp")]
    Seccomp,
}
