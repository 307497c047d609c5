//! Requests put together from their entries: who asked what about whom, and what they were given. What a breach
//! assessment (45 CFR 164.402 to 164.410) and an accounting of disclosures (164.528) start from.

use crate::terms::FOUND_PATIENTS;
use medlock_audit::read::StoredEntry;
use medlock_audit::{Kind, Outcome};
use medlock_domain::{Actor, HolderId, RequestId, Timestamp, UserId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One request, as its entries tell it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// When it came.
    pub time: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// What for.
    pub purpose: Option<String>,
    /// Which model was asked.
    pub model: Option<String>,
    /// Whether that ran in our own engine; `None` when the request did not get so far.
    pub local: Option<bool>,
    /// How identifiers were treated.
    pub mode: Option<String>,
    /// What was found in it, by class.
    pub classes: BTreeMap<String, u64>,
    /// The patients that were declared or found, as records name them.
    pub patients: BTreeSet<HolderId>,
    /// How many more were found than a record names: who they are is in its sealed content.
    pub left_out: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused, if it was.
    pub code: Option<String>,
    /// Bytes of answer that were recorded to be given, and that went to the caller's socket.
    pub authorised: u64,
    /// The second of these.
    pub written: u64,
    closed: bool,
}

/// Whether an answer reached whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivered {
    /// All of it.
    Whole,
    /// Some of it.
    Part,
    /// Nothing.
    Nothing,
    /// The record was not closed: a crash, or it is still being made.
    Unknown,
}

impl Delivered {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Part => "part",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
        }
    }
}

impl Request {
    /// Whether the answer reached whoever asked.
    pub fn delivered(&self) -> Delivered {
        match (self.closed, self.written) {
            (false, _) => Delivered::Unknown,
            (true, 0) => Delivered::Nothing,
            (true, written) if written >= self.authorised && self.outcome == Outcome::Ok => Delivered::Whole,
            (true, _) => Delivered::Part,
        }
    }

    /// Who answers for the caller.
    pub fn person(&self) -> String {
        person(&self.actor).map_or_else(|| self.actor.to_string(), UserId::to_string)
    }

    /// Whether an accounting of disclosures has to list it (164.528(a)(1)): it left this entity, or was not for
    /// treatment, payment, operations or the patient.
    pub fn is_accountable(&self) -> bool {
        let exempt = ["treatment", "payment", "operations", "patient-request"];
        let permitted = self.mode.is_some();
        // A model elsewhere was given it, whatever became of the answer.
        let left = permitted && self.local != Some(true);
        let given = permitted && self.delivered() != Delivered::Nothing;
        left || given && self.purpose.as_deref().is_none_or(|p| !exempt.contains(&p))
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "request": self.id.as_str(), "time": self.time.rfc3339(), "actor": self.actor.to_string(),
            "person": self.person(), "purpose": self.purpose, "model": self.model, "model_local": self.local,
            "protection": self.mode, "classes": self.classes, "individuals": self.patients.len(),
            "individuals_left_out": self.left_out,
            "patients": self.patients.iter().map(HolderId::as_str).collect::<Vec<_>>(),
            "outcome": self.outcome.as_str(), "code": self.code, "delivered": self.delivered().as_str(),
            "bytes_authorised": self.authorised, "bytes_written": self.written,
        })
    }
}

/// The person who acts, or answers for the key that does.
pub(crate) fn person(actor: &Actor) -> Option<&UserId> {
    match actor {
        Actor::Person { user, .. } | Actor::Machine { owner: user, .. } => Some(user),
        _ => None,
    }
}

/// Requests that are being put together.
#[derive(Debug)]
pub struct Requests {
    all: BTreeMap<RequestId, Request>,
    most: usize,
    left_out: u64,
}

impl Requests {
    /// At most so many; more are counted.
    pub fn up_to(most: usize) -> Self {
        Self { all: BTreeMap::new(), most, left_out: 0 }
    }

