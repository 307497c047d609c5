//! Signed tokens (RFC 7519, 8725): which algorithms are taken is ours to say, not the token's, and time is by our clock.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use medlock_domain::Timestamp;
use serde_json::{Map, Value};

/// Clocks of two hosts are not the same.
const LEEWAY_S: i64 = 60;
/// Longer than any token in earnest.
const MOST_CHARS: usize = 16 << 10;

/// Why a token is none of the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// Not a signed token, or asks for something that is not taken.
    Form,
    /// Signed by a key that the provider does not publish.
    UnknownKey,
    /// Not signed by the key that it names.
    Signature,
}

/// What a token says, signed by the provider.
#[derive(Debug, Clone)]
pub(crate) struct Claims(Map<String, Value>);

/// Reads a token that one of `keys` has signed.
pub(crate) fn read(keys: &JwkSet, token: &str) -> Result<Claims, BadToken> {
    if token.len() > MOST_CHARS {
        return Err(BadToken::Form);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| BadToken::Form)?;
    let key = match &header.kid {
        Some(kid) => keys.find(kid),
        // Allowed while there is one key only (OpenID Connect Core, 10.1).
        None => Some(&keys.keys).filter(|keys| keys.len() == 1).and_then(|keys| keys.first()),
    };
    let key = key.ok_or(BadToken::UnknownKey)?;
    if !fits(key, header.alg) {
        return Err(BadToken::Form);
    }
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let decoding = DecodingKey::from_jwk(key).map_err(|_| BadToken::Form)?;
    let read = jsonwebtoken::decode(token, &decoding, &validation).map_err(|_| BadToken::Signature)?;
    Ok(Claims(read.claims))
}

/// Public keys only, each for the algorithms of its kind, and for the one that it names.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
        AlgorithmParameters::EllipticCurve(_) => matches!(algorithm, ES256 | ES384),
        AlgorithmParameters::OctetKeyPair(_) => algorithm == EdDSA,
        _ => false,
    };
    let named = match key.common.key_algorithm {
        None => true,
        Some(named) => {
            let same = [
                (KeyAlgorithm::RS256, RS256),
                (KeyAlgorithm::RS384, RS384),
                (KeyAlgorithm::RS512, RS512),
                (KeyAlgorithm::PS256, PS256),
                (KeyAlgorithm::PS384, PS384),
                (KeyAlgorithm::PS512, PS512),
                (KeyAlgorithm::ES256, ES256),
                (KeyAlgorithm::ES384, ES384),
                (KeyAlgorithm::EdDSA, EdDSA),
            ];
            same.contains(&(named, algorithm))
        }
    };
    kind && named
}

impl Claims {
    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A list of texts, or one.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the claim is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether an object has a member of that name.
    pub(crate) fn has_member(&self, name: &str, member: &str) -> bool {
        self.0.get(name).is_some_and(|object| object.get(member).is_some_and(Value::is_object))
    }

    /// A moment, in seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        let number = self.0.get(name)?;
        number.as_i64().or_else(|| number.as_f64().map(|f| f as i64))
    }

    /// From this issuer, and valid now.
    pub(super) fn issued_by(&self, issuer: &str, now: Timestamp) -> bool {
        let now = now.seconds();
        let expires = self.seconds("exp").is_some_and(|at| now < at.saturating_add(LEEWAY_S));
        let begun = ["iat", "nbf"].iter().all(|name| self.seconds(name).is_none_or(|at| at <= now + LEEWAY_S));
        self.text("iss") == Some(issuer) && expires && begun
    }

    /// For `client`, and for nobody else who has not said so (OpenID Connect Core, 3.1.3.7).
    pub(crate) fn is_for(&self, client: &str) -> bool {
        let audience = self.texts("aud");
        let party = self.text("azp");
        let only = audience.len() == 1 && party.is_none_or(|party| party == client);
        audience.contains(&client) && (only || party == Some(client))
    }
}
