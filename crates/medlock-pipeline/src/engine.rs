//! The sandboxed engine as a [`Generator`].

use crate::chat::{Chat, Message, Role};
use crate::generate::{About, Finish, GenerateError, Generator, ModelCard, Piece, Usage};
use crate::tools::{self, Calling, Heard, Hearing};
use async_trait::async_trait;
use medlock_deid::ProtectedText;
use medlock_domain::{ModelName, ModelText};
use medlock_model::{Asker, CancelToken, ChatPrompt, EngineError, EngineHandle, GenEvent, PromptMessage, Sampling};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc;

/// Serves one model from the engine process. Clones are the same.
#[derive(Clone)]
pub struct EngineGenerator {
    name: ModelName,
    engine: Arc<RwLock<EngineHandle>>,
}

impl EngineGenerator {
    /// Serves `engine`'s model under `name`.
    pub fn new(name: ModelName, engine: EngineHandle) -> Self {
        Self { name, engine: Arc::new(RwLock::new(engine)) }
    }

    /// The engine that requests go to now.
    pub fn engine(&self) -> EngineHandle {
        self.engine.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on requests go to another engine. What runs goes on with the one before, which ends after it.
    pub fn swap(&self, engine: EngineHandle) -> EngineHandle {
        std::mem::replace(&mut *self.engine.write().unwrap_or_else(PoisonError::into_inner), engine)
    }
}

#[async_trait]
impl Generator for EngineGenerator {
    fn models(&self) -> Vec<ModelCard> {
        let engine = self.engine();
        let entry = engine.model().entry();
        let about = About {
            context: engine.info().context,
            licence: entry.licence.to_string(),
            intended_use: entry.summary.to_string(),
            note: entry.note.to_string(),
        };
        let digest = Some(engine.model_digest());
        vec![ModelCard { name: self.name.clone(), local: true, digest, about: Some(about) }]
    }

    fn ready(&self) -> bool {
        self.engine().ready()
    }

    fn load(&self) -> Option<(usize, usize, usize)> {
        Some(self.engine().load())
    }

