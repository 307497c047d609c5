//! Unauthenticated noise (port scans, wrong keys), counted per source, what and minute before it is
//! recorded, so that nobody without a key can fill the disk.

use crate::entry::{Entry, Kind, Outcome};
use medlock_domain::{Actor, NetworkSource, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// At most this many entries a minute, whatever comes; the rest are counted together.
const MAX_KEYS: usize = 1024;

#[derive(Default)]
pub(crate) struct Noise(Mutex<Table>);

#[derive(Default)]
struct Table {
    counts: BTreeMap<(i64, IpAddr, &'static str), u64>,
    others: BTreeMap<i64, u64>,
}

fn minute(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

impl Noise {
    /// Counts one. A short lock, no allocation to speak of, never waits for the disk.
    pub(crate) fn count(&self, source: NetworkSource, what: &'static str, now: Timestamp) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (minute(now), source.0, what);
        if table.counts.len() < MAX_KEYS || table.counts.contains_key(&key) {
            *table.counts.entry(key).or_default() += 1;
        } else {
            *table.others.entry(key.0).or_default() += 1;
        }
    }

    /// The entries for every minute but the one that `now` is in.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Entry> {
        self.flush(|at| at != minute(now))
    }

    /// The entries for everything that was counted.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.flush(|_| true)
    }

    fn flush(&self, due: impl Fn(i64) -> bool) -> Vec<Entry> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !table.counts.keys().any(|(at, ..)| due(*at)) && !table.others.keys().any(|at| due(*at)) {
            return Vec::new();
        }
        let Table { counts, others } = std::mem::take(&mut *table);
        let mut entries = Vec::new();
        for (key, count) in counts {
            if due(key.0) {
                entries.push(entry(key.0, Some(key.1), key.2, count));
            } else {
                table.counts.insert(key, count);
            }
        }
        for (at, count) in others {
            if due(at) {
                entries.push(entry(at, None, "other", count));
            } else {
                table.others.insert(at, count);
            }
        }
        entries
    }
}

fn entry(minute: i64, source: Option<IpAddr>, what: &'static str, count: u64) -> Entry {
    // An address is digits, letters, dots and colons: always a word.
    let source = source.map_or_else(|| "many".to_owned(), |ip| ip.to_string());
    Entry::new(Kind::Noise, Actor::Unauthenticated)
        .outcome(Outcome::Denied)
        .int("minute", minute)
        .int("count", i64::try_from(count).unwrap_or(i64::MAX))
        .word("what", what)
        .word("source", &source)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn from(n: u32) -> NetworkSource {
        NetworkSource(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn one_entry_a_source_and_minute_with_the_count() {
        let (noise, now) = (Noise::default(), Timestamp(60_000));
        (0..5).for_each(|_| noise.count(from(1), "bad_key", now));
        noise.count(from(2), "bad_key", now.plus_ms(59_999));
        assert!(noise.due(now.plus_ms(59_999)).is_empty(), "this minute is not over");
        let entries = noise.due(now.plus_ms(60_000));
        let counts: Vec<_> =
            entries.iter().map(|e| (e.facts.word("source").unwrap(), e.facts.int("count").unwrap())).collect();
        assert_eq!(counts, [("0.0.0.1", 5), ("0.0.0.2", 1)]);
        assert!(noise.all().is_empty());
    }

    #[test]
    fn a_flood_of_sources_is_bounded_and_still_counted() {
        let noise = Noise::default();
        (0..5000).for_each(|n| noise.count(from(n), "bad_key", Timestamp(0)));
        let entries = noise.all();
        assert_eq!(entries.len(), MAX_KEYS + 1);
        let total: i64 = entries.iter().map(|e| e.facts.int("count").unwrap()).sum();
        assert_eq!(total, 5000);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_hold_noise_for_ever() {
        let noise = Noise::default();
        noise.count(from(1), "bad_key", Timestamp(600_000));
        assert_eq!(noise.due(Timestamp(0)).len(), 1);
    }
}
