//! An identity provider in memory: what OpenID Connect has one do, and whatever a test has it do instead.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use medlock_auth::{Fetch, ProviderSettings};
use medlock_keys::digest::sha256;
use medlock_keys::password::Secret;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Its name.
pub const ISSUER: &str = "https://idp.test";
/// What tokens of programs are for.
pub const AUDIENCE: &str = "https://medlock.test/api";
/// Our name there.
pub const CLIENT: &str = "medlock";
const SECRET: &str = "a secret: of ours";

/// The provider.
#[derive(Clone)]
pub struct Idp(Arc<Mutex<State>>);

struct State {
    key: EcdsaKeyPair,
    kid: &'static str,
    codes: HashMap<String, Grant>,
    down: bool,
    asked: usize,
}

struct Grant {
    claims: Value,
    challenge: String,
    redirect: String,
}

impl Default for Idp {
    fn default() -> Self {
        let (codes, down, asked) = (HashMap::new(), false, 0);
        Self(Arc::new(Mutex::new(State { key: key(), kid: "first", codes, down, asked })))
    }
}

fn key() -> EcdsaKeyPair {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("a key")
}

impl Idp {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a server is told of it: physicians are clinicians, `it` administers.
    pub fn settings(&self, redirect_uri: &str) -> ProviderSettings {
        let role = |name: &str| name.parse().expect("a role");
        ProviderSettings {
            issuer: ISSUER.into(),
            client_id: CLIENT.into(),
            client_secret: Some(Secret::new(SECRET)),
            redirect_uri: redirect_uri.into(),
            username_claim: "preferred_username".into(),
            groups_claim: "groups".into(),
            roles: vec![(role("clinician"), "physicians".into()), (role("admin"), "it".into())],
            second_factor: vec!["mfa".into()],
            audience: Some(AUDIENCE.into()),
            patient_claim: Some("patient".into()),
        }
    }

    /// It lets somebody in who came by `url`, and of whom it says `claims`: the code that it sends them back with.
    /// `nonce` is what was asked, unless they have one.
    pub fn grant(&self, url: &str, mut claims: Value) -> String {
        let asked: HashMap<String, String> =
            reqwest::Url::parse(url).expect("a URL").query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["code_challenge_method"], "S256");
        if claims["nonce"].is_null() {
            claims["nonce"] = asked["nonce"].as_str().into();
        }
        let (challenge, redirect) = (asked["code_challenge"].clone(), asked["redirect_uri"].clone());
        let code = format!("code-{}", self.lock().codes.len());
        self.lock().codes.insert(code.clone(), Grant { claims, challenge, redirect });
        code
    }

    /// A token that it signs.
    pub fn token(&self, claims: &Value) -> String {
        let kid = self.lock().kid;
        self.signed(&json!({"alg": "ES256", "typ": "JWT", "kid": kid}), claims)
    }

    /// A token with a head of the test's own.
    pub fn signed(&self, head: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
        let signature = self.lock().key.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
        format!("{text}.{}", BASE64.encode(signature.as_ref()))
    }

    /// From now on it signs with another key.
    pub fn rotate(&self) {
        let mut state = self.lock();
        (state.key, state.kid) = (key(), "second");
    }

    /// It answers nobody, or does again.
    pub fn set_down(&self, down: bool) {
        self.lock().down = down;
    }

    /// How often it was asked for its keys.
    pub fn asked(&self) -> usize {
        self.lock().asked
    }
}

#[async_trait::async_trait]
impl Fetch for Idp {
    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let mut state = self.lock();
        if state.down {
            return Err("connection refused".into());
        }
        let answer = match url.strip_prefix(ISSUER) {
            Some("/.well-known/openid-configuration") => json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/auth"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
            }),
            Some("/keys") => {
                state.asked += 1;
                let point = state.key.public_key().as_ref();
                let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
                json!({"keys": [
                    {"kty": "oct", "k": "c2hhcmVk", "kid": "shared", "alg": "HS256"},
                    {"kty": "made up", "kid": "strange"},
                    {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": state.kid, "use": "sig", "alg": "ES256"},
                ]})
            }
            _ => return Err("404".into()),
        };
        Ok(answer.to_string().into_bytes())
    }

    async fn post(&self, url: &str, form: &[(&str, &str)], basic: Option<(&str, &Secret)>) -> Result<Vec<u8>, String> {
        let form: HashMap<&str, &str> = form.iter().copied().collect();
        if url != format!("{ISSUER}/token") || basic.map(|(name, s)| (name, s.expose())) != Some((CLIENT, SECRET)) {
            return Err("401".into());
        }
        let grant = self.lock().codes.remove(form["code"]).ok_or("400")?;
        let verified = BASE64.encode(sha256(&[form["code_verifier"].as_bytes()])) == grant.challenge;
        if !verified || form["redirect_uri"] != grant.redirect || form["grant_type"] != "authorization_code" {
            return Err("400".into());
        }
        let token = match grant.claims["as"].as_str() {
            Some(ready) => ready.to_owned(),
            None => self.token(&grant.claims),
        };
        Ok(json!({"access_token": STANDARD.encode("x"), "token_type": "Bearer", "id_token": token}).to_string().into())
    }
}
