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

#[cfg(test)]
mod tests {
    #[test]
    fn draws_differ_and_fill_all() {
        assert_ne!(super::bytes::<32>(), super::bytes::<32>());
        let mut buffer = [0; 1000];
        super::fill(&mut buffer);
        assert!(buffer.windows(16).all(|w| w != [0; 16]), "a part was left unfilled");
    }
}
