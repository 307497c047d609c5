//! What waits for the writer: bounded, first in first out. Whatever queued up while one group was
//! being made durable is the next group.

use crate::entry::Entry;
use crate::error::Unavailable;
use crate::receipt::{Cover, Receipt};
use crate::seal::Sealed;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// An entry on its way, and who waits for it.
pub(crate) struct Job {
    pub(crate) entry: Entry,
    pub(crate) cover: Option<Cover>,
    /// The content, sealed for the segment of that moment; if another has begun since, the writer seals it.
    pub(crate) sealed: Option<Sealed>,
    pub(crate) reply: Reply,
}

/// Who waits. Somebody who has gone away changes nothing: the entry is recorded all the same.
pub(crate) enum Reply {
    Task(oneshot::Sender<Result<Receipt, Unavailable>>),
    Thread(mpsc::SyncSender<Result<Receipt, Unavailable>>),
    Nobody,
}

impl Reply {
    pub(crate) fn send(self, result: Result<Receipt, Unavailable>) {
        match self {
            Reply::Task(sender) => drop(sender.send(result)),
            Reply::Thread(sender) => drop(sender.send(result)),
            Reply::Nobody => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closing,
    Failed,
}

struct Inner {
    state: State,
    jobs: VecDeque<Job>,
    bytes: usize,
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
    max_jobs: usize,
    max_bytes: usize,
}

/// Counted for an entry beside its content: about what it takes in memory.
const ENTRY_BYTES: usize = 1024;

/// Short content is held twice, as it is and sealed; that is not counted.
fn weight(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.content.as_ref().map_or(0, |c| c.len())
}

impl Queue {
    pub(crate) fn new(max_jobs: usize, max_bytes: usize) -> Self {
        let inner = Inner { state: State::Open, jobs: VecDeque::new(), bytes: 0 };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), max_jobs, max_bytes }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job in line, or says at once why not: nobody waits for room.
    pub(crate) fn push(&self, job: Job) -> Result<(), Unavailable> {
        let mut inner = self.inner();
        match inner.state {
            State::Open => {}
            State::Closing => return Err(Unavailable::Closed),
            State::Failed => return Err(Unavailable::Failed),
        }
        let bytes = inner.bytes + weight(&job.entry);
        if inner.jobs.len() >= self.max_jobs || (bytes > self.max_bytes && !inner.jobs.is_empty()) {
            return Err(Unavailable::Busy);
        }
        inner.bytes = bytes;
        inner.jobs.push_back(job);
        drop(inner);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes what is there, but no more than `max_bytes` beyond the first job; waits up to `wait`
    /// for something. No jobs and `true`: closed, and everything has been taken.
    pub(crate) fn take(&self, max_bytes: usize, wait: Duration) -> (Vec<Job>, bool) {
        let mut inner = self.inner();
        if inner.jobs.is_empty() && inner.state == State::Open {
            inner = self.changed.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(job) = inner.jobs.front() {
            let more = weight(&job.entry);
            if !group.is_empty() && bytes + more > max_bytes {
                break;
            }
            bytes += more;
            group.extend(inner.jobs.pop_front());
        }
        inner.bytes -= bytes;
        let closing = group.is_empty() && inner.state == State::Closing;
        (group, closing)
    }

    /// Takes no more; what is in line is still recorded.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        if inner.state == State::Open {
            inner.state = State::Closing;
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// Takes no more, and nothing in line will be recorded.
    pub(crate) fn fail(&self) {
        let mut inner = self.inner();
        inner.state = State::Failed;
        inner.bytes = 0;
        let jobs = std::mem::take(&mut inner.jobs);
        drop(inner);
        jobs.into_iter().for_each(|job| job.reply.send(Err(Unavailable::Failed)));
    }

    pub(crate) fn is_open(&self) -> bool {
        self.inner().state == State::Open
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::entry::Kind;
    use medlock_domain::Actor;

    fn job(content: usize) -> Job {
        let entry = Entry::new(Kind::Open, Actor::Server).content(vec![0; content]);
        Job { entry, cover: None, sealed: None, reply: Reply::Nobody }
    }

    #[test]
    fn full_is_said_at_once_and_room_comes_back() {
        let queue = Queue::new(2, 10 * ENTRY_BYTES);
        assert!(queue.push(job(1)).is_ok() && queue.push(job(1)).is_ok());
        assert_eq!(queue.push(job(1)), Err(Unavailable::Busy), "by number");
        assert_eq!(queue.take(usize::MAX, Duration::ZERO).0.len(), 2);
        assert!(queue.push(job(50 * ENTRY_BYTES)).is_ok(), "a big one fits when it is alone");
        assert_eq!(queue.push(job(1)), Err(Unavailable::Busy), "by bytes");
        assert_eq!(queue.take(0, Duration::ZERO).0.len(), 1);
        assert!(queue.push(job(1)).is_ok());
    }

    #[test]
    fn a_group_is_bounded_and_keeps_the_order() {
        let queue = Queue::new(100, 1 << 30);
        (1..=5).for_each(|n| queue.push(job(n)).unwrap());
        let sizes = |jobs: Vec<Job>| jobs.iter().map(|j| j.entry.content.as_ref().unwrap().len()).collect::<Vec<_>>();
        assert_eq!(sizes(queue.take(2 * ENTRY_BYTES + 3, Duration::ZERO).0), [1, 2]);
        assert_eq!(sizes(queue.take(usize::MAX, Duration::ZERO).0), [3, 4, 5]);
    }

    #[test]
    fn closing_drains_and_failing_tells_those_who_wait() {
        let queue = Queue::new(10, 1 << 20);
        queue.push(job(1)).unwrap();
        queue.close();
        assert_eq!(queue.push(job(1)), Err(Unavailable::Closed));
        assert_eq!(queue.take(0, Duration::ZERO).0.len(), 1);
        assert!(queue.take(0, Duration::ZERO).1);

        let queue = Queue::new(10, 1 << 20);
        let (sender, receiver) = mpsc::sync_channel(1);
        queue.push(Job { reply: Reply::Thread(sender), ..job(1) }).unwrap();
        queue.fail();
        assert_eq!(receiver.recv().unwrap().unwrap_err(), Unavailable::Failed);
        assert_eq!(queue.push(job(1)), Err(Unavailable::Failed));
        assert!(!queue.is_open());
    }
}
