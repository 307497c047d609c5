//! Erasing content by destroying the keys that it is sealed under, with a certificate. The log stays whole, and
//! what remains of the entries (who, when, what classes, how many) stays in it.

use super::approval::Consent;
use super::content::{lost, unfindable};
use super::hold::{Day, Extent};
use super::{Admin, AdminError, Because, By, Scope, under};
use futures_util::TryStreamExt as _;
use medlock_audit::read::StoredEntry;
use medlock_audit::{Entry, Kind, Outcome};
use medlock_auth::AdminAction;
use medlock_domain::{Actor, HolderId, Timestamp};
use medlock_keys::digest::{hex, sha256};
use medlock_keys::period::PeriodName;
use medlock_review::{Field, Order, Query};
use serde_json::{Value, json};

/// A copy of the data directory that is made somewhere else, as the operator declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Which.
    pub name: String,
    /// How long one is kept.
    pub keep_days: u32,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Keys named in one record.
const NAMED: usize = 8;

/// Keys that are to be destroyed.
enum Doomed {
    Days(Vec<PeriodName>),
    Holder(HolderId),
}

impl Doomed {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Days(days) => days.iter().map(|day| day.as_str().to_owned()).collect(),
            Self::Holder(id) => vec![id.to_string()],
        }
    }
}

/// One that was announced.
struct Erasure {
    /// The first entry that said so.
    intent: u64,
    extent: Extent,
    keys: Vec<String>,
    /// The entry that says it was done.
    outcome: Option<StoredEntry>,
}

impl Admin {
    /// Erases content. Takes the right, a reason and a fresh second factor; a legal hold stops it. The
    /// certificate says what, how, who and when, where copies may still be, and proves its record.
    pub async fn erase(&self, by: By<'_>, scope: Scope, because: &Because) -> Result<Value, AdminError> {
        const VERB: &str = "erase";
        let wanted = async {
            let extent = self.extent(scope.clone()).await?;
            Ok(Consent::of(VERB, &extent.note(by.entry(Kind::AdminIntent, AdminAction::AuditErase, VERB)), Vec::new()))
        };
        let permit = self.justified(by, AdminAction::AuditErase, VERB, because, wanted).await?;
        let _alone = self.keeping.lock().await;
        let planned = async {
            let extent = self.extent(scope).await?;
            let doomed = self.doomed(&extent).await?;
            match self.held(&extent, &self.holds_in_force().await?).await? {
                None => Ok((extent, doomed)),
                Some(hold) => Err(AdminError::Refused(format!(
                    "legal hold {hold} covers a part of it; lift it first (`medlock audit hold lift {hold}`)"
                ))),
            }
        };
        let (extent, doomed) = self.or_recorded(by, &permit, VERB, planned.await).await?;
        let intent = because.note(under(by.entry(Kind::AdminIntent, permit.action(), VERB), &permit));
        let outcome = by.entry(Kind::AdminOutcome, permit.action(), VERB);
        let outcome = self.destroy(&extent, &doomed, intent, outcome).await?;
        self.certificate(outcome).await
    }

    /// The certificate of an erasure, by the number of the record that says it was done.
    pub async fn certificate_of(&self, by: By<'_>, number: u64) -> Result<Value, AdminError> {
        self.look(by, &[AdminAction::AuditRead], "certificate").await?;
        self.certificate(number).await
    }

    /// Erases the content of days that are older than `keep_days`, by `witnessed`: a time that somebody else
    /// vouches for. Gives the days. Those under a hold stay, and those that fail are tried the next time.
    pub async fn expire(&self, keep_days: u32, witnessed: Timestamp) -> Result<Vec<String>, AdminError> {
        let before = Day::of(witnessed.plus_ms(-i64::from(keep_days) * DAY_MS));
        let _alone = self.keeping.lock().await;
        let (holds, mut gone) = (self.holds_in_force().await?, Vec::new());
        for name in self.living()? {
            let Some(day) = name.day().parse::<Day>().ok().filter(|day| *day < before) else { continue };
            let extent = Extent::Days(day.clone(), day);
            if let Some(hold) = self.held(&extent, &holds).await? {
                tracing::info!(day = name.day(), hold, "content stays, since it is held");
                continue;
            }
            let entry = |kind| {
                Entry::new(kind, Actor::Server)
                    .word("action", AdminAction::AuditErase.as_str())
                    .word("verb", "expire")
                    .int("witnessed_time", witnessed.0)
            };
            let (intent, outcome) = (entry(Kind::AdminIntent).word("reason", "retention"), entry(Kind::AdminOutcome));
            match self.destroy(&extent, &Doomed::Days(vec![name.clone()]), intent, outcome).await {
                Ok(_) => gone.push(name.as_str().to_owned()),
                Err(AdminError::AuditUnavailable) => return Err(AdminError::AuditUnavailable),
                Err(e) => tracing::error!(day = name.day(), error = %e, "content past its time could not be erased"),
            }
        }
        Ok(gone)
    }

