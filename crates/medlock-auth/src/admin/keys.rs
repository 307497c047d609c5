//! API keys.

use super::{sees, taken};
use crate::credential;
use crate::error::AuthError;
use crate::permit::{AdminAction, AdminPermit};
use crate::service::Auth;
use medlock_domain::{Binding, KeyId, ModelName, Network, Purpose, RoleName, Timestamp, UserId};
use medlock_keys::password::Secret;
use medlock_store::ApiKeyRow;

const YEAR_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// An API key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// Who answers for it.
    pub owner: UserId,
    /// What it may: roles that its owner has.
    pub roles: Vec<RoleName>,
    /// What it may be used for.
    pub purposes: Vec<Purpose>,
    /// Which models it may use; none is all that policy allows.
    pub models: Vec<ModelName>,
    /// Where it may be used from; none is anywhere.
    pub networks: Vec<Network>,
    /// What is shown instead of a secret.
    pub bound: Option<Binding>,
    /// When it ends: within a year.
    pub expires: Timestamp,
}

/// A key that was made.
#[derive(Debug)]
pub struct CreatedKey {
    /// Its public half.
    pub id: KeyId,
    /// The key; shown once. None where something else is shown in its place.
    pub secret: Option<Secret>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A key, in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its public half.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What the key itself begins with, so that its holder can tell which it is.
    pub prefix: String,
    /// Who answers for it.
    pub owner: UserId,
    /// What it may.
    pub roles: Vec<RoleName>,
    /// What it may be used for.
    pub purposes: Vec<Purpose>,
    /// Which models it may use; none is all that policy allows.
    pub models: Vec<ModelName>,
    /// Where it may be used from; none is anywhere.
    pub networks: Vec<Network>,
    /// What is shown instead of a secret.
    pub bound: Option<Binding>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// Last use.
    pub last_used: Option<Timestamp>,
}

impl Auth {
    /// Makes an API key. It is shown here and never again.
    ///
    /// # Errors
    /// What it is to do is more than its owner may, or its name or expiry will not do.
    pub async fn create_key(&self, by: &AdminPermit, new: NewKey, log_index: u64) -> Result<CreatedKey, AuthError> {
        self.usable(by, &[AdminAction::KeysManage])?;
        let roles = self.known_roles(new.roles)?;
        let word = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if new.name.is_empty() || new.name.len() > 64 || !new.name.bytes().all(word) {
            return Err(AuthError::BadKeyName);
        }
        let now = self.now();
        if new.expires <= now || new.expires > now.plus_ms(YEAR_MS) {
            return Err(AuthError::BadExpiry);
        }
        let (mut purposes, mut models, mut networks) = (new.purposes, new.models, new.networks);
        networks.sort();
        networks.dedup();
        purposes.sort();
        purposes.dedup();
        models.sort();
        models.dedup();
        if purposes.is_empty() {
            return Err(AuthError::NoPurpose);
        }
        let _one_at_a_time = self.0.changing.lock().await;
        let owner = self.existing(&new.owner).await?;
        if owner.disabled {
            return Err(AuthError::OwnerDisabled);
        }
        if !roles.iter().all(|r| owner.roles.contains(r)) {
            return Err(AuthError::RolesBeyondOwner);
        }
        if let Some(binding) = &new.bound
            && self.0.store.key_bound_to(binding).await?.is_some()
        {
            return Err(AuthError::Taken("key bound to this"));
        }
        // Of a key that is bound nobody ever has the secret.
        let (id, secret, secret_hash) = credential::new_key();
        let secret = Some(secret).filter(|_| new.bound.is_none());
        let row = ApiKeyRow {
            id,
            owner: owner.id,
            name: new.name,
            secret_hash,
            bound: new.bound,
            roles,
            purposes,
            models,
            networks,
            created: now,
            expires: new.expires,
            revoked: None,
            log_index,
            last_used: None,
        };
        self.0.store.insert_key(&row).await.map_err(taken("key"))?;
        Ok(CreatedKey { id: row.id, secret, expires: row.expires })
    }

    /// Whose a key is: for whoever is asked to approve of what is done with it.
    ///
    /// # Errors
    /// There is no such key.
    pub async fn owner_of_key(&self, key: &KeyId) -> Result<UserId, AuthError> {
        Ok(self.0.store.key(key).await?.ok_or(AuthError::NotFound("key"))?.owner)
    }

