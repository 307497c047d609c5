//! What the server has sent and nobody has taken yet. It is looked at between two batches, and inside one through the
//! abort callback, which the model calls at every node of its graph: a cancelled request must not go on to read a long
//! prompt.
#![allow(unsafe_code, reason = "the abort callback gets its state through a raw pointer")]

use crate::channel::{ChannelError, Receiver};
use crate::frame::{Generate, Request};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;

/// Nodes of the graph between two looks at the socket. Reading a prompt spends about a
/// millisecond on each, a single token a hundredth of that.
const EVERY: u32 = 16;
/// Requests that wait here: the server sends no more than are answered together.
const MOST: usize = 64;

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The server is gone.
    Gone,
    /// It speaks out of turn.
    Unruly,
}

pub(crate) struct Inbox {
    receiver: RefCell<Receiver>,
    arrived: RefCell<VecDeque<Generate>>,
    /// Those that are being answered, and whether each was cancelled.
    watched: RefCell<Vec<(u64, bool)>>,
    over: Cell<Option<Over>>,
    /// What was kept is to be forgotten.
    forget: Cell<bool>,
    calls: Cell<u32>,
}

impl Inbox {
    pub(crate) fn new(receiver: Receiver) -> Self {
        let (arrived, watched) = Default::default();
        Self {
            receiver: RefCell::new(receiver),
            arrived,
            watched,
            over: Cell::new(None),
            forget: Cell::new(false),
            calls: Cell::new(0),
        }
    }

    /// Waits until there is something.
    pub(crate) fn wait(&self) {
        if self.arrived.borrow().is_empty() && self.over.get().is_none() {
            let request = self.receiver.borrow_mut().receive();
            self.take(request);
        }
        self.look();
    }

    /// Takes what is there.
    pub(crate) fn look(&self) {
        while self.over.get().is_none() {
            let request = self.receiver.borrow_mut().poll();
            match request {
                Ok(None) => return,
                Ok(Some(request)) => self.take(Ok(request)),
                Err(error) => self.take(Err(error)),
            }
        }
    }

    fn take(&self, request: Result<Request, ChannelError>) {
        match request {
            Ok(Request::Generate(request)) if self.arrived.borrow().len() < MOST => {
                self.arrived.borrow_mut().push_back(request);
            }
            // Of one that has ended, it is too late; one that has not been begun is not.
            Ok(Request::Cancel { id }) => {
                self.watched
                    .borrow_mut()
                    .iter_mut()
                    .filter(|(of, _)| *of == id)
                    .for_each(|(_, cancelled)| *cancelled = true);
                let waits = self.arrived.borrow().iter().any(|request| request.id == id);
                if waits {
                    self.watched.borrow_mut().push((id, true));
                }
            }
            Ok(Request::Forget) => self.forget.set(true),
            Err(ChannelError::Closed) => self.over.set(Some(Over::Gone)),
            _ => self.over.set(Some(Over::Unruly)),
        }
    }

    /// The request that has waited longest.
    pub(crate) fn next(&self) -> Option<Generate> {
        self.arrived.borrow_mut().pop_front()
    }

    /// Whether what was kept is to be forgotten; asked once.
    pub(crate) fn is_to_forget(&self) -> bool {
        self.forget.take()
    }

    /// This one is being answered from now on.
    pub(crate) fn watch(&self, id: u64) {
        if !self.is_cancelled(id) {
            self.watched.borrow_mut().push((id, false));
        }
    }

    /// This one has ended.
    pub(crate) fn forget(&self, id: u64) {
        self.watched.borrow_mut().retain(|(of, _)| *of != id);
    }

    pub(crate) fn is_cancelled(&self, id: u64) -> bool {
        self.watched.borrow().contains(&(id, true))
    }

    /// Why nothing more comes, if that is so.
    pub(crate) fn over(&self) -> Option<Over> {
        self.over.get()
    }

    /// Whether nobody waits for what is being computed.
    fn is_idle(&self) -> bool {
        self.over.get().is_some() || self.watched.borrow().iter().all(|(_, cancelled)| *cancelled)
    }

    /// What [`on_node`] wants as its data. Valid as long as this inbox is.
    pub(crate) fn as_data(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// The model's abort callback: true stops the computation.
///
/// # Safety
/// `data` is null or comes from [`Inbox::as_data`] of an inbox that is still there, on this thread, and of which nothing is
/// borrowed.
pub(crate) unsafe extern "C" fn on_node(data: *mut c_void) -> bool {
    // SAFETY: see above; only shared references to the inbox exist.
    let Some(inbox) = (unsafe { data.cast::<Inbox>().as_ref() }) else { return false };
    let calls = inbox.calls.get().wrapping_add(1);
    inbox.calls.set(calls);
    if calls % EVERY != 0 {
        return false;
    }
    inbox.look();
    inbox.is_idle()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::channel::{Sender, pair, split};
    use crate::frame::{Sampling, Start};

    fn inbox() -> (Sender, Inbox) {
        let (a, b) = pair().unwrap();
        (split(a).0, Inbox::new(split(b).1))
    }

    fn request(id: u64) -> Request {
        let (messages, sampling) = (Vec::new(), Sampling::default());
        Request::Generate(Generate { id, scope: None, keep: false, messages, sampling, shape: None })
    }

    #[test]
    fn what_arrives_is_kept_in_order_and_cancelled_before_it_is_begun_as_well() {
        let (sender, inbox) = inbox();
        for id in 1..=3 {
            sender.send(&request(id)).unwrap();
        }
        sender.send(&Request::Cancel { id: 2 }).unwrap();
        sender.send(&Request::Cancel { id: 99 }).unwrap();
        inbox.wait();
        let ids: Vec<u64> = std::iter::from_fn(|| inbox.next()).map(|r| r.id).collect();
        assert_eq!(ids, [1, 2, 3]);
        ids.iter().for_each(|id| inbox.watch(*id));
        assert_eq!([1, 2, 3, 99].map(|id| inbox.is_cancelled(id)), [false, true, false, false]);
        inbox.forget(2);
        assert!(!inbox.is_cancelled(2));
    }

    #[test]
    fn a_gone_or_unruly_server_ends_it() {
        let (sender, silent) = inbox();
        silent.look();
        assert_eq!(silent.over(), None);
        drop(sender);
        silent.look();
        assert_eq!(silent.over(), Some(Over::Gone));
        let (sender, inbox) = inbox();
        sender.send(&Request::Start(Start::default())).unwrap();
        inbox.wait();
        assert_eq!(inbox.over(), Some(Over::Unruly));
    }

    #[test]
    fn the_callback_looks_now_and_then_and_stops_what_nobody_waits_for() {
        let (sender, inbox) = inbox();
        let stops = || {
            // SAFETY: the inbox outlives the calls, and nothing of it is borrowed.
            (0..EVERY).any(|_| unsafe { on_node(inbox.as_data()) })
        };
        inbox.watch(1);
        inbox.watch(2);
        sender.send(&Request::Cancel { id: 1 }).unwrap();
        assert!(!stops(), "somebody waits for the other");
        sender.send(&request(3)).unwrap();
        sender.send(&Request::Cancel { id: 2 }).unwrap();
        assert!(stops());
        assert_eq!(inbox.next().unwrap().id, 3, "a request that came meanwhile is not lost");
        // SAFETY: null is allowed.
        assert!(!unsafe { on_node(std::ptr::null_mut()) });
    }
}