    /// Keys that the log says were destroyed and that are there again, such as from a backup: destroys them
    /// anew. Gives how many.
    pub async fn keep_erased(&self) -> Result<usize, AdminError> {
        let _alone = self.keeping.lock().await;
        let keys = self.content_keys()?;
        let mut back: Vec<String> = keys.days().finish().map_err(lost)?.iter().map(|n| n.as_str().to_owned()).collect();
        let erasures = self.erasures().await?;
        let mut holds = None;
        for erasure in erasures {
            // Begun, and somebody wanted it. But it may be held since.
            if erasure.outcome.is_none() {
                let holds = match &mut holds {
                    Some(holds) => holds,
                    none => none.insert(self.holds_in_force().await?),
                };
                if let Some(hold) = self.held(&erasure.extent, holds).await? {
                    tracing::warn!(
                        intent = erasure.intent,
                        hold,
                        "an erasure that did not end stays undone: it is held"
                    );
                    continue;
                }
            }
            for name in &erasure.keys {
                let again = match (name.parse::<HolderId>(), PeriodName::new(name)) {
                    (Ok(id), _) => keys.holders().destroy(&id).await.map_err(lost)?,
                    (_, Some(day)) => keys.days().destroy(&day).map_err(lost)?,
                    _ => false,
                };
                if again {
                    back.push(name.clone());
                }
            }
        }
        if !back.is_empty() {
            let entry = Entry::new(Kind::AdminOutcome, Actor::Server)
                .word("action", AdminAction::AuditErase.as_str())
                .word("verb", "erase_again")
                .int("keys", back.len() as i64);
            self.log.append(entry).await?;
        }
        Ok(back.len())
    }

    /// Every erasure that was announced, as the log tells it.
    async fn erasures(&self) -> Result<Vec<Erasure>, AdminError> {
        let query = Query::new().with(Field::Action, "erase,expire").map_err(|_| AdminError::Failed)?;
        let mut entries = self.entries(query.order(Order::Oldest)).await?;
        let mut all = Vec::<Erasure>::new();
        while let Some(entry) = entries.try_next().await? {
            let named = || entry.facts.word("erased_keys").map(|names| names.split(',').map(str::to_owned));
            match entry.kind {
                Kind::AdminIntent => {
                    let (Some(keys), Some(extent)) = (named(), Extent::of(&entry)) else { continue };
                    let first = entry.facts.int("first").and_then(|n| u64::try_from(n).ok());
                    match all.iter_mut().find(|e| Some(e.intent) == first) {
                        Some(erasure) => erasure.keys.extend(keys),
                        None => {
                            let keys = keys.collect();
                            all.push(Erasure { intent: entry.index, extent, keys, outcome: None });
                        }
                    }
                }
                Kind::AdminOutcome if entry.outcome == Outcome::Ok => {
                    let intent = entry.facts.int("intent").and_then(|n| u64::try_from(n).ok());
                    if let Some(erasure) = all.iter_mut().find(|e| Some(e.intent) == intent) {
                        erasure.outcome = Some(entry);
                    }
                }
                _ => {}
            }
        }
        Ok(all)
    }

    /// Announces, destroys, says how it went; the number of the last. Nothing of it is held, and nobody makes a
    /// hold meanwhile.
    async fn destroy(
        &self,
        extent: &Extent,
        doomed: &Doomed,
        intent: Entry,
        outcome: Entry,
    ) -> Result<u64, AdminError> {
        let names = doomed.names();
        let (contents, others) = self.counted(extent, &names).await?;
        let mut first = None;
        // Every key is announced, in as many records as it takes.
        for part in names.chunks(NAMED) {
            let announced = extent.note(intent.clone()).outcome(Outcome::Pending).word("erased_keys", &part.join(","));
            let announced = match first {
                Some(first) => announced.int("first", first as i64),
                None => announced,
            };
            let at = self.log.append(announced).await?.index();
            first.get_or_insert(at);
        }
        let done = self.destroy_keys(doomed).await;
        let outcome = extent
            .note(outcome)
            .int("intent", first.unwrap_or(0) as i64)
            .int("keys", names.len() as i64)
            .int("contents", contents as i64)
            .int("also_named_in", others as i64)
            .digest("erased", sha256(&[names.join(",").as_bytes()]));
        let outcome = if done.is_ok() { outcome } else { outcome.outcome(Outcome::Failed).word("why", "store") };
        let outcome = self.log.append(outcome).await?.index();
        done.map(|()| outcome)
    }

    fn living(&self) -> Result<Vec<PeriodName>, AdminError> {
        self.content_keys()?.days().living().map_err(lost)
    }

