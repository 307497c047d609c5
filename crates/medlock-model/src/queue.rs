//! Admission: who is served next, and when to say that the house is full.

use crate::{CancelToken, ChatPrompt, EngineError, GenEvent, GenerateError, Sampling};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// On whose behalf something is generated: made by the server from who asks and whom it is about, never from what a
/// client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Who asks. Each gets as much of the engines as the others.
    pub owner: u64,
    /// Requests of one owner and scope may be answered in one context; those without are answered alone.
    pub scope: Option<u64>,
}

/// A generation that waits or runs.
pub(crate) struct Job {
    pub(crate) id: u64,
    /// When it was admitted.
    pub(crate) came: Instant,
    pub(crate) asker: Asker,
    pub(crate) prompt: ChatPrompt,
    pub(crate) sampling: Sampling,
    pub(crate) cancel: CancelToken,
    pub(crate) events: mpsc::Sender<GenEvent>,
}

impl Job {
    /// Whether nobody wants it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.cancel.is_cancelled() || self.events.is_closed()
    }

    /// Gives its caller an event; false if nobody listens, or has stopped taking events.
    pub(crate) fn tell(&self, event: GenEvent) -> bool {
        self.events.try_send(event).is_ok()
    }
}

/// The queue in front of all engines of a model.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// How many may be answered at once by all engines.
    places: usize,
    waiting: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// How many of each owner's are being answered.
    running: HashMap<u64, usize>,
    /// Engines that have nothing to do, and whose requests each of them keeps something of.
    idle: HashMap<usize, Option<Asker>>,
    /// How long a generation takes, averaged over the recent ones.
    usual: Duration,
}

impl State {
    fn running(&self) -> usize {
        self.running.values().sum()
    }

    fn begin(&mut self, at: usize) -> Option<Job> {
        let job = self.jobs.remove(at)?;
        *self.running.entry(job.asker.owner).or_default() += 1;
        Some(job)
    }

    /// Lets go of what nobody wants any more.
    fn clear_abandoned(&mut self) {
        self.jobs.retain(|job| {
            let abandoned = job.is_abandoned();
            if abandoned {
                job.tell(GenEvent::Failed(EngineError::Cancelled));
            }
            !abandoned
        });
    }
}

impl Queue {
    pub(crate) fn new(places: usize, waiting: usize) -> Self {
        let state = State { usual: Duration::from_secs(2), ..State::default() };
        Self { state: Mutex::new(state), places, waiting }
    }

    /// Takes a job in, or says when to come again. Of what may wait, one owner has half at most: the rest is for others.
    pub(crate) fn admit(&self, job: Job) -> Result<(), GenerateError> {
        let mut state = self.lock();
        state.clear_abandoned();
        let ahead = state.jobs.len() + state.running();
        let owner = job.asker.owner;
        let own = state.jobs.iter().filter(|j| j.asker.owner == owner).count()
            + state.running.get(&owner).copied().unwrap_or_default();
        if ahead >= self.places + self.waiting || own >= self.places + self.waiting.div_ceil(2) {
            let wait = state.usual * u32::try_from(ahead / self.places).unwrap_or(u32::MAX);
            let retry_after = wait.clamp(Duration::from_secs(1), Duration::from_secs(60));
            return Err(GenerateError::Busy { retry_after });
        }
        state.jobs.push_back(job);
        Ok(())
    }

