//! What has changed about people, keys and sessions since the server started, so that a running
//! request can be cut without asking the database.
//!
//! A principal carries how far this table had got *before* its credential was looked up. Whatever
//! is noted later has a higher number and cuts it. What was committed earlier was seen by the
//! look-up.

use medlock_domain::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

#[derive(Default)]
pub(crate) struct Standing {
    latest: AtomicU64,
    changed: RwLock<HashMap<String, Change>>,
}

struct Change {
    number: u64,
    /// No permit from before it can live longer than this.
    forget: Timestamp,
}

/// No permit and no principal outlives its request by more than this.
const REMEMBER_MS: i64 = 25 * 60 * 60 * 1000;

impl Standing {
    /// To be read before a look-up.
    pub(crate) fn seen(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }

    /// Notes a change of a person, key or session, after it is durable.
    pub(crate) fn note(&self, id: &str, now: Timestamp) {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        changed.retain(|_, c| c.forget > now);
        let number = self.latest.load(Ordering::SeqCst) + 1;
        changed.insert(id.to_string(), Change { number, forget: now.plus_ms(REMEMBER_MS) });
        // Last, and under the lock: who has read the new number finds the entry.
        self.latest.store(number, Ordering::SeqCst);
    }

    /// Whether `id` has changed since `seen` was read.
    pub(crate) fn changed_since(&self, id: &str, seen: u64) -> bool {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        changed.get(id).is_some_and(|c| c.number > seen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_what_came_later_cuts() {
        let s = Standing::default();
        let before = s.seen();
        s.note("usr_a", Timestamp(0));
        assert!(s.changed_since("usr_a", before));
        assert!(!s.changed_since("usr_b", before));
        assert!(!s.changed_since("usr_a", s.seen()));
    }

    #[test]
    fn what_nothing_can_depend_on_is_forgotten() {
        let s = Standing::default();
        for i in 0..100 {
            s.note(&format!("ses_{i}"), Timestamp(0));
        }
        s.note("ses_last", Timestamp(REMEMBER_MS));
        assert_eq!(s.changed.read().unwrap().len(), 1);
    }
}
