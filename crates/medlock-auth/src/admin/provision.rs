//! Joiners and leavers, as an identity provider tells of them (SCIM). It reaches the people of single sign-on and nobody
//! else: what somebody breaks into there shuts out no administrator of this server's own.

use super::people::Ends;
use super::taken;
use crate::error::AuthError;
use crate::permit::{AdminAction, AdminPermit};
use crate::service::Auth;
use crate::sso::NO_PASSWORD;
use medlock_domain::{Timestamp, UserId, Username};
use medlock_keys::random;
use medlock_store::{Identity, UserRow};

/// Somebody whom an identity provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// For life.
    pub id: UserId,
    /// What the provider calls them, for people to read.
    pub username: Username,
    /// What the provider calls them, for life.
    pub subject: String,
    /// Whether they are let in.
    pub enabled: bool,
    /// When they were added.
    pub created: Timestamp,
}

/// Somebody to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joiner {
    /// What people call them.
    pub username: Username,
    /// The provider's own name for them.
    pub subject: String,
    /// Whether they are let in.
    pub enabled: bool,
}

/// What is to be different; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Another name.
    pub username: Option<Username>,
    /// Whether they are let in.
    pub enabled: Option<bool>,
}

impl Auth {
    fn issuer(&self) -> Result<&str, AuthError> {
        let provider = self.0.provider.get().ok_or(AuthError::NoProvider)?;
        Ok(&provider.settings.issuer)
    }

    /// Everybody who comes from the identity provider, by id.
    ///
    /// # Errors
    /// There is no provider, or the database cannot be read.
    pub async fn provisioned(&self, by: &AdminPermit) -> Result<Vec<Provisioned>, AuthError> {
        self.usable(by, &[AdminAction::UsersProvision])?;
        let mut subjects = self.0.store.identities(self.issuer()?).await?;
        let mut all: Vec<Provisioned> = self
            .0
            .store
            .users()
            .await?
            .into_iter()
            .filter_map(|user| {
                let subject = subjects.remove(&user.id)?;
                Some(shown(user, subject))
            })
            .collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// Adds somebody. They have no role before their groups say so, at their first log-in.
    ///
    /// # Errors
    /// The name or the subject is somebody's.
    pub async fn join(&self, by: &AdminPermit, new: Joiner, log_index: u64) -> Result<Provisioned, AuthError> {
        self.usable(by, &[AdminAction::UsersProvision])?;
        let identity = Identity { issuer: self.issuer()?.to_owned(), subject: new.subject };
        let row = UserRow {
            id: UserId::from_random(random::bytes()),
            username: new.username,
            roles: Vec::new(),
            created: self.now(),
            disabled: !new.enabled,
            by_provider: !new.enabled,
            password_phc: NO_PASSWORD.into(),
            totp: None,
            log_index,
        };
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.store.insert_identified(&row, &identity).await.map_err(taken("user"))?;
        Ok(shown(row, identity.subject))
    }

    /// Changes somebody. Who is not let in any more loses sessions, keys and what runs, at once.
    ///
    /// # Errors
    /// There is nobody of that id who comes from the provider, the name is somebody's, or nobody would be left to
    /// administer.
    pub async fn change_provisioned(
        &self,
        by: &AdminPermit,
        user: &UserId,
        change: Change,
        log_index: u64,
    ) -> Result<Provisioned, AuthError> {
        self.usable(by, &[AdminAction::UsersProvision])?;
        let subject = self.0.store.identities(self.issuer()?).await?.remove(user).ok_or(AuthError::NotFound("user"))?;
        let change_enabled = change.enabled;
        let ends = if change.enabled == Some(false) { Ends::Sessions } else { Ends::Nothing };
        let edit = move |row: &mut UserRow| {
            row.username = change.username.unwrap_or_else(|| row.username.clone());
            match change.enabled {
                Some(false) if !row.disabled => (row.disabled, row.by_provider) = (true, true),
                // Whom somebody here has shut out, nobody there lets in.
                Some(true) if row.by_provider => (row.disabled, row.by_provider) = (false, false),
                _ => {}
            }
        };
        let changed = self.change_row(user, log_index, ends, edit).await.map_err(|error| match error {
            AuthError::Store(error) => taken("user")(error),
            other => other,
        })?;
        match changed.disabled && change_enabled == Some(true) {
            true => Err(AuthError::ShutOutHere),
            false => Ok(shown(changed, subject)),
        }
    }

    /// Somebody has left for good: they are shut out, and their name and the provider's for them are free again. Their id
    /// and what the log says of them stay.
    ///
    /// # Errors
    /// There is nobody of that id who comes from the provider, or nobody would be left to administer.
    pub async fn leave(&self, by: &AdminPermit, user: &UserId, log_index: u64) -> Result<(), AuthError> {
        let gone = format!("left-{}", user.as_str().trim_start_matches("usr_"));
        let change = Change { username: gone.parse().ok(), enabled: Some(false) };
        self.change_provisioned(by, user, change, log_index).await?;
        Ok(self.0.store.delete_identity(user).await?)
    }
}

fn shown(user: UserRow, subject: String) -> Provisioned {
    let UserRow { id, username, disabled, created, .. } = user;
    Provisioned { id, username, subject, enabled: !disabled, created }
}
