//! Erasing content by destroying the keys that it is sealed under, with a certificate. The log stays whole, and
//! what remains of the entries (who, when, what classes, how many) stays in it.

use super::content::{lost, unfindable};
use super::hold::{Day, Extent};
use super::{Admin, AdminError, Because, By, Scope};
use futures_util::TryStreamExt as _;
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

/// What was done, before it has a certificate.
struct Erased {
    extent: Extent,
    keys: Vec<String>,
    contents: u64,
    others: u64,
    intent: u64,
    outcome: u64,
}

impl Admin {
    /// Erases content. Takes the right, a reason and a fresh second factor; a legal hold stops it. The
    /// certificate says what, how, who and when, where copies may still be, and proves its record.
    pub async fn erase(&self, by: By<'_>, scope: Scope, because: &Because) -> Result<Value, AdminError> {
        const VERB: &str = "erase";
        let permit = self.permit(by, &[AdminAction::AuditErase], VERB).await?;
        self.justified(by, permit.action(), VERB, because).await?;
        let planned = async {
            let extent = self.extent(scope).await?;
            let doomed = self.doomed(&extent).await?;
            Ok((extent, doomed))
        };
        let (extent, doomed) = self.or_recorded(by, &permit, VERB, planned.await).await?;
        let intent = because.note(by.entry(Kind::AdminIntent, permit.action(), VERB));
        let erased = self.destroy(extent, doomed, intent, |kind| by.entry(kind, permit.action(), VERB)).await?;
        self.certificate(&erased, &by.actor()).await
    }

