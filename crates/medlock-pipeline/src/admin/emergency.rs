//! Emergency access ("break-glass", 45 CFR 164.312(a)(2)(ii)): declared with a reason and a fresh second factor, for a
//! while, and reviewed afterwards by somebody else. Who needs care gets it: what was not reviewed in time makes the
//! next one shorter, and never refuses it.

use super::approval::Consent;
use super::content::lost;
use super::{Admin, AdminError, Because, By, Verdict, refusal};
use futures_util::TryStreamExt as _;
use medlock_audit::{Entry, Kind, Outcome};
use medlock_auth::{AdminAction, NewEmergency};
use medlock_domain::{Actor, EmergencyId, HolderId, PatientRef, Timestamp, UserId};
use medlock_review::{Field, Order, Query};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// No emergency access lasts longer.
pub const LONGEST_MINUTES: u32 = 4 * 60;
/// Of somebody whose last one was not reviewed in time: for one patient, and for any.
const SHORT_MINUTES: u32 = 60;
const SHORTEST_MINUTES: u32 = 15;
/// How long a drill waits for the receivers of alerts.
const DRILL: Duration = Duration::from_secs(10);

/// How emergency access is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmergencyRules {
    /// How long one lasts when nobody says, in minutes.
    pub minutes: u32,
    /// Hours in which somebody else has to review it.
    pub review_hours: u32,
}

impl Default for EmergencyRules {
    fn default() -> Self {
        Self { minutes: 60, review_hours: 72 }
    }
}

/// What somebody declares.
#[derive(Default)]
pub struct Declared {
    /// For this patient only.
    pub patient: Option<PatientRef>,
    /// How long.
    pub minutes: Option<u32>,
}

/// One use of emergency access, as the log tells it.
#[derive(Debug, Clone)]
struct Emergency {
    /// Its name.
    id: EmergencyId,
    /// Whose.
    user: UserId,
    /// Why, in a word; the note is sealed.
    reason: String,
    /// For this patient only, as records name them.
    patient: Option<HolderId>,
    /// When it was declared.
    since: Timestamp,
    /// When it ended, or ends.
    until: Timestamp,
    /// Who reviewed it, when, and what came of it.
    review: Option<(Actor, Timestamp, String)>,
    /// That nobody reviewed it in time was said.
    said: bool,
}

impl Emergency {
    /// For programs.
    fn to_json(&self, rules: EmergencyRules, now: Timestamp) -> Value {
        let review = self
            .review
            .as_ref()
            .map(|(by, at, verdict)| json!({ "by": by.to_string(), "time": at.rfc3339(), "verdict": verdict }));
        json!({
            "id": self.id.as_str(), "user": self.user.as_str(), "reason": self.reason,
            "patient": self.patient.as_ref().map(HolderId::as_str), "since": self.since.rfc3339(),
            "until": self.until.rfc3339(), "active": self.until > now, "review": review,
            "review_due": self.due(rules).rfc3339(), "overdue": self.is_overdue(rules, now),
        })
    }

    fn due(&self, rules: EmergencyRules) -> Timestamp {
        self.until.plus_ms(i64::from(rules.review_hours) * HOUR_MS)
    }

    fn is_overdue(&self, rules: EmergencyRules, now: Timestamp) -> bool {
        self.review.is_none() && now > self.due(rules)
    }
}

impl Admin {
    /// Declares an emergency of one's own. Takes the right, a reason and a fresh second factor. Gives what was
    /// declared, shorter than asked for when an earlier one was not reviewed in time.
    pub async fn break_glass(&self, by: By<'_>, declared: Declared, because: &Because) -> Result<Value, AdminError> {
        const VERB: &str = "break_glass";
        by_a_person(by)?;
        let alone = async { Ok(Consent::Alone) };
        let permit = self.justified(by, AdminAction::OwnEmergency, VERB, because, alone).await?;
        let minutes = declared.minutes.unwrap_or(self.emergency.minutes);
        let fits = match minutes {
            1..=LONGEST_MINUTES => Ok(()),
            _ => Err(AdminError::Refused(format!("an emergency lasts 1 to {LONGEST_MINUTES} minutes"))),
        };
        self.or_recorded(by, &permit, VERB, fits).await?;
        let patient = match &declared.patient {
            Some(patient) => Some(self.content_keys()?.patient(patient, self.auth.now()).await.map_err(lost)?),
            None => None,
        };
        let shortened = self.shortened(by, patient.is_some()).await.filter(|most| *most < minutes);
        let minutes = shortened.unwrap_or(minutes);
        let facts = |entry: Entry| {
            let entry = entry.int("minutes", i64::from(minutes)).int("shortened", i64::from(shortened.is_some()));
            match &patient {
                Some(patient) => entry.word("held_patient", patient.as_str()),
                None => entry,
            }
        };
        let begun = self.begin(by, &[AdminAction::OwnEmergency], VERB, |entry| because.note(facts(entry))).await?;
        let new = NewEmergency { patient: patient.clone(), lasts_ms: i64::from(minutes) * MINUTE_MS, drill: false };
        let (permit, index) = (begun.permit.clone(), begun.index);
        let made = self.auth.begin_emergency(&permit, new, index).await;
        let id = made.as_ref().map(|made| made.id.clone()).ok();
        let recorded = self.finish(by, begun, made, |entry, made| {
            facts(entry)
                .word("emergency", made.id.as_str())
                .word("reason", because.reason.as_str())
                .int("until", made.expires.0)
        });
        let recorded = recorded.await;
        if let (Err(_), Some(id)) = (&recorded, &id) {
            // What is not in the log would be reviewed by nobody.
            self.auth.end_emergency(&permit, id, index).await.map_err(refusal)?;
        }
        let made = recorded?;
        Ok(json!({
            "id": made.id.as_str(), "until": made.expires.rfc3339(), "minutes": minutes,
            "patient": patient.as_ref().map(HolderId::as_str),
            "shortened": shortened.is_some(),
        }))
    }

