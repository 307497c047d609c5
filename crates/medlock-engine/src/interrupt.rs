//! Notices a cancelled request while the model computes: between tokens, and inside the reading of
//! a long prompt through the abort callback, which the model calls at every node of its graph.
#![allow(unsafe_code, reason = "the abort callback gets its state through a raw pointer")]

use crate::channel::{LAST, poll_packet};
use crate::frame::Request;
use std::cell::Cell;
use std::ffi::c_void;
use std::os::fd::RawFd;

/// Nodes of the graph between two looks at the socket. Reading a prompt spends about a
/// millisecond on each, a single token a hundredth of that.
const EVERY: u32 = 16;

/// Why to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Nobody asked for it.
    None,
    /// The server cancelled this request.
    Cancelled,
    /// The server is gone, or speaks out of turn: there is nothing left to work for.
    Hangup,
}

/// Watches the socket for one request.
pub(crate) struct Watch {
    socket: RawFd,
    id: u64,
    seen: Cell<Interrupt>,
    calls: Cell<u32>,
}

impl Watch {
    pub(crate) fn new(socket: RawFd, id: u64) -> Self {
        Self { socket, id, seen: Cell::new(Interrupt::None), calls: Cell::new(0) }
    }

    /// What has arrived by now. Sticky.
    pub(crate) fn check(&self) -> Interrupt {
        while self.seen.get() == Interrupt::None {
            let mut packet = [0; 64];
            match poll_packet(self.socket, &mut packet) {
                Ok(None) => break,
                Ok(Some(n)) => self.seen.set(self.judge(packet.get(..n))),
                Err(_) => self.seen.set(Interrupt::Hangup),
            }
        }
        self.seen.get()
    }

    /// Nothing but a `Cancel` may arrive while a request runs.
    fn judge(&self, packet: Option<&[u8]>) -> Interrupt {
        match packet.and_then(<[u8]>::split_first) {
            Some((&LAST, body)) => match serde_json::from_slice(body) {
                Ok(Request::Cancel { id }) if id == self.id => Interrupt::Cancelled,
                Ok(Request::Cancel { .. }) => Interrupt::None, // of an earlier request, too late
                _ => Interrupt::Hangup,
            },
            _ => Interrupt::Hangup,
        }
    }

    /// What [`on_node`] wants as its data. Valid as long as this watch is.
    pub(crate) fn as_data(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// The model's abort callback: true stops the computation.
///
/// # Safety
/// `data` is null or comes from [`Watch::as_data`] of a watch that is still there, on this thread.
pub(crate) unsafe extern "C" fn on_node(data: *mut c_void) -> bool {
    // SAFETY: see above; only shared references to the watch exist.
    let Some(watch) = (unsafe { data.cast::<Watch>().as_ref() }) else { return false };
    let calls = watch.calls.get().wrapping_add(1);
    watch.calls.set(calls);
    calls % EVERY == 0 && watch.check() != Interrupt::None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::channel::{pair, split};
    use std::os::fd::AsRawFd;

    #[test]
    fn only_this_requests_cancel_stops_it() {
        let (a, b) = pair().unwrap();
        let (sender, _) = split(a);
        let watch = Watch::new(b.as_raw_fd(), 7);
        assert_eq!(watch.check(), Interrupt::None);
        sender.send(&Request::Cancel { id: 6 }).unwrap();
        assert_eq!(watch.check(), Interrupt::None);
        sender.send(&Request::Cancel { id: u64::MAX }).unwrap();
        sender.send(&Request::Cancel { id: 7 }).unwrap();
        assert_eq!(watch.check(), Interrupt::Cancelled);
    }

    #[test]
    fn a_gone_or_unruly_server_stops_it() {
        let (a, b) = pair().unwrap();
        drop(a);
        assert_eq!(Watch::new(b.as_raw_fd(), 1).check(), Interrupt::Hangup);
        let (a, b) = pair().unwrap();
        split(a).0.send(&Request::Start(crate::frame::Start::default())).unwrap();
        assert_eq!(Watch::new(b.as_raw_fd(), 1).check(), Interrupt::Hangup);
    }

    #[test]
    fn the_callback_looks_now_and_then() {
        let (a, b) = pair().unwrap();
        let (sender, _) = split(a);
        let watch = Watch::new(b.as_raw_fd(), 1);
        sender.send(&Request::Cancel { id: 1 }).unwrap();
        // SAFETY: the watch outlives the calls.
        let stopped = (0..EVERY).map(|_| unsafe { on_node(watch.as_data()) }).filter(|b| *b).count();
        assert_eq!(stopped, 1);
        // SAFETY: null is allowed.
        assert!(!unsafe { on_node(std::ptr::null_mut()) });
    }
}
