//! Several requests of one scope at a time: prompts in chunks, an answer's tokens one by one, all in one batch. When the
//! last of them has ended, what they shared is wiped, before that is said, but for what is kept for the scope's next.

use super::inbox::{Inbox, Over};
use super::sequence::{Kept, Sequence, Step};
use crate::channel::Sender;
use crate::frame::{ErrorCode, Finish, Generate, Reply, Start};
use crate::llama::{Batch, Context, DecodeError, Model};
use crate::prompt::Prompter;
use crate::shape::Shaper;
use zeroize::Zeroize;

/// Tokens of prompts in one batch while answers are being made: a long prompt delays their next tokens by no more.
const BESIDE: usize = 64;
/// Room beyond its prompt without which a request waits for others to end.
const HEADROOM: usize = 32;
/// As many first tokens alike are worth going on from.
const ALIKE: usize = 16;

/// Nothing is left to do.
enum Stop {
    /// The server has gone.
    Gone,
    /// It sent what may not be answered together.
    Unruly,
}

/// Answers requests. No context outlives the requests that it was made for.
pub(super) struct Server<'m> {
    model: &'m Model,
    prompter: &'m Prompter,
    shaper: Shaper<'m>,
    sender: &'m Sender,
    inbox: Inbox,
    size: u32,
    start: Start,
    /// Fresh while nobody is answered: nobody's text has been in it.
    context: Option<Context<'m>>,
    context_size: usize,
    batch: Batch,
    /// Those that are answered together, in the order in which they came.
    active: Vec<Sequence>,
    /// What is kept of those before them, oldest first.
    kept: Vec<Kept>,
    /// Whose they are.
    scope: Option<u64>,
}

impl<'m> Server<'m> {
    pub(super) fn new(
        model: &'m Model,
        prompter: &'m Prompter,
        size: u32,
        start: Start,
        sender: &'m Sender,
        inbox: Inbox,
    ) -> Result<Self, ErrorCode> {
        let context = Context::new(model, size, start.batch, start.together).ok_or(ErrorCode::ModelRefused)?;
        let context_size = context.size() as usize;
        let batch = Batch::new(start.batch as usize);
        let (shaper, context) = (Shaper::new(model), Some(context));
        let (active, kept, scope) = (Vec::new(), Vec::new(), None);
        Ok(Self {
            model,
            prompter,
            shaper,
            sender,
            inbox,
            size,
            start,
            context,
            context_size,
            batch,
            active,
            kept,
            scope,
        })
    }

    pub(super) fn context_size(&self) -> u32 {
        self.context_size as u32
    }

    /// Answers until the server goes.
    ///
    /// # Errors
    /// It speaks out of turn, or there is no memory.
    pub(super) fn run(&mut self) -> Result<(), ErrorCode> {
        loop {
            self.prepare()?;
            if self.active.is_empty() {
                self.inbox.wait();
            } else {
                self.inbox.look();
            }
            if self.inbox.is_to_forget() {
                self.forget_kept(0);
            }
            match (self.inbox.over(), self.take_in()?.and_then(|()| self.end_cancelled()).and_then(|()| self.step())) {
                (None, Ok(())) => {}
                (Some(Over::Unruly), _) | (_, Err(Stop::Unruly)) => return Err(ErrorCode::BadRequest),
                (Some(Over::Gone), _) | (_, Err(Stop::Gone)) => return Ok(()),
            }
        }
    }

    /// Makes the next requests' context, while nobody waits for it.
    fn prepare(&mut self) -> Result<(), ErrorCode> {
        if self.context.is_none() {
            let context = Context::new(self.model, self.size, self.start.batch, self.start.together);
            self.context = Some(context.ok_or(ErrorCode::Compute)?);
        }
        Ok(())
    }

