//! An identity provider, spoken to as OpenID Connect Core and Discovery 1.0 say: what it publishes of itself, and
//! whether a token is one of its own.

mod token;

pub(crate) use token::Claims;

use crate::error::AuthFailure;
use medlock_domain::{RoleName, Timestamp};
use medlock_keys::password::Secret;
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use token::BadToken;

/// What it publishes is asked for again after an hour.
const KEPT_MS: i64 = 60 * 60 * 1000;
/// And for a key that is not among those known, once in so long.
const AGAIN_MS: i64 = 60 * 1000;
/// The same while nothing is known of it.
const AGAIN_AT_FIRST_MS: i64 = 5 * 1000;
/// The longest document that is taken from it.
pub const MOST_BYTES: usize = 1 << 20;
/// The longest that it is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How the identity provider is reached; the caller brings the network. Answers other than 200 are errors, redirections
/// too, and so is more than [`MOST_BYTES`] or longer than [`PATIENCE`].
#[async_trait::async_trait]
pub trait Fetch: Send + Sync {
    /// `GET`.
    ///
    /// # Errors
    /// What happened, for the operator.
    async fn get(&self, url: &str) -> Result<Vec<u8>, String>;
    /// `POST` of a form, with HTTP basic authentication where there is a name and a secret.
    ///
    /// # Errors
    /// What happened, for the operator.
    async fn post(&self, url: &str, form: &[(&str, &str)], basic: Option<(&str, &Secret)>) -> Result<Vec<u8>, String>;
}

/// Which provider, and what its words mean here.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name: an https address, as in its tokens.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// What shows that it is us; none for a public client.
    pub client_secret: Option<Secret>,
    /// Where it sends people back to.
    pub redirect_uri: String,
    /// The claim with somebody's user name.
    pub username_claim: String,
    /// The claim with their groups.
    pub groups_claim: String,
    /// Which groups have which roles.
    pub roles: Vec<(RoleName, String)>,
    /// Who access tokens of programs have to be for; none are taken without it.
    pub audience: Option<String>,
    /// The claim of access tokens that names the only patient whom they are for.
    pub patient_claim: Option<String>,
    /// Values of `amr`, or of `acr`, that say that a second factor was shown.
    pub second_factor: Vec<String>,
}

/// The provider that people log in through.
pub struct Provider {
    pub(crate) settings: ProviderSettings,
    fetch: Arc<dyn Fetch>,
    known: RwLock<Option<Arc<Known>>>,
    /// By one at a time, and not before then: it did not answer.
    asking: tokio::sync::Mutex<Timestamp>,
}

/// What a provider publishes of itself.
pub(crate) struct Known {
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    secret_in_body: bool,
    keys: jsonwebtoken::jwk::JwkSet,
    at: Timestamp,
}

impl Provider {
    /// Nothing is asked of it before somebody wants to log in.
    pub fn new(settings: ProviderSettings, fetch: Arc<dyn Fetch>) -> Self {
        Self { settings, fetch, known: RwLock::default(), asking: tokio::sync::Mutex::new(Timestamp(i64::MIN)) }
    }

    /// What it publishes: as it was when it cannot be asked.
    pub(crate) async fn known(&self, now: Timestamp) -> Result<Arc<Known>, AuthFailure> {
        let old = self.kept();
        match &old {
            Some(known) if now < known.at.plus_ms(KEPT_MS) => return Ok(known.clone()),
            // Somebody else asks already: nobody waits for it who can go on without.
            Some(known) if self.asking.try_lock().is_err() => return Ok(known.clone()),
            _ => {}
        }
        self.newer_than(old, now).await
    }

