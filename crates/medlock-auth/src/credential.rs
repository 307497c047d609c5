//! The two kinds of credential and their forms. Both are taken as they are: no trimming, no change
//! of case, or one secret would have several forms.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use medlock_domain::{KeyId, NetworkSource, Timestamp};
use medlock_keys::digest::{Digest, sha256};
use medlock_keys::password::Secret;
use medlock_keys::random;
use zeroize::{Zeroize, Zeroizing};

const KEY_PREFIX: &str = "sk-medlock-";
const SESSION_PREFIX: &str = "ses-";
/// 256 bits in base64url.
const SECRET_CHARS: usize = 43;
/// 128 bits in base 32, as in [`KeyId`].
const ID_CHARS: usize = 26;

/// What a caller brings to show who it is.
#[derive(Debug)]
pub enum Credential {
    /// Nothing.
    None,
    /// `sk-medlock-…`
    ApiKey(Secret),
    /// `ses-…`
    Session(Secret),
    /// A signed token of the identity provider's.
    Token(Secret),
    /// A client certificate, and nothing else.
    Certificate(Certificate),
}

/// A client certificate that the TLS layer has verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of it.
    pub sha256: Digest,
    /// The URIs among its names.
    pub uris: Vec<String>,
    /// When it ends.
    pub expires: Timestamp,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where it is.
    pub from: NetworkSource,
    /// SHA-256 of the certificate that it showed, where it did.
    pub certificate: Option<Digest>,
}

impl From<NetworkSource> for Peer {
    fn from(from: NetworkSource) -> Self {
        Self { from, certificate: None }
    }
}

impl Credential {
    /// Sorts a bearer token by its form. What has none that we know is an API key, and unknown.
    pub fn from_bearer(token: Secret) -> Self {
        match token.expose() {
            text if text.starts_with(SESSION_PREFIX) => Self::Session(token),
            text if is_signed(text) => Self::Token(token),
            _ => Self::ApiKey(token),
        }
    }
}

/// Whether a text has the form of a signed token (RFC 7515, 7.1): it begins as `{"` does in base64.
pub fn is_signed(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|b| *b == b'.').count() == 2
}

/// A new API key of 256 random bits: the id that finds it, the text that is shown once, the digest
/// that is kept.
pub(crate) fn new_key() -> (KeyId, Secret, Digest) {
    let id = KeyId::from_random(random::bytes());
    let text = Secret::new(format!("{}-{}", key_prefix(&id), *random_text()));
    let digest = key_digest(&text);
    (id, text, digest)
}

/// The id inside a well-formed key.
pub(crate) fn key_id(key: &Secret) -> Option<KeyId> {
    let rest = key.expose().strip_prefix(KEY_PREFIX)?;
    let (id, secret) = (rest.get(..ID_CHARS)?, rest.get(ID_CHARS..)?);
    well_formed(secret.strip_prefix('-')?).then(|| format!("key_{id}").parse().ok()).flatten()
}

/// What the key with this id begins with.
pub(crate) fn key_prefix(id: &KeyId) -> String {
    format!("{KEY_PREFIX}{}", id.as_str().trim_start_matches("key_"))
}

/// High entropy needs no slow hash: this is what is stored of a key.
pub(crate) fn key_digest(key: &Secret) -> Digest {
    sha256(&[b"medlock api key\0", key.expose().as_bytes()])
}

/// A new session token of 256 random bits and the digest that is kept.
pub(crate) fn new_token() -> (Secret, Digest) {
    let token = Secret::new(format!("{SESSION_PREFIX}{}", *random_text()));
    let digest = token_digest_of(token.expose());
    (token, digest)
}

/// What a well-formed session token is looked up by.
pub(crate) fn token_digest(token: &Secret) -> Option<Digest> {
    let secret = token.expose().strip_prefix(SESSION_PREFIX)?;
    well_formed(secret).then(|| token_digest_of(token.expose()))
}

fn token_digest_of(text: &str) -> Digest {
    sha256(&[b"medlock session\0", text.as_bytes()])
}

fn well_formed(secret: &str) -> bool {
    secret.len() == SECRET_CHARS
        && URL_SAFE_NO_PAD.decode(secret).is_ok_and(|mut bits| {
            let right = bits.len() == 32;
            bits.zeroize();
            right
        })
}

fn random_text() -> Zeroizing<String> {
    let bits = Zeroizing::new(random::bytes::<32>());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(&bits[..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_key_has_one_form_only() {
        let (id, key, digest) = new_key();
        assert_eq!(key_id(&key), Some(id));
        assert_eq!(key_digest(&key), digest);
        let text = key.expose().to_string();
        assert_eq!(text.len(), KEY_PREFIX.len() + ID_CHARS + 1 + SECRET_CHARS);
        let mut bad = vec![
            String::new(),
            "sk-medlock-".into(),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}="),
            text.to_uppercase(),
            text.replacen("sk-medlock-", "SK-medlock-", 1),
            text[..text.len() - 1].to_string(),
            format!("{}\u{e9}{}", &text[..20], &text[22..]),
        ];
        bad.push(format!("{}!", &text[..text.len() - 1]));
        for b in bad {
            assert_eq!(key_id(&Secret::new(b.clone())), None, "{b:?}");
        }
    }

    #[test]
    fn a_token_whose_spare_bits_are_set_is_refused() {
        // 43 characters hold 258 bits: the last two must be zero, or four texts would be one token.
        let ok = format!("ses-{}", "A".repeat(43));
        assert!(token_digest(&Secret::new(ok)).is_some());
        assert!(token_digest(&Secret::new(format!("ses-{}B", "A".repeat(42)))).is_none());
    }
}