    /// Erases the content of days that are older than `keep_days`, by `witnessed`: a time that somebody else
    /// vouches for. Gives the days. Those under a hold stay.
    pub async fn expire(&self, keep_days: u32, witnessed: Timestamp) -> Result<Vec<String>, AdminError> {
        let before = Day::of(witnessed.plus_ms(-i64::from(keep_days) * DAY_MS));
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
            let doomed = Doomed::Days(vec![name.clone()]);
            self.destroy(extent, doomed, entry(Kind::AdminIntent).word("reason", "retention"), entry).await?;
            gone.push(name.as_str().to_owned());
        }
        Ok(gone)
    }

    /// Keys that the log says were destroyed and that are there again, such as from a backup: destroys them
    /// anew. Gives how many.
    pub async fn keep_erased(&self) -> Result<usize, AdminError> {
        let keys = self.content_keys()?;
        let mut back: Vec<String> = keys.days().finish().map_err(lost)?.iter().map(|n| n.as_str().to_owned()).collect();
        let query = Query::new().with(Field::Action, "erase,expire").map_err(|_| AdminError::Failed)?;
        let mut entries = self.entries(query.order(Order::Oldest)).await?;
        // An intent without an outcome as well: it was begun, and somebody wanted it.
        while let Some(entry) = entries.try_next().await? {
            for name in entry.facts.word("erased_keys").unwrap_or_default().split(',') {
                let again = match (name.parse::<HolderId>(), PeriodName::new(name)) {
                    (Ok(id), _) => keys.holders().destroy(&id).await.map_err(lost)?,
                    (_, Some(day)) => keys.days().destroy(&day).map_err(lost)?,
                    _ => false,
                };
                if again {
                    back.push(name.to_owned());
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

    /// Announces, destroys, says how it went.
    async fn destroy(
        &self,
        extent: Extent,
        doomed: Doomed,
        intent: Entry,
        entry: impl Fn(Kind) -> Entry,
    ) -> Result<Erased, AdminError> {
        let holds = self.holds_in_force().await?;
        if let Some(hold) = self.held(&extent, &holds).await? {
            self.log.append(intent.outcome(Outcome::Denied).int("hold", hold as i64)).await?;
            return Err(AdminError::Refused(format!(
                "legal hold {hold} covers a part of it; lift it first (`medlock audit hold lift {hold}`)"
            )));
        }
        let names = doomed.names();
        let (contents, others) = self.counted(&extent, &names).await?;
        let mut index = None;
        // Every key is announced, in as many records as it takes.
        for part in names.chunks(NAMED) {
            let announced = extent.note(intent.clone()).outcome(Outcome::Pending).word("erased_keys", &part.join(","));
            let at = self.log.append(announced).await?.index();
            index.get_or_insert(at);
        }
        let intent = index.unwrap_or(0);
        let done = self.destroy_keys(&doomed).await;
        let outcome = extent
            .note(entry(Kind::AdminOutcome))
            .int("intent", intent as i64)
            .int("keys", names.len() as i64)
            .int("contents", contents as i64)
            .digest("erased", sha256(&[names.join(",").as_bytes()]));
        let outcome = if done.is_ok() { outcome } else { outcome.outcome(Outcome::Failed).word("why", "store") };
        let outcome = self.log.append(outcome).await?.index();
        done?;
        Ok(Erased { extent, keys: names, contents, others, intent, outcome })
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
        let index = self.index()?;
        index.catch_up().await.map_err(unfindable)?;
        let count = async |query: Query| index.count(&query).await.map_err(unfindable);
        let all = extent.narrow(Query::new())?;
        let Extent::Patient(_) = extent else { return Ok((count(all).await?, 0)) };
        let under = Query::new().with(Field::Key, &names.join(",")).map_err(|_| AdminError::Failed)?;
        let under = count(under).await?;
        Ok((under, count(all).await?.saturating_sub(under)))
    }

    async fn destroy_keys(&self, doomed: &Doomed) -> Result<(), AdminError> {
        let keys = self.content_keys()?;
        match doomed {
            Doomed::Days(days) => days.iter().try_for_each(|day| keys.days().destroy(day).map(drop)).map_err(lost),
            Doomed::Holder(id) => keys.holders().destroy(id).await.map(drop).map_err(lost),
        }
    }

    async fn certificate(&self, erased: &Erased, actor: &Actor) -> Result<Value, AdminError> {
        let Erased { extent, keys, contents, others, intent, outcome } = erased;
        // Looked at again, as whoever would try to read it.
        let mut left = Vec::new();
        for name in keys {
            let lives = match (name.parse::<HolderId>(), PeriodName::new(name)) {
                (Ok(id), _) => self.content_keys()?.holders().get(&id).await.map_err(lost)?.is_some(),
                (_, Some(day)) => self.content_keys()?.days().get(&day).map_err(lost)?.is_some(),
                _ => true,
            };
            if lives {
                left.push(name);
            }
        }
        if !left.is_empty() {
            return Err(AdminError::Failed);
        }
        let log = self.log.clone();
        let at = *outcome;
        let proof = tokio::task::spawn_blocking(move || log.publish().and_then(|published| published.inclusion(at)));
        let (leaf, proof) = proof.await.map_err(|_| AdminError::Failed)?.map_err(lost)?;
        let now = self.auth.now();
        let backups: Vec<Value> = self
            .backups
            .iter()
            .map(|backup| {
                let until = Day::of(now.plus_ms(i64::from(backup.keep_days) * DAY_MS));
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
        if *others > 0 {
            limits.push("entries that only name the patient are sealed under other keys: erase their days");
        }
        let mut what = json!({ "keys": keys, "contents": contents, "also_named_in": others });
        let held = super::Hold { number: 0, since: now, extent: extent.clone() }.to_json();
        for (key, value) in
            held.as_object().into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "hold" | "since"))
        {
            what[key.as_str()] = value.clone();
        }
        Ok(json!({
            "schema": "medlock erasure certificate 1",
            "log": self.log.name().origin(),
            "time": now.rfc3339(),
            "by": actor.to_string(),
            "erased": what,
            "method": "cryptographic erase (NIST SP 800-88r2): AES-256-GCM keys overwritten, synced to the disk and removed",
            "checked": "the keys were looked for afterwards and are gone",
            "records": { "intent": intent, "outcome": outcome },
            "backups": backups,
            "limits": limits,
            "leaf_sha256": hex(&sha256(&[&leaf])),
            "proof": proof.to_text(&leaf),
        }))
    }
}
