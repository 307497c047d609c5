//! Failed attempts to authenticate, counted per source and minute. Credentials that are good are
//! never held up: a hospital behind one address must not be shut out by one script with an old key.

use medlock_domain::{NetworkSource, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

const MINUTE_MS: i64 = 60_000;
/// Sources remembered in one minute. More of them share one count: memory stays bounded, and a
/// flood from many addresses is throttled as one.
const MAX_SOURCES: usize = 4096;

/// Counts failures.
pub(crate) struct Throttle {
    per_minute: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    minute: i64,
    by_source: HashMap<IpAddr, u32>,
    others: u32,
}

impl Throttle {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, state: Mutex::default() }
    }

    /// Counts a failure. Seconds to wait, when there have been too many.
    pub(crate) fn failed(&self, from: NetworkSource, now: Timestamp) -> Option<u32> {
        self.with(from, now, |count| *count = count.saturating_add(1))
    }

    /// Seconds to wait, when there have been too many failures already.
    pub(crate) fn blocked(&self, from: NetworkSource, now: Timestamp) -> Option<u32> {
        self.with(from, now, |_| ()).filter(|_| self.per_minute > 0)
    }

    fn with(&self, from: NetworkSource, now: Timestamp, f: impl FnOnce(&mut u32)) -> Option<u32> {
        let minute = now.0.div_euclid(MINUTE_MS);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.minute != minute {
            *state = State { minute, ..State::default() };
        }
        let source = network(from.0);
        let full = state.by_source.len() >= MAX_SOURCES;
        let count = match state.by_source.contains_key(&source) || !full {
            true => state.by_source.entry(source).or_default(),
            false => &mut state.others,
        };
        f(count);
        let left_ms = (minute + 1) * MINUTE_MS - now.0;
        (*count > self.per_minute).then(|| u32::try_from(left_ms / 1000).unwrap_or(60) + 1)
    }
}

/// Whose credentials were misused in this minute: what is recorded of each once. Only those that there are get here.
#[derive(Default)]
pub(crate) struct Misused(Mutex<(i64, HashSet<String>)>);

impl Misused {
    /// Whether this is the first time in this minute.
    pub(crate) fn first(&self, whose: &str, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(MINUTE_MS);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != minute {
            *seen = (minute, HashSet::new());
        }
        seen.1.insert(whose.to_owned())
    }
}

/// One subscriber has a whole /64 of IPv6.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (!0u128 << 64))),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn source(text: &str) -> NetworkSource {
        NetworkSource(text.parse().unwrap())
    }

    #[test]
    fn a_source_is_held_back_until_its_minute_is_over() {
        let throttle = Throttle::new(2);
        let (a, b) = (source("192.0.2.1"), source("192.0.2.2"));
        let now = Timestamp(600_000 + 30_000);
        assert_eq!([throttle.failed(a, now), throttle.failed(a, now)], [None, None]);
        assert_eq!(throttle.failed(a, now), Some(31));
        assert_eq!(throttle.blocked(a, now), Some(31));
        assert_eq!(throttle.blocked(b, now), None);
        assert_eq!(throttle.failed(a, now.plus_ms(30_000)), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let throttle = Throttle::new(0);
        let now = Timestamp(0);
        assert!(throttle.failed(source("2001:db8::1"), now).is_some());
        assert_eq!(network(source("2001:db8::1").0), network(source("2001:db8::ffff").0));
        assert_eq!(network(source("::ffff:192.0.2.1").0), source("192.0.2.1").0);
    }

    #[test]
    fn a_flood_of_sources_takes_bounded_memory() {
        let throttle = Throttle::new(5);
        for i in 0..(MAX_SOURCES as u32 + 10) {
            throttle.failed(NetworkSource(IpAddr::from((0x0a00_0000 + i).to_be_bytes())), Timestamp(0));
        }
        let state = throttle.state.lock().unwrap();
        assert_eq!((state.by_source.len(), state.others), (MAX_SOURCES, 10));
    }
}