    async fn doomed(&self, extent: &Extent) -> Result<Doomed, AdminError> {
        let keys = self.content_keys()?;
        match extent {
            Extent::All => Err(AdminError::Refused("name what to erase: days, a patient or an owner".into())),
            Extent::Days(from, to) => {
                // The writer still seals under today's.
                if *to >= Day::of(self.auth.now()) {
                    return Err(AdminError::Refused("today's content can be erased tomorrow (days are UTC)".into()));
                }
                let days = self.living()?;
                let of = |day: &PeriodName| (from.as_str()..=to.as_str()).contains(&day.day());
                let days: Vec<_> = days.into_iter().filter(of).collect();
                if days.is_empty() {
                    Err(AdminError::NotFound("content of these days"))
                } else {
                    Ok(Doomed::Days(days))
                }
            }
            Extent::Patient(id) => Ok(Doomed::Holder(id.clone())),
            Extent::Owner(user) => {
                let id = keys.find_owner(user).await.map_err(lost)?;
                Ok(Doomed::Holder(id.ok_or(AdminError::NotFound("content of this owner"))?))
            }
        }
    }

    /// How many entries have content under these keys; and, of a patient, in how many others they are named.
    async fn counted(&self, extent: &Extent, names: &[String]) -> Result<(u64, u64), AdminError> {
        let query = match extent {
            // A day's key is its segments', which entries do not name.
            Extent::Days(..) => extent.narrow(Query::new())?,
            _ => Query::new().with(Field::Key, &names.join(",")).map_err(|_| AdminError::Failed)?,
        };
        let (mut entries, mut under) = (self.entries(query).await?, 0);
        while let Some(entry) = entries.try_next().await? {
            under += u64::from(entry.sealed_bytes().is_some());
        }
        let Extent::Patient(_) = extent else { return Ok((under, 0)) };
        let (index, all) = (self.index()?, extent.narrow(Query::new())?);
        let all = index.count(&all).await.map_err(unfindable)?;
        Ok((under, all.saturating_sub(under)))
    }

    async fn destroy_keys(&self, doomed: &Doomed) -> Result<(), AdminError> {
        let keys = self.content_keys()?;
        match doomed {
            Doomed::Days(days) => days.iter().try_for_each(|day| keys.days().destroy(day).map(drop)).map_err(lost),
            Doomed::Holder(id) => keys.holders().destroy(id).await.map(drop).map_err(lost),
        }
    }

    /// Made of what the log says, so that it can be had again.
    async fn certificate(&self, number: u64) -> Result<Value, AdminError> {
        let done = |e: &Erasure| e.outcome.as_ref().is_some_and(|outcome| outcome.index == number);
        let erasure = self.erasures().await?.into_iter().find(done);
        let Some(Erasure { intent, extent, keys, outcome: Some(outcome) }) = erasure else {
            return Err(AdminError::NotFound("erasure that was done"));
        };
        // Looked at again, as whoever would try to read it.
        for name in &keys {
            let lives = match (name.parse::<HolderId>(), PeriodName::new(name)) {
                (Ok(id), _) => self.content_keys()?.holders().get(&id).await.map_err(lost)?.is_some(),
                (_, Some(day)) => self.content_keys()?.days().get(&day).map_err(lost)?.is_some(),
                _ => true,
            };
            if lives {
                tracing::error!(
                    erasure = number,
                    "a key that was destroyed is there: restart, which destroys it again"
                );
                return Err(AdminError::Failed);
            }
        }
        let log = self.log.clone();
        let proof =
            tokio::task::spawn_blocking(move || log.publish().and_then(|published| published.inclusion(number)));
        let (leaf, proof) = proof.await.map_err(|_| AdminError::Failed)?.map_err(lost)?;
        let backups: Vec<Value> = self
            .backups
            .iter()
            .map(|backup| {
                let until = Day::of(outcome.time.plus_ms(i64::from(backup.keep_days) * DAY_MS));
                json!({ "name": backup.name, "may_hold_the_keys_until": until.as_str() })
            })
            .collect();
        let mut limits = vec![
            "where the disk keeps old blocks (flash, snapshots), copies of a key outlive it; they open with the root key \
             only",
        ];
        if backups.is_empty() {
            limits.push("no backups are declared ([audit] backups): copies made elsewhere were not looked for");
        }
        let number_of = |key| outcome.facts.int(key).unwrap_or_default();
        if number_of("also_named_in") > 0 {
            limits.push("entries that only name the patient are sealed under other keys: erase their days");
        }
        let mut what = extent.to_json();
        what.insert("keys".to_owned(), json!(keys));
        what.insert("contents".to_owned(), number_of("contents").into());
        what.insert("also_named_in".to_owned(), number_of("also_named_in").into());
        Ok(json!({
            "schema": "medlock erasure certificate 1",
            "log": self.log.name().origin(),
            "time": outcome.time.rfc3339(),
            "by": outcome.actor.to_string(),
            "erased": what,
            "method": "cryptographic erase (NIST SP 800-88r2): AES-256-GCM keys overwritten, synced to the disk and removed",
            "checked": "the keys were looked for afterwards and are gone",
            "records": { "intent": intent, "outcome": number },
            "backups": backups,
            "limits": limits,
            "leaf_sha256": hex(&sha256(&[&leaf])),
            "proof": proof.to_text(&leaf),
        }))
    }
}