    fn kept(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks, unless somebody has meanwhile, or it did not answer just now.
    async fn newer_than(&self, old: Option<Arc<Known>>, now: Timestamp) -> Result<Arc<Known>, AuthFailure> {
        let mut not_before = self.asking.lock().await;
        let kept = self.kept();
        if let Some(kept) = &kept
            && old.is_none_or(|old| kept.at > old.at)
        {
            return Ok(kept.clone());
        }
        if now >= *not_before {
            match self.ask(now).await {
                Ok(new) => {
                    let new = Arc::new(new);
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(new.clone());
                    return Ok(new);
                }
                Err(error) => {
                    tracing::warn!(error, "the identity provider does not answer as it should");
                    *not_before = now.plus_ms(if kept.is_some() { AGAIN_MS } else { AGAIN_AT_FIRST_MS });
                }
            }
        }
        kept.ok_or(AuthFailure::ProviderDown)
    }

    async fn ask(&self, now: Timestamp) -> Result<Known, String> {
        let issuer = &self.settings.issuer;
        let at = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let published: Value = self.document(&at).await?;
        if published["issuer"] != issuer.as_str() {
            return Err("its configuration is another issuer's".into());
        }
        let endpoint = |name: &str| {
            let url = published[name].as_str().ok_or(format!("its configuration has no {name}"))?;
            same_port(issuer, url).ok_or(format!("{name} is not https on the issuer's port"))?;
            Ok::<_, String>(url.to_owned())
        };
        let keys = serde_json::from_value(usable(self.document(&endpoint("jwks_uri")?).await?))
            .map_err(|_| "its keys cannot be read".to_owned())?;
        let methods = published["token_endpoint_auth_methods_supported"].as_array();
        let offers = |method: &str| methods.is_none_or(|all| all.iter().any(|m| m == method));
        Ok(Known {
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            secret_in_body: !offers("client_secret_basic"),
            keys,
            at: now,
        })
    }

    async fn document(&self, url: &str) -> Result<Value, String> {
        serde_json::from_slice(&self.fetch.get(url).await?).map_err(|_| "it did not answer with JSON".into())
    }

    /// The tokens for a code that it gave to somebody's browser.
    pub(crate) async fn exchange(&self, known: &Known, code: &str, verifier: &Secret) -> Result<Value, String> {
        let settings = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &settings.redirect_uri),
            ("code_verifier", verifier.expose()),
        ];
        let secret = settings.client_secret.as_ref();
        let basic = secret.filter(|_| !known.secret_in_body).map(|secret| (settings.client_id.as_str(), secret));
        if basic.is_none() {
            form.push(("client_id", &settings.client_id));
            form.extend(secret.map(|secret| ("client_secret", secret.expose())));
        }
        let answer = self.fetch.post(&known.token_endpoint, &form, basic).await?;
        serde_json::from_slice(&answer).map_err(|_| "it did not answer with JSON".into())
    }

    /// What a token of its own says; a key that is not known yet is asked for.
    pub(crate) async fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, AuthFailure> {
        let known = self.known(now).await?;
        let read = match token::read(&known.keys, token) {
            Err(BadToken::UnknownKey) if now >= known.at.plus_ms(AGAIN_MS) => {
                token::read(&self.newer_than(Some(known), now).await?.keys, token)
            }
            read => read,
        };
        let claims = read.map_err(|why| {
            tracing::info!(?why, "a token was not accepted");
            AuthFailure::WrongToken
        })?;
        match claims.issued_by(&self.settings.issuer, now) {
            true => Ok(claims),
            false => Err(AuthFailure::WrongToken),
        }
    }
}

/// Keys of kinds that we do not know are left out, or one of them would make all unreadable.
fn usable(mut published: Value) -> Value {
    let keys = published["keys"].take();
    let known = keys.as_array().into_iter().flatten().filter(|key| {
        let signs = key["use"].is_null() || key["use"] == "sig";
        signs && serde_json::from_value::<jsonwebtoken::jwk::Jwk>((*key).clone()).is_ok()
    });
    serde_json::json!({"keys": known.collect::<Vec<_>>()})
}

/// The server may connect to that port only, and to nothing in clear.
fn same_port(issuer: &str, url: &str) -> Option<()> {
    let parse = |text: &str| webauthn_rs::prelude::Url::parse(text).ok().filter(|url| url.scheme() == "https");
    (parse(issuer)?.port_or_known_default() == parse(url)?.port_or_known_default()).then_some(())
}
