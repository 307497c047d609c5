//! Admission: who is served next, and when to say that the house is full.

use crate::{CancelToken, ChatPrompt, EngineError, GenEvent, GenerateError, Sampling};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// A generation that waits or runs.
pub(crate) struct Job {
    pub(crate) id: u64,
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
    engines: usize,
    waiting: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    running: usize,
    /// How long a generation takes, averaged over the recent ones.
    usual: Duration,
}

impl Queue {
    pub(crate) fn new(engines: usize, waiting: usize) -> Self {
        let state = State { usual: Duration::from_secs(2), ..State::default() };
        Self { state: Mutex::new(state), engines, waiting }
    }

    /// Takes a job in, or says when to come again.
    pub(crate) fn admit(&self, job: Job) -> Result<(), GenerateError> {
        let mut state = self.lock();
        state.jobs.retain(|j| !j.is_abandoned());
        let ahead = state.jobs.len() + state.running;
        if ahead >= self.engines + self.waiting {
            let wait = state.usual * u32::try_from(ahead / self.engines).unwrap_or(u32::MAX);
            let retry_after = wait.clamp(Duration::from_secs(1), Duration::from_secs(60));
            return Err(GenerateError::Busy { retry_after });
        }
        state.jobs.push_back(job);
        Ok(())
    }

    /// The next job that somebody still wants; it counts as running until [`Queue::ended`].
    pub(crate) fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        while let Some(job) = state.jobs.pop_front() {
            if job.is_abandoned() {
                job.tell(GenEvent::Failed(EngineError::Cancelled));
                continue;
            }
            state.running += 1;
            return Some(job);
        }
        None
    }

    /// A job that was taken has ended after so long.
    pub(crate) fn ended(&self, took: Duration) {
        let mut state = self.lock();
        state.running -= 1;
        state.usual = (state.usual * 7 + took) / 8;
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

    fn job(id: u64) -> (Job, mpsc::Receiver<GenEvent>) {
        let (events, receiver) = mpsc::channel(4);
        let prompt = ChatPrompt { messages: Vec::new(), shape: None };
        (Job { id, prompt, sampling: Sampling::default(), cancel: CancelToken::new(), events }, receiver)
    }

    #[test]
    fn a_full_house_says_when_to_come_again() {
        let queue = Queue::new(2, 1);
        let mut kept = Vec::new();
        for id in 0..3 {
            let (job, receiver) = job(id);
            queue.admit(job).unwrap();
            kept.push(receiver);
        }
        let GenerateError::Busy { retry_after } = queue.admit(job(3).0).unwrap_err() else { panic!() };
        assert!(retry_after >= Duration::from_secs(1), "{retry_after:?}");
        assert_eq!(queue.take().unwrap().id, 0);
        // Running jobs count too.
        assert!(queue.admit(job(4).0).is_err());
        queue.ended(Duration::from_secs(1));
        assert!(queue.admit(job(5).0).is_ok());
    }

    #[test]
    fn abandoned_jobs_take_no_place_and_no_turn() {
        let queue = Queue::new(1, 1);
        let (first, receiver) = job(1);
        queue.admit(first).unwrap();
        drop(receiver);
        let (second, mut receiver) = job(2);
        let token = second.cancel.clone();
        queue.admit(second).unwrap();
        let (third, _kept) = job(3);
        queue.admit(third).unwrap();
        token.cancel();
        assert_eq!(queue.take().unwrap().id, 3);
        assert!(matches!(receiver.try_recv(), Ok(GenEvent::Failed(EngineError::Cancelled))));
    }
}
