//! Entries in the formats that other systems take. Content is never in them; people, keys, sessions and
//! patients appear as tokens of the receiving system alone, so that two receivers cannot join what they
//! got, nor either of them a medlock id. Request and record ids stay: they lead back to the log.

mod cef;
mod fhir;
mod ocsf;

use crate::FOUND_PATIENTS;
use medlock_audit::read::StoredEntry;
use medlock_audit::{Fact, Kind, Outcome};
use medlock_domain::Actor;
use medlock_keys::digest::{hex, hmac_sha256};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, in our own shape.
    Jsonl,
    /// OCSF 1.8: API Activity 6003, Authentication 3002, Account Change 3001, Application Lifecycle 6002.
    Ocsf,
    /// FHIR R4 AuditEvent, with the agents and entities that IHE BALP asks for.
    Fhir,
    /// ArcSight CEF 0.
    Cef,
    /// RFC 5424, with the OCSF event as the message.
    Syslog,
}

impl Format {
    /// Every one there is.
    pub const ALL: [Format; 5] = [Self::Jsonl, Self::Ocsf, Self::Fhir, Self::Cef, Self::Syslog];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Ocsf => "ocsf",
            Self::Fhir => "fhir",
            Self::Cef => "cef",
            Self::Syslog => "syslog",
        }
    }
}

/// Writes entries for one receiver.
pub struct Exporter {
    format: Format,
    key: Zeroizing<[u8; 32]>,
    origin: String,
    version: &'static str,
}

impl Exporter {
    /// For the receiver whose tokens are made under `key`; of the log `origin`, by this version of the
    /// program.
    pub fn new(format: Format, key: [u8; 32], origin: &str, version: &'static str) -> Self {
        Self { format, key: Zeroizing::new(key), origin: origin.to_owned(), version }
    }

    /// One entry as one line, without its end.
    pub fn line(&self, entry: &StoredEntry) -> String {
        let seen = Seen::of(self, entry);
        match self.format {
            Format::Jsonl => self.json(&seen).to_string(),
            Format::Ocsf => ocsf::event(self, &seen).to_string(),
            Format::Fhir => fhir::audit_event(self, &seen).to_string(),
            Format::Cef => cef::line(self, &seen),
            Format::Syslog => self.syslog(&seen),
        }
    }

    /// What stands for an id with this receiver: the same each time, and with no other.
    fn token(&self, id: &str) -> String {
        hex(&hmac_sha256(&self.key[..], &[b"medlock export token v1\0", id.as_bytes()])[..16])
    }

    fn json(&self, seen: &Seen<'_>) -> Value {
        let entry = seen.entry;
        json!({
            "schema": 1, "log": self.origin, "index": entry.recorded_index(), "id": entry.receipt_id(),
            "time": entry.time.rfc3339(), "kind": entry.kind.as_str(), "outcome": entry.outcome.as_str(),
            "actor": seen.actor, "user": seen.user, "session": seen.session,
            "request": entry.request.as_ref().map(ToString::to_string), "facts": seen.facts,
        })
    }

    /// Facility 13, "log audit". The message is UTF-8 without a byte-order mark, since JSON has none.
    fn syslog(&self, seen: &Seen<'_>) -> String {
        let severity = match seen.severity() {
            Severity::Information => 6,
            Severity::Low => 5,
            Severity::Medium => 4,
            Severity::High => 2,
        };
        let kind = seen.entry.kind.as_str();
        format!(
            "<{}>1 {} - medlock - {kind} - {}",
            13 * 8 + severity,
            seen.entry.time.rfc3339(),
            ocsf::event(self, seen)
        )
    }
}

/// How much it should be looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    Information,
    Low,
    Medium,
    High,
}

/// An entry as a receiver may see it.
struct Seen<'e> {
    entry: &'e StoredEntry,
    /// What kind of actor.
    actor: &'static str,
    /// The person, or the key's owner; whom a failed log-in named.
    user: Option<String>,
    /// The session or the key.
    session: Option<String>,
    /// To whom an administrative verb was done.
    about: Option<String>,
    from: Option<String>,
    facts: Map<String, Value>,
}

impl<'e> Seen<'e> {
    fn of(exporter: &Exporter, entry: &'e StoredEntry) -> Self {
        let token = |id: &str| Some(exporter.token(id));
        let (actor, user, session) = match &entry.actor {
            Actor::Unauthenticated => ("unauthenticated", None, None),
            Actor::Person { user, session } => ("person", token(user.as_str()), token(session.as_str())),
            Actor::Machine { key, owner } => ("machine", token(owner.as_str()), token(key.as_str())),
            Actor::LocalOperator => ("local-operator", None, None),
            Actor::Server => ("server", None, None),
        };
        let mut seen = Self { entry, actor, user, session, about: None, from: None, facts: Map::new() };
        for (key, fact) in entry.facts.iter() {
            let value = match (key, fact) {
                ("from" | "source", fact) => {
                    // With a port in some entries, which no receiver takes for an address.
                    let text = fact.to_string();
                    seen.from = text.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string());
                    Value::from(text)
                }
                ("user" | "key" | "owner" | "session" | "patient" | "held_patient" | "owner_key", fact) => {
                    let token = exporter.token(&fact.to_string());
                    if !matches!(key, "patient" | "held_patient" | "owner_key") && seen.about.is_none() {
                        seen.about = Some(token.clone());
                    }
                    Value::from(token)
                }
                // Ids as well, of whomever somebody looked for.
                (key, fact) if matches!(key, "looked_for" | "erased_keys") || FOUND_PATIENTS.contains(&key) => {
                    let tokens: Vec<String> = fact.to_string().split(',').map(|id| exporter.token(id)).collect();
                    Value::from(tokens.join(","))
                }
                (_, Fact::Int(n)) => Value::from(*n),
                (_, fact) => Value::from(fact.to_string()),
            };
            seen.facts.insert(key.to_owned(), value);
        }
        seen
    }

    fn word(&self, key: &str) -> Option<&str> {
        self.facts.get(key)?.as_str()
    }

    fn severity(&self) -> Severity {
        match (self.entry.kind, self.entry.outcome) {
            (Kind::Recovery | Kind::EngineDown, _) => Severity::High,
            (Kind::Denied | Kind::LoginFailed, _) | (_, Outcome::Denied | Outcome::Failed) => Severity::Medium,
            (
                Kind::ContentRead
                | Kind::LogRead
                | Kind::Delivery
                | Kind::PolicyLoaded
                | Kind::AdminOutcome
                | Kind::Noise,
                _,
            ) => Severity::Low,
            _ => Severity::Information,
        }
    }
}

#[cfg(test)]
mod tests;
