//! Passwords: Argon2id (RFC 9106) as PHC strings, m = 19 MiB, t = 2, p = 1.
//!
//! Hashing takes tens of milliseconds of CPU: call it off the async threads.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use std::sync::OnceLock;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password, token or code: no `Display`, no `Serialize`, wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Hashes a password with a fresh salt.
pub fn hash(password: &Secret) -> String {
    let salt = SaltString::encode_b64(&crate::random::bytes::<16>()).expect("16 bytes are a salt");
    argon2()
        .hash_password(password.0.as_bytes(), &salt)
        .expect("the parameters are valid and the password is short")
        .to_string()
}

/// Whether `password` is the one that `phc` was made from. False for a string that is not PHC.
pub fn verify(password: &Secret, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|h| argon2().verify_password(password.0.as_bytes(), &h).is_ok())
}

/// The work of [`verify`] for an account that does not exist, so that time does not tell.
pub fn verify_against_nobody(password: &Secret) {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let phc = NOBODY.get_or_init(|| hash(&Secret(crate::digest::hex(&crate::random::bytes::<16>()))));
    std::hint::black_box(verify(password, phc));
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn verifies_its_own_and_nothing_else() {
        let phc = hash(&Secret::new("correct horse"));
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify(&Secret::new("correct horse"), &phc));
        assert!(!verify(&Secret::new("Correct horse"), &phc) && !verify(&Secret::new("x"), "not phc"));
        assert_ne!(phc, hash(&Secret::new("correct horse")));
        assert_eq!(format!("{:?}", Secret::new("x")), "Secret");
    }
}
