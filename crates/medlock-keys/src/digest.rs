//! SHA-256, HMAC-SHA-256 and HKDF-SHA-256 (FIPS 180-4, RFC 2104, RFC 5869), and comparing without
//! telling by time where two values differ.

use aws_lc_rs::{constant_time, digest, hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

/// A SHA-256 digest or HMAC-SHA-256 tag.
pub type Digest = [u8; 32];

/// SHA-256 of the parts, one after the other. Where one part ends and the next begins is not in it:
/// where that varies, put in the lengths.
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut h = Sha256::new();
    parts.iter().for_each(|p| h.update(p));
    h.finish()
}

/// SHA-256 of bytes that come piece by piece.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// And of these.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest.
    pub fn finish(self) -> Digest {
        self.0.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// HMAC-SHA-256 of the parts, one after the other; of their bounds, as with [`sha256`], it knows
/// nothing. Compare with [`ct_eq`].
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Digest {
    // Its context lies on the stack with the last bytes that went in, and nobody wipes it.
    #[inline(never)]
    fn keyed(key: &[u8], parts: &[&[u8]]) -> Digest {
        let mut h = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        parts.iter().for_each(|p| h.update(p));
        h.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
    let tag = keyed(key, parts);
    wipe_stack();
    tag
}

/// Overwrites what a call that has just returned left below on the stack: more than any of this crate's uses.
#[inline(never)]
fn wipe_stack() {
    let mut below = [0u8; 4096];
    std::hint::black_box(&mut below).zeroize();
}

/// HKDF-SHA-256, extract and expand.
///
/// # Panics
/// When more than 8,160 bytes are asked for.
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    let prk = Zeroizing::new(hmac_sha256(salt, &[ikm]));
    hkdf_expand(&prk, &[info], out);
}

/// HKDF-Expand under a pseudo-random key.
pub(crate) fn hkdf_expand(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk)
        .expand(info, Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("HKDF gives up to 8,160 bytes");
}

/// Whether the two are equal, in a time that depends on their lengths only.
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Lower-case hexadecimal. A secret's text is the caller's to wipe.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _infallible = write!(s, "{b:02x}");
        s
    })
}

/// Back from hexadecimal of either case.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn published_vectors() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(&sha256(&[])), empty);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(&[b"ab", b"", b"c"])), abc);
        // RFC 4231, case 2
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        // RFC 4231, case 6: a key longer than a block
        assert_eq!(
            hex(&hmac_sha256(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn hkdf_of_rfc_5869() {
        let range = |a: u8, b: u8| (a..=b).collect::<Vec<u8>>();
        let check = |ikm: &[u8], salt: &[u8], info: &[u8], want: &str| {
            let mut okm = vec![0; want.len() / 2];
            hkdf_sha256(ikm, salt, info, &mut okm);
            assert_eq!(hex(&okm), want);
        };
        let case_1 = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        check(&[0x0b; 22], &range(0, 0x0c), &range(0xf0, 0xf9), case_1);
        let case_2 = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
                      da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87";
        check(&range(0, 0x4f), &range(0x60, 0xaf), &range(0xb0, 0xff), case_2);
        let case_3 = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        check(&[0x0b; 22], b"", b"", case_3);
    }

    #[test]
    fn equal_means_same_length_and_same_bytes() {
        assert!(ct_eq(b"", b"") && ct_eq(b"ab", b"ab"));
        assert!(!ct_eq(b"ab", b"abc") && !ct_eq(b"ab", b"aB") && !ct_eq(b"", b"a"));
    }

    #[test]
    fn hexadecimal_is_strict() {
        assert_eq!(unhex("00fF").unwrap(), [0, 255]);
        for bad in ["0", "0g", "+1", "é0"] {
            assert!(unhex(bad).is_none(), "{bad}");
        }
    }
}
