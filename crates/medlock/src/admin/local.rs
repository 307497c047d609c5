//! The verbs on the files, by whoever holds them, while no server runs.

use super::view::{Factor, Found, KeyView, MadeKey, MadeUser, NewKeyAsk, PackAsk, SessionView, UserView};
use crate::config::{ModelSettings, Settings};
use crate::failure::Failure;
use crate::installation::Installation;
use crate::lock::RunLock;
use crate::models::OnDisk;
use medlock_auth::{CreatedKey, Enrolment, LocalOperator, NewKey, NewUser};
use medlock_domain::{
    ApprovalId, EmergencyId, KeyId, ModelName, PatientRef, RequestId, RoleName, SessionId, Timestamp, UserId, Username,
};
use medlock_keys::digest::{Digest, hex};
use medlock_keys::password::Secret;
use medlock_pipeline::admin::{AdminError, Because, By, Declared, ModelChange, Scope, Sealed, States, Verdict};
use serde_json::Value;
use std::sync::Arc;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

pub(crate) struct Local {
    installation: Installation,
    operator: LocalOperator,
    models: ModelSettings,
    /// Kept until everything above is closed.
    _lock: RunLock,
}

impl Local {
    pub(super) async fn open(settings: &Settings, lock: RunLock) -> Result<Self, Failure> {
        let installation = Installation::open(settings).await?;
        let models = settings.model.clone();
        Ok(Self { installation, operator: LocalOperator::new(), models, _lock: lock })
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        self.installation.close().await
    }

