//! Guessing is made slow: per account name and per network source. In memory and bounded; the
//! count that disables an authenticator is in the database.

use medlock_domain::{NetworkSource, Timestamp};
use medlock_keys::digest::{Digest, sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// After so many failures an account name has to wait.
pub(crate) const ACCOUNT_FREE: u32 = 5;
/// Many people can share an address.
pub(crate) const SOURCE_FREE: u32 = 20;
/// The longest wait.
pub(crate) const LONGEST_MS: i64 = 15 * 60 * 1000;
/// The first wait; each failure doubles it.
const FIRST_MS: i64 = 5_000;
/// Failures are forgotten after a day without another.
const FORGET_MS: i64 = 24 * 60 * 60 * 1000;
/// Most entries of either table.
pub(crate) const CAP: usize = 16_384;

/// Failures by account name (whether or not there is such an account) and by source.
#[derive(Default)]
pub(crate) struct Throttle {
    accounts: Table,
    sources: Table,
}

/// An attempt that has begun, and is counted as failed until it has succeeded: attempts that run
/// side by side cannot all slip through before the first is counted.
#[must_use]
pub(crate) struct Attempt {
    account: Digest,
    source: Digest,
}

impl Throttle {
    /// `None` when the account or the source has to wait; waiting is not made longer by asking.
    pub(crate) fn begin(&self, account: &str, from: NetworkSource, now: Timestamp) -> Option<Attempt> {
        let attempt = Attempt { account: sha256(&[account.as_bytes()]), source: source_key(from) };
        if !self.sources.count(attempt.source, SOURCE_FREE, now) {
            return None;
        }
        if !self.accounts.count(attempt.account, ACCOUNT_FREE, now) {
            self.sources.uncount(&attempt.source);
            return None;
        }
        Some(attempt)
    }

    /// The same for somebody who brings a recovery code that is theirs: nobody guesses those, so that what others tried at
    /// the account does not count.
    pub(crate) fn begin_with_recovery_code(
        &self,
        account: &str,
        from: NetworkSource,
        now: Timestamp,
    ) -> Option<Attempt> {
        let attempt = Attempt { account: sha256(&[account.as_bytes()]), source: source_key(from) };
        self.sources.count(attempt.source, SOURCE_FREE, now).then_some(attempt)
    }

    /// It succeeded: the account starts afresh, the source only gets this one back, or somebody
    /// with an account of their own could guess at others for ever.
    pub(crate) fn succeeded(&self, attempt: &Attempt) {
        self.accounts.forget(&attempt.account);
        self.sources.uncount(&attempt.source);
    }

    /// It could not be tried.
    pub(crate) fn not_tried(&self, attempt: &Attempt) {
        self.accounts.uncount(&attempt.account);
        self.sources.uncount(&attempt.source);
    }

    /// Somebody with the right lifts it.
    pub(crate) fn lift(&self, account: &str) {
        self.accounts.forget(&sha256(&[account.as_bytes()]));
    }
}

/// A host has a whole /64 of IPv6 to itself, so that is what counts.
pub(crate) fn source_key(from: NetworkSource) -> Digest {
    match from.0.to_canonical() {
        IpAddr::V4(a) => sha256(&[b"4", &a.octets()]),
        IpAddr::V6(a) => sha256(&[b"6", &a.octets()[..8]]),
    }
}

#[derive(Default)]
struct Table(Mutex<HashMap<Digest, Entry>>);

#[derive(Clone, Copy)]
struct Entry {
    failures: u32,
    last: Timestamp,
}

impl Table {
    /// Counts an attempt; false, and not counted, when it comes too early.
    fn count(&self, key: Digest, free: u32, now: Timestamp) -> bool {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !map.contains_key(&key) {
            make_room(&mut map, now);
        }
        let entry = map.entry(key).or_insert(Entry { failures: 0, last: now });
        if entry.last.plus_ms(FORGET_MS) <= now {
            entry.failures = 0;
        }
        if now < entry.last.plus_ms(wait_ms(entry.failures, free)) {
            return false;
        }
        *entry = Entry { failures: entry.failures.saturating_add(1), last: now };
        true
    }

    fn uncount(&self, key: &Digest) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = map.get_mut(key) {
            entry.failures = entry.failures.saturating_sub(1);
        }
    }

    fn forget(&self, key: &Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The wait after `failures` failures of which `free` cost nothing.
fn wait_ms(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(over) => FIRST_MS.saturating_mul(1 << over.min(20)).min(LONGEST_MS),
    }
}

/// Full: the stale half goes. Whoever can fill the table has more addresses or names than it
/// could slow down; the count in the database still ends their guessing at any one account.
fn make_room(map: &mut HashMap<Digest, Entry>, now: Timestamp) {
    if map.len() < CAP {
        return;
    }
    map.retain(|_, e| e.last.plus_ms(FORGET_MS) > now);
    if map.len() >= CAP {
        let mut times: Vec<i64> = map.values().map(|e| e.last.0).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        map.retain(|_, e| e.last.0 > median);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v4(n: u32) -> NetworkSource {
        NetworkSource(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let waits: Vec<i64> = (4..15).map(|n| wait_ms(n, 5) / 1000).collect();
        assert_eq!(waits, [0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(wait_ms(u32::MAX, 5), LONGEST_MS);
    }

    #[test]
    fn attempts_side_by_side_are_counted_before_they_end() {
        let t = Throttle::default();
        let begun = (0..50).filter(|_| t.begin("someone", v4(1), Timestamp(0)).is_some()).count();
        assert_eq!(begun, ACCOUNT_FREE as usize);
    }

    #[test]
    fn success_frees_the_account_and_not_the_source() {
        let t = Throttle::default();
        for i in 0..SOURCE_FREE {
            assert!(t.begin(&format!("name{i}"), v4(1), Timestamp(0)).is_some());
        }
        assert!(t.begin("own", v4(1), Timestamp(0)).is_none());
        let own = t.begin("own", v4(1), Timestamp(FIRST_MS)).unwrap();
        t.succeeded(&own);
        assert!(t.begin("own", v4(1), Timestamp(FIRST_MS + 1)).is_none());
        assert!(t.begin("own", v4(2), Timestamp(FIRST_MS + 1)).is_some());
    }

    #[test]
    fn any_number_of_sources_and_names_takes_bounded_memory() {
        let t = Throttle::default();
        for n in 0..CAP as u32 * 4 {
            let _ = t.begin(&n.to_string(), v4(n), Timestamp(i64::from(n)));
        }
        assert!(t.accounts.0.lock().unwrap().len() <= CAP);
        assert!(t.sources.0.lock().unwrap().len() <= CAP);
        // All at one moment, so that none is older than another.
        for n in 0..CAP as u32 * 2 {
            let _ = t.begin(&format!("x{n}"), v4(0x0f00_0000 + n), Timestamp(1_000_000));
        }
        assert!(t.sources.0.lock().unwrap().len() <= CAP);
    }

    #[test]
    fn one_host_does_not_get_a_new_start_with_each_address_of_its_network() {
        let a = |n: u128| NetworkSource(IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | n)));
        assert_eq!(source_key(a(1)), source_key(a(2)));
        assert_ne!(source_key(a(1)), source_key(a(1 << 64)));
        let mapped = NetworkSource(IpAddr::V6(Ipv4Addr::from_bits(7).to_ipv6_mapped()));
        assert_eq!(source_key(mapped), source_key(v4(7)));
    }
}
