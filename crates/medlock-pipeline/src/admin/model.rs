//! Which version of a model is loaded (45 CFR 164.312(c)(1): only what is known for what it is).

use super::{Admin, AdminError, By};
use async_trait::async_trait;
use medlock_audit::Kind;
use medlock_audit::{Entry, Outcome};
use medlock_auth::AdminAction;
use medlock_domain::ModelName;
use medlock_keys::digest::Digest;

/// What is to become of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelChange {
    /// It is loaded from now on.
    Promote,
    /// The one that was loaded before is loaded again.
    RollBack,
    /// Nothing loads it any more.
    Quarantine,
}

impl ModelChange {
    /// The verb in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote_model",
            Self::RollBack => "roll_back_model",
            Self::Quarantine => "quarantine_model",
        }
    }
}

/// The models of a site.
#[async_trait]
pub trait Models: Send + Sync + 'static {
    /// The version that a change is about: whose digest begins so, or the only one; of a roll-back the one before.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn version(&self, change: ModelChange, name: &ModelName, digest: Option<&str>) -> Result<Digest, String>;

    /// Does it. Where the model serves, requests go to it from then on, and what runs goes on as it began.
    ///
    /// # Errors
    /// Why not, in words; nothing is different then.
    async fn change(&self, change: ModelChange, name: &ModelName, version: Digest) -> Result<(), String>;
}

impl Admin {
    /// Changes which version of a model is loaded. Gives that version.
    pub async fn change_model(
        &self,
        by: By<'_>,
        change: ModelChange,
        name: &ModelName,
        digest: Option<&str>,
    ) -> Result<Digest, AdminError> {
        let (verb, actions) = (change.as_str(), &[AdminAction::ModelsManage]);
        let found = match &self.models {
            Some(models) => models.version(change, name, digest),
            None => Err("this server has no models of its own".to_owned()),
        };
        let (Ok(version), Some(models)) = (&found, &self.models) else {
            let permit = self.permit_alone(by, actions, verb).await?;
            return self.or_recorded(by, &permit, verb, found.map_err(AdminError::Refused)).await;
        };
        let facts = |entry: Entry| entry.word("model", name.as_str()).digest("weights", *version);
        let begun = self.begin(by, actions, verb, facts).await?;
        let done = models.change(change, name, *version).await;
        let entry = facts(by.entry(Kind::AdminOutcome, begun.permit.action(), verb).int("intent", begun.index as i64));
        let entry = if done.is_ok() { entry } else { entry.outcome(Outcome::Failed).word("why", "refused") };
        self.log.append(entry).await?;
        done.map(|()| *version).map_err(AdminError::Refused)
    }
}
