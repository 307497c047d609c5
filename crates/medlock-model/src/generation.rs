//! One generation: what goes in, what comes out, and how to stop it.

use crate::EngineError;
use medlock_domain::ModelText;
use medlock_engine::frame::{self, Shape};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A conversation whose text has been protected already: only `medlock-pipeline` builds one, from
/// `ProtectedText`.
#[derive(Debug, Clone)]
pub struct ChatPrompt {
    /// In order.
    pub messages: Vec<PromptMessage>,
    /// What the answer has to look like, if anything; protected as well.
    pub shape: Option<Shape>,
}

/// One message of a [`ChatPrompt`]. `Debug` gives lengths, never text.
#[derive(Clone)]
pub struct PromptMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: &'static str,
    /// Its protected text.
    pub content: String,
}

impl fmt::Debug for PromptMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} bytes)", self.role, self.content.len())
    }
}

/// How the answer's tokens are chosen. `Debug` leaves the stop texts out, which a caller wrote.
#[derive(Clone, PartialEq)]
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
    /// The same seed, prompt and build give the same answer; none takes a fresh random one.
    pub seed: Option<u64>,
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
            seed: None,
            stop: Vec::new(),
        }
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_frame().fmt(f)
    }
}

impl Sampling {
    /// At most this many stop texts …
    pub const MAX_STOPS: usize = frame::Sampling::MAX_STOPS;
    /// … of at most this many bytes each.
    pub const MAX_STOP_BYTES: usize = frame::Sampling::MAX_STOP_BYTES;

    pub(crate) fn to_frame(&self) -> frame::Sampling {
        frame::Sampling {
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            bias: self.bias.clone(),
            seed: self.seed.unwrap_or_default(),
            stop: self.stop.clone(),
        }
    }
}

/// How long a generation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Until an engine took it.
    pub queued: Duration,
    /// From then on to the first text.
    pub first: Duration,
    /// From the first text to the end.
    pub rest: Duration,
}

/// What a generation says. After `Done` or `Failed` comes nothing.
#[derive(Debug)]
pub enum GenEvent {
    /// A piece of the answer: whole characters, untrusted.
    Text(ModelText),
    /// The answer is complete, and wiped from the engine.
    Done {
        /// Why it ends here.
        finish: Finish,
        /// Tokens of the prompt, the template's own included.
        prompt_tokens: u32,
        /// Tokens of the answer.
        completion_tokens: u32,
        /// Tokens of the prompt that were not computed, since they had been for the same asker and scope.
        cached_tokens: u32,
        /// How long it took.
        times: Times,
    },
    /// There is no more answer than what came so far.
    Failed(EngineError),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model said so, or a stop text was reached.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
}

/// Stops a generation within a token, from anywhere. Dropping the receiver does the same.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops everything that was started with this token.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody did.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
