//! One request: its prompt, its answer so far, and how far the model has read it.

use crate::frame::{ErrorCode, Finish, Generate};
use crate::llama::{Batch, Context, Model, Token};
use crate::sampler::Sampler;
use crate::shape::Shaped;
use crate::stops::Stops;
use zeroize::Zeroizing;

pub(super) struct Sequence {
    pub(super) id: u64,
    /// Where it is in the context; none while it waits for room.
    pub(super) place: Option<u32>,
    /// Prompt and answer.
    tokens: Zeroizing<Vec<Token>>,
    prompt: usize,
    /// How many of them the context holds, once the batch is computed.
    computed: usize,
    /// Where in the batch its last token is, if that is there: the next one follows from it.
    last: Option<i32>,
    sampler: Sampler,
    shaped: Option<Shaped>,
    stops: Option<Stops>,
    most: usize,
    made: u32,
    /// Tokens of the prompt that the context had; known once it has a place.
    cached: Option<u32>,
    keep: bool,
}

/// What is kept of a request that has ended, for the next of its scope.
pub(super) struct Kept {
    pub(super) tokens: Zeroizing<Vec<Token>>,
    pub(super) place: u32,
}

/// What came of a token.
pub(super) enum Step {
    /// Text, perhaps none, and there is more to come.
    More(String),
    /// Text, and the end.
    End(String, Finish),
}

impl Sequence {
    pub(super) fn new(request: &mut Generate, tokens: Vec<Token>, context: usize, shaped: Option<Shaped>) -> Self {
        let prompt = tokens.len();
        let room = context.saturating_sub(prompt);
        // An answer that grows leaves no copies behind.
        let mut all = Zeroizing::new(Vec::with_capacity(context));
        all.extend_from_slice(&tokens);
        drop(Zeroizing::new(tokens));
        Self {
            id: request.id,
            place: None,
            tokens: all,
            prompt,
            computed: 0,
            last: None,
            sampler: Sampler::new(&request.sampling),
            shaped,
            stops: Some(Stops::new(std::mem::take(&mut request.sampling.stop))),
            most: request.sampling.max_tokens.map_or(room, |most| room.min(most as usize)),
            made: 0,
            cached: None,
            keep: request.keep,
        }
    }

    /// Tokens of prompt and answer.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Tokens that are not computed yet.
    pub(super) fn left(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Whether the answer is as long as it may be.
    pub(super) fn is_full(&self) -> bool {
        self.made as usize >= self.most
    }

    /// Tokens of the prompt, those that were made, and those of the prompt that were not computed.
    pub(super) fn counts(&self) -> (u32, u32, u32) {
        (u32::try_from(self.prompt).unwrap_or(u32::MAX), self.made, self.cached.unwrap_or_default())
    }

    /// What the context holds of it.
    pub(super) fn held(&self) -> &[Token] {
        &self.tokens[..self.computed]
    }

    /// How many tokens it begins with like others; one at least is computed, for what follows from it.
    pub(super) fn common(&self, others: &[Token]) -> usize {
        let alike = self.tokens.iter().zip(others).take_while(|(a, b)| a == b).count();
        alike.min(self.tokens.len() - 1)
    }

    /// Takes a place that has its first tokens already.
    pub(super) fn take_place(&mut self, place: u32, held: usize) {
        (self.place, self.computed) = (Some(place), held);
        self.cached.get_or_insert(u32::try_from(held).unwrap_or(u32::MAX));
    }

    /// What is kept of it, if that is wanted, with its place.
    pub(super) fn keep(&mut self) -> Option<Kept> {
        let place = self.place.filter(|_| self.keep)?;
        self.place = None;
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.truncate(self.computed);
        Some(Kept { tokens, place })
    }

    /// Puts the next `n` tokens into the batch.
    pub(super) fn put(&mut self, n: usize, batch: &mut Batch) {
        let Some(place) = self.place else { return };
        let to = self.computed + n;
        self.last = None;
        for at in self.computed..to {
            let last = at + 1 == self.tokens.len();
            let index = batch.push(self.tokens[at], at, place, last);
            self.last = last.then_some(index).or(self.last);
        }
        self.computed = to;
    }

    /// Gives up its place, if it has one: all has to be computed again.
    pub(super) fn leave(&mut self) -> Option<u32> {
        (self.computed, self.last) = (0, None);
        self.place.take()
    }

    /// Chooses the token that follows, if the batch had all before it.
    pub(super) fn advance(&mut self, model: &Model, context: &mut Context<'_>) -> Result<Step, ErrorCode> {
        let Some(index) = self.last.take() else { return Ok(Step::More(String::new())) };
        if let Some(shaped) = &mut self.shaped {
            shaped.look()?;
        }
        let logits = context.logits(model, index).ok_or(ErrorCode::Compute)?;
        let shaped = &self.shaped;
        let allowed = |token| shaped.as_ref().is_none_or(|shaped| shaped.allows(token));
        let token = self.sampler.sample(logits, allowed).ok_or(ErrorCode::Compute)?;
        self.made += 1;
        if model.ends_answer(token) {
            return Ok(Step::End(String::new(), Finish::Stop));
        }
        self.tokens.push(token);
        let mut piece = Zeroizing::new(Vec::with_capacity(256));
        model.append_piece(token, &mut piece);
        let complete = match &mut self.shaped {
            Some(shaped) => shaped.take(token, &piece)?,
            None => false,
        };
        let Some(stops) = &mut self.stops else { return Ok(Step::More(String::new())) };
        let text = stops.push(&piece);
        Ok(match complete || stops.stopped() {
            true => Step::End(text, Finish::Stop),
            false if self.is_full() => Step::End(text, Finish::Length),
            false => Step::More(text),
        })
    }

    /// What was held back, once nothing more comes.
    pub(super) fn rest(&mut self) -> String {
        self.stops.take().map(Stops::finish).unwrap_or_default()
    }
}
