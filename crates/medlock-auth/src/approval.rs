//! Two persons (45 CFR 164.308(a)(4)(ii)(B)): what policies let nobody do alone is asked for, and somebody else decides.
//! A yes is good for exactly what was asked, once, for a day; a role that was asked for is held until its time is over.

use crate::error::AuthError;
use crate::permit::{AdminAction, AdminPermit};
use crate::principal::Principal;
use crate::service::Auth;
use medlock_domain::{ApprovalId, RoleName, Timestamp, UserId};
use medlock_keys::digest::{Digest, Sha256};
use medlock_keys::random;
use medlock_store::{ApprovalRow, ApprovalState};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// How long somebody has to decide, and then how long what was approved can be done.
const DAY_MS: i64 = 24 * HOUR_MS;
/// Open ones of one person.
const MOST: usize = 20;
/// Hours for which a role can be asked.
pub const LONGEST_ROLE_HOURS: u32 = 30 * 24;
/// What a record calls a wish for a role.
pub const ROLE_VERB: &str = "have_role";

/// What somebody wants to do, in all that matters of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    verb: &'static str,
    about: Vec<(String, String)>,
    role: Option<(RoleName, i64)>,
}

impl Wish {
    /// To do a verb with these facts.
    pub fn to_do(verb: &'static str, about: Vec<(String, String)>) -> Self {
        Self { verb, about, role: None }
    }

    /// To have a role of one's own for some hours.
    pub fn to_have(role: RoleName, hours: u32, reason: &str) -> Self {
        let about = vec![("hours".into(), hours.to_string()), ("reason".into(), reason.into())];
        Self { verb: ROLE_VERB, about, role: Some((role, i64::from(hours) * HOUR_MS)) }
    }

    /// The verb, in the word of records.
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let role = self.role.as_ref().map_or("", |(role, _)| role.as_str());
        let parts = self.about.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        for part in [self.verb, role].into_iter().chain(parts) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finish()
    }

    /// For whoever decides, on one line.
    fn detail(&self) -> String {
        self.about.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }
}

/// Leave by somebody else to do one thing, once. Made where it is used up.
#[derive(Debug)]
pub struct Approval {
    pub(crate) id: ApprovalId,
}

/// What somebody else says of what a person is about to do.
#[derive(Debug)]
pub enum Second {
    /// Nobody was asked.
    Nobody,
    /// Yes.
    Approved(Approval),
    /// It only takes access away, which never waits for anybody.
    NotNeeded,
}

/// Roles that people hold for a while.
#[derive(Default)]
pub(crate) struct Grants(RwLock<HashMap<UserId, Vec<Grant>>>);

struct Grant {
    id: ApprovalId,
    role: RoleName,
    until: Timestamp,
}

impl Grants {
    pub(crate) fn of(rows: &[ApprovalRow]) -> Self {
        let all = Self::default();
        rows.iter().filter(|row| row.state == ApprovalState::Approved).for_each(|row| all.insert(row));
        all
    }

    fn insert(&self, row: &ApprovalRow) {
        let Some(role) = row.role.clone() else { return };
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(row.asker.clone()).or_default().push(Grant { id: row.id.clone(), role, until: row.expires });
    }

    fn remove(&self, id: &ApprovalId, now: Timestamp) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.values_mut().for_each(|grants| grants.retain(|grant| grant.id != *id && grant.until > now));
        all.retain(|_, grants| !grants.is_empty());
    }

    fn remove_all(&self, user: &UserId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(user);
    }

    /// Theirs, and until when.
    pub(crate) fn held(&self, user: &UserId, now: Timestamp) -> Vec<(RoleName, Timestamp)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = all.get(user).into_iter().flatten().filter(|grant| grant.until > now);
        held.map(|grant| (grant.role.clone(), grant.until)).collect()
    }

    /// Their roles beside `own`, and when the first of them ends.
    pub(crate) fn extend(&self, user: &UserId, own: &mut Vec<RoleName>, now: Timestamp) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for (role, until) in self.held(user, now) {
            if !own.contains(&role) {
                own.push(role);
                first = Some(first.map_or(until, |first| first.min(until)));
            }
        }
        own.sort();
        first
    }
}

