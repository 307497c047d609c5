//! Joiners and leavers, as an identity provider tells of them (SCIM; 45 CFR 164.308(a)(3)(ii)(C), termination procedures).

use super::approval::Consent;
use super::{Admin, AdminError, By, refusal};
use medlock_audit::Entry;
use medlock_auth::{AdminAction, Change, Joiner, Provisioned};
use medlock_domain::UserId;
use std::time::Instant;

const ACTION: &[AdminAction] = &[AdminAction::UsersProvision];

impl Admin {
    /// Everybody who comes from the identity provider.
    pub async fn provisioned(&self, by: By<'_>) -> Result<Vec<Provisioned>, AdminError> {
        const VERB: &str = "list_provisioned";
        // Whoever is to be shut out has to be found, and shutting out waits for nobody.
        let permit = self.permit(by, ACTION, VERB, async { Ok(Consent::Less) }).await?;
        let permit = self.looked(by, permit, VERB).await?;
        self.auth.provisioned(&permit).await.map_err(refusal)
    }

    /// Adds somebody.
    pub async fn join(&self, by: By<'_>, new: Joiner) -> Result<Provisioned, AdminError> {
        let enabled = i64::from(new.enabled);
        let further = vec![("name", new.username.to_string()), ("subject", new.subject.clone())];
        let begun = self.begin_all(by, ACTION, "join", further, |e| e.int("enabled", enabled)).await?;
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
        const VERB: &str = "change_provisioned";
        let (since, enabled, name) = (Instant::now(), change.enabled, change.username.clone());
        let facts = |e: Entry| {
            let e = e.word("user", user.as_str()).int("renamed", i64::from(name.is_some()));
            if let Some(enabled) = enabled { e.int("enabled", i64::from(enabled)) } else { e }
        };
        let begun = match (enabled, &name) {
            (Some(false), None) => self.begin_less(by, ACTION, VERB, facts).await?,
            (_, name) => {
                let further = name.iter().map(|name| ("name", name.to_string())).collect();
                self.begin_all(by, ACTION, VERB, further, facts).await?
            }
        };
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
        let begun = self.begin_less(by, ACTION, "leave", |e| e.word("user", user.as_str())).await?;
        let made = self.auth.leave(&begun.permit, user, begun.index).await;
        self.finish(by, begun, made, |e, ()| {
            e.word("user", user.as_str()).int("enabled", 0).int("ms", since.elapsed().as_millis() as i64)
        })
        .await
    }
}
