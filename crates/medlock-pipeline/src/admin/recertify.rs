//! Recertification: at set times somebody says of every person and every key whether they still need what they may (45 CFR
//! 164.308(a)(4)(ii)(C), 164.308(a)(8)). What came of it is told from the log, so that it is evidence.

use super::{Admin, AdminError, By, refusal};
use futures_util::TryStreamExt as _;
use medlock_audit::{Kind, Outcome};
use medlock_auth::{AdminAction, UserState};
use medlock_domain::{KeyId, Timestamp, UserId};
use medlock_review::{Field, Order, Query};
use serde_json::{Value, json};
use std::collections::HashMap;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// After a role that somebody has for a while: no role is called so.
const TEMPORARY: &str = ":temporary";
/// Days that one may take.
pub const LONGEST_DAYS: u32 = 180;

/// Whom or what somebody decides about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessOf {
    /// A person.
    Person(UserId),
    /// A key.
    Key(KeyId),
}

impl AccessOf {
    fn as_str(&self) -> &str {
        match self {
            Self::Person(id) => id.as_str(),
            Self::Key(id) => id.as_str(),
        }
    }
}

/// One that was begun.
struct Campaign {
    number: u64,
    by: String,
    since: Timestamp,
    due: Timestamp,
    /// The last decision to keep somebody's access, or something's, with the roles that it was about.
    kept: HashMap<String, (Decision, String)>,
    /// Who took it away.
    removed: HashMap<String, Decision>,
}

struct Decision {
    by: String,
    at: Timestamp,
    record: u64,
}

/// A person or key, as it is now.
struct Item {
    holder: AccessOf,
    name: String,
    owner: UserId,
    roles: String,
    created: Timestamp,
    gone: bool,
}

/// Whether each of these roles is one of those.
fn all_in(roles: &str, of: &str) -> bool {
    roles.split(',').filter(|role| !role.is_empty()).all(|role| of.split(',').any(|o| o == role))
}

impl Admin {
    /// Begins one: everybody and every key that is there now is to be decided about within `days`. Gives its number.
    pub async fn recertify(&self, by: By<'_>, days: u32) -> Result<u64, AdminError> {
        const VERB: &str = "recertify";
        let permit = self.permit_alone(by, &[AdminAction::ApprovalsDecide], VERB).await?;
        let fits = match days {
            1..=LONGEST_DAYS => Ok(()),
            _ => Err(AdminError::Refused(format!("it takes 1 to {LONGEST_DAYS} days"))),
        };
        self.or_recorded(by, &permit, VERB, fits).await?;
        let due = self.auth.now().plus_ms(i64::from(days) * DAY_MS);
        let entry = by.entry(Kind::AdminOutcome, permit.action(), VERB).int("due", due.0);
        Ok(self.log.append(entry).await?.index())
    }

    /// Somebody still needs what they may. What is about oneself somebody else says; what is not needed is taken away by
    /// the verbs that there are for that.
    pub async fn keep_access(&self, by: By<'_>, holder: &AccessOf) -> Result<u64, AdminError> {
        const VERB: &str = "keep_access";
        let permit = self.permit_alone(by, &[AdminAction::ApprovalsDecide], VERB).await?;
        let judged = async {
            let By::Caller(principal, _) = by else {
                return Err(AdminError::Refused("a person decides: log in, while a server runs".into()));
            };
            let campaign = self.campaign().await?.ok_or(AdminError::NotFound("recertification: begin one"))?;
            let items = self.items(by).await?;
            let item = items.into_iter().find(|item| item.holder == *holder && !item.gone);
            let item = item.ok_or(AdminError::NotFound("person or key that may something"))?;
            match item.owner == *principal.user() {
                true => Err(AdminError::Refused("it is yours: somebody else has to decide".into())),
                false => Ok((campaign, item)),
            }
        };
        let (campaign, item) = self.or_recorded(by, &permit, VERB, judged.await).await?;
        let entry = by.entry(Kind::AdminOutcome, permit.action(), VERB).int("campaign", campaign.number as i64);
        let entry = entry.word("holder", item.holder.as_str()).word("roles", &item.roles);
        Ok(self.log.append(entry).await?.index())
    }

