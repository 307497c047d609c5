//! The identity provider over HTTPS.

use crate::config::SsoSettings;
use crate::failure::{Doing, Failure};
use crate::https;
use medlock_auth::{Fetch, MOST_BYTES, Origin, PATIENCE, Provider, ProviderSettings};
use medlock_keys::password::Secret;
use std::fs;
use std::sync::Arc;

/// Reads what reaching it takes. Nothing is asked of it yet.
pub(crate) fn of(settings: &SsoSettings, origin: &Origin) -> Result<Provider, Failure> {
    let ca = fs::read(&settings.ca).doing(format!("reading {}", settings.ca.display()))?;
    let http = https::trusting(&ca, PATIENCE).and_then(reqwest::ClientBuilder::build);
    let http = http.doing("setting up the identity provider")?;
    let secret = settings.client_secret.as_ref().map(|secret| secret.read()).transpose();
    let secret = secret.doing("reading sso.client_secret")?;
    let settings = ProviderSettings {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        client_secret: secret.map(|secret| Secret::new(secret.trim())),
        redirect_uri: format!("{origin}/login/sso/callback"),
        username_claim: settings.username_claim.clone(),
        groups_claim: settings.groups_claim.clone(),
        roles: settings.roles.clone(),
        second_factor: settings.second_factor.clone(),
        audience: settings.audience.clone(),
        patient_claim: settings.patient_claim.clone(),
    };
    Ok(Provider::new(settings, Arc::new(Https(http))))
}

struct Https(reqwest::Client);

#[async_trait::async_trait]
impl Fetch for Https {
    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        read(self.0.get(url)).await
    }

    async fn post(&self, url: &str, form: &[(&str, &str)], basic: Option<(&str, &Secret)>) -> Result<Vec<u8>, String> {
        let request = self.0.post(url).form(form);
        read(match basic {
            // RFC 6749, 2.3.1: both are encoded as in a form first.
            Some((name, secret)) => request.basic_auth(encoded(name), Some(encoded(secret.expose()))),
            None => request,
        })
        .await
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn read(request: reqwest::RequestBuilder) -> Result<Vec<u8>, String> {
    // Without the URL: what is in it is between the provider and us.
    let cause = |e: reqwest::Error| https::cause(&e.without_url());
    let mut answer = request.header("accept", "application/json").send().await.map_err(cause)?;
    if answer.status() != 200 {
        return Err(format!("it answered {}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(cause)? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err("its answer is too long".into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
