//! Random bytes from the operating system.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// Fills `out` with random bytes.
///
/// # Panics
/// When the operating system has no randomness to give: nothing here can be done safely then.
pub fn fill(out: &mut [u8]) {
    SystemRandom::new().fill(out).expect("the operating system gives random bytes");
}

/// So many random bytes.
///
/// # Panics
/// As [`fill`].
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    out
}