    /// Takes in an entry; one that belongs to no request, or to an administrative one, is left out.
    pub fn take(&mut self, entry: &StoredEntry) {
        let Some(id) = &entry.request else { return };
        if !matches!(entry.kind, Kind::Open | Kind::Permit | Kind::Release | Kind::Close | Kind::Denied) {
            return;
        }
        let administrative = entry.facts.word("route").is_some_and(|route| route.starts_with("/admin"));
        if administrative || entry.facts.word("action").is_some() {
            return;
        }
        if self.all.len() >= self.most && !self.all.contains_key(id) {
            self.left_out += u64::from(entry.kind == Kind::Open);
            return;
        }
        let request = self.all.entry(id.clone()).or_insert_with(|| Request {
            id: id.clone(),
            time: entry.time,
            actor: entry.actor.clone(),
            purpose: None,
            model: None,
            local: None,
            mode: None,
            classes: BTreeMap::new(),
            patients: BTreeSet::new(),
            left_out: 0,
            outcome: Outcome::Pending,
            code: None,
            authorised: 0,
            written: 0,
            closed: false,
        });
        let word = |key| entry.facts.word(key).map(str::to_owned);
        let number = |key| entry.facts.int(key).and_then(|n| u64::try_from(n).ok());
        let ids = ["patient"]
            .iter()
            .chain(&FOUND_PATIENTS)
            .filter_map(|key| entry.facts.word(key))
            .flat_map(|word| word.split(','));
        request.patients.extend(ids.filter_map(|id| id.parse().ok()));
        request.left_out = request.left_out.max(number("patients_left_out").unwrap_or(0));
        match entry.kind {
            Kind::Permit => {
                (request.purpose, request.model, request.mode) = (word("purpose"), word("model"), word("mode"));
                request.local = number("model_local").map(|n| n != 0);
                let found = word("found_classes").unwrap_or_default();
                let each = found.split(',').filter_map(|part| part.split_once('='));
                request.classes.extend(each.filter_map(|(class, n)| Some((class.to_owned(), n.parse().ok()?))));
            }
            Kind::Release => request.authorised += number("bytes").unwrap_or(0),
            Kind::Close | Kind::Denied => {
                (request.outcome, request.code, request.closed) = (entry.outcome, word("code"), true);
                request.written = number("written_bytes").unwrap_or(0);
            }
            _ => {}
        }
    }

    /// How many came that are not among them.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// All of them, oldest first.
    pub fn into_sorted(self) -> Vec<Request> {
        let mut all: Vec<Request> = self.all.into_values().collect();
        all.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        all
    }
}

/// The questions of a breach assessment about some requests: who, what classes, how many individuals, what was
/// delivered.
pub fn summary(requests: &[Request]) -> Value {
    let mut people: BTreeMap<String, (u64, BTreeSet<&HolderId>)> = BTreeMap::new();
    let (mut classes, mut modes, mut models, mut delivered) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut individuals = BTreeSet::new();
    let mut reached = BTreeSet::new();
    let (mut unnamed, mut left_out) = (0u64, 0u64);
    for request in requests {
        let person = people.entry(request.person()).or_default();
        person.0 += 1;
        person.1.extend(&request.patients);
        individuals.extend(&request.patients);
        // One whose record was not closed may have reached somebody: a breach is presumed (164.402(2)).
        if request.delivered() != Delivered::Nothing {
            reached.extend(&request.patients);
        }
        left_out += request.left_out;
        if request.patients.is_empty() && !request.classes.is_empty() {
            unnamed += 1;
        }
        for (class, n) in &request.classes {
            *classes.entry(class.clone()).or_insert(0) += n;
        }
        let count = |map: &mut BTreeMap<String, u64>, word: &str| *map.entry(word.to_owned()).or_insert(0) += 1;
        count(&mut modes, request.mode.as_deref().unwrap_or("none"));
        count(&mut models, request.model.as_deref().unwrap_or("none"));
        count(&mut delivered, request.delivered().as_str());
    }
    let people: BTreeMap<String, Value> = people
        .into_iter()
        .map(|(id, (requests, patients))| (id, json!({ "requests": requests, "individuals": patients.len() })))
        .collect();
    json!({
        "requests": requests.len(), "individuals": individuals.len(), "individuals_in_delivered": reached.len(),
        // Counted once a request: who they are, and whether they are others, is in the sealed content.
        "individuals_left_out": left_out,
        "requests_with_identifiers_and_no_patient": unnamed, "people": people, "classes": classes,
        "protection": modes, "models": models, "delivered": delivered,
        "from": requests.first().map(|r| r.time.rfc3339()), "to": requests.last().map(|r| r.time.rfc3339()),
    })
}
