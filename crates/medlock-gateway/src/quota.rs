//! What one caller may ask of the models: so many requests in a minute, so many at once. Counted by the generic cell
//! rate algorithm (ITU-T I.371): one number a caller, no window at whose edge twice as much gets through.

use medlock_domain::{Actor, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MINUTE_US: i64 = 60_000_000;
/// Callers remembered; of more, those that owe nothing are forgotten, and where all owe, who comes then shares one
/// quota: memory stays bounded.
const REMEMBERED: usize = 65_536;
const PRUNE_US: u64 = 1_000_000;

/// Everybody's quota. Clones are the same; 0 is no limit.
#[derive(Clone)]
pub(crate) struct Quotas {
    per_minute: u32,
    at_once: u32,
    callers: Arc<Mutex<Callers>>,
}

#[derive(Default)]
struct Callers {
    states: HashMap<String, State>,
    /// When those that owe nothing were last looked for: that looks at everybody.
    pruned: i64,
}

#[derive(Default)]
struct State {
    /// When all is free again, in microseconds.
    free_at: i64,
    running: u32,
    /// Since the last one that was let in, somebody was told to wait.
    told: bool,
}

/// A request that was let in; it is at work while this lives.
pub(crate) struct Place {
    quotas: Quotas,
    caller: Option<String>,
    left: Option<Left>,
}

/// What is left after it, in OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    limit: u32,
    remaining: i64,
    reset_ms: i64,
}

/// One that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) retry_after_s: u32,
    /// The first since one was let in: the others are not worth a record each.
    pub(crate) first: bool,
}

impl Quotas {
    pub(crate) fn new(per_minute: u32, at_once: u32) -> Self {
        Self { per_minute, at_once, callers: Arc::default() }
    }

    /// Lets one request of this caller in, or says how long to wait.
    pub(crate) fn take(&self, actor: &Actor, now: Timestamp) -> Result<Place, Over> {
        if self.per_minute == 0 && self.at_once == 0 {
            return Ok(Place { quotas: self.clone(), caller: None, left: None });
        }
        let (mut caller, now) = (caller(actor), now.0.saturating_mul(1000));
        let mut callers = self.lock();
        let Callers { states, pruned } = &mut *callers;
        if states.len() >= REMEMBERED && !states.contains_key(&caller) {
            if now.abs_diff(*pruned) >= PRUNE_US {
                *pruned = now;
                states.retain(|_, state| state.running > 0 || state.free_at > now);
            }
            if states.len() >= REMEMBERED {
                caller = "others".to_owned();
            }
        }
        let state = states.entry(caller.clone()).or_default();
        let over = |wait_us: i64, state: &mut State| {
            let first = !std::mem::replace(&mut state.told, true);
            Err(Over { retry_after_s: u32::try_from(wait_us / 1_000_000 + 1).unwrap_or(60), first })
        };
        if self.at_once > 0 && state.running >= self.at_once {
            return over(0, state);
        }
        let left = match self.per_minute {
            0 => None,
            limit => {
                let each = MINUTE_US / i64::from(limit);
                let free_at = state.free_at.max(now) + each;
                let owed = free_at - now;
                if owed > MINUTE_US {
                    return over(owed - MINUTE_US, state);
                }
                state.free_at = free_at;
                Some(Left { limit, remaining: (MINUTE_US - owed) / each, reset_ms: owed / 1000 })
            }
        };
        state.running += 1;
        state.told = false;
        Ok(Place { quotas: self.clone(), caller: Some(caller), left })
    }

    fn lock(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key has its own quota, and a person one over all of their sessions.
fn caller(actor: &Actor) -> String {
    match actor {
        Actor::Machine { key, .. } => key.to_string(),
        Actor::Person { user, .. } => user.to_string(),
        other => other.to_string(),
    }
}

impl Place {
    /// What is left to the caller after it, in the headers that OpenAI's clients read.
    pub(crate) fn left(&self) -> Option<[(&'static str, String); 3]> {
        let Left { limit, remaining, reset_ms } = self.left?;
        let reset = if reset_ms < 1000 { format!("{reset_ms}ms") } else { format!("{}s", (reset_ms + 999) / 1000) };
        Some([
            ("x-ratelimit-limit-requests", limit.to_string()),
            ("x-ratelimit-remaining-requests", remaining.to_string()),
            ("x-ratelimit-reset-requests", reset),
        ])
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(caller) = &self.caller else { return };
        if let Some(state) = self.quotas.lock().states.get_mut(caller) {
            state.running = state.running.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_domain::{KeyId, UserId};

    fn key(n: u8) -> Actor {
        Actor::Machine { key: KeyId::from_random([n; 16]), owner: UserId::from_random([1; 16]) }
    }

    #[test]
    fn a_caller_has_so_many_and_then_one_at_a_time() {
        let quotas = Quotas::new(6, 0);
        let at = |s: i64| Timestamp(1_800_000_000_000 + s * 1000);
        let left = |s| quotas.take(&key(1), at(s)).ok().map(|place| place.left.unwrap().remaining);
        assert_eq!((0..6).map(|_| left(0)).collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0].map(Some));
        let over = |s| quotas.take(&key(1), at(s)).err().unwrap();
        assert_eq!(over(0), Over { retry_after_s: 11, first: true });
        assert_eq!(over(4), Over { retry_after_s: 7, first: false });
        assert_eq!(quotas.take(&key(2), at(4)).ok().unwrap().left.unwrap().remaining, 5, "another has their own");
        // Ten seconds are worth one, and no edge of a minute is worth more.
        assert_eq!((left(10), left(10), left(20), left(20)), (Some(0), None, Some(0), None));
        assert_eq!(left(200), Some(5));
        // A clock that is put back gives nothing for nothing.
        assert!(left(-100).is_none());
    }

    #[test]
    fn so_many_at_once_and_a_place_is_free_when_its_answer_is_over() {
        let quotas = Quotas::new(0, 2);
        let now = Timestamp(0);
        let first = quotas.take(&key(1), now).ok().unwrap();
        let _second = quotas.take(&key(1), now).ok().unwrap();
        assert!(quotas.take(&key(1), now).is_err());
        drop(first);
        assert!(quotas.take(&key(1), now).is_ok());
        let unlimited = quotas.take(&key(9), now).ok().unwrap().left();
        assert_eq!(unlimited, None, "nothing is said of what is not limited");
    }

    #[test]
    fn a_million_callers_take_bounded_memory() {
        let quotas = Quotas::new(60, 0);
        for n in 0..1_000_000u32 {
            let mut bits = [0; 16];
            bits[..4].copy_from_slice(&n.to_be_bytes());
            let actor = Actor::Machine { key: KeyId::from_random(bits), owner: UserId::from_random([1; 16]) };
            // First all at one moment, then a thousand a second, of whom each owes for a second.
            drop(quotas.take(&actor, Timestamp(i64::from(n.saturating_sub(500_000)))));
        }
        assert!(quotas.lock().states.len() <= REMEMBERED + 1);
    }
}