    /// How far the last one is: of everybody and every key, what was decided by whom, with the number of its record.
    pub async fn recertification(&self, by: By<'_>) -> Result<Value, AdminError> {
        let items = self.items(by).await?;
        let campaign = self.campaign().await?.ok_or(AdminError::NotFound("recertification: begin one"))?;
        let now = self.auth.now();
        let mut open = 0;
        let mut all: Vec<Value> = Vec::new();
        for item in &items {
            let id = item.holder.as_str();
            let (kept, removed) = (campaign.kept.get(id), campaign.removed.get(id));
            let (state, decision) = match kept {
                _ if item.gone && removed.is_some() => ("removed", removed),
                // It was gone before.
                _ if item.gone => continue,
                Some((decision, roles)) if all_in(&item.roles, roles) => ("kept", Some(decision)),
                // Who decided did not decide about all of these.
                Some((decision, _)) => ("changed", Some(decision)),
                // A key that was rotated is one that nobody has decided about.
                None if item.created > campaign.since && matches!(item.holder, AccessOf::Person(_)) => ("new", None),
                None => ("open", None),
            };
            open += usize::from(matches!(state, "open" | "changed"));
            all.push(json!({
                "id": id, "name": item.name, "owner": item.owner.as_str(), "roles": item.roles, "state": state,
                "by": decision.map(|d| &d.by), "at": decision.map(|d| d.at.rfc3339()),
                "record": decision.map(|d| d.record),
            }));
        }
        Ok(json!({
            "campaign": campaign.number, "by": campaign.by, "since": campaign.since.rfc3339(),
            "due": campaign.due.rfc3339(), "overdue": open > 0 && now > campaign.due, "open": open, "items": all,
        }))
    }

    /// Everybody and every key.
    async fn items(&self, by: By<'_>) -> Result<Vec<Item>, AdminError> {
        let people = self.look(by, &[AdminAction::UsersList], "recertification").await?;
        let keys = self.permit_alone(by, &[AdminAction::KeysList], "recertification").await?;
        let people = self.auth.list_users(&people).await.map_err(refusal)?;
        let keys = self.auth.list_keys(&keys).await.map_err(refusal)?;
        let now = self.auth.now();
        let of_people = people.into_iter().map(|user| Item {
            name: user.username.to_string(),
            roles: {
                let temporary = user.temporary.iter().map(|(role, _)| format!("{role}{TEMPORARY}"));
                super::join(&user.roles.iter().map(ToString::to_string).chain(temporary).collect::<Vec<_>>())
            },
            created: user.created,
            gone: user.state == UserState::Disabled,
            owner: user.id.clone(),
            holder: AccessOf::Person(user.id),
        });
        let of_keys = keys.into_iter().map(|key| Item {
            name: key.name,
            roles: super::join(&key.roles),
            created: key.created,
            gone: key.revoked.is_some() || key.expires <= now,
            owner: key.owner,
            holder: AccessOf::Key(key.id),
        });
        Ok(of_people.chain(of_keys).collect())
    }

    /// The last one that was begun.
    async fn campaign(&self) -> Result<Option<Campaign>, AdminError> {
        const VERBS: &str = "recertify,keep_access,disable_user,leave,change_provisioned,revoke_key";
        let query = Query::new().with(Field::Action, VERBS).map_err(|_| AdminError::Failed)?;
        let (mut entries, mut last) = (self.entries(query.order(Order::Oldest)).await?, None::<Campaign>);
        while let Some(entry) = entries.try_next().await? {
            if entry.kind != Kind::AdminOutcome || entry.outcome != Outcome::Ok {
                continue;
            }
            let word = |name| entry.facts.word(name);
            let decision = || Decision { by: entry.actor.to_string(), at: entry.time, record: entry.index };
            match (word("verb"), &mut last) {
                (Some("recertify"), _) => {
                    let due = entry.facts.int("due").map_or(entry.time, Timestamp);
                    let (kept, removed) = (HashMap::new(), HashMap::new());
                    let Decision { by, at: since, record: number } = decision();
                    last = Some(Campaign { number, by, since, due, kept, removed });
                }
                (Some("keep_access"), Some(last)) => {
                    let (Some(holder), Some(roles)) = (word("holder"), word("roles")) else { continue };
                    last.kept.insert(holder.to_owned(), (decision(), roles.to_owned()));
                }
                (Some("disable_user" | "leave" | "change_provisioned" | "revoke_key"), Some(last)) => {
                    // Whether they are gone is told by what they are now.
                    let Some(holder) = word("user").or(word("key")) else { continue };
                    last.removed.insert(holder.to_owned(), decision());
                }
                _ => {}
            }
        }
        Ok(last)
    }
}