    async fn generate(&self, chat: Chat<ProtectedText>, asker: Asker) -> Result<mpsc::Receiver<Piece>, GenerateError> {
        if chat.model != self.name {
            return Err(GenerateError::NoSuchModel);
        }
        let (shape, calling) = tools::shape(&chat)?;
        let prompt = ChatPrompt { messages: messages(&chat, calling), shape };
        let sampling = sampling(&chat);
        let (tx, rx) = mpsc::channel(32);
        // The first choice is admitted here, so that "busy" is an answer and not a broken stream.
        let engine = self.engine();
        let first =
            engine.generate(asker, prompt.clone(), sampling.clone(), CancelToken::new()).await.map_err(refused)?;
        let n = chat.sampling.n;
        tokio::spawn(async move {
            let mut events = first;
            for choice in 0..n {
                if choice > 0 {
                    let mut own = sampling.clone();
                    own.seed = own.seed.map(|s| s.wrapping_add(u64::from(choice)));
                    events = match engine.generate(asker, prompt.clone(), own, CancelToken::new()).await {
                        Ok(events) => events,
                        Err(e) => {
                            let _gone = tx.send(Piece::Failed(refused(e))).await;
                            return;
                        }
                    };
                }
                if !forward(choice, &mut events, &tx, calling).await {
                    return;
                }
            }
        });
        Ok(rx)
    }
}

/// Passes one choice on; false when nobody listens any more or it failed. Dropping the engine's
/// receiver stops the engine.
async fn forward(
    choice: u32,
    events: &mut mpsc::Receiver<GenEvent>,
    tx: &mpsc::Sender<Piece>,
    calling: Calling,
) -> bool {
    let mut hearing = Hearing::new(calling);
    loop {
        let event = tokio::select! {
            biased;
            () = tx.closed() => return false,
            event = events.recv() => event,
        };
        let (piece, more) = match event {
            Some(GenEvent::Text(text)) => match hearing.push(text) {
                Some(text) => (Piece::Text { choice, text }, true),
                None => continue,
            },
            Some(GenEvent::Done { finish, prompt_tokens, completion_tokens, cached_tokens, times }) => {
                let (last, finish) = match (hearing.finish(), finish) {
                    (Heard::Call(name, arguments), _) => {
                        let (name, arguments) = (ModelText::new(name), ModelText::new(arguments));
                        (Some(Piece::ToolCall { choice, name, arguments }), Finish::ToolCalls)
                    }
                    (Heard::Text(rest), finish) => {
                        let rest = (!rest.is_empty()).then(|| Piece::Text { choice, text: ModelText::new(rest) });
                        (rest, ended(finish))
                    }
                    // A call that a stop string or the context cut off is none.
                    (Heard::Broken, _) => (None, Finish::Length),
                };
                if let Some(last) = last
                    && tx.send(last).await.is_err()
                {
                    return false;
                }
                let done = Piece::Done {
                    choice,
                    finish,
                    usage: Usage { prompt_tokens, completion_tokens, cached_tokens, times },
                };
                return tx.send(done).await.is_ok();
            }
            Some(GenEvent::Failed(e)) => (Piece::Failed(error(e, calling)), false),
            None => (Piece::Failed(GenerateError::Down), false),
        };
        if tx.send(piece).await.is_err() || !more {
            return false;
        }
    }
}

fn ended(finish: medlock_model::Finish) -> Finish {
    match finish {
        medlock_model::Finish::Stop => Finish::Stop,
        medlock_model::Finish::Length => Finish::Length,
    }
}

fn refused(e: medlock_model::GenerateError) -> GenerateError {
    match e {
        medlock_model::GenerateError::Busy { retry_after } => {
            GenerateError::Busy(retry_after.as_secs().clamp(1, 3600) as u32)
        }
        medlock_model::GenerateError::Down => GenerateError::Down,
    }
}

fn error(e: EngineError, calling: Calling) -> GenerateError {
    const SCHEMA: &str = "its schema is none, cannot be met, or says what cannot be enforced (without strict, as much of it is \
                          held to as can be)";
    match e {
        EngineError::Shape if calling == Calling::Never => GenerateError::Dishonoured("response_format", SCHEMA),
        EngineError::Shape => GenerateError::Dishonoured("tools", SCHEMA),
        EngineError::UnknownToken => GenerateError::Dishonoured("logit_bias", "the model has no such token"),
        EngineError::ContextLengthExceeded { prompt_tokens, context } => {
            GenerateError::ContextLength { prompt: prompt_tokens, context }
        }
        EngineError::BadRequest => GenerateError::Unsupported("stop"),
        EngineError::Template => GenerateError::Unsupported("messages"),
        _ => GenerateError::Down,
    }
}

fn sampling(chat: &Chat<ProtectedText>) -> Sampling {
    let s = &chat.sampling;
    Sampling {
        max_tokens: s.max_tokens,
        temperature: s.temperature,
        top_p: s.top_p,
        seed: s.seed,
        presence_penalty: s.presence_penalty,
        frequency_penalty: s.frequency_penalty,
        bias: s.logit_bias.clone(),
        stop: chat.stop.iter().map(|t| t.expose().to_string()).collect(),
        ..Sampling::default()
    }
}

/// Chat templates know roles and text, so everything else is put into words. Only protected text
/// can get here.
fn messages(chat: &Chat<ProtectedText>, calling: Calling) -> Vec<PromptMessage> {
    let instructions = tools::instructions(chat, calling).map(|content| PromptMessage { role: "system", content });
    let said = chat.messages.iter().map(|m| PromptMessage { role: template_role(m.role), content: words(m) });
    instructions.into_iter().chain(said).collect()
}

fn template_role(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn words(message: &Message<ProtectedText>) -> String {
    let read = |t: &ProtectedText| t.expose().to_string();
    let mut parts: Vec<String> = Vec::new();
    if let Some(name) = &message.name {
        parts.push(format!("({})", name.expose()));
    }
    parts.extend(message.content.iter().map(read));
    parts.extend(message.refusal.iter().map(read));
    parts.extend(message.tool_calls.iter().map(|c| tools::written(&c.name, &c.arguments)));
    parts.join("\n")
}
