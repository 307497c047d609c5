//! Legal holds: what is not to be erased, whatever the period of keeping says. The log itself is where they are
//! kept: a hold is the record that made it, until a record lifts it.

use super::approval::Consent;
use super::content::{lost, unfindable};
use super::{Admin, AdminError, Because, By};
use futures_util::TryStreamExt as _;
use medlock_audit::read::StoredEntry;
use medlock_audit::{Entry, Kind, Outcome};
use medlock_auth::AdminAction;
use medlock_domain::{HolderId, PatientRef, Timestamp, UserId};
use medlock_review::{Field, Order, Query};
use serde_json::{Map, Value};
use std::str::FromStr;

/// Content that is to be held or erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// What was sealed on these days, both included (UTC).
    Days(Day, Day),
    /// What was declared to be about a patient.
    Patient(PatientRef),
    /// What a person or their API keys asked.
    Owner(UserId),
    /// Everything.
    All,
}

/// A day, `2026-11-23`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(String);

impl Day {
    /// The day that a moment is in.
    pub fn of(time: Timestamp) -> Self {
        Self(time.rfc3339().get(..10).unwrap_or_default().to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn begins(&self) -> Timestamp {
        Timestamp::parse_rfc3339(&self.0).unwrap_or(Timestamp(0))
    }

    pub(super) fn ends(&self) -> Timestamp {
        self.begins().plus_ms(24 * 60 * 60 * 1000)
    }
}

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is = text.len() == 10 && Timestamp::parse_rfc3339(text).is_some();
        if is { Ok(Self(text.to_owned())) } else { Err("a day such as 2026-11-23") }
    }
}

/// A scope with the patient as records name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    Days(Day, Day),
    Patient(HolderId),
    Owner(UserId),
    All,
}

/// A hold that is in force.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The entry that made it, which is its number.
    pub number: u64,
    /// Since when.
    pub since: Timestamp,
    pub(super) extent: Extent,
}

impl Hold {
    /// For people and programs.
    pub fn to_json(&self) -> Value {
        let mut value = self.extent.to_json();
        value.insert("hold".to_owned(), self.number.into());
        value.insert("since".to_owned(), self.since.rfc3339().into());
        Value::Object(value)
    }
}

impl Extent {
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let fields = match self {
            Self::Days(from, to) => vec![("from", from.as_str().into()), ("to", to.as_str().into())],
            Self::Patient(id) => vec![("patient", id.as_str().into())],
            Self::Owner(user) => vec![("owner", user.as_str().into())],
            Self::All => vec![("all", true.into())],
        };
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(super) fn note(&self, entry: Entry) -> Entry {
        match self {
            Self::Days(from, to) => entry.word("from_day", from.as_str()).word("to_day", to.as_str()),
            Self::Patient(id) => entry.word("held_patient", id.as_str()),
            Self::Owner(user) => entry.word("owner", user.as_str()),
            Self::All => entry.word("extent", "all"),
        }
    }

    pub(super) fn of(entry: &StoredEntry) -> Option<Self> {
        let word = |key| entry.facts.word(key);
        let day = |key| word(key)?.parse::<Day>().ok();
        if word("extent") == Some("all") {
            return Some(Self::All);
        }
        let days = day("from_day").zip(day("to_day")).map(|(from, to)| Self::Days(from, to));
        let patient = || word("held_patient")?.parse().ok().map(Self::Patient);
        let owner = || word("owner")?.parse().ok().map(Self::Owner);
        days.or_else(patient).or_else(owner)
    }

    /// Narrows a search to it.
    pub(super) fn narrow(&self, query: Query) -> Result<Query, AdminError> {
        let with =
            |query: Query, field, value| query.with(field, value).map_err(|e| AdminError::Refused(e.to_string()));
        match self {
            Self::Days(from, to) => Ok(query.since(from.begins()).until(to.ends())),
            Self::Patient(id) => with(query, Field::Patient, id.as_str()),
            Self::Owner(user) => with(query, Field::Who, user.as_str()),
            Self::All => Ok(query),
        }
    }
}

impl Admin {
    /// Holds content: nothing of it is erased until the hold is lifted. Gives its number.
    pub async fn hold(&self, by: By<'_>, scope: Scope, because: &Because) -> Result<u64, AdminError> {
        const VERB: &str = "hold";
        // Nothing is lost by holding: nobody has to be asked.
        let wanted = async { Ok(Consent::Less) };
        let permit = self.justified(by, AdminAction::AuditHold, VERB, because, wanted).await?;
        let _alone = self.keeping.lock().await;
        let extent = match scope {
            // Nothing may be known of them yet: what comes is held.
            Scope::Patient(patient) => {
                Extent::Patient(self.content_keys()?.patient(&patient, self.auth.now()).await.map_err(lost)?)
            }
            scope => self.or_recorded(by, &permit, VERB, self.extent(scope).await).await?,
        };
        let entry = by.entry(Kind::AdminOutcome, permit.action(), VERB);
        Ok(self.log.append(because.note(extent.note(entry))).await?.index())
    }

