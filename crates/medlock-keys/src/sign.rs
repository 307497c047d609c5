//! Ed25519 signatures (RFC 8032).

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use zeroize::Zeroizing;

/// A private signing key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// A new key.
    pub fn generate() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
            .expect("the operating system gives random bytes");
        Self::from_pkcs8(document.as_ref()).expect("a key that was just made is a key")
    }

    /// A key from PKCS#8; `None` when it is something else.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
        Some(Self { pair, pkcs8: Zeroizing::new(der.to_vec()) })
    }

    /// The key as PKCS#8.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes"))
    }
}

impl Clone for SigningKey {
    fn clone(&self) -> Self {
        Self::from_pkcs8(&self.pkcs8).expect("it was a key before")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// A public key that checks signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is this key's on `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::digest::{hex, unhex};

    /// RFC 8032, 7.1, test 1.
    #[test]
    fn the_published_vector() {
        let seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        // The key alone in PKCS#8 (RFC 8410, 10.3), which needs no public half.
        let pkcs8 = [&unhex("302e020100300506032b657004220420").unwrap()[..], &seed].concat();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap();
        let key = SigningKey { pair, pkcs8: Zeroizing::new(pkcs8) };
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(hex(key.public().bytes()), public);
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
                         d25bf5f0595bbe24655141438e7a100b";
        assert_eq!(hex(&key.sign(b"")), signature);
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let key = SigningKey::generate();
        let good = key.sign(b"root");
        for bit in 0..512 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.public().verify(b"root", &bad), "bit {bit}");
        }
        assert!(!key.public().verify(b"root", &good[..63]));
        assert!(!VerifyingKey::from_bytes([0xff; 32]).verify(b"root", &good), "not a point");
    }

    #[test]
    fn signs_and_survives_its_encoding() {
        let key = SigningKey::generate();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8()).unwrap();
        let s = again.sign(b"root");
        assert!(key.public().verify(b"root", &s));
        assert!(!key.public().verify(b"toor", &s) && !SigningKey::generate().public().verify(b"root", &s));
        assert!(SigningKey::from_pkcs8(b"x").is_none());
    }
}
