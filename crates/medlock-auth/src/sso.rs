//! Single sign-on: the code flow of OpenID Connect with PKCE (RFC 9700, 2.1.1). Who somebody is, the identity provider
//! says; what they may is ours, by their groups. A person is known by the provider's own name for them, never by a user
//! name: nobody takes over an account by being called as its owner is.

use crate::admin::Ends;
use crate::authenticate::unavailable;
use crate::credential::Peer;
use crate::error::{AuthError, AuthFailure, LoginFailure};
use crate::factor::Factor;
use crate::login::NewSession;
use crate::oidc::{Claims, Provider};
use crate::passkey::Awaited;
use crate::service::Auth;
use crate::throttle::source_key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use medlock_domain::{CeremonyId, NetworkSource, RoleName, Timestamp, UserId, Username};
use medlock_keys::digest::{Digest, ct_eq, sha256};
use medlock_keys::password::Secret;
use medlock_keys::random;
use medlock_store::{Identity, UserRow};

/// No password verifies against this.
pub(crate) const NO_PASSWORD: &str = "!";

/// What is asked of an identity provider, and by whose browser.
pub(crate) struct Asked {
    nonce: String,
    verifier: Secret,
    browser: Digest,
}

/// Where a browser goes to log in.
#[derive(Debug)]
pub struct Departure {
    /// The provider's page.
    pub url: String,
    /// What the browser keeps, and has when it comes back: nobody is logged in through somebody else's link.
    pub browser: Secret,
}

/// Somebody whom the identity provider has sent.
pub struct Arrival {
    identity: Identity,
    username: Option<Username>,
    roles: Vec<RoleName>,
    factor: Option<Timestamp>,
    user: Option<UserRow>,
    peer: Peer,
    seen: u64,
}

/// What has to be written before somebody who arrived can work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provision {
    /// They are new.
    New {
        /// Their roles.
        roles: Vec<RoleName>,
    },
    /// Their groups have changed.
    Roles {
        /// Who.
        user: UserId,
        /// Their roles from now on.
        roles: Vec<RoleName>,
    },
}

impl Auth {
    /// Has people log in through `provider` as well. Once, before the first of them.
    pub fn with_provider(&self, provider: Provider) {
        // A second one would be a mistake of the program; the first stays.
        let _first = self.0.provider.set(provider);
    }

    fn provider(&self) -> Result<&Provider, AuthFailure> {
        self.0.provider.get().ok_or(AuthFailure::NoProvider)
    }

    /// Whether people log in through an identity provider.
    pub fn has_provider(&self) -> bool {
        self.0.provider.get().is_some()
    }

