//! One request: prompt, answer, wipe.

use crate::channel::Sender;
use crate::frame::{ErrorCode, Finish, Generate, Reply};
use crate::interrupt::{Interrupt, Watch};
use crate::llama::{Context, DecodeError, Model, Token};
use crate::lockdown::SOCKET_FD;
use crate::prompt::Prompter;
use crate::sampler::Sampler;
use crate::shape::Shaper;
use crate::stops::Stops;
use zeroize::Zeroize;

/// The server has gone: nothing is left to do.
pub(super) struct Gone;

/// Answers one request after another. No context outlives its request.
pub(super) struct Server<'m> {
    model: &'m Model,
    prompter: &'m Prompter,
    shaper: Shaper<'m>,
    sender: &'m Sender,
    size: u32,
    batch: u32,
    /// Fresh: nobody's text has been in it.
    context: Option<Context<'m>>,
    context_size: u32,
}

/// How a request ended, before it is wiped.
struct Outcome {
    finish: Finish,
    prompt_tokens: u32,
    completion_tokens: u32,
}

/// Why a request has no outcome.
enum Stop {
    Failed(ErrorCode),
    Gone,
}

impl From<ErrorCode> for Stop {
    fn from(code: ErrorCode) -> Self {
        Stop::Failed(code)
    }
}

impl<'m> Server<'m> {
    pub(super) fn new(
        model: &'m Model,
        prompter: &'m Prompter,
        size: u32,
        batch: u32,
        sender: &'m Sender,
    ) -> Result<Self, ErrorCode> {
        let context = Context::new(model, size, batch).ok_or(ErrorCode::ModelRefused)?;
        let context_size = context.size();
        let shaper = Shaper::new(model);
        Ok(Self { model, prompter, shaper, sender, size, batch, context: Some(context), context_size })
    }

    pub(super) fn context_size(&self) -> u32 {
        self.context_size
    }

    /// Makes the next request's context, while nobody waits for it.
    pub(super) fn prepare(&mut self) -> Result<(), ErrorCode> {
        if self.context.is_none() {
            self.context = Some(Context::new(self.model, self.size, self.batch).ok_or(ErrorCode::Compute)?);
        }
        Ok(())
    }

    /// Answers, wipes, and only then says that it is done.
    pub(super) fn answer(&mut self, mut request: Generate) -> Result<(), Gone> {
        let id = request.id;
        let result = self.work(&mut request);
        self.context = None;
        for message in &mut request.messages {
            message.content.zeroize();
        }
        let reply = match result {
            Ok(Outcome { finish, prompt_tokens, completion_tokens }) => {
                Reply::Done { id, finish, prompt_tokens, completion_tokens }
            }
            Err(Stop::Failed(code)) => Reply::Error { id: Some(id), code },
            Err(Stop::Gone) => return Err(Gone),
        };
        self.sender.send(&reply).map_err(|_| Gone)
    }

    fn work(&mut self, request: &mut Generate) -> Result<Outcome, Stop> {
        if !request.sampling.is_valid() {
            return Err(ErrorCode::BadRequest.into());
        }
        let vocabulary = u32::try_from(self.model.vocabulary()).unwrap_or(0);
        if request.sampling.bias.iter().any(|(token, _)| *token >= vocabulary) {
            return Err(ErrorCode::UnknownToken.into());
        }
        let mut tokens = self.prompter.tokens(self.model, &request.messages)?;
        let result = self.generate(request, &mut tokens);
        tokens.zeroize();
        result
    }

    fn generate(&mut self, request: &mut Generate, prompt: &mut [Token]) -> Result<Outcome, Stop> {
        let mut context = self.context.take().ok_or(ErrorCode::Compute)?;
        let watch = Watch::new(SOCKET_FD, request.id);
        let prompt_tokens = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
        if prompt_tokens >= self.context_size {
            return Err(ErrorCode::ContextLengthExceeded { prompt_tokens, context: self.context_size }.into());
        }
        let room = self.context_size - prompt_tokens;
        let most = request.sampling.max_tokens.unwrap_or(room).min(room);
        let mut sampler = Sampler::new(&request.sampling);
        let mut shaped = request.shape.take().map(|shape| self.shaper.shape(&shape)).transpose()?;
        let mut stops = Stops::new(std::mem::take(&mut request.sampling.stop));
        let mut done = Outcome { finish: Finish::Length, prompt_tokens, completion_tokens: 0 };

        for chunk in prompt.chunks_mut(self.batch as usize) {
            if interrupted(context.decode(chunk, &watch), &watch)? {
                return Ok(Outcome { finish: Finish::Cancelled, ..done });
            }
        }
        let mut piece = Vec::with_capacity(256);
        while done.completion_tokens < most {
            if interrupted(Ok(()), &watch)? {
                done.finish = Finish::Cancelled;
                break;
            }
            if let Some(shaped) = &mut shaped {
                shaped.look()?;
            }
            let logits = context.logits(self.model).ok_or(ErrorCode::Compute)?;
            let token = sampler.sample(logits, |token| shaped.as_ref().is_none_or(|shaped| shaped.allows(token)));
            let token = token.ok_or(ErrorCode::Compute)?;
            done.completion_tokens += 1;
            if self.model.ends_answer(token) {
                done.finish = Finish::Stop;
                break;
            }
            piece.clear();
            self.model.append_piece(token, &mut piece);
            let complete = match &mut shaped {
                Some(shaped) => shaped.take(token, &piece)?,
                None => false,
            };
            self.say(request.id, stops.push(&piece))?;
            if complete || stops.stopped() {
                done.finish = Finish::Stop;
                break;
            }
            if done.completion_tokens < most && interrupted(context.decode(&mut [token], &watch), &watch)? {
                done.finish = Finish::Cancelled;
                break;
            }
        }
        piece.zeroize();
        if done.finish != Finish::Cancelled {
            self.say(request.id, stops.finish())?;
        }
        Ok(done)
    }

    fn say(&self, id: u64, text: String) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        let mut reply = Reply::Text { id, text };
        let sent = self.sender.send(&reply);
        if let Reply::Text { text, .. } = &mut reply {
            text.zeroize();
        }
        sent.map_err(|_| Stop::Gone)
    }
}

/// Whether the request was cancelled meanwhile.
fn interrupted(result: Result<(), DecodeError>, watch: &Watch) -> Result<bool, Stop> {
    match (watch.check(), result) {
        (Interrupt::Hangup, _) => Err(Stop::Gone),
        (Interrupt::Cancelled, _) => Ok(true),
        (Interrupt::None, Ok(())) => Ok(false),
        (Interrupt::None, Err(DecodeError::Interrupted | DecodeError::Failed)) => Err(ErrorCode::Compute.into()),
    }
}
