//! What may be asked of the models: requests and tokens, in a minute and in a day, and requests at once; of one caller,
//! by their roles, and of one network source. Counted by the generic cell rate algorithm (ITU-T I.371): one number a rate,
//! no window at whose edge twice as much gets through.

use crate::throttle::network;
use medlock_auth::Principal;
use medlock_domain::{Actor, NetworkSource, RoleName, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 24 * 60 * MINUTE_NS;
/// Callers and sources remembered; of more, those that owe nothing are forgotten, and where all owe, who comes then shares
/// one quota: memory stays bounded.
const REMEMBERED: usize = 65_536;
const PRUNE_NS: u64 = 1_000_000_000;

/// How much somebody may ask. 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a minute.
    pub requests_per_minute: u32,
    /// Requests in a day.
    pub requests_per_day: u32,
    /// Tokens, in and out, in a minute. What a request takes is known when it is over, and counts from then on.
    pub tokens_per_minute: u32,
    /// The same in a day.
    pub tokens_per_day: u32,
    /// Requests at work.
    pub requests_at_once: u32,
}

/// Everybody's quota.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuotaRules {
    /// Of one caller: a key, or a person over all sessions.
    pub caller: Quota,
    /// Of one caller in this role, in its place. Of several roles, each limit is the strictest.
    pub roles: BTreeMap<RoleName, Quota>,
    /// Of all callers of one network source together.
    pub source: Quota,
}

/// What is counted: requests and tokens, by minute and day.
const RATES: usize = 4;

impl Quota {
    /// Each rate's window and limit. Requests first.
    fn rates(&self) -> [(i64, u32); RATES] {
        [
            (MINUTE_NS, self.requests_per_minute),
            (DAY_NS, self.requests_per_day),
            (MINUTE_NS, self.tokens_per_minute),
            (DAY_NS, self.tokens_per_day),
        ]
    }

    fn strictest(self, other: Self) -> Self {
        let least = |a: u32, b: u32| if a == 0 || b == 0 { a.max(b) } else { a.min(b) };
        Self {
            requests_per_minute: least(self.requests_per_minute, other.requests_per_minute),
            requests_per_day: least(self.requests_per_day, other.requests_per_day),
            tokens_per_minute: least(self.tokens_per_minute, other.tokens_per_minute),
            tokens_per_day: least(self.tokens_per_day, other.tokens_per_day),
            requests_at_once: least(self.requests_at_once, other.requests_at_once),
        }
    }
}

impl QuotaRules {
    fn of(&self, roles: &[RoleName]) -> Quota {
        let named = roles.iter().filter_map(|role| self.roles.get(role).copied());
        named.reduce(Quota::strictest).unwrap_or(self.caller)
    }
}

/// What everybody has had. Clones are the same.
#[derive(Clone)]
pub(crate) struct Quotas {
    rules: Arc<QuotaRules>,
    holders: Arc<Mutex<Holders>>,
}

#[derive(Default)]
struct Holders {
    states: HashMap<String, State>,
    /// When those that owe nothing were last looked for: that looks at everybody.
    pruned: i64,
}

#[derive(Default)]
struct State {
    /// When all of a rate is free again, in nanoseconds.
    free_at: [i64; RATES],
    running: u32,
    /// Since the last one that was let in, somebody was told to wait.
    told: bool,
}

/// A request that was let in; it is at work while this lives.
pub(crate) struct Place {
    quotas: Quotas,
    held: Vec<(String, Quota)>,
    left: Vec<Left>,
}

