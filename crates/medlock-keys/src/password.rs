//! Passwords: Argon2id (RFC 9106) as PHC strings, m = 19 MiB, t = 2, p = 1.
//!
//! Hashing takes tens of milliseconds of CPU: call it off the async threads.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// More than this a stored hash may not ask for: who can write one must not get to exhaust the server.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// Nobody's hash (32 zero bytes). A constant, so that the first unknown name costs no more than the next.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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

/// Whether `password` is the one that `phc` was made from. False as well for a string that is not
/// Argon2id in PHC, or asks for unreasonable work.
pub fn verify(password: &Secret, phc: &str) -> bool {
    // The work is that which the string says, so that older hashes go on working.
    parse(phc).is_some_and(|(hash, _)| argon2().verify_password(password.0.as_bytes(), &hash).is_ok())
}

/// Whether `phc` was made with other parameters than today's: make it anew at the next log-in.
pub fn needs_rehash(phc: &str) -> bool {
    parse(phc).is_none_or(|(_, p)| (p.m_cost(), p.t_cost(), p.p_cost()) != (MEMORY_KIB, PASSES, LANES))
}

/// The work of [`verify`] for an account that does not exist, so that time does not tell.
pub fn verify_against_nobody(password: &Secret) {
    std::hint::black_box(verify(password, NOBODY));
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn parse(phc: &str) -> Option<(PasswordHash<'_>, Params)> {
    let hash = PasswordHash::new(phc).ok().filter(|h| h.algorithm == Algorithm::Argon2id.ident())?;
    let params = Params::try_from(&hash).ok()?;
    let modest = params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES;
    modest.then_some((hash, params))
}

#[cfg(test)]
mod tests {
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

    /// From the tests of the reference implementation (P-H-C/phc-winner-argon2).
    #[test]
    fn a_published_hash_verifies_with_its_own_parameters() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify(&Secret::new("password"), phc) && !verify(&Secret::new("Password"), phc));
        assert!(needs_rehash(phc) && needs_rehash("not phc") && !needs_rehash(NOBODY));
    }

    #[test]
    fn other_or_costly_hashes_are_refused() {
        let good = hash(&Secret::new("x"));
        for (from, to) in [("argon2id", "argon2i"), ("m=19456", "m=4194304"), ("t=2", "t=99"), ("p=1", "p=99")] {
            let bad = good.replacen(from, to, 1);
            assert!(bad != good && parse(&bad).is_none(), "refused before any work is done: {bad}");
            assert!(!verify(&Secret::new("x"), &bad), "{bad}");
        }
        assert!(!verify(&Secret::new("x"), &good.replacen("v=19", "v=16", 1)), "the older Argon2");
    }

    #[test]
    fn nobody_costs_the_same_work_and_has_no_password() {
        assert!(parse(NOBODY).is_some(), "or the work would be skipped");
        assert!(!verify(&Secret::new(""), NOBODY));
        verify_against_nobody(&Secret::new("x"));
    }
}
