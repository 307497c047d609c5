//! The seam to whatever makes text: the sandboxed engine in the product, a script in tests. It is
//! given protected text only, and what it gives back is untrusted.

use crate::chat::Chat;
use async_trait::async_trait;
use medlock_deid::ProtectedText;
use medlock_domain::{ModelName, ModelText};
use medlock_keys::digest::Digest;
use medlock_model::{Asker, Times};
use tokio::sync::mpsc;

/// Makes text from protected chats.
#[async_trait]
pub trait Generator: Send + Sync + 'static {
    /// The models that can be asked, with what records need to know of each.
    fn models(&self) -> Vec<ModelCard>;

    /// Whether requests can be taken now.
    fn ready(&self) -> bool;

    /// Requests that wait, requests that are being answered, and engines that are up, where there are any.
    fn load(&self) -> Option<(usize, usize, usize)> {
        None
    }

    /// Starts to generate. The pieces of all choices come through the receiver, which ends after
    /// the last [`Piece::Done`]; dropping it stops the work within a token.
    async fn generate(&self, chat: Chat<ProtectedText>, asker: Asker) -> Result<mpsc::Receiver<Piece>, GenerateError>;
}

/// What is known of a model.
#[derive(Debug, Clone)]
pub struct ModelCard {
    /// The name that requests use.
    pub name: ModelName,
    /// Whether it runs in this product's own sandbox; identified text goes to no other.
    pub local: bool,
    /// SHA-256 of the weights, where they are ours to hash.
    pub digest: Option<Digest>,
    /// What there is to say of it, where it is ours.
    pub about: Option<About>,
}

/// What people should know of a model before they rely on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Tokens of prompt and answer together.
    pub context: u32,
    /// SPDX expression.
    pub licence: String,
    /// What it is meant for.
    pub intended_use: String,
    /// How it was evaluated, and what it cannot do.
    pub note: String,
}

/// A piece of what a model said. Untrusted: nothing in it may pass but through the output filter.
#[derive(Debug)]
pub enum Piece {
    /// More of a choice's answer.
    Text {
        /// Which choice.
        choice: u32,
        /// What it said.
        text: ModelText,
    },
    /// A whole call of a tool.
    ToolCall {
        /// Which choice.
        choice: u32,
        /// The function.
        name: ModelText,
        /// Its arguments, as JSON text.
        arguments: ModelText,
    },
    /// A choice has ended.
    Done {
        /// Which choice.
        choice: u32,
        /// Why.
        finish: Finish,
        /// Tokens of the prompt, tokens made.
        usage: Usage,
    },
    /// The model failed: nothing more comes.
    Failed(GenerateError),
}

/// Why a choice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model was done, or a stop string came.
    Stop,
    /// `max_tokens`, or the context, was full.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// The output filter, or the end of the permit, ended it.
    ContentFilter,
}

impl Finish {
    /// The word in the wire format and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::ToolCalls => "tool_calls",
            Finish::ContentFilter => "content_filter",
        }
    }
}

/// Tokens counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt, once.
    pub prompt_tokens: u32,
    /// Made, over all choices.
    pub completion_tokens: u32,
    /// Of the prompt, those that were not computed again.
    pub cached_tokens: u32,
    /// How long the model took: of the first choice until its first text, and of all from there on.
    pub times: Times,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// Nobody serves a model of that name.
    #[error("no model of that name is served here")]
    NoSuchModel,
    /// The prompt and the answer asked for do not fit.
    #[error("the prompt has {prompt} tokens and the model's context holds {context}")]
    ContextLength {
        /// Tokens in the prompt.
        prompt: u32,
        /// Tokens that fit.
        context: u32,
    },
    /// A parameter that this model cannot honour.
    #[error("{0} is not supported by this model")]
    Unsupported(&'static str),
    /// The same, as it was given, and why not.
    #[error("{0} cannot be honoured: {1}")]
    Dishonoured(&'static str, &'static str),
    /// Too much is waiting; try again after so many seconds.
    #[error("the model is busy; try again in {0} s")]
    Busy(u32),
    /// The model process died or is not up; it is being started again.
    #[error("the model process is not available; it is being started again")]
    Down,
}