    /// How long the next one of this person may last, where an earlier one was not reviewed in time. What cannot be
    /// found out shortens nothing: the audit index must not stand between a patient and care.
    async fn shortened(&self, by: By<'_>, for_one: bool) -> Option<u32> {
        let By::Caller(principal, _) = by else { return None };
        let all = self.emergencies().await.inspect_err(|e| tracing::warn!(error = %e, "emergencies")).ok()?;
        let (rules, now) = (self.emergency, self.auth.now());
        let overdue = all.iter().any(|e| e.user == *principal.user() && e.is_overdue(rules, now));
        overdue.then_some(if for_one { SHORT_MINUTES } else { SHORTEST_MINUTES })
    }

    /// Ends one before its time.
    pub async fn end_emergency(&self, by: By<'_>, id: &EmergencyId) -> Result<(), AdminError> {
        let actions = [AdminAction::SessionsEnd, AdminAction::OwnEmergency];
        let begun =
            self.begin_less(by, &actions, "break_glass_end", |entry| entry.word("emergency", id.as_str())).await?;
        let made = self.auth.end_emergency(&begun.permit, id, begun.index).await;
        self.finish(by, begun, made, |entry, ()| entry.word("emergency", id.as_str())).await
    }

    /// Every use that the log tells of, newest first; of who may not read the log, their own.
    pub async fn list_emergencies(&self, by: By<'_>) -> Result<Vec<Value>, AdminError> {
        let permit = self.look(by, &[AdminAction::AuditRead, AdminAction::OwnEmergency], "break_glass_list").await?;
        let own = match by {
            By::Caller(principal, _) if permit.action() == AdminAction::OwnEmergency => Some(principal.user().clone()),
            _ => None,
        };
        let (all, now) = (self.emergencies().await?, self.auth.now());
        let shown = all.iter().rev().filter(|e| own.as_ref().is_none_or(|user| e.user == *user));
        Ok(shown.map(|e| e.to_json(self.emergency, now)).collect())
    }

    /// Reviews one that is over, as somebody else: the log has who, when, and what came of it.
    pub async fn review_emergency(
        &self,
        by: By<'_>,
        id: &EmergencyId,
        verdict: Verdict,
        note: Option<&str>,
    ) -> Result<u64, AdminError> {
        const VERB: &str = "break_glass_review";
        let permit = self.permit_alone(by, &[AdminAction::AuditReview], VERB).await?;
        let judged = async {
            let By::Caller(principal, _) = by else {
                return Err(AdminError::Refused("a review is made by a person: log in, while a server runs".into()));
            };
            let all = self.emergencies().await?;
            let emergency = all.into_iter().find(|e| e.id == *id).ok_or(AdminError::NotFound("emergency access"))?;
            let refused = |why: &str| Err(AdminError::Refused(why.to_owned()));
            match emergency {
                e if e.user == *principal.user() => refused("it was yours: somebody else has to review it"),
                e if e.review.is_some() => refused("it has been reviewed"),
                e if e.until > self.auth.now() => refused("it is not over yet: end it, or wait"),
                e => Ok(e),
            }
        };
        let emergency = self.or_recorded(by, &permit, VERB, judged.await).await?;
        let entry = by.entry(Kind::AdminOutcome, permit.action(), VERB).word("emergency", id.as_str());
        let entry = entry.word("user", emergency.user.as_str()).word("verdict", verdict.as_str());
        let entry = match note {
            Some(note) => entry.content(note.as_bytes()),
            None => entry,
        };
        Ok(self.log.append(entry).await?.index())
    }

