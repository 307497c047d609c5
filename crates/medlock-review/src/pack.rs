//! Review packs: what somebody should look at of a period (45 CFR 164.308(a)(1)(ii)(D), information system activity
//! review).

use crate::requests::{Request, Requests, person};
use medlock_audit::Kind;
use medlock_audit::read::StoredEntry;
use medlock_domain::{Actor, Timestamp, UserId};
use medlock_keys::digest::{Digest, sha256};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one section; more are counted.
const ROWS: usize = 200;
/// Requests remembered while a pack is made.
const REQUESTS: usize = 500_000;
/// People who asked most.
const LARGEST: usize = 20;
const HOUR_MS: i64 = 3_600_000;

/// When people are expected to work: hours of the day in UTC, Monday to Friday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// From this hour on.
    pub from: u8,
    /// Before this one.
    pub to: u8,
}

impl Hours {
    fn contains(self, time: Timestamp) -> bool {
        let hours = time.0.div_euclid(HOUR_MS);
        // 1 January 1970 was a Thursday.
        let weekday = (hours.div_euclid(24) + 3).rem_euclid(7);
        let hour = hours.rem_euclid(24);
        weekday < 5 && (i64::from(self.from)..i64::from(self.to)).contains(&hour)
    }
}

/// The sections, with what each shows.
pub const SECTIONS: [(&str, &str); 9] = [
    ("failed_log_ins", "Failed log-ins"),
    ("off_hours", "Outside working hours"),
    ("emergency", "Emergency access"),
    ("content_opened", "Sealed content opened"),
    ("content_erased", "Content erased or held"),
    ("changes", "Changes of people, keys and policies"),
    ("denied", "Denied"),
    ("largest", "Most requests, by person"),
    ("sample", "Sampled requests"),
];

/// A pack that is being made of a period's entries.
pub struct Pack {
    hours: Hours,
    seed: u64,
    sample: usize,
    found: BTreeMap<&'static str, Vec<Value>>,
    more: BTreeMap<&'static str, u64>,
    people: BTreeSet<String>,
    requests: Requests,
}

impl Pack {
    /// Of nothing yet. The same seed draws the same sample from the same entries.
    pub fn new(hours: Hours, seed: u64, sample: usize) -> Self {
        let (found, more) = (BTreeMap::new(), BTreeMap::new());
        Self { hours, seed, sample, found, more, people: BTreeSet::new(), requests: Requests::up_to(REQUESTS) }
    }

    /// Takes in an entry.
    pub fn take(&mut self, entry: &StoredEntry) {
        let action = entry.facts.word("action").unwrap_or_default();
        let outcome = entry.kind == Kind::AdminOutcome && entry.facts.int("changed") != Some(0);
        let section = match entry.kind {
            Kind::LoginFailed => Some("failed_log_ins"),
            Kind::ContentRead => Some("content_opened"),
            // Reviewing is not what is reviewed: else nobody could sign two packs in a row.
            Kind::AdminOutcome if action == "audit:review" => None,
            Kind::AdminOutcome if action == "audit:open-content" => Some("content_opened"),
            Kind::AdminOutcome if outcome && matches!(action, "audit:erase" | "audit:hold") => Some("content_erased"),
            Kind::AdminOutcome if action == "own:emergency" => outcome.then_some("emergency"),
            Kind::AdminOutcome | Kind::PolicyLoaded if outcome || entry.kind == Kind::PolicyLoaded => Some("changes"),
            Kind::Denied => Some("denied"),
            Kind::Permit if entry.facts.word("purpose") == Some("emergency") => Some("emergency"),
            _ => None,
        };
        if let Some(section) = section {
            self.show(section, entry);
        }
        let by_somebody = matches!(entry.actor, Actor::Person { .. } | Actor::LocalOperator);
        let acts = matches!(entry.kind, Kind::Open | Kind::LoginOk | Kind::AdminIntent | Kind::ContentRead);
        if acts && by_somebody && !self.hours.contains(entry.time) {
            self.show("off_hours", entry);
        }
        self.requests.take(entry);
    }