/// What is left after it, in OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    tokens: bool,
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
    pub(crate) fn new(rules: QuotaRules) -> Self {
        Self { rules: Arc::new(rules), holders: Arc::default() }
    }

    /// Lets one request of this caller in, or says how long to wait.
    pub(crate) fn take(&self, who: &Principal, from: NetworkSource, now: Timestamp) -> Result<Place, Over> {
        self.take_for(who.actor(), self.rules.of(who.roles()), from, now)
    }

    fn take_for(&self, actor: &Actor, quota: Quota, from: NetworkSource, now: Timestamp) -> Result<Place, Over> {
        let limited = |(_, quota): &(String, Quota)| *quota != Quota::default();
        let holders = [(caller(actor), quota), (format!("from {}", network(from.0)), self.rules.source)];
        let mut held: Vec<(String, Quota)> = holders.into_iter().filter(limited).collect();
        if held.is_empty() {
            return Ok(Place { quotas: self.clone(), held, left: Vec::new() });
        }
        let now = now.0.saturating_mul(1_000_000);
        let mut all = self.lock();
        for (name, _) in &mut held {
            all.make_room(name, now);
        }
        for (name, quota) in &held {
            let state = all.states.entry(name.clone()).or_default();
            if let Some(wait_ns) = state.must_wait(quota, now) {
                let first = !std::mem::replace(&mut state.told, true);
                return Err(Over { retry_after_s: u32::try_from(wait_ns / 1_000_000_000 + 1).unwrap_or(60), first });
            }
        }
        let mut left = Vec::new();
        for (name, quota) in &held {
            if let Some(state) = all.states.get_mut(name) {
                left.extend(state.take(quota, now));
            }
        }
        Ok(Place { quotas: self.clone(), held, left })
    }

    fn lock(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holders {
    /// Before a holder is remembered who is not yet; `name` becomes the common one where there is no room.
    fn make_room(&mut self, name: &mut String, now: i64) {
        if self.states.len() < REMEMBERED || self.states.contains_key(name) {
            return;
        }
        if now.abs_diff(self.pruned) >= PRUNE_NS {
            self.pruned = now;
            self.states.retain(|_, state| state.running > 0 || state.free_at.iter().any(|at| *at > now));
        }
        if self.states.len() >= REMEMBERED {
            "others".clone_into(name);
        }
    }
}

impl State {
    /// How long, in nanoseconds, before the next request, if it may not come now.
    fn must_wait(&self, quota: &Quota, now: i64) -> Option<i64> {
        if quota.requests_at_once > 0 && self.running >= quota.requests_at_once {
            return Some(0);
        }
        let rates = quota.rates().into_iter().zip(self.free_at).enumerate();
        let waits = rates.filter(|(_, ((_, limit), _))| *limit > 0).map(|(i, ((window, limit), free_at))| {
            // A request is one more; tokens are those of the requests before it.
            let next = if i < 2 { window / i64::from(limit) } else { 1 };
            free_at.max(now) + next - now - window
        });
        waits.filter(|wait| *wait > 0).max()
    }

    /// One request: what is left of each kind, of the rate of which there is least.
    fn take(&mut self, quota: &Quota, now: i64) -> Vec<Left> {
        (self.running, self.told) = (self.running + 1, false);
        let mut left: Vec<Left> = Vec::new();
        for (i, (window, limit)) in quota.rates().into_iter().enumerate().filter(|(_, (_, limit))| *limit > 0) {
            let each = window / i64::from(limit);
            let tokens = i >= 2;
            if !tokens {
                self.free_at[i] = self.free_at[i].max(now) + each;
            }
            let owed = (self.free_at[i] - now).max(0);
            let one = Left { tokens, limit, remaining: ((window - owed) / each).max(0), reset_ms: owed / 1_000_000 };
            match left.iter_mut().find(|other| other.tokens == tokens) {
                None => left.push(one),
                Some(other) if one.remaining < other.remaining => *other = one,
                Some(_) => {}
            }
        }
        left
    }

    fn spend(&mut self, quota: &Quota, tokens: u64, now: i64) {
        for (i, (window, limit)) in quota.rates().into_iter().enumerate().skip(2).filter(|(_, (_, limit))| *limit > 0) {
            let each = window / i64::from(limit);
            let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
            self.free_at[i] = self.free_at[i].max(now).saturating_add(each.saturating_mul(tokens));
        }
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
    /// It took so many tokens.
    pub(crate) fn spend(&self, tokens: u64, now: Timestamp) {
        if self.held.is_empty() {
            return;
        }
        let mut all = self.quotas.lock();
        for (name, quota) in &self.held {
            if let Some(state) = all.states.get_mut(name) {
                state.spend(quota, tokens, now.0.saturating_mul(1_000_000));
            }
        }
    }

    /// What is left after it, in the headers that OpenAI's clients read: of the limits of a kind, the one of which there is
    /// least.
    pub(crate) fn left(&self) -> Vec<(&'static str, String)> {
        const REQUESTS: [&str; 3] =
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
        const TOKENS: [&str; 3] =
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
        let mut headers = Vec::new();
        for (tokens, names) in [(false, REQUESTS), (true, TOKENS)] {
            let of_kind = self.left.iter().filter(|left| left.tokens == tokens);
            let Some(Left { limit, remaining, reset_ms, .. }) = of_kind.min_by_key(|left| left.remaining) else {
                continue;
            };
            let reset = match *reset_ms {
                ms @ 0..1000 => format!("{ms}ms"),
                ms => format!("{}s", (ms + 999) / 1000),
            };
            headers.extend(names.into_iter().zip([limit.to_string(), remaining.to_string(), reset]));
        }
        headers
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut all = self.quotas.lock();
        for (name, _) in &self.held {
            if let Some(state) = all.states.get_mut(name) {
                state.running = state.running.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_domain::{KeyId, UserId};
    use std::net::{IpAddr, Ipv4Addr};

    fn key(n: u8) -> Actor {
        Actor::Machine { key: KeyId::from_random([n; 16]), owner: UserId::from_random([1; 16]) }
    }

    fn from(n: u32) -> NetworkSource {
        NetworkSource(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    fn at(s: i64) -> Timestamp {
        Timestamp(1_800_000_000_000 + s * 1000)
    }

    /// Everybody has this.
    struct Each(Quotas, Quota);

    impl Each {
        fn with(quota: Quota) -> Self {
            Self(Quotas::new(QuotaRules::default()), quota)
        }

        fn take(&self, actor: &Actor, now: Timestamp) -> Result<Place, Over> {
            self.0.take_for(actor, self.1, from(1), now)
        }
    }

    #[test]
    fn a_caller_has_so_many_and_then_one_at_a_time() {
        let quotas = Each::with(Quota { requests_per_minute: 6, ..Quota::default() });
        let left = |s| quotas.take(&key(1), at(s)).ok().map(|place| place.left[0].remaining);
        assert_eq!((0..6).map(|_| left(0)).collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0].map(Some));
        let over = |s| quotas.take(&key(1), at(s)).err().unwrap();
        assert_eq!(over(0), Over { retry_after_s: 11, first: true });
        assert_eq!(over(4), Over { retry_after_s: 7, first: false });
        assert_eq!(quotas.take(&key(2), at(4)).ok().unwrap().left[0].remaining, 5, "another has their own");
        // Ten seconds are worth one, and no edge of a minute is worth more.
        assert_eq!((left(10), left(10), left(20), left(20)), (Some(0), None, Some(0), None));
        assert_eq!(left(200), Some(5));
        // A clock that is put back gives nothing for nothing.
        assert!(left(-100).is_none());
    }

    #[test]
    fn so_many_at_once_and_a_place_is_free_when_its_answer_is_over() {
        let quotas = Each::with(Quota { requests_at_once: 2, ..Quota::default() });
        let first = quotas.take(&key(1), at(0)).ok().unwrap();
        let _second = quotas.take(&key(1), at(0)).ok().unwrap();
        assert!(quotas.take(&key(1), at(0)).is_err());
        drop(first);
        assert!(quotas.take(&key(1), at(0)).is_ok());
        let unlimited = quotas.take(&key(9), at(0)).ok().unwrap().left();
        assert_eq!(unlimited, [], "nothing is said of what is not limited");
    }

    #[test]
    fn tokens_count_once_they_are_known_and_a_day_is_longer_than_a_minute() {
        let quota = Quota { tokens_per_minute: 600, tokens_per_day: 1200, ..Quota::default() };
        let quotas = Each::with(quota);
        let place = quotas.take(&key(1), at(0)).ok().unwrap();
        assert_eq!(place.left()[1], ("x-ratelimit-remaining-tokens", "600".to_owned()));
        place.spend(700, at(0));
        // 100 more than a minute has: ten seconds until there is one again.
        let over = quotas.take(&key(1), at(0)).err().unwrap();
        assert_eq!(over, Over { retry_after_s: 11, first: true });
        let later = quotas.take(&key(1), at(11)).ok().unwrap();
        assert_eq!(later.left()[1].1, "10", "of the minute: ten tokens in a second");
        later.spend(600, at(70));
        let over = quotas.take(&key(1), at(3600)).err().unwrap();
        assert!(over.retry_after_s > 60, "the day's are gone: {over:?}");
        assert!(quotas.take(&key(1), at(86_400)).is_ok());
    }

    #[test]
    fn a_day_bounds_what_minutes_would_allow() {
        let quotas = Each::with(Quota { requests_per_minute: 10, requests_per_day: 15, ..Quota::default() });
        let taken = |s| (0..20).filter(|_| quotas.take(&key(1), at(s)).is_ok()).count();
        assert_eq!((taken(0), taken(60), taken(120)), (10, 5, 0));
    }

    #[test]
    fn roles_and_sources_have_quotas_of_their_own() {
        let per_minute = |n| Quota { requests_per_minute: n, ..Quota::default() };
        let role = |name: &str| name.parse::<RoleName>().unwrap();
        let at_once = Quota { requests_at_once: 1, ..per_minute(50) };
        let rules = QuotaRules {
            caller: per_minute(100),
            roles: BTreeMap::from([(role("researcher"), per_minute(5)), (role("service"), at_once)]),
            source: per_minute(8),
        };
        assert_eq!(rules.of(&[role("clinician")]), per_minute(100));
        assert_eq!(rules.of(&[role("clinician"), role("researcher")]), per_minute(5));
        let both = Quota { requests_at_once: 1, ..per_minute(5) };
        assert_eq!(rules.of(&[role("service"), role("researcher")]), both);
        let quotas = Quotas::new(rules);
        let take = |n: u8, source| quotas.take_for(&key(n), per_minute(5), from(source), at(0)).is_ok();
        assert_eq!((0..10).filter(|_| take(1, 1)).count(), 5, "the caller's");
        assert_eq!((0..10).filter(|_| take(2, 1)).count(), 3, "what is left of the source's");
        assert_eq!((0..10).filter(|_| take(3, 2)).count(), 5, "another source");
        assert_eq!((0..10).filter(|_| take(2, 2)).count(), 2, "who was refused for the source has paid nothing");
    }

    #[test]
    fn a_million_callers_take_bounded_memory() {
        let quotas = Each::with(Quota { requests_per_minute: 60, ..Quota::default() });
        for n in 0..1_000_000u32 {
            let mut bits = [0; 16];
            bits[..4].copy_from_slice(&n.to_be_bytes());
            let actor = Actor::Machine { key: KeyId::from_random(bits), owner: UserId::from_random([1; 16]) };
            // First all at one moment, then a thousand a second, of whom each owes for a second.
            drop(quotas.take(&actor, Timestamp(i64::from(n.saturating_sub(500_000)))));
        }
        assert!(quotas.0.lock().states.len() <= REMEMBERED + 1);
    }
}