    fn by(&self) -> By<'_> {
        By::Operator(&self.operator)
    }

    pub(super) async fn search(&self, filters: &[(String, String)]) -> Result<Found, Failure> {
        let found = self.installation.admin.search(self.by(), filters).await.map_err(failure)?;
        Ok(Found { data: found.entries, next: found.next })
    }

    pub(super) async fn open_content(&self, request: &RequestId, because: &Because) -> Result<Vec<Sealed>, Failure> {
        self.installation.admin.open_content(self.by(), request, because).await.map_err(failure)
    }

    pub(super) async fn reconstruct(&self, filters: &[(String, String)], states: &States) -> Result<Value, Failure> {
        self.installation.admin.reconstruct(self.by(), filters, states).await.map_err(failure)
    }

    pub(super) async fn disclosures(&self, patient: &PatientRef, all: bool) -> Result<Value, Failure> {
        self.installation.admin.disclosures(self.by(), patient, all).await.map_err(failure)
    }

    pub(super) async fn review_pack(&self, ask: &PackAsk) -> Result<Value, Failure> {
        let PackAsk { from, to, seed, sample } = ask;
        let pack = self.installation.admin.review_pack(self.by(), from, to, u64::from(*seed), usize::from(*sample));
        pack.await.map_err(failure)
    }

    pub(super) async fn sign_review(&self, number: u64, digest: Digest, verdict: Verdict) -> Result<(), Failure> {
        let signed = self.installation.admin.sign_review(self.by(), number, digest, verdict).await;
        signed.map(drop).map_err(failure)
    }

    pub(super) async fn erase(&self, scope: Scope, because: &Because) -> Result<Value, Failure> {
        self.installation.admin.erase(self.by(), scope, because).await.map_err(failure)
    }

    pub(super) async fn certificate(&self, number: u64) -> Result<Value, Failure> {
        self.installation.admin.certificate_of(self.by(), number).await.map_err(failure)
    }

    pub(super) async fn hold(&self, scope: Scope, because: &Because) -> Result<u64, Failure> {
        self.installation.admin.hold(self.by(), scope, because).await.map_err(failure)
    }

    pub(super) async fn lift_hold(&self, number: u64, because: &Because) -> Result<(), Failure> {
        self.installation.admin.lift_hold(self.by(), number, because).await.map_err(failure)
    }

    pub(super) async fn holds(&self) -> Result<Vec<Value>, Failure> {
        let holds = self.installation.admin.holds(self.by()).await.map_err(failure)?;
        Ok(holds.iter().map(|hold| hold.to_json()).collect())
    }

    pub(super) async fn break_glass(&self, declared: Declared, because: &Because) -> Result<Value, Failure> {
        self.installation.admin.break_glass(self.by(), declared, because).await.map_err(failure)
    }

    pub(super) async fn emergencies(&self) -> Result<Vec<Value>, Failure> {
        self.installation.admin.list_emergencies(self.by()).await.map_err(failure)
    }

    pub(super) async fn end_emergency(&self, id: &EmergencyId) -> Result<(), Failure> {
        self.installation.admin.end_emergency(self.by(), id).await.map_err(failure)
    }

    pub(super) async fn review_emergency(
        &self,
        id: &EmergencyId,
        verdict: Verdict,
        note: Option<&str>,
    ) -> Result<(), Failure> {
        let reviewed = self.installation.admin.review_emergency(self.by(), id, verdict, note).await;
        reviewed.map(drop).map_err(failure)
    }

    pub(super) async fn drill(&self, because: &Because) -> Result<Value, Failure> {
        self.installation.admin.drill(self.by(), because).await.map_err(failure)
    }

    pub(super) async fn approvals(&self) -> Result<Vec<Value>, Failure> {
        self.installation.admin.list_approvals(self.by()).await.map_err(failure)
    }

    pub(super) async fn end_approval(&self, id: &ApprovalId) -> Result<(), Failure> {
        self.installation.admin.end_approval(self.by(), id).await.map_err(failure)
    }

    pub(super) async fn users(&self) -> Result<Vec<UserView>, Failure> {
        let users = self.installation.admin.list_users(self.by()).await.map_err(failure)?;
        Ok(users.iter().map(UserView::of).collect())
    }

    pub(super) async fn add_user(
        &self,
        name: &Username,
        password: Secret,
        roles: Vec<RoleName>,
    ) -> Result<MadeUser, Failure> {
        let user = NewUser { username: name.clone(), password, roles };
        let made = self.installation.admin.create_user(self.by(), user).await.map_err(failure)?;
        Ok(MadeUser { id: made.id.to_string(), factor: factor(&made.enrolment) })
    }

    pub(super) async fn disable(&self, user: &UserId, left: Option<Timestamp>) -> Result<(), Failure> {
        self.installation.admin.disable_user(self.by(), user, left).await.map_err(failure)
    }

    pub(super) async fn enable(&self, user: &UserId) -> Result<(), Failure> {
        self.installation.admin.enable_user(self.by(), user).await.map_err(failure)
    }

    pub(super) async fn change_model(
        &self,
        change: ModelChange,
        name: &ModelName,
        digest: Option<&str>,
    ) -> Result<String, Failure> {
        let admin = self.installation.admin.clone().with_models(Arc::new(OnDisk(self.models.clone())));
        admin.change_model(self.by(), change, name, digest).await.map(|digest| hex(&digest)).map_err(failure)
    }

    pub(super) async fn recertify(&self, days: u32) -> Result<u64, Failure> {
        self.installation.admin.recertify(self.by(), days).await.map_err(failure)
    }

    pub(super) async fn recertification(&self) -> Result<Value, Failure> {
        self.installation.admin.recertification(self.by()).await.map_err(failure)
    }

    pub(super) async fn set_roles(&self, user: &UserId, roles: Vec<RoleName>) -> Result<(), Failure> {
        self.installation.admin.set_roles(self.by(), user, roles).await.map_err(failure)
    }

    pub(super) async fn reset_factor(&self, user: &UserId) -> Result<Factor, Failure> {
        let enrolment = self.installation.admin.reset_factor(self.by(), user).await.map_err(failure)?;
        Ok(factor(&enrolment))
    }

    pub(super) async fn keys(&self) -> Result<Vec<KeyView>, Failure> {
        let keys = self.installation.admin.list_keys(self.by()).await.map_err(failure)?;
        Ok(keys.iter().map(KeyView::of).collect())
    }

    pub(super) async fn make_key(&self, ask: NewKeyAsk) -> Result<MadeKey, Failure> {
        let owner = ask.owner.ok_or_else(|| {
            Failure::error("nobody is logged in while no server runs: say with --owner who answers for the key")
        })?;
        let key = NewKey {
            name: ask.name,
            owner,
            roles: ask.roles,
            purposes: ask.purposes,
            models: ask.models,
            networks: ask.networks,
            bound: ask.bound_to,
            expires: self.installation.clock.now().plus_ms(i64::from(ask.days) * DAY_MS),
        };
        let made = self.installation.admin.create_key(self.by(), key).await.map_err(failure)?;
        Ok(made_key(&made))
    }

    pub(super) async fn rotate_key(&self, key: &KeyId, overlap_hours: u16) -> Result<MadeKey, Failure> {
        let overlap_ms = i64::from(overlap_hours) * HOUR_MS;
        Ok(made_key(&self.installation.admin.rotate_key(self.by(), key, overlap_ms).await.map_err(failure)?))
    }

    pub(super) async fn revoke_key(&self, key: &KeyId) -> Result<(), Failure> {
        self.installation.admin.revoke_key(self.by(), key).await.map_err(failure)
    }

    pub(super) async fn sessions(&self) -> Result<Vec<SessionView>, Failure> {
        let sessions = self.installation.admin.list_sessions(self.by()).await.map_err(failure)?;
        Ok(sessions.iter().map(SessionView::of).collect())
    }

    pub(super) async fn end_session(&self, session: &SessionId) -> Result<(), Failure> {
        self.installation.admin.end_session(self.by(), session).await.map_err(failure)
    }
}

fn made_key(made: &CreatedKey) -> MadeKey {
    MadeKey {
        id: made.id.to_string(),
        key: made.secret.as_ref().map(|secret| secret.expose().to_owned()),
        expires: made.expires.rfc3339(),
    }
}

fn factor(enrolment: &Enrolment) -> Factor {
    Factor {
        otpauth_url: enrolment.otpauth_url.to_string(),
        totp_secret: enrolment.secret.to_string(),
        recovery_codes: enrolment.recovery_codes.iter().map(|c| c.expose().to_owned()).collect(),
    }
}

/// What was refused is a 1, what went wrong a 2.
fn failure(error: AdminError) -> Failure {
    match error {
        AdminError::AuditUnavailable | AdminError::Failed => Failure::Error(error.to_string()),
        other => Failure::Denied(other.to_string()),
    }
}
