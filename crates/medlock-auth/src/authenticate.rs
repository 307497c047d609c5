//! From a credential to a [`Principal`]. Nothing is remembered of an earlier check but that a
//! session is alive: the row that confers authority is read, and its MAC checked, each time.

use crate::credential::{self, Certificate, Credential, Peer};
use crate::error::{AuthError, AuthFailure, Misused, Refused};
use crate::principal::{Principal, PrincipalParts};
use crate::service::Auth;
use crate::sessions::Live;
use medlock_domain::{Actor, Binding, NetworkSource, PatientRef, Purpose, Timestamp};
use medlock_keys::digest::{Digest, ct_eq};
use medlock_keys::password::Secret;
use medlock_store::{ApiKeyRow, StoreError, UserRow};
use std::sync::Arc;

impl Auth {
    /// Who brings this credential.
    ///
    /// # Errors
    /// The reason is for the record; the caller is told the same for each of them.
    pub async fn authenticate(&self, c: Credential, peer: impl Into<Peer>) -> Result<Principal, AuthFailure> {
        self.known_by(c, peer).await.map_err(|refused| refused.failure)
    }

    /// The same, with whose credential is used where it should not be.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub async fn known_by(&self, c: Credential, peer: impl Into<Peer>) -> Result<Principal, Refused> {
        let peer = peer.into();
        let principal = match c {
            Credential::None => return Err(AuthFailure::Missing.into()),
            Credential::ApiKey(key) => self.by_key(&key, peer.from).await?,
            Credential::Session(token) => self.by_session(&token, peer).await?,
            Credential::Token(token) => self.by_token(&token, peer.from).await?,
            Credential::Certificate(certificate) => self.by_certificate(&certificate, peer.from).await?,
        };
        self.flush_when_due(self.now());
        Ok(principal)
    }

    /// Ends the session that `p` came with.
    ///
    /// # Errors
    /// [`AuthError::NoSession`] for a key; or the database, and then the session is cut all the same.
    pub async fn log_out(&self, p: &Principal) -> Result<(), AuthError> {
        let Actor::Person { session, .. } = p.actor().clone() else { return Err(AuthError::NoSession) };
        let auth = self.clone();
        Self::whole(async move { auth.cut_session(&session).await.map(drop) }).await
    }

    async fn by_key(&self, key: &Secret, from: NetworkSource) -> Result<Principal, Refused> {
        let seen = self.0.standing.seen();
        let id = credential::key_id(key).ok_or(AuthFailure::Unknown)?;
        let row = self.0.store.key(&id).await.map_err(unavailable)?.ok_or(AuthFailure::Unknown)?;
        if row.bound.is_some() || !ct_eq(&row.secret_hash, &credential::key_digest(key)) {
            return Err(AuthFailure::Unknown.into());
        }
        let ends = row.expires;
        self.machine(row, ends, from, seen, None).await
    }

    /// An access token of the identity provider's, for us: its subject must be somebody's program here (RFC 9068).
    async fn by_token(&self, token: &Secret, from: NetworkSource) -> Result<Principal, Refused> {
        let seen = self.0.standing.seen();
        let provider = self.0.provider.get().ok_or(AuthFailure::Unknown)?;
        let audience = provider.settings.audience.as_deref().ok_or(AuthFailure::Unknown)?;
        let claims = provider.claims(token.expose(), self.now()).await?;
        // Who has logged in to something else has an ID token: that is for the one whom it names, and no access to us.
        if !claims.texts("aud").contains(&audience) || claims.has("nonce") {
            return Err(AuthFailure::WrongToken.into());
        }
        let subject = claims.text("sub").ok_or(AuthFailure::WrongToken)?.to_owned();
        let row = self.0.store.key_bound_to(&Binding::Subject(subject)).await.map_err(unavailable)?;
        let ends = Timestamp(claims.seconds("exp").unwrap_or(0).saturating_mul(1000));
        // The patient in whose context it was launched (SMART App Launch): for nobody else.
        let claim = provider.settings.patient_claim.as_deref().filter(|claim| claims.has(claim));
        let patient =
            claim.map(|claim| claims.text(claim).and_then(|text| text.parse().ok()).ok_or(AuthFailure::WrongToken));
        self.machine(row.ok_or(AuthFailure::Unknown)?, ends, from, seen, patient.transpose()?).await
    }

    /// A client certificate: by its fingerprint, or by one of its URIs.
    async fn by_certificate(&self, shown: &Certificate, from: NetworkSource) -> Result<Principal, Refused> {
        let seen = self.0.standing.seen();
        let bindings =
            [Binding::Certificate(shown.sha256)].into_iter().chain(shown.uris.iter().cloned().map(Binding::Uri));
        for binding in bindings {
            if let Some(row) = self.0.store.key_bound_to(&binding).await.map_err(unavailable)? {
                return self.machine(row, shown.expires, from, seen, None).await;
            }
        }
        Err(AuthFailure::Unknown.into())
    }

    /// A program that has shown what its row asks for, until `ends` at most.
    async fn machine(
        &self,
        row: ApiKeyRow,
        ends: Timestamp,
        from: NetworkSource,
        seen: u64,
        patient: Option<PatientRef>,
    ) -> Result<Principal, Refused> {
        let (id, now) = (row.id, self.now());
        if row.revoked.is_some() {
            return Err(AuthFailure::Revoked.into());
        }
        let expires = row.expires.min(ends);
        if now >= expires {
            return Err(AuthFailure::Expired.into());
        }
        if !row.networks.is_empty() && !row.networks.iter().any(|n| n.contains(from)) {
            return Err(Refused { failure: AuthFailure::WrongNetwork, whose: Some(Misused::Key(id)) });
        }
        let owner = self.enabled(&row.owner).await?;
        self.key_used(&id, now);
        // A role that the owner has lost is lost to the key.
        let roles = row.roles.iter().filter(|r| owner.roles.contains(r)).cloned().collect();
        Ok(Principal(Arc::new(PrincipalParts {
            actor: Actor::Machine { key: id, owner: owner.id.clone() },
            user: owner.id,
            username: owner.username,
            roles,
            purposes: row.purposes,
            models: row.models,
            mfa: false,
            fresh: false,
            from,
            expires,
            patient,
            roles_until: None,
            seen,
        })))
    }

    async fn by_session(&self, token: &Secret, peer: Peer) -> Result<Principal, Refused> {
        let seen = self.0.standing.seen();
        let digest = credential::token_digest(token).ok_or(AuthFailure::Unknown)?;
        let live = self.live(&digest).await?;
        let now = self.now();
        if now >= live.expires() {
            return Err(AuthFailure::Expired.into());
        }
        if live.certificate.is_some() && live.certificate != peer.certificate {
            return Err(Refused { failure: AuthFailure::WrongCertificate, whose: Some(Misused::Session(live.user)) });
        }
        let user = self.enabled(&live.user).await?;
        // Only now is it a use: what is refused keeps no session alive.
        let live = self.0.sessions.touch(&digest, now).ok_or(AuthFailure::Revoked)?;
        Ok(self.person(user, &live, peer.from, seen))
    }

    pub(crate) fn person(&self, user: UserRow, live: &Live, from: NetworkSource, seen: u64) -> Principal {
        let mut roles = user.roles;
        let roles_until = self.0.grants.extend(&user.id, &mut roles, self.now());
        Principal(Arc::new(PrincipalParts {
            actor: Actor::Person { user: user.id.clone(), session: live.id.clone() },
            user: user.id,
            username: user.username,
            roles,
            purposes: Purpose::ALL.to_vec(),
            models: Vec::new(),
            mfa: live.mfa.is_some(),
            fresh: live.mfa.is_some_and(|at| self.now() < at.plus_ms(self.0.limits.fresh_ms)),
            from,
            expires: live.expires(),
            patient: None,
            roles_until,
            seen,
        }))
    }

    /// The session as memory has it, or as the database has it (after a restart).
    async fn live(&self, token: &Digest) -> Result<Live, AuthFailure> {
        if let Some(live) = self.0.sessions.get(token) {
            return Ok(live);
        }
        let row = self.0.store.session_by_token(token).await.map_err(unavailable)?.ok_or(AuthFailure::Unknown)?;
        if row.ended.is_some() {
            return Err(AuthFailure::Revoked);
        }
        let live = Live::of(&row, &self.0.limits);
        if !self.0.sessions.insert(*token, live.clone()) {
            return Err(AuthFailure::Unknown); // renewed between look-up and insertion
        }
        if self.0.standing.changed_since(live.id.as_str(), 0) {
            // A session is noted only when it ends. This one ended between look-up and insertion,
            // or its end could not be written and the row still says that it is alive.
            self.0.sessions.remove(&live.id);
            return Err(AuthFailure::Revoked);
        }
        Ok(live)
    }

    async fn enabled(&self, id: &medlock_domain::UserId) -> Result<UserRow, AuthFailure> {
        let user = self.0.store.user(id).await.map_err(unavailable)?;
        user.filter(|u| !u.disabled).ok_or(AuthFailure::Disabled)
    }
}

/// A row that somebody has tampered with is no credential either, but it is not the caller's fault
/// alone: the operator has to hear of it.
pub(crate) fn unavailable(e: StoreError) -> AuthFailure {
    tracing::error!(error = %e, "authentication is not possible");
    AuthFailure::Unavailable
}
