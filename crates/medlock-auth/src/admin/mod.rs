//! Administration: people, keys, sessions. Every verb takes the permit that allows it, and every
//! one that changes something the index of the record that announced it, which goes into the row.

mod keys;
mod people;
mod provision;
mod sessions;

pub use keys::{CreatedKey, KeyInfo, NewKey};
pub(crate) use people::Ends;
pub use people::{CreatedUser, Enrolment, NewUser, UserInfo, UserState};
pub use provision::{Change, Joiner, Provisioned};
pub use sessions::SessionInfo;

use crate::error::AuthError;
use crate::permit::AdminPermit;
use crate::service::Auth;
use medlock_domain::{RoleName, UserId};
use medlock_store::{StoreError, UserRow};

impl Auth {
    /// The row of a person, to be changed under the lock of changes.
    pub(crate) async fn existing(&self, id: &UserId) -> Result<UserRow, AuthError> {
        self.0.store.user(id).await?.ok_or(AuthError::NotFound("user"))
    }

    /// Roles that some policy speaks of, sorted and each once.
    pub(crate) fn known_roles(&self, mut roles: Vec<RoleName>) -> Result<Vec<RoleName>, AuthError> {
        let loaded = self.loaded();
        if let Some(role) = roles.iter().find(|r| !loaded.roles.contains(*r)) {
            return Err(AuthError::UnknownRole { role: role.clone(), known: loaded.roles.iter().cloned().collect() });
        }
        roles.sort();
        roles.dedup();
        if roles.is_empty() { Err(AuthError::NoRole) } else { Ok(roles) }
    }
}

/// What somebody may see of a list: everything, or what is theirs.
fn sees(by: &AdminPermit, all: crate::AdminAction, owner: &UserId) -> bool {
    by.action == all || by.holder.as_ref().is_some_and(|h| h.user == *owner)
}

pub(crate) fn taken(what: &'static str) -> impl FnOnce(StoreError) -> AuthError {
    move |e| match e {
        StoreError::Exists(_) => AuthError::Taken(what),
        other => other.into(),
    }
}
