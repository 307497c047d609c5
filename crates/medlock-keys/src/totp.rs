//! Time-based one-time codes: RFC 6238 with SHA-1, six digits, 30 seconds, as every authenticator
//! app does them.

use crate::digest::ct_eq;
use aws_lc_rs::hmac;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const STEP_SECONDS: i64 = 30;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that a person's authenticator shares with the server.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TotpSecret([u8; 20]);

impl TotpSecret {
    /// A new secret.
    pub fn generate() -> Self {
        Self(crate::random::bytes())
    }

    /// The secret of these bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// As people type it: base 32 without padding.
    pub fn base32(&self) -> Zeroizing<String> {
        let mut out = String::with_capacity(32);
        for five in self.0.chunks(5) {
            let bits = five.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            (0..8).rev().for_each(|i| out.push(BASE32[(bits >> (5 * i) & 31) as usize] as char));
        }
        Zeroizing::new(out)
    }

    /// Back from base 32; spaces and lower case are forgiven.
    pub fn from_base32(text: &str) -> Option<Self> {
        let digits: Option<Vec<u64>> = text
            .bytes()
            .filter(|b| *b != b' ')
            .map(|b| BASE32.iter().position(|c| *c == b.to_ascii_uppercase()).map(|p| p as u64))
            .collect();
        let digits = Zeroizing::new(digits?);
        let mut out = [0; 20];
        if digits.len() != 32 {
            return None;
        }
        for (eight, five) in digits.chunks(8).zip(out.chunks_mut(5)) {
            let bits = eight.iter().fold(0u64, |n, d| n << 5 | d);
            five.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        Some(Self(out))
    }

    /// The code at a time.
    pub fn code_at(&self, unix_seconds: i64) -> String {
        self.code(unix_seconds.div_euclid(STEP_SECONDS))
    }

    /// The time step that `code` belongs to, if it is now's or a neighbour's. The caller keeps the
    /// step, so that no code is accepted twice.
    pub fn matching_step(&self, code: &str, unix_seconds: i64) -> Option<i64> {
        let now = unix_seconds.div_euclid(STEP_SECONDS);
        // All three are always compared, so that time does not tell which one it was. The latest wins:
        // had two steps the same code, accepting the earlier would leave the later for a replay.
        (now - 1..=now + 1).fold(None, |found, step| {
            let same = ct_eq(self.code(step).as_bytes(), code.as_bytes());
            if same { Some(step) } else { found }
        })
    }

    /// What a QR code for authenticator apps holds.
    pub fn otpauth_url(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let clean = |s: &str| -> String {
            s.bytes()
                .map(|b| match b {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => (b as char).to_string(),
                    _ => format!("%{b:02X}"),
                })
                .collect()
        };
        let (issuer, account) = (clean(issuer), clean(account));
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
            self.base32().as_str()
        ))
    }

    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = (tag[19] & 15) as usize;
        let four: [u8; 4] = tag[at..at + 4].try_into().expect("the offset is at most 15 of 20");
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// RFC 6238, appendix B (SHA-1), last six of its eight digits.
    #[test]
    fn the_published_vectors() {
        let s = TotpSecret::from_bytes(*b"12345678901234567890");
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(s.code_at(at), code);
            assert_eq!(s.matching_step(code, at + 30), Some(at / 30));
            assert_eq!(s.matching_step(code, at - 30), Some(at / 30));
            assert_eq!(s.matching_step(code, at + 60), None);
            assert_eq!(s.matching_step(code, at - 60), None);
            for bad in [&code[..5], &format!("{code}0"), &format!("{code} "), ""] {
                assert_eq!(s.matching_step(bad, at), None, "{bad}");
            }
        }
    }

    #[test]
    fn base32_round_trip() {
        let s = TotpSecret::from_bytes(*b"12345678901234567890");
        assert_eq!(s.base32().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(TotpSecret::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").unwrap().bytes(), s.bytes());
        assert!(TotpSecret::from_base32("GEZDGNBV").is_none() && TotpSecret::from_base32("1").is_none());
        for bad in ["", &s.base32()[1..], &format!("{}A", *s.base32()), &s.base32().replace('G', "é")] {
            assert!(TotpSecret::from_base32(bad).is_none(), "{bad}");
        }
        let secret = TotpSecret::generate();
        assert_eq!(TotpSecret::from_base32(&secret.base32()).unwrap().bytes(), secret.bytes());
    }

    #[test]
    fn the_url_carries_no_stray_characters() {
        assert_eq!(
            TotpSecret::from_bytes(*b"12345678901234567890").otpauth_url("Med Lock", "a@b&c").as_str(),
            "otpauth://totp/Med%20Lock:a%40b%26c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Med%20Lock\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