    /// Takes in what has arrived. The server sends only what may be answered together.
    fn take_in(&mut self) -> Result<Result<(), Stop>, ErrorCode> {
        while let Some(mut request) = self.inbox.next() {
            if request.scope.is_none() || request.scope != self.scope {
                if !self.active.is_empty() {
                    return Ok(Err(Stop::Unruly));
                }
                self.forget_kept(0);
                self.prepare()?;
            }
            self.scope = request.scope;
            let id = request.id;
            let sequence = self.sequence(&mut request);
            request.messages.iter_mut().for_each(|message| message.content.zeroize());
            drop(request);
            match sequence {
                Ok(sequence) => {
                    self.inbox.watch(id);
                    self.active.push(sequence);
                }
                Err(code) => {
                    if let Err(stop) = self.send(&Reply::Error { id: Some(id), code }) {
                        return Ok(Err(stop));
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    fn sequence(&self, request: &mut Generate) -> Result<Sequence, ErrorCode> {
        if !request.sampling.is_valid() {
            return Err(ErrorCode::BadRequest);
        }
        let vocabulary = u32::try_from(self.model.vocabulary()).unwrap_or(0);
        if request.sampling.bias.iter().any(|(token, _)| *token >= vocabulary) {
            return Err(ErrorCode::UnknownToken);
        }
        let tokens = self.prompter.tokens(self.model, &request.messages)?;
        if tokens.len() >= self.context_size {
            let prompt_tokens = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            return Err(ErrorCode::ContextLengthExceeded { prompt_tokens, context: self.context_size() });
        }
        let shaped = request.shape.take().map(|shape| self.shaper.shape(&shape)).transpose()?;
        Ok(Sequence::new(request, tokens, self.context_size, shaped))
    }

    fn end_cancelled(&mut self) -> Result<(), Stop> {
        while let Some(at) = self.active.iter().position(|sequence| self.inbox.is_cancelled(sequence.id)) {
            self.end(at, Ok(Finish::Cancelled))?;
        }
        Ok(())
    }

    /// Computes one batch, and takes what came of it.
    fn step(&mut self) -> Result<(), Stop> {
        if let Some(at) = self.active.iter().position(Sequence::is_full) {
            return self.end(at, Ok(Finish::Length));
        }
        self.plan();
        let Some(context) = self.context.as_mut().filter(|_| !self.batch.is_empty()) else { return Ok(()) };
        match context.decode(&mut self.batch, &self.inbox) {
            Ok(()) => {}
            // All of them were cancelled, or the server is gone.
            Err(DecodeError::Interrupted) => return Ok(()),
            Err(DecodeError::Failed) => {
                while !self.active.is_empty() {
                    self.end(0, Err(ErrorCode::Compute))?;
                }
                return Ok(());
            }
        }
        let mut at = 0;
        while at < self.active.len() {
            let Some(context) = &mut self.context else { break };
            match self.active[at].advance(self.model, context) {
                Ok(Step::More(text)) => {
                    self.say(self.active[at].id, text)?;
                    at += 1;
                }
                Ok(Step::End(text, finish)) => {
                    self.say(self.active[at].id, text)?;
                    self.end(at, Ok(finish))?;
                }
                Err(code) => self.end(at, Err(code))?,
            }
        }
        Ok(())
    }

    /// Puts the next batch together: a token of each answer, and what there is room for of the prompts.
    fn plan(&mut self) {
        self.batch.clear();
        self.place();
        let size = self.start.batch as usize;
        let answering = self.active.iter().filter(|s| s.place.is_some() && s.left() == 1).count();
        let mut room = size.saturating_sub(answering).min(if answering > 0 { BESIDE } else { size });
        for sequence in self.active.iter_mut().filter(|s| s.place.is_some()) {
            match sequence.left() {
                1 => sequence.put(1, &mut self.batch),
                left => {
                    let n = left.min(room);
                    sequence.put(n, &mut self.batch);
                    room -= n;
                }
            }
        }
    }

    /// Gives places to those that fit. Where answers need the room, first what was kept goes, and then the newest ones lose
    /// their places: those are computed again later.
    fn place(&mut self) {
        while self.used() > self.context_size {
            if !self.kept.is_empty() {
                self.forget_kept(self.kept.len() - 1);
                continue;
            }
            let Some(newest) = self.active.iter_mut().rev().find(|s| s.place.is_some()) else { break };
            if let (Some(place), Some(context)) = (newest.leave(), &mut self.context) {
                context.forget(place, 0);
            }
        }
        for at in 0..self.active.len() {
            if self.active[at].place.is_some() {
                continue;
            }
            let (alike, need) = (self.alike(at), self.active[at].len() + HEADROOM);
            // What was kept makes room, but for what this one goes on from.
            while self.used() + need > self.context_size
                && self.kept.len() > usize::from(matches!(alike, Some((_, _, true))))
            {
                self.forget_kept(self.kept.len() - 1);
            }
            let first = self.active.iter().all(|s| s.place.is_none());
            if !first && self.used() + need > self.context_size || !self.settle(at) {
                break;
            }
        }
    }

    /// Tokens in the context, or about to be.
    fn used(&self) -> usize {
        let active = self.active.iter().filter(|s| s.place.is_some()).map(Sequence::len);
        active.chain(self.kept.iter().map(|kept| kept.tokens.len())).sum()
    }

    /// The place that has most of one's first tokens, how many, and whether it is of one that was kept.
    fn alike(&self, at: usize) -> Option<(u32, usize, bool)> {
        let sequence = &self.active[at];
        let kept = self.kept.iter().map(|kept| (kept.place, sequence.common(&kept.tokens), true));
        let others = self.active.iter().filter_map(|s| Some((s.place?, sequence.common(s.held()), false)));
        kept.chain(others).filter(|(_, alike, _)| *alike >= ALIKE).max_by_key(|(_, alike, _)| *alike)
    }

    /// Finds a place for one, with what is there of its beginning; false where all are taken.
    fn settle(&mut self, at: usize) -> bool {
        let taken = |place: &u32| {
            self.active.iter().any(|s| s.place == Some(*place)) || self.kept.iter().any(|kept| kept.place == *place)
        };
        let free = (0..self.start.together).find(|place| !taken(place));
        let alike = self.alike(at);
        let Some(context) = &mut self.context else { return false };
        match (alike, free) {
            // It goes on where another one ended, or there is no other place.
            (Some((place, held, true)), free)
                if free.is_none() || self.kept.iter().any(|k| k.place == place && held * 2 > k.tokens.len()) =>
            {
                self.kept.retain(|kept| kept.place != place);
                context.forget(place, held);
                self.active[at].take_place(place, held);
            }
            (Some((from, held, _)), Some(place)) => {
                context.share(from, place, held);
                self.active[at].take_place(place, held);
            }
            (None, Some(place)) => self.active[at].take_place(place, 0),
            (_, None) if !self.kept.is_empty() => {
                let Kept { place, .. } = self.kept.remove(0);
                context.forget(place, 0);
                self.active[at].take_place(place, 0);
            }
            (_, None) => return false,
        }
        true
    }

    /// Lets go of what was kept, but for the newest `but`. Of the last of all, everything is wiped.
    fn forget_kept(&mut self, but: usize) {
        while self.kept.len() > but {
            let Kept { place, .. } = self.kept.remove(0);
            if let Some(context) = &mut self.context {
                context.forget(place, 0);
            }
            if self.active.is_empty() && self.kept.is_empty() {
                self.wipe();
            }
        }
    }

    fn wipe(&mut self) {
        self.batch.wipe();
        self.context = None;
    }

    /// Ends one. Of the last one all is wiped before that is said.
    fn end(&mut self, at: usize, how: Result<Finish, ErrorCode>) -> Result<(), Stop> {
        let mut sequence = self.active.remove(at);
        let id = sequence.id;
        self.inbox.forget(id);
        let rest = sequence.rest();
        if !matches!(how, Ok(Finish::Cancelled) | Err(_)) {
            self.say(id, rest)?;
        }
        let (prompt_tokens, completion_tokens, cached_tokens) = sequence.counts();
        // Of one that was cancelled nobody knows how far it was computed.
        if matches!(how, Ok(Finish::Stop | Finish::Length)) {
            self.kept.extend(sequence.keep());
        }
        if let (Some(place), Some(context)) = (sequence.leave(), &mut self.context) {
            context.forget(place, 0);
        }
        drop(sequence);
        if self.active.is_empty() && self.kept.is_empty() {
            self.wipe();
        }
        self.send(&match how {
            Ok(finish) => Reply::Done { id, finish, prompt_tokens, completion_tokens, cached_tokens },
            Err(code) => Reply::Error { id: Some(id), code },
        })
    }

    fn say(&self, id: u64, text: String) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        let mut reply = Reply::Text { id, text };
        let sent = self.send(&reply);
        if let Reply::Text { text, .. } = &mut reply {
            text.zeroize();
        }
        sent
    }

    fn send(&self, reply: &Reply) -> Result<(), Stop> {
        self.sender.send(reply).map_err(|_| Stop::Gone)
    }
}
