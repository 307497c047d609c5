//! Review packs: made of a period, signed off by somebody who is not in them.

use super::{Admin, AdminError, By, Day};
use futures_util::TryStreamExt as _;
use medlock_audit::read::{Follow, Position, StoredEntry};
use medlock_audit::{Entry, Kind, Outcome};
use medlock_auth::{AdminAction, Principal};
use medlock_domain::{Actor, Timestamp};
use medlock_keys::digest::{Digest, hex};
use medlock_review::pack::{self, Hours, Pack};
use medlock_review::{Field, Order, Query};
use serde_json::{Value, json};
use std::str::FromStr;

/// How reviews are done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewRules {
    /// How many days may go by until the next pack is signed; 0: nobody is reminded.
    pub every_days: u32,
    /// When people are expected to work.
    pub hours: Hours,
}

impl Default for ReviewRules {
    fn default() -> Self {
        Self { every_days: 30, hours: Hours { from: 6, to: 20 } }
    }
}

/// What came of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Clean,
    /// Something is followed up.
    FollowUp,
}

impl Verdict {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::FollowUp => "follow-up",
        }
    }
}

impl FromStr for Verdict {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Clean, Self::FollowUp].into_iter().find(|v| v.as_str() == word).ok_or("clean or follow-up")
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Admin {
    /// A pack of these days, both included and over. What is in it is a record, by its digest; that record's number
    /// is the pack's.
    pub async fn review_pack(
        &self,
        by: By<'_>,
        from: &Day,
        to: &Day,
        seed: u64,
        sample: usize,
    ) -> Result<Value, AdminError> {
        const VERB: &str = "review_pack";
        let permit = self.permit_alone(by, &[AdminAction::AuditReview], VERB).await?;
        let made = Made { from: from.clone(), to: to.clone(), seed, sample, hours: self.review.hours };
        let mut pack = self.make(&made).await?;
        let digest = pack::digest(&pack);
        let entry = made.note(by.entry(Kind::LogRead, permit.action(), VERB)).digest("pack", digest);
        let number = self.log.append(entry).await?.index();
        pack["pack"] = json!({ "number": number, "sha256": hex(&digest) });
        Ok(pack)
    }

    /// Signs off the pack of this number and digest, as the one who reviewed it: somebody who is logged in, and is
    /// not in it. It is made again from the log, which has to give the same.
    pub async fn sign_review(
        &self,
        by: By<'_>,
        number: u64,
        digest: Digest,
        verdict: Verdict,
    ) -> Result<u64, AdminError> {
        const VERB: &str = "review_sign";
        let permit = self.permit_alone(by, &[AdminAction::AuditReview], VERB).await?;
        let By::Caller(principal, _) = by else {
            return Err(AdminError::Refused("a review is signed by a person: log in, while a server runs".into()));
        };
        let made = self.reviewed(principal, number, digest).await;
        let made = self.or_recorded(by, &permit, VERB, made).await?;
        let entry = made.note(by.entry(Kind::AdminOutcome, permit.action(), VERB));
        let entry = entry.int("pack_number", number as i64).word("verdict", verdict.as_str()).digest("pack", digest);
        Ok(self.log.append(entry).await?.index())
    }

    /// How the pack was made, if this person may sign it.
    async fn reviewed(&self, principal: &Principal, number: u64, digest: Digest) -> Result<Made, AdminError> {
        let Actor::Person { user, .. } = principal.actor() else { return Err(AdminError::Denied) };
        let (made, recorded) = self.recorded(number).await?;
        if recorded != digest {
            return Err(AdminError::Refused("this is not the pack as it was made: make it again".into()));
        }
        let pack = self.make(&made).await?;
        if pack::digest(&pack) != digest {
            tracing::error!(pack = number, "a review pack is not what the log gives now: run `medlock audit verify`");
            return Err(AdminError::Refused("the log does not give the same any more: verify it".into()));
        }
        if pack["subjects"].as_array().into_iter().flatten().any(|id| id.as_str() == Some(user.as_str())) {
            return Err(AdminError::Refused("you are in this pack yourself: somebody else has to review it".into()));
        }
        Ok(made)
    }

    async fn make(&self, made: &Made) -> Result<Value, AdminError> {
        if made.from > made.to {
            return Err(AdminError::Refused("the first day is after the last".into()));
        }
        if made.to >= Day::of(self.auth.now()) {
            return Err(AdminError::Refused("the last day is not over yet (days are UTC)".into()));
        }
        let Made { from, to, seed, sample, hours } = made.clone();
        let (dir, period) = (
            self.index()?.log().to_owned(),
            json!({
                "from": from.as_str(), "to": to.as_str(), "log": self.log.name().origin(),
                "working_hours_utc": [hours.from, hours.to],
            }),
        );
        // The log itself, not the index: what somebody hid from the index is what should be seen.
        let made = tokio::task::spawn_blocking(move || {
            let (since, until) = (from.begins(), to.ends());
            let mut pack = Pack::new(hours, seed, sample);
            let mut follow = Follow::from(&dir, Position::START)?;
            loop {
                let batch = follow.next(1000)?;
                if batch.is_empty() {
                    return Ok::<_, medlock_audit::Error>(pack.finish(period));
                }
                let inside = |time: Timestamp| time >= since && time < until;
                batch.iter().filter(|(_, e)| inside(e.time)).for_each(|(_, entry)| pack.take(entry));
            }
        });
        made.await.map_err(|_| AdminError::Failed)?.map_err(|e| {
            tracing::error!(error = %e, "the log could not be read for a review");
            AdminError::Failed
        })
    }

    /// How the pack of this number was made, and its digest.
    async fn recorded(&self, number: u64) -> Result<(Made, Digest), AdminError> {
        let query = Query::new().with(Field::Action, "review_pack").map_err(|_| AdminError::Failed)?;
        let mut entries = self.entries(query).await?;
        while let Some(entry) = entries.try_next().await? {
            if entry.index == number && entry.kind == Kind::LogRead {
                let found = Made::of(&entry).zip(entry.facts.digest("pack"));
                return found.ok_or(AdminError::NotFound("review pack"));
            }
        }
        Err(AdminError::NotFound("review pack"))
    }

    /// How many days the next review is overdue; `None` when it is not, or when nobody is reminded. Reviewed is what
    /// signed packs cover without a gap since the log began.
    pub async fn review_overdue(&self) -> Result<Option<i64>, AdminError> {
        let every = i64::from(self.review.every_days);
        if every == 0 {
            return Ok(None);
        }
        let Some(first) = self.entries(Query::new().order(Order::Oldest)).await?.try_next().await? else {
            return Ok(None);
        };
        let signed = Query::new().with(Field::Action, "review_sign").map_err(|_| AdminError::Failed)?;
        let (mut entries, mut periods) = (self.entries(signed).await?, Vec::new());
        while let Some(entry) = entries.try_next().await? {
            if entry.kind == Kind::AdminOutcome && entry.outcome == Outcome::Ok {
                periods.extend(Made::of(&entry).map(|made| (made.from, made.to)));
            }
        }
        let since = covered(first.time, periods);
        let days = (self.auth.now().0 - since.0).div_euclid(DAY_MS);
        Ok((days > every).then_some(days - every))
    }
}

