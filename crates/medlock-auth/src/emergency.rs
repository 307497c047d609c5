//! Emergency access ("break-glass", 45 CFR 164.312(a)(2)(ii)): for a while, policies see that its holder has declared
//! one, and may permit what they do not otherwise. What is permitted then is theirs to say.

use crate::error::AuthError;
use crate::permit::{AdminAction, AdminPermit};
use crate::service::Auth;
use medlock_domain::{EmergencyId, HolderId, Timestamp, UserId};
use medlock_keys::random;
use medlock_store::EmergencyRow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// One that is to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEmergency {
    /// For this patient only, as records name them; `None`: for any.
    pub patient: Option<HolderId>,
    /// How long.
    pub lasts_ms: i64,
    /// An exercise, which confers nothing.
    pub drill: bool,
}

/// Those that are alive, by whose they are.
#[derive(Default)]
pub(crate) struct Emergencies(RwLock<HashMap<UserId, Vec<EmergencyRow>>>);

impl Emergencies {
    pub(crate) fn of(rows: Vec<EmergencyRow>) -> Self {
        let all = Self::default();
        rows.into_iter().for_each(|row| all.insert(row));
        all
    }

    fn insert(&self, row: EmergencyRow) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(row.user.clone()).or_default().push(row);
    }

    fn remove(&self, id: &EmergencyId, now: Timestamp) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.values_mut().for_each(|rows| rows.retain(|row| row.id != *id && row.expires > now));
        all.retain(|_, rows| !rows.is_empty());
    }

    /// The one that lasts longest of those that cover this patient.
    pub(crate) fn find(&self, user: &UserId, patient: Option<&HolderId>, now: Timestamp) -> Option<EmergencyRow> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let covers = |row: &&EmergencyRow| {
            !row.drill && row.expires > now && row.patient.as_ref().is_none_or(|covered| Some(covered) == patient)
        };
        all.get(user)?.iter().filter(covers).max_by_key(|row| row.expires).cloned()
    }
}

impl Auth {
    /// Begins one, of whoever holds the permit. It confers what policies say, until it ends.
    ///
    /// # Errors
    /// When nobody in particular asks, or the database cannot be written.
    pub async fn begin_emergency(
        &self,
        by: &AdminPermit,
        new: NewEmergency,
        log_index: u64,
    ) -> Result<EmergencyRow, AuthError> {
        self.usable(by, &[AdminAction::OwnEmergency])?;
        let holder = by.holder.as_ref().ok_or(AuthError::NotFound("person who asks: log in"))?;
        let (now, id) = (self.now(), EmergencyId::from_random(random::bytes()));
        let NewEmergency { patient, lasts_ms, drill } = new;
        let (user, expires) = (holder.user.clone(), now.plus_ms(lasts_ms));
        let row = EmergencyRow { id, user, patient, drill, created: now, expires, ended: None, log_index };
        let auth = self.clone();
        Self::whole(async move {
            auth.0.store.insert_emergency(&row).await?;
            auth.0.emergencies.insert(row.clone());
            Ok(row)
        })
        .await
    }

    /// Ends one, one's own or with `sessions:end` anybody's, and cuts what runs under it.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none alive of that name.
    pub async fn end_emergency(&self, by: &AdminPermit, id: &EmergencyId, log_index: u64) -> Result<(), AuthError> {
        self.usable(by, &[AdminAction::SessionsEnd, AdminAction::OwnEmergency])?;
        let sees = |user: &UserId| {
            by.action == AdminAction::SessionsEnd || by.holder.as_ref().is_some_and(|holder| holder.user == *user)
        };
        let row = self.0.store.emergency(id).await?.filter(|row| sees(&row.user) && row.expires > self.now());
        let Some(row) = row.filter(|row| row.ended.is_none()) else {
            return Err(AuthError::NotFound("emergency access"));
        };
        tracing::info!(emergency = %row.id, log_index, "emergency access ended");
        let auth = self.clone();
        Self::whole(async move {
            let now = auth.now();
            let ended = auth.0.store.end_emergency(&row.id, now).await;
            // In memory even when the database fails.
            auth.0.emergencies.remove(&row.id, now);
            auth.0.standing.note(row.id.as_str(), now);
            Ok(ended.map(drop)?)
        })
        .await
    }
}