    fn show(&mut self, section: &'static str, entry: &StoredEntry) {
        let rows = self.found.entry(section).or_default();
        if rows.len() >= ROWS {
            *self.more.entry(section).or_default() += 1;
        } else {
            rows.push(Value::Object(crate::to_json(entry)));
        }
        self.people.extend(person(&entry.actor).map(UserId::to_string));
        // At whose account somebody failed to log in. To whom else something was done has not done it.
        let tried = entry.facts.word("user").filter(|_| entry.kind == Kind::LoginFailed);
        self.people.extend(tried.map(str::to_owned));
    }

    /// The pack. `period` says of what.
    pub fn finish(mut self, period: Value) -> Value {
        let left_out = self.requests.left_out();
        let requests = std::mem::replace(&mut self.requests, Requests::up_to(0)).into_sorted();
        let mut by_person: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for request in &requests {
            let (count, bytes) = by_person.entry(request.person()).or_default();
            *count += 1;
            *bytes += request.written;
        }
        let mut largest: Vec<_> = by_person.into_iter().collect();
        largest.sort_by_key(|(id, (count, _))| (std::cmp::Reverse(*count), id.clone()));
        self.more.insert("largest", largest.len().saturating_sub(LARGEST) as u64);
        largest.truncate(LARGEST);
        self.people.extend(largest.iter().map(|(id, _)| id.clone()));
        let largest: Vec<Value> = largest
            .iter()
            .map(|(id, (requests, bytes))| json!({ "person": id, "requests": requests, "bytes_written": bytes }))
            .collect();
        let sample = self.drawn(&requests);
        self.people.extend(sample.iter().map(Request::person));
        self.found.insert("largest", largest);
        self.found.insert("sample", sample.iter().map(Request::to_json).collect());
        let sections: serde_json::Map<String, Value> = SECTIONS
            .iter()
            .map(|(name, _)| {
                let rows = self.found.remove(name).unwrap_or_default();
                let more = self.more.get(name).copied().unwrap_or(0);
                ((*name).to_owned(), json!({ "rows": rows, "not_shown": more }))
            })
            .collect();
        json!({
            "schema": "medlock review pack 1", "period": period, "seed": self.seed, "requests": requests.len(),
            "requests_left_out": left_out, "subjects": self.people, "sections": sections,
        })
    }

    /// Those with the smallest digests of seed and id: nobody who is sampled can foresee it without the seed.
    fn drawn(&self, requests: &[Request]) -> Vec<Request> {
        let rank = |r: &Request| sha256(&[&self.seed.to_be_bytes(), r.id.as_str().as_bytes()]);
        let mut all: Vec<_> = requests.iter().map(|r| (rank(r), r)).collect();
        all.sort_by_key(|(rank, _)| *rank);
        all.into_iter().take(self.sample).map(|(_, r)| r.clone()).collect()
    }
}

/// What a pack is known by: the SHA-256 of its JSON without `pack`, keys in order, no spaces.
pub fn digest(pack: &Value) -> Digest {
    let mut content = pack.clone();
    if let Some(map) = content.as_object_mut() {
        map.remove("pack");
    }
    sha256(&[sorted(&content).to_string().as_bytes()])
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let all: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(all.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(all) => Value::Array(all.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_hours_are_monday_to_friday() {
        let hours = Hours { from: 6, to: 20 };
        let at = |text: &str| hours.contains(Timestamp::parse_rfc3339(text).unwrap_or(Timestamp(0)));
        assert!(at("2026-11-23T06:00:00Z") && at("2026-11-27T19:59:59Z"));
        for off in ["2026-11-23T05:59:59Z", "2026-11-23T20:00:00Z", "2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"] {
            assert!(!at(off), "{off}");
        }
    }
}