    /// Sends a browser to the identity provider. `again` has it ask for the person's factors even if they are logged in
    /// there.
    ///
    /// # Errors
    /// There is none, or it does not answer.
    pub async fn begin_sso(&self, again: bool, from: NetworkSource) -> Result<Departure, AuthFailure> {
        let provider = self.provider()?;
        let known = provider.known(self.now()).await?;
        let random = || BASE64.encode(random::bytes::<32>());
        let (nonce, verifier, browser) = (random(), Secret::new(random()), Secret::new(random()));
        let challenge = BASE64.encode(sha256(&[verifier.expose().as_bytes()]));
        let asked = Asked { nonce: nonce.clone(), verifier, browser: sha256(&[browser.expose().as_bytes()]) };
        let state = self.0.passkeys.ceremonies.begin(Awaited::Sso(asked), source_key(from), self.now());
        let settings = &provider.settings;
        let mut url =
            webauthn_rs::prelude::Url::parse(&known.authorization_endpoint).map_err(|_| AuthFailure::ProviderDown)?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", &settings.redirect_uri),
            ("scope", "openid profile"),
            ("state", state.as_str()),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        // Whoever is asked for an age says when it was (OpenID Connect Core, 3.1.2.1): no longer ago than a session lasts.
        let max_age = if again { 0 } else { self.0.limits.absolute_ms / 1000 };
        url.query_pairs_mut().append_pair("max_age", &max_age.to_string());
        if again {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        Ok(Departure { url: url.into(), browser })
    }

    /// The browser is back, with a code. Says who it is and changes nothing.
    ///
    /// # Errors
    /// What it brings is not an answer to what was asked, or the provider does not stand by it.
    pub async fn arrive(
        &self,
        state: &CeremonyId,
        browser: &Secret,
        code: &str,
        peer: impl Into<Peer>,
    ) -> Result<Arrival, LoginFailure> {
        let peer = peer.into();
        let nobody = |failure| LoginFailure { failure, user: None };
        let (seen, now) = (self.0.standing.seen(), self.now());
        let provider = self.provider().map_err(nobody)?;
        let awaited = self.0.passkeys.ceremonies.end(state, now);
        let Some(Awaited::Sso(asked)) = awaited else { return Err(nobody(AuthFailure::WrongToken)) };
        if !ct_eq(&asked.browser, &sha256(&[browser.expose().as_bytes()])) {
            return Err(nobody(AuthFailure::WrongToken));
        }
        let known = provider.known(now).await.map_err(nobody)?;
        let tokens = provider.exchange(&known, code, &asked.verifier).await.map_err(|error| {
            tracing::warn!(error, "the identity provider gave no tokens for a code");
            nobody(AuthFailure::WrongToken)
        })?;
        let token = tokens["id_token"].as_str().ok_or(nobody(AuthFailure::WrongToken))?;
        let claims = provider.claims(token, now).await.map_err(nobody)?;
        let settings = &provider.settings;
        let subject = claims.text("sub").filter(|sub| (1..=255).contains(&sub.len()));
        let ours = claims.is_for(&settings.client_id) && claims.text("nonce") == Some(asked.nonce.as_str());
        let (Some(subject), true) = (subject, ours) else { return Err(nobody(AuthFailure::WrongToken)) };
        let identity = Identity { issuer: settings.issuer.clone(), subject: subject.to_owned() };
        let groups = claims.texts(&settings.groups_claim);
        let mut roles: Vec<RoleName> = settings
            .roles
            .iter()
            .filter(|(_, group)| groups.contains(&group.as_str()))
            .map(|(r, _)| r.clone())
            .collect();
        roles.sort();
        roles.dedup();
        let user = self.0.store.identified(&identity).await.map_err(|e| nobody(unavailable(e)))?;
        let user = match user {
            Some(id) => self.0.store.user(&id).await.map_err(|e| nobody(unavailable(e)))?,
            None => None,
        };
        if let Some(user) = user.as_ref().filter(|user| user.disabled) {
            return Err(LoginFailure { failure: AuthFailure::Disabled, user: Some(user.id.clone()) });
        }
        Ok(Arrival {
            identity,
            username: claims.text(&settings.username_claim).and_then(|name| name.to_lowercase().parse().ok()),
            roles,
            factor: second_factor(&claims, &settings.second_factor, now),
            user,
            peer,
            seen,
        })
    }

    /// What has to be written first, if anything.
    pub fn provision_for(&self, arrival: &Arrival) -> Option<Provision> {
        let roles = arrival.roles.clone();
        match &arrival.user {
            None if roles.is_empty() => None,
            None => Some(Provision::New { roles }),
            Some(user) if user.roles != roles => Some(Provision::Roles { user: user.id.clone(), roles }),
            Some(_) => None,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The provider gives no user name that will do, it is somebody else's here, or nobody would be left to administer.
    pub async fn provision(&self, arrival: &mut Arrival, log_index: u64) -> Result<UserId, AuthError> {
        if let Some(user) = &arrival.user {
            let roles = match arrival.roles.is_empty() {
                true => Vec::new(),
                false => self.known_roles(arrival.roles.clone())?,
            };
            let id = user.id.clone();
            // Otherwise the log-in that brought it would cut itself.
            let row = self.change_row(&id, log_index, Ends::Nothing, |row| row.roles = roles).await?;
            arrival.seen = self.0.standing.seen();
            return Ok(arrival.user.insert(row).id.clone());
        }
        let username = arrival.username.clone().ok_or(AuthError::NoUsername)?;
        let row = UserRow {
            id: UserId::from_random(random::bytes()),
            username,
            roles: self.known_roles(arrival.roles.clone())?,
            created: self.now(),
            disabled: false,
            by_provider: false,
            password_phc: NO_PASSWORD.into(),
            totp: None,
            log_index,
        };
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.store.insert_identified(&row, &arrival.identity).await.map_err(crate::admin::taken("user"))?;
        Ok(arrival.user.insert(row).id.clone())
    }

    /// Begins the session of somebody who arrived, and is as their groups say.
    ///
    /// # Errors
    /// No group of theirs has a role, or policy wants a second factor that the provider does not speak of.
    pub async fn admit(&self, arrival: Arrival) -> Result<NewSession, LoginFailure> {
        let Arrival { user, factor, peer, seen, .. } = arrival;
        let user = user.ok_or(LoginFailure { failure: AuthFailure::NoRole, user: None })?;
        let id = user.id.clone();
        let fail = |failure| LoginFailure { failure, user: Some(id.clone()) };
        if user.disabled {
            return Err(fail(AuthFailure::Disabled));
        }
        if user.roles.is_empty() {
            return Err(fail(AuthFailure::NoRole));
        }
        if !self.may_log_in(&user, factor.is_some(), peer.from) {
            return Err(fail(AuthFailure::NoFactor));
        }
        self.begin(user, factor.map(|at| (Factor::Sso, at)), peer, seen).await.map_err(fail)
    }

    /// Whom a logout token of the provider's names (OpenID Connect Back-Channel Logout 1.0, 2.6).
    ///
    /// # Errors
    /// It is none, or names nobody whom we know.
    pub async fn logged_out_elsewhere(&self, token: &str) -> Result<UserId, AuthFailure> {
        let provider = self.provider()?;
        let claims = provider.claims(token, self.now()).await?;
        let event = claims.has_member("events", "http://schemas.openid.net/event/backchannel-logout");
        if !event || claims.has("nonce") || !claims.texts("aud").contains(&provider.settings.client_id.as_str()) {
            return Err(AuthFailure::WrongToken);
        }
        let subject = claims.text("sub").ok_or(AuthFailure::WrongToken)?.to_owned();
        let identity = Identity { issuer: provider.settings.issuer.clone(), subject };
        self.0.store.identified(&identity).await.map_err(unavailable)?.ok_or(AuthFailure::Unknown)
    }

    /// Ends all sessions of somebody, and what runs in them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_sessions_of(&self, user: &UserId) -> Result<usize, AuthError> {
        let (auth, user) = (self.clone(), user.clone());
        Self::whole(async move {
            // Whoever is logging in at this moment does not get past it.
            auth.0.standing.note(user.as_str(), auth.now());
            let live = auth.0.store.live_sessions(auth.now()).await?;
            let theirs: Vec<_> = live.into_iter().filter(|s| s.user == user).collect();
            for session in &theirs {
                auth.cut_session(&session.id).await?;
            }
            Ok(theirs.len())
        })
        .await
    }
}

/// When a second factor was shown there, if the provider says that it was. A moment that it does not tell was long ago.
fn second_factor(claims: &Claims, known: &[String], now: Timestamp) -> Option<Timestamp> {
    let said = claims.texts("amr").into_iter().chain(claims.text("acr"));
    if !said.into_iter().any(|value| known.iter().any(|k| k == value)) {
        return None;
    }
    let at = claims.seconds("auth_time").unwrap_or(0).saturating_mul(1000);
    Some(Timestamp(at.clamp(0, now.0)))
}