    /// Makes a key that may what this one may, in its place: anybody's, or with `own:credentials` one's own. The old one
    /// goes on for `overlap_ms`, so that programs can change over; the new one lasts as long as the old one was made for, or,
    /// made by its owner, until the old one would have ended: how long it may last was somebody else's to say.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none of that name that is alive.
    pub async fn rotate_key(
        &self,
        by: &AdminPermit,
        key: &KeyId,
        overlap_ms: i64,
        log_index: u64,
    ) -> Result<CreatedKey, AuthError> {
        self.usable(by, &[AdminAction::KeysManage, AdminAction::OwnCredentials])?;
        let (auth, by, key) = (self.clone(), by.clone(), key.clone());
        Self::whole(async move {
            let _one_at_a_time = auth.0.changing.lock().await;
            let now = auth.now();
            let alive = |r: &ApiKeyRow| r.revoked.is_none() && r.expires > now;
            let row = auth.0.store.key(&key).await?;
            let row = row.filter(|r| alive(r) && sees(&by, AdminAction::KeysManage, &r.owner));
            let mut old = row.ok_or(AuthError::NotFound("key"))?;
            if old.bound.is_some() {
                return Err(AuthError::Bound);
            }
            let owner = auth.existing(&old.owner).await?;
            if owner.disabled {
                return Err(AuthError::OwnerDisabled);
            }
            if !old.roles.iter().all(|r| owner.roles.contains(r)) {
                return Err(AuthError::RolesBeyondOwner);
            }
            // Each has limits of its own: two at a time are enough to change over.
            let same =
                |r: &ApiKeyRow| r.id != key && r.owner == old.owner && r.name == old.name && r.roles == old.roles;
            if auth.0.store.keys().await?.iter().any(|r| alive(r) && same(r)) {
                return Err(AuthError::RotatedAlready);
            }
            let (id, secret, secret_hash) = credential::new_key();
            let expires = match by.action {
                AdminAction::KeysManage => now.plus_ms((old.expires.0 - old.created.0).clamp(1, YEAR_MS)),
                _ => old.expires,
            };
            let new = ApiKeyRow { id, secret_hash, created: now, expires, log_index, last_used: None, ..old.clone() };
            // The new one first: a crash between leaves two keys that are known, never none.
            auth.0.store.insert_key(&new).await.map_err(taken("key"))?;
            (old.expires, old.log_index) = (old.expires.min(now.plus_ms(overlap_ms.max(0))), log_index);
            auth.0.store.update_key(&old).await?;
            if old.expires <= now {
                auth.0.standing.note(key.as_str(), now);
            }
            Ok(CreatedKey { id: new.id, secret: Some(secret), expires: new.expires })
        })
        .await
    }

    /// All keys, or with `own:keys` one's own; oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_keys(&self, by: &AdminPermit) -> Result<Vec<KeyInfo>, AuthError> {
        self.usable(by, &[AdminAction::KeysList, AdminAction::OwnKeys])?;
        let used = self.keys_used();
        let rows = self.0.store.keys().await?;
        let infos = rows.into_iter().filter(|r| sees(by, AdminAction::KeysList, &r.owner)).map(|row| KeyInfo {
            prefix: credential::key_prefix(&row.id),
            last_used: used.get(&row.id).copied().max(row.last_used),
            id: row.id,
            name: row.name,
            owner: row.owner,
            roles: row.roles,
            purposes: row.purposes,
            models: row.models,
            networks: row.networks,
            bound: row.bound,
            created: row.created,
            expires: row.expires,
            revoked: row.revoked,
        });
        Ok(infos.collect())
    }

    /// Ends a key, anybody's or with `own:keys` one's own, and cuts what runs under it.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none of that name that has not been revoked.
    pub async fn revoke_key(&self, by: &AdminPermit, key: &KeyId, log_index: u64) -> Result<(), AuthError> {
        self.usable(by, &[AdminAction::KeysManage, AdminAction::OwnKeys])?;
        let (auth, by, key) = (self.clone(), by.clone(), key.clone());
        Self::whole(async move {
            let _one_at_a_time = auth.0.changing.lock().await;
            let row = auth.0.store.key(&key).await?;
            let row = row.filter(|r| r.revoked.is_none() && sees(&by, AdminAction::KeysManage, &r.owner));
            let mut row = row.ok_or(AuthError::NotFound("key"))?;
            let now = auth.now();
            (row.revoked, row.log_index) = (Some(now), log_index);
            let written = auth.0.store.update_key(&row).await;
            auth.0.standing.note(key.as_str(), now);
            if written? { Ok(()) } else { Err(AuthError::NotFound("key")) }
        })
        .await
    }
}
