//! Single sign-on: people whom an identity provider sends. What it says of them and changes their row is recorded as any
//! other change, in the name of the server.

use super::{Admin, AdminError, LoginError, join, refusal, why};
use medlock_audit::{Entry, Kind, Outcome};
use medlock_auth::{
    AdminAction, Arrival, AuthError, AuthFailure, Departure, LoginFailure, NewSession, Peer, Provision,
};
use medlock_domain::{Actor, CeremonyId, NetworkSource, RequestId};
use medlock_keys::password::Secret;

const VERB: &str = "provision";

impl Admin {
    /// Whether people log in through an identity provider.
    pub fn has_sso(&self) -> bool {
        self.auth.has_provider()
    }

    /// Sends a browser to the identity provider. Changes nothing, so that it is no record.
    pub async fn begin_sso(&self, again: bool, from: NetworkSource) -> Result<Departure, LoginError> {
        match self.log.healthy() {
            true => Ok(self.auth.begin_sso(again, from).await?),
            false => Err(LoginError::AuditUnavailable),
        }
    }

    /// Somebody comes back from the identity provider. Recorded as [`Admin::log_in`] is; before that, who is new is
    /// made, and whose groups have changed gets other roles.
    pub async fn log_in_by_sso(
        &self,
        state: &CeremonyId,
        browser: &Secret,
        code: &str,
        peer: impl Into<Peer>,
        request: &RequestId,
    ) -> Result<NewSession, LoginError> {
        let peer = peer.into();
        let from = peer.from;
        if !self.log.healthy() {
            return Err(LoginError::AuditUnavailable);
        }
        let mut arrival = match self.auth.arrive(state, browser, code, peer).await {
            Ok(arrival) => arrival,
            Err(failed) => return Err(self.login_failed(failed, from, request)),
        };
        if let Some(provision) = self.auth.provision_for(&arrival) {
            self.provision(&mut arrival, provision, request).await?;
        }
        match self.auth.admit(arrival).await {
            Ok(session) => self.logged_in(session, from, request).await,
            Err(failed) => Err(self.login_failed(failed, from, request)),
        }
    }

    async fn provision(
        &self,
        arrival: &mut Arrival,
        provision: Provision,
        request: &RequestId,
    ) -> Result<(), LoginError> {
        let entry = |kind| {
            let entry = Entry::new(kind, Actor::Server).request(request.clone());
            entry.word("action", AdminAction::UsersManage.as_str()).word("verb", VERB)
        };
        let unavailable = |_| LoginError::AuditUnavailable;
        let (user, roles) = match provision {
            Provision::New { roles } => (None, roles),
            Provision::Roles { user, roles } => (Some(user), roles),
        };
        let intent = entry(Kind::AdminIntent).word("roles", &join(&roles)).outcome(Outcome::Pending);
        let intent = match &user {
            Some(user) => intent.word("user", user.as_str()),
            None => intent,
        };
        let index = self.log.append(intent).await.map_err(unavailable)?.index();
        let made = self.auth.provision(arrival, index).await;
        let outcome = entry(Kind::AdminOutcome).int("intent", index as i64);
        let outcome = match &made {
            Ok(user) => outcome.word("user", user.as_str()),
            Err(error) => outcome.outcome(Outcome::Failed).word("why", why(error)),
        };
        self.log.append(outcome).await.map_err(unavailable)?;
        made.map(drop).map_err(|error| {
            if !matches!(error, AuthError::Store(_) | AuthError::Interrupted) {
                tracing::warn!(%error, "somebody came by single sign-on and cannot be let in");
                return LoginError::Refused(AuthFailure::NoRole);
            }
            tracing::error!(%error, "somebody came by single sign-on and could not be written down");
            LoginError::Refused(AuthFailure::Unavailable)
        })
    }

    /// Somebody has logged out at the identity provider, which says so itself: their sessions here end.
    pub async fn log_out_by_sso(
        &self,
        token: &str,
        from: NetworkSource,
        request: &RequestId,
    ) -> Result<(), AdminError> {
        let user = match self.auth.logged_out_elsewhere(token).await {
            Ok(user) => user,
            // A word of the provider's that could not be read is not a wrong one: it may come again.
            Err(failure @ (AuthFailure::ProviderDown | AuthFailure::Unavailable)) => {
                let entry = Entry::new(Kind::AdminOutcome, Actor::Server).request(request.clone());
                let entry = entry.word("action", AdminAction::SessionsEnd.as_str()).word("verb", "sso_logout");
                self.log.append(entry.outcome(Outcome::Failed).word("why", failure.as_str())).await?;
                return Err(AdminError::Failed);
            }
            Err(failure) => {
                let _told_nobody = self.login_failed(LoginFailure { failure, user: None }, from, request);
                return Err(AdminError::Refused("that is no logout token of the identity provider's".into()));
            }
        };
        // Done first: an end that is not recorded is still better than a session that goes on.
        let ended = self.auth.end_sessions_of(&user).await;
        let entry = Entry::new(Kind::AdminOutcome, Actor::Server)
            .request(request.clone())
            .word("action", AdminAction::SessionsEnd.as_str())
            .word("verb", "sso_logout")
            .word("user", user.as_str());
        let entry = match &ended {
            Ok(sessions) => entry.int("sessions", *sessions as i64),
            Err(_) => entry.outcome(Outcome::Failed),
        };
        self.log.append(entry).await?;
        ended.map(drop).map_err(refusal)
    }
}
