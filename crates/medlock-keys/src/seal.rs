//! Sealing data at rest: AES-256-GCM (SP 800-38D) under data keys.

use crate::random;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What was sealed does not open: other key, other associated data, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open: wrong key, wrong place or changed bytes")]
pub struct OpenError;

/// A 256-bit key for AES-256-GCM. Wiped on drop.
pub struct DataKey(Box<[u8; 32]>);

impl DataKey {
    /// A new random key.
    pub fn generate() -> Self {
        let mut key = Self::empty();
        random::fill(&mut key.0[..]);
        key
    }

    /// The key of these bytes.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let mut key = Self::empty();
        key.0.copy_from_slice(&bytes);
        bytes.zeroize();
        key
    }

    fn empty() -> Self {
        Self(Box::new([0; 32]))
    }

    /// Asks that the key is never swapped out; false when the system refused. For the few keys that
    /// live as long as the process: see [`lock`].
    pub(crate) fn pin(&self) -> bool {
        lock::pin(&self.0[..])
    }

    /// The key's bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plaintext` and binds it to `aad`: nonce, ciphertext, tag. The nonce is random, so one
    /// key should not seal more than 2³² texts.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random::bytes();
        let mut out = Vec::with_capacity(NONCE_LEN + plaintext.len() + 16);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plaintext);
        let tag = self
            .aead()
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut out[NONCE_LEN..])
            .expect("the text is shorter than 64 GiB");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what [`DataKey::seal`] made under the same `aad`.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        self.open_with(*nonce, aad, text)
    }

    /// Seals the only text that this key will ever seal: ciphertext and tag, the nonce is zero.
    pub fn seal_once(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        // Room for the tag at once: growing would leave a copy of the plaintext behind.
        let mut out = Vec::with_capacity(plaintext.len() + 16);
        out.extend_from_slice(plaintext);
        self.aead()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; NONCE_LEN]), Aad::from(aad), &mut out)
            .expect("the text is shorter than 64 GiB");
        out
    }

    /// Opens what [`DataKey::seal_once`] made.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs.
    pub fn open_once(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.open_with([0; NONCE_LEN], aad, sealed)
    }

    fn open_with(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut out = Zeroizing::new(text.to_vec());
        let n = self
            .aead()
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut out)
            .map_err(|_| OpenError)?
            .len();
        out.truncate(n);
        Ok(out)
    }

    fn aead(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0[..]).expect("the key has 32 bytes"))
    }
}

impl Clone for DataKey {
    fn clone(&self) -> Self {
        Self::from_bytes(*self.0)
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// Keeps key pages out of swap. Best effort: there is a limit (`RLIMIT_MEMLOCK`), and locking is by
/// page.
mod lock {
    #![allow(unsafe_code, reason = "mlock has no safe wrapper; it reads and writes nothing")]

    /// Never undone: a page's neighbours may be keys as well, and locks are not counted. Hence not
    /// for the key of every record, which would use up the limit.
    pub(super) fn pin(bytes: &[u8]) -> bool {
        // SAFETY: the range is a live allocation; mlock does not touch its contents.
        unsafe { libc::mlock(bytes.as_ptr().cast(), bytes.len()) == 0 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::digest::hex;
    use proptest::prelude::*;

    /// Test cases 13 and 14 of the GCM specification (McGrew and Viega).
    #[test]
    fn the_published_vectors() {
        let key = DataKey::from_bytes([0; 32]);
        assert_eq!(hex(&key.seal_once(b"", b"")), "530f8afbc74536b9a963b4f1c4cb738b");
        assert_eq!(
            hex(&key.seal_once(b"", &[0; 16])),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        );
    }

    #[test]
    fn opens_only_whole_and_in_its_place() {
        let key = DataKey::generate();
        let sealed = key.seal(b"row 1", b"secret");
        assert_eq!(key.open(b"row 1", &sealed).unwrap()[..], b"secret"[..]);
        assert_eq!(key.open(b"row 2", &sealed), Err(OpenError));
        assert_eq!(DataKey::generate().open(b"row 1", &sealed), Err(OpenError));
        for i in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[i / 8] ^= 1 << (i % 8);
            assert_eq!(key.open(b"row 1", &bad), Err(OpenError), "bit {i}");
        }
        for n in 0..sealed.len() {
            assert_eq!(key.open(b"row 1", &sealed[..n]), Err(OpenError), "cut to {n}");
        }
        assert_ne!(key.seal(b"", b"x"), key.seal(b"", b"x"), "nonces are random");
        assert_eq!(key.open_once(b"a", &key.seal_once(b"a", b"x")).unwrap()[..], b"x"[..]);
        assert_eq!(key.open_once(b"b", &key.seal_once(b"a", b"x")), Err(OpenError));
        assert_eq!(format!("{key:?}"), "DataKey");
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(text: Vec<u8>, aad: Vec<u8>) {
            let key = DataKey::generate();
            prop_assert_eq!(&key.open(&aad, &key.seal(&aad, &text)).unwrap()[..], &text[..]);
            prop_assert_eq!(&key.open_once(&aad, &key.seal_once(&aad, &text)).unwrap()[..], &text[..]);
        }
    }
}
