//! Passkeys: adding and removing one's own, and logging in with one.

use super::{Admin, AdminError, By, LoginError, refusal};
use medlock_auth::{
    AdminAction, Assertion, Attestation, AuthFailure, Ceremony, NewSession, PasskeyInfo, Peer, Principal,
};
use medlock_domain::{CeremonyId, NetworkSource, PasskeyId, RequestId};

impl Admin {
    /// What an authenticator is asked when nobody has said who they are. Changes nothing, so that it is no record.
    pub fn begin_passkey_log_in(&self, from: NetworkSource) -> Result<Ceremony, LoginError> {
        match self.log.healthy() {
            true => Ok(self.auth.begin_passkey_log_in(from)?),
            false => Err(LoginError::AuditUnavailable),
        }
    }

    /// Somebody comes with a passkey. Recorded as [`Admin::log_in`] is.
    pub async fn log_in_with_passkey(
        &self,
        ceremony: &CeremonyId,
        answer: &Assertion,
        peer: impl Into<Peer>,
        request: &RequestId,
    ) -> Result<NewSession, LoginError> {
        let peer = peer.into();
        let from = peer.from;
        if !self.log.healthy() {
            return Err(LoginError::AuditUnavailable);
        }
        match self.auth.log_in_with_passkey(ceremony, answer, peer).await {
            Ok(session) => self.logged_in(session, from, request).await,
            Err(failed) => Err(self.login_failed(failed, from, request)),
        }
    }

    /// What the caller's authenticators are asked for a step-up. Changes nothing, so that it is no record.
    pub async fn begin_passkey_step_up(&self, principal: &Principal) -> Result<Ceremony, AdminError> {
        self.auth.begin_passkey_step_up(principal).await.map_err(|failure| match failure {
            AuthFailure::NoFactor => AdminError::NotFound("passkey"),
            _ => AdminError::Failed,
        })
    }

    /// What a new authenticator of the caller is asked. Changes nothing: only a refusal is a record.
    pub async fn begin_passkey(&self, by: By<'_>) -> Result<Ceremony, AdminError> {
        let permit = self.permit_alone(by, &[AdminAction::OwnCredentials], "begin_passkey").await?;
        self.auth.begin_passkey(&permit).await.map_err(refusal)
    }

    /// Adds a passkey of the caller.
    pub async fn add_passkey(
        &self,
        by: By<'_>,
        ceremony: &CeremonyId,
        answer: &Attestation,
        name: &str,
    ) -> Result<PasskeyInfo, AdminError> {
        // Not the credential as well: the ceremony that made it is over long before somebody approves.
        let further = vec![("name", name.to_owned())];
        let begun = self.begin_all(by, &[AdminAction::OwnCredentials], "add_passkey", further, |e| e).await?;
        let made = self.auth.add_passkey(&begun.permit, ceremony, answer, name, begun.index).await;
        self.finish(by, begun, made, |e, added| e.word("passkey", added.id.as_str())).await
    }

    /// The caller's passkeys.
    pub async fn list_passkeys(&self, by: By<'_>) -> Result<Vec<PasskeyInfo>, AdminError> {
        let permit = self.look(by, &[AdminAction::OwnSessions], "list_passkeys").await?;
        self.auth.list_passkeys(&permit).await.map_err(refusal)
    }

    /// Takes a passkey from the caller.
    pub async fn remove_passkey(&self, by: By<'_>, passkey: &PasskeyId) -> Result<(), AdminError> {
        let begun = self
            .begin_less(by, &[AdminAction::OwnCredentials], "remove_passkey", |e| e.word("passkey", passkey.as_str()))
            .await?;
        let made = self.auth.remove_passkey(&begun.permit, passkey).await;
        self.finish(by, begun, made, |e, ()| e).await
    }
}