/// To where these periods reach from `start` on without a gap.
fn covered(start: Timestamp, mut periods: Vec<(Day, Day)>) -> Timestamp {
    periods.sort();
    periods.iter().fold(start, |until, (from, to)| if from.begins() <= until { until.max(to.ends()) } else { until })
}

/// What a pack is made from, beside the log.
#[derive(Clone)]
struct Made {
    from: Day,
    to: Day,
    seed: u64,
    sample: usize,
    hours: Hours,
}

impl Made {
    fn note(&self, entry: Entry) -> Entry {
        entry
            .word("from_day", self.from.as_str())
            .word("to_day", self.to.as_str())
            .int("seed", self.seed as i64)
            .int("sample", self.sample as i64)
            .int("hours_from", i64::from(self.hours.from))
            .int("hours_to", i64::from(self.hours.to))
    }

    fn of(entry: &StoredEntry) -> Option<Self> {
        let day = |key| entry.facts.word(key)?.parse::<Day>().ok();
        let hour = |key| u8::try_from(entry.facts.int(key)?).ok();
        let hours = Hours { from: hour("hours_from")?, to: hour("hours_to")? };
        let sample = usize::try_from(entry.facts.int("sample")?).ok()?;
        Some(Self { from: day("from_day")?, to: day("to_day")?, seed: entry.facts.int("seed")? as u64, sample, hours })
    }
}
