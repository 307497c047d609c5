//! Joiners and leavers, as an identity provider tells of them (SCIM; 45 CFR 164.308(a)(3)(ii)(C), termination procedures).

use super::{Admin, AdminError, By, refusal};
use medlock_auth::{AdminAction, AdminPermit, Change, Joiner, Provisioned};
use medlock_domain::UserId;
use std::time::Instant;

const ACTION: &[AdminAction] = &[AdminAction::UsersProvision];

impl Admin {
    /// Everybody who comes from the identity provider.
    pub async fn provisioned(&self, by: By<'_>) -> Result<Vec<Provisioned>, AdminError> {
        let permit: AdminPermit = self.look(by, ACTION, "list_provisioned").await?;
        self.auth.provisioned(&permit).await.map_err(refusal)
    }

    /// Adds somebody.
    pub async fn join(&self, by: By<'_>, new: Joiner) -> Result<Provisioned, AdminError> {
        let enabled = i64::from(new.enabled);
        let begun = self.begin(by, ACTION, "join", |e| e.int("enabled", enabled)).await?;
        let made = self.auth.join(&begun.permit, new, begun.index).await;
        self.finish(by, begun, made, |e, joined| e.word("user", joined.id.as_str())).await
    }

    /// Changes somebody. The record says how long it took until they were shut out everywhere.
    pub async fn change_provisioned(
        &self,
        by: By<'_>,
        user: &UserId,
        change: Change,
    ) -> Result<Provisioned, AdminError> {
        let (since, enabled, renamed) = (Instant::now(), change.enabled, change.username.is_some());
        let begun = self
            .begin(by, ACTION, "change_provisioned", |e| {
                let e = e.word("user", user.as_str()).int("renamed", i64::from(renamed));
                if let Some(enabled) = enabled { e.int("enabled", i64::from(enabled)) } else { e }
            })
            .await?;
        let made = self.auth.change_provisioned(&begun.permit, user, change, begun.index).await;
        self.finish(by, begun, made, |e, _| {
            let e = e.word("user", user.as_str()).int("ms", since.elapsed().as_millis() as i64);
            if let Some(enabled) = enabled { e.int("enabled", i64::from(enabled)) } else { e }
        })
        .await
    }

    /// Somebody has left for good.
    pub async fn leave(&self, by: By<'_>, user: &UserId) -> Result<(), AdminError> {
        let since = Instant::now();
        let begun = self.begin(by, ACTION, "leave", |e| e.word("user", user.as_str())).await?;
        let made = self.auth.leave(&begun.permit, user, begun.index).await;
        self.finish(by, begun, made, |e, ()| {
            e.word("user", user.as_str()).int("enabled", 0).int("ms", since.elapsed().as_millis() as i64)
        })
        .await
    }
}