impl Auth {
    /// Those that wait for somebody, or hold. One that was changed in the database is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_approvals(&self) -> Result<Vec<ApprovalRow>, AuthError> {
        let known = |row: Result<_, _>| row.inspect_err(|e| tracing::error!(error = %e, "approval")).ok();
        Ok(self.0.store.open_approvals(self.now()).await?.into_iter().filter_map(known).collect())
    }

    /// The caller's own open one for exactly this.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_approval(&self, p: &Principal, wish: &Wish) -> Result<Option<ApprovalRow>, AuthError> {
        let digest = wish.digest();
        Ok(self.open_approvals().await?.into_iter().find(|row| row.asker == *p.user() && row.digest == digest))
    }

    /// Asks for it. Waits for somebody else to decide.
    ///
    /// # Errors
    /// [`AuthError::TooManyApprovals`], or no policy knows the role.
    pub async fn ask_approval(&self, p: &Principal, wish: &Wish, log_index: u64) -> Result<ApprovalRow, AuthError> {
        if let Some((role, _)) = &wish.role {
            self.known_roles(vec![role.clone()])?;
        }
        let _one_at_a_time = self.0.changing.lock().await;
        let open = self.open_approvals().await?;
        if open.iter().filter(|row| row.asker == *p.user()).count() >= MOST {
            return Err(AuthError::TooManyApprovals);
        }
        let created = self.now();
        let row = ApprovalRow {
            id: ApprovalId::from_random(random::bytes()),
            asker: p.user().clone(),
            verb: wish.verb.to_owned(),
            digest: wish.digest(),
            detail: wish.detail(),
            role: wish.role.as_ref().map(|(role, _)| role.clone()),
            lasts_ms: wish.role.as_ref().map_or(DAY_MS, |(_, lasts)| *lasts),
            created,
            expires: created.plus_ms(DAY_MS),
            state: ApprovalState::Pending,
            decided: None,
            log_index,
        };
        self.0.store.insert_approval(&row).await?;
        Ok(row)
    }

    /// Uses up the caller's approval of exactly this, where there is one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_approval(&self, p: &Principal, wish: &Wish) -> Result<Option<Approval>, AuthError> {
        let found = self.open_approval(p, wish).await?;
        let Some(row) = found.filter(|row| row.state == ApprovalState::Approved && row.role.is_none()) else {
            return Ok(None);
        };
        let used = ApprovalRow { state: ApprovalState::Used, ..row };
        let won = self.0.store.update_approval(ApprovalState::Approved, &used).await?;
        Ok(won.then_some(Approval { id: used.id }))
    }

    /// Says yes or no to what somebody else wants. A role is theirs from then on.
    ///
    /// # Errors
    /// [`AuthError::OwnApproval`] of one's own wish, and of one that is about oneself.
    pub async fn decide_approval(
        &self,
        by: &AdminPermit,
        id: &ApprovalId,
        yes: bool,
        log_index: u64,
    ) -> Result<ApprovalRow, AuthError> {
        self.usable(by, &[AdminAction::ApprovalsDecide])?;
        let decider = by.holder.as_ref().ok_or(AuthError::OwnApproval)?.user.clone();
        let auth = self.clone();
        let id = id.clone();
        Self::whole(async move {
            let _one_at_a_time = auth.0.changing.lock().await;
            let row = auth.still_open(&id, ApprovalState::Pending).await?;
            let names =
                |part: &str| ["user=", "owner="].iter().any(|key| part.strip_prefix(key) == Some(decider.as_str()));
            let about_them = row.detail.split_whitespace().any(names);
            if row.asker == decider || (yes && about_them) {
                return Err(AuthError::OwnApproval);
            }
            let now = auth.now();
            let row = ApprovalRow {
                state: if yes { ApprovalState::Approved } else { ApprovalState::Refused },
                expires: if yes { now.plus_ms(row.lasts_ms) } else { row.expires },
                decided: Some((decider, now)),
                log_index,
                ..row
            };
            if !auth.0.store.update_approval(ApprovalState::Pending, &row).await? {
                return Err(AuthError::NotFound("approval"));
            }
            if yes {
                auth.0.grants.insert(&row);
            }
            Ok(row)
        })
        .await
    }

    /// Takes back one's own, or ends anybody's with the right to decide; what runs under its role is cut.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none open of that name.
    pub async fn end_approval(&self, by: &AdminPermit, id: &ApprovalId, log_index: u64) -> Result<(), AuthError> {
        self.usable(by, &[AdminAction::ApprovalsDecide, AdminAction::OwnRequests])?;
        let (auth, id) = (self.clone(), id.clone());
        let own = match by.action {
            AdminAction::OwnRequests => Some(by.holder.as_ref().ok_or(AuthError::NotFound("approval"))?.user.clone()),
            _ => None,
        };
        Self::whole(async move {
            let _one_at_a_time = auth.0.changing.lock().await;
            let found =
                auth.0.store.approval(&id).await?.filter(|row| own.as_ref().is_none_or(|own| row.asker == *own));
            let row = found.ok_or(AuthError::NotFound("approval"))?;
            let row = auth.still_open(&id, row.state).await?;
            let (from, now) = (row.state, auth.now());
            let row = ApprovalRow { state: ApprovalState::Ended, log_index, ..row };
            let written = auth.0.store.update_approval(from, &row).await;
            // In memory even when the database fails.
            auth.0.grants.remove(&id, now);
            if row.role.is_some() && from == ApprovalState::Approved {
                auth.0.standing.note(row.asker.as_str(), now);
            }
            if written? { Ok(()) } else { Err(AuthError::NotFound("approval")) }
        })
        .await
    }

    /// Ends all that somebody asked for or holds: they are somebody else by what they may, or are nobody here.
    pub(crate) async fn end_approvals_of(&self, user: &UserId, log_index: u64) -> Result<(), AuthError> {
        // In memory even when the database fails.
        self.0.grants.remove_all(user);
        for row in self.open_approvals().await?.into_iter().filter(|row| row.asker == *user) {
            let from = row.state;
            let row = ApprovalRow { state: ApprovalState::Ended, log_index, ..row };
            self.0.store.update_approval(from, &row).await?;
        }
        Ok(())
    }

    /// One in this state, while it is open.
    async fn still_open(&self, id: &ApprovalId, state: ApprovalState) -> Result<ApprovalRow, AuthError> {
        let open = matches!(state, ApprovalState::Pending | ApprovalState::Approved);
        let row = self.0.store.approval(id).await?.filter(|row| open && row.state == state && row.expires > self.now());
        row.ok_or(AuthError::NotFound("approval"))
    }
}