    /// Lifts a hold.
    pub async fn lift_hold(&self, by: By<'_>, number: u64, because: &Because) -> Result<(), AdminError> {
        const VERB: &str = "lift_hold";
        let about = by.entry(Kind::AdminIntent, AdminAction::AuditHold, VERB).int("hold", number as i64);
        let wanted = async { Ok(Consent::of(VERB, &about, Vec::new())) };
        let permit = self.justified(by, AdminAction::AuditHold, VERB, because, wanted).await?;
        let _alone = self.keeping.lock().await;
        let there = self.holds_in_force().await?.iter().any(|hold| hold.number == number);
        let there = if there { Ok(()) } else { Err(AdminError::NotFound("hold in force")) };
        self.or_recorded(by, &permit, VERB, there).await?;
        let entry =
            super::under(by.entry(Kind::AdminOutcome, permit.action(), VERB), &permit).int("hold", number as i64);
        self.log.append(because.note(entry)).await?;
        Ok(())
    }

    /// The holds that are in force.
    pub async fn holds(&self, by: By<'_>) -> Result<Vec<Hold>, AdminError> {
        self.look(by, &[AdminAction::AuditRead], "holds").await?;
        self.holds_in_force().await
    }

    pub(super) async fn holds_in_force(&self) -> Result<Vec<Hold>, AdminError> {
        let query = Query::new().with(Field::Action, "hold,lift_hold").map_err(|_| AdminError::Failed)?;
        let (mut entries, mut holds) = (self.entries(query.order(Order::Oldest)).await?, Vec::<Hold>::new());
        while let Some(entry) = entries.try_next().await? {
            if entry.kind != Kind::AdminOutcome || entry.outcome != Outcome::Ok {
                continue;
            }
            match entry.facts.int("hold") {
                Some(lifted) => holds.retain(|hold| i64::try_from(hold.number).ok() != Some(lifted)),
                None => {
                    // One that cannot be read holds everything: nothing is erased by misunderstanding.
                    let extent = Extent::of(&entry).unwrap_or(Extent::All);
                    holds.push(Hold { number: entry.index, since: entry.time, extent });
                }
            }
        }
        Ok(holds)
    }

    /// The hold that forbids to erase this, if there is one: of what it holds, something would go.
    pub(super) async fn held(&self, extent: &Extent, holds: &[Hold]) -> Result<Option<u64>, AdminError> {
        for hold in holds {
            let overlaps = match (&hold.extent, extent) {
                (Extent::All, _) => true,
                (Extent::Days(from, to), Extent::Days(first, last)) => from <= last && first <= to,
                (Extent::Owner(a), Extent::Owner(b)) => a == b,
                (Extent::Patient(a), Extent::Patient(b)) => a == b || self.both(a, extent).await?,
                (held, _) => {
                    let query = extent.narrow(held.narrow(Query::new())?)?;
                    self.index()?.any(&query).await.map_err(unfindable)?
                }
            };
            if overlaps {
                return Ok(Some(hold.number));
            }
        }
        Ok(None)
    }

    /// Whether an entry is about this patient and the other one as well: several values of one field would mean
    /// either.
    async fn both(&self, one: &HolderId, other: &Extent) -> Result<bool, AdminError> {
        let mut entries = self.entries(other.narrow(Query::new())?).await?;
        while let Some(entry) = entries.try_next().await? {
            if entry.facts.iter().any(|(_, fact)| fact.to_string().contains(one.as_str())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn extent(&self, scope: Scope) -> Result<Extent, AdminError> {
        Ok(match scope {
            Scope::Days(from, to) if from <= to => Extent::Days(from, to),
            Scope::Days(..) => return Err(AdminError::Refused("the first day is after the last".into())),
            Scope::Owner(user) => Extent::Owner(user),
            Scope::All => Extent::All,
            Scope::Patient(patient) => {
                Extent::Patient(self.patient_id(&patient).await?.ok_or(AdminError::NotFound("patient in the log"))?)
            }
        })
    }

    /// As records name a patient, if one is about them.
    pub(super) async fn patient_id(&self, patient: &PatientRef) -> Result<Option<HolderId>, AdminError> {
        self.content_keys()?.find_patient(patient).await.map_err(lost)
    }
}