    /// The next job that somebody still wants: of the owner who has least running, the one that has waited longest. It
    /// counts as running until [`Queue::ended`].
    pub(crate) fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        state.clear_abandoned();
        let busy = |job: &Job| state.running.get(&job.asker.owner).copied().unwrap_or_default();
        // Whoever kept what it goes on from waits, and has been woken too.
        let others = |job: &Job| state.idle.values().any(|kept| *kept == Some(job.asker));
        let jobs = state.jobs.iter().enumerate().filter(|(_, job)| !others(job));
        let at = jobs.min_by_key(|(at, job)| (busy(job), *at))?.0;
        state.begin(at)
    }

    /// Engine `number` waits with `wait` for something to do: meanwhile nothing joins the others, since two engines do more
    /// than one, and what goes on from what it has `kept` is for it.
    pub(crate) fn idle<T>(&self, number: usize, kept: Option<Asker>, wait: impl FnOnce() -> T) -> T {
        self.lock().idle.insert(number, kept);
        let got = wait();
        self.lock().idle.remove(&number);
        got
    }

    /// A job that may join those of this asker that run, unless somebody else waits, or an engine could take it.
    pub(crate) fn join(&self, asker: Asker) -> Option<Job> {
        let mut state = self.lock();
        state.clear_abandoned();
        if !state.idle.is_empty() || state.jobs.iter().any(|job| job.asker.owner != asker.owner) {
            return None;
        }
        let at = state.jobs.iter().position(|job| job.asker.scope.is_some() && job.asker == asker)?;
        state.begin(at)
    }

    /// A job that was taken has ended after so long.
    pub(crate) fn ended(&self, asker: Asker, took: Duration) {
        let mut state = self.lock();
        if let Some(running) = state.running.get_mut(&asker.owner) {
            *running = running.saturating_sub(1);
        }
        state.running.retain(|_, running| *running > 0);
        state.usual = (state.usual * 7 + took) / 8;
    }

    /// How many wait, and how many are being answered.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.jobs.len(), state.running())
    }

    /// Fails all that wait.
    pub(crate) fn fail_all(&self, error: &EngineError) {
        for job in std::mem::take(&mut self.lock().jobs) {
            job.tell(GenEvent::Failed(error.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn job(id: u64, owner: u64) -> (Job, mpsc::Receiver<GenEvent>) {
        let (events, receiver) = mpsc::channel(4);
        let prompt = ChatPrompt { messages: Vec::new(), shape: None };
        let asker = Asker { owner, scope: Some(7) };
        (
            Job {
                id,
                came: Instant::now(),
                asker,
                prompt,
                sampling: Sampling::default(),
                cancel: CancelToken::new(),
                events,
            },
            receiver,
        )
    }

    fn admit(queue: &Queue, jobs: &[(u64, u64)]) -> Vec<mpsc::Receiver<GenEvent>> {
        let admitted = jobs.iter().map(|(id, owner)| {
            let (job, receiver) = job(*id, *owner);
            queue.admit(job).unwrap();
            receiver
        });
        admitted.collect()
    }

    #[test]
    fn a_full_house_says_when_to_come_again() {
        let queue = Queue::new(2, 1);
        let _kept = admit(&queue, &[(0, 0), (1, 1), (2, 2)]);
        let GenerateError::Busy { retry_after } = queue.admit(job(3, 3).0).unwrap_err() else { panic!() };
        assert!(retry_after >= Duration::from_secs(1), "{retry_after:?}");
        let first = queue.take().unwrap();
        assert_eq!(first.id, 0);
        // Running jobs count too.
        assert!(queue.admit(job(4, 4).0).is_err());
        queue.ended(first.asker, Duration::from_secs(1));
        assert!(queue.admit(job(5, 5).0).is_ok());
    }

    #[test]
    fn abandoned_jobs_take_no_place_and_no_turn() {
        let queue = Queue::new(1, 1);
        let (first, receiver) = job(1, 1);
        queue.admit(first).unwrap();
        drop(receiver);
        let (second, mut receiver) = job(2, 2);
        let token = second.cancel.clone();
        queue.admit(second).unwrap();
        let (third, _kept) = job(3, 3);
        queue.admit(third).unwrap();
        token.cancel();
        assert_eq!(queue.take().unwrap().id, 3);
        assert!(matches!(receiver.try_recv(), Ok(GenEvent::Failed(EngineError::Cancelled))));
    }

    #[test]
    fn everybody_gets_their_turn_whoever_has_more_to_ask() {
        let queue = Queue::new(2, 20);
        let _kept = admit(&queue, &[(1, 1), (2, 1), (3, 1), (4, 2), (5, 1), (6, 3)]);
        let order: Vec<u64> = std::iter::from_fn(|| queue.take()).map(|job| job.id).collect();
        assert_eq!(order, [1, 4, 6, 2, 3, 5]);
    }

    #[test]
    fn one_owner_leaves_room_for_others_to_wait() {
        let queue = Queue::new(1, 4);
        let _kept = admit(&queue, &[(1, 1), (2, 1), (3, 1)]);
        assert!(queue.admit(job(4, 1).0).is_err());
        assert!(queue.admit(job(5, 2).0).is_ok());
    }

    #[test]
    fn only_ones_own_join_and_only_while_nobody_else_waits() {
        let queue = Queue::new(1, 9);
        let _kept = admit(&queue, &[(1, 1), (2, 1)]);
        let first = queue.take().unwrap();
        assert!(queue.join(Asker { scope: Some(8), ..first.asker }).is_none());
        assert!(queue.join(Asker { owner: 2, ..first.asker }).is_none());
        assert!(queue.join(Asker { scope: None, ..first.asker }).is_none());
        assert!(queue.idle(1, None, || queue.join(first.asker)).is_none(), "another engine takes it");
        assert!(queue.idle(1, Some(first.asker), || queue.take()).is_none(), "it goes on where it was");
        assert_eq!(queue.join(first.asker).unwrap().id, 2);
        let _more = admit(&queue, &[(3, 1), (4, 2)]);
        assert!(queue.join(first.asker).is_none(), "somebody else waits");
    }
}