    /// Exercises it: declares one that confers nothing, sees that every receiver of alerts is told, and ends it. What
    /// came of it is a record.
    pub async fn drill(&self, by: By<'_>, because: &Because) -> Result<Value, AdminError> {
        const VERB: &str = "break_glass_drill";
        by_a_person(by)?;
        let alone = async { Ok(Consent::Alone) };
        self.justified(by, AdminAction::OwnEmergency, VERB, because, alone).await?;
        let begun = self.begin(by, &[AdminAction::OwnEmergency], VERB, |entry| because.note(entry)).await?;
        let (announced, since) = (begun.index, Instant::now());
        let new = NewEmergency { patient: None, lasts_ms: MINUTE_MS, drill: true };
        let made = self.auth.begin_emergency(&begun.permit, new, begun.index).await;
        let id = made.as_ref().map(|made| made.id.clone()).ok();
        let told = self.told(announced, since).await;
        let ended = match &id {
            Some(id) => self.auth.end_emergency(&begun.permit, id, begun.index).await,
            None => Ok(()),
        };
        let alerted = !told.is_empty() && told.iter().all(|(_, ms)| ms.is_some());
        let passed = made.is_ok() && ended.is_ok() && alerted;
        let slowest = told.iter().filter_map(|(_, ms)| *ms).max();
        let entry = by
            .entry(Kind::AdminOutcome, begun.permit.action(), VERB)
            .int("intent", announced as i64)
            .int("receivers", told.len() as i64)
            .int("alerted", told.iter().filter(|(_, ms)| ms.is_some()).count() as i64)
            .int("slowest_ms", slowest.unwrap_or(-1));
        let entry = if passed { entry } else { entry.outcome(Outcome::Failed) };
        let record = self.log.append(entry).await?.index();
        made.map(drop).and(ended).map_err(refusal)?;
        let receivers: Vec<Value> =
            told.iter().map(|(name, ms)| json!({ "name": name, "told_after_ms": ms })).collect();
        let note = match told.is_empty() {
            true => "nobody would be told: set up a receiver of alerts ([audit.sink.NAME] only = \"alerts\")",
            false if !alerted => "not every receiver was told within ten seconds",
            false => "declared, told and ended",
        };
        Ok(json!({ "passed": passed, "note": note, "receivers": receivers, "record": record }))
    }

    /// After how many milliseconds each receiver of alerts had the entry; `None` when it had not in time.
    async fn told(&self, entry: u64, since: Instant) -> Vec<(String, Option<i64>)> {
        let mut told: Vec<(String, Option<i64>)> = Vec::new();
        loop {
            for (name, progress) in self.deliveries.all().into_iter().filter(|(_, progress)| progress.alerts) {
                let had = (progress.delivered > entry).then(|| since.elapsed().as_millis() as i64);
                match told.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, ms)) => *ms = ms.or(had),
                    None => told.push((name, had)),
                }
            }
            if since.elapsed() >= DRILL || told.iter().all(|(_, ms)| ms.is_some()) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Says of each use that nobody reviewed in time that it is so, once. Gives how many there are.
    pub(super) async fn overdue_emergencies(&self) -> Result<usize, AdminError> {
        let (rules, now) = (self.emergency, self.auth.now());
        let all = self.emergencies().await?;
        let overdue: Vec<_> = all.iter().filter(|e| e.is_overdue(rules, now)).collect();
        for emergency in overdue.iter().filter(|e| !e.said) {
            let entry = Entry::new(Kind::AdminOutcome, Actor::Server)
                .word("action", AdminAction::OwnEmergency.as_str())
                .word("verb", "break_glass_overdue")
                .word("emergency", emergency.id.as_str())
                .word("user", emergency.user.as_str());
            self.log.append(entry).await?;
        }
        Ok(overdue.len())
    }

    /// Oldest first.
    async fn emergencies(&self) -> Result<Vec<Emergency>, AdminError> {
        const VERBS: &str = "break_glass,break_glass_end,break_glass_review,break_glass_overdue";
        let query = Query::new().with(Field::Action, VERBS).map_err(|_| AdminError::Failed)?;
        let (mut entries, mut all) = (self.entries(query.order(Order::Oldest)).await?, Vec::<Emergency>::new());
        while let Some(entry) = entries.try_next().await? {
            if entry.kind != Kind::AdminOutcome || entry.outcome != Outcome::Ok {
                continue;
            }
            let word = |key| entry.facts.word(key);
            let Some(id) = word("emergency").and_then(|id| id.parse::<EmergencyId>().ok()) else { continue };
            let known = all.iter_mut().find(|e| e.id == id);
            match (word("verb"), known) {
                (Some("break_glass"), None) => {
                    let Actor::Person { user, .. } = &entry.actor else { continue };
                    let (user, reason) = (user.clone(), word("reason").unwrap_or_default().to_owned());
                    let patient = word("held_patient").and_then(|id| id.parse().ok());
                    let until = entry.facts.int("until").map_or(entry.time, Timestamp);
                    all.push(Emergency {
                        id,
                        user,
                        reason,
                        patient,
                        since: entry.time,
                        until,
                        review: None,
                        said: false,
                    });
                }
                (Some("break_glass_end"), Some(known)) => known.until = known.until.min(entry.time),
                (Some("break_glass_overdue"), Some(known)) => known.said = true,
                (Some("break_glass_review"), Some(known)) => {
                    let verdict = word("verdict").unwrap_or_default().to_owned();
                    known.review = Some((entry.actor.clone(), entry.time, verdict));
                }
                _ => {}
            }
        }
        Ok(all)
    }
}

fn by_a_person(by: By<'_>) -> Result<(), AdminError> {
    match by {
        By::Caller(..) => Ok(()),
        By::Operator(_) => {
            Err(AdminError::Refused("an emergency is declared by a person: log in, while a server runs".into()))
        }
    }
}
