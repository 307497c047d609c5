//! Typed identifiers. Each has a strict grammar, so that none can carry free text (and with it
//! PHI) into a log line or a file name.

use std::fmt;
use std::str::FromStr;

/// A string that is not an identifier of the kind asked for. Does not repeat the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {expected}")]
pub struct BadId {
    /// Which kind of identifier was asked for.
    pub kind: &'static str,
    /// The grammar, for the person who has to mend it.
    pub expected: &'static str,
}

impl From<BadId> for &'static str {
    fn from(bad: BadId) -> Self {
        bad.expected
    }
}

/// Crockford base 32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(bits: [u8; 16]) -> String {
    let n = u128::from_be_bytes(bits);
    (0..26).rev().map(|i| ALPHABET[((n >> (5 * i)) & 31) as usize] as char).collect()
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The prefix that tells the kinds of id apart.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of 128 random bits (from `medlock_keys::random`).
            pub fn from_random(bits: [u8; 16]) -> Self {
                Self(format!(concat!($prefix, "_{}"), encode(bits)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> {
                let ok = s.strip_prefix(concat!($prefix, "_")).is_some_and(|rest| {
                    rest.len() == 26 && rest.bytes().all(|b| ALPHABET.contains(&b))
                });
                if ok { Ok(Self(s.into())) } else {
                    Err(BadId { kind: stringify!($name), expected: concat!($prefix, "_ and 26 characters of 0-9 a-z") })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

random_id!(
    /// A person, for life: never given to somebody else (45 CFR 164.312(a)(2)(i)).
    UserId, "usr"
);
random_id!(
    /// An API key's public half: names the key in lists and records, opens nothing.
    KeyId, "key"
);
random_id!(
    /// A session's name in lists and records. Not the secret that the cookie or token carries.
    SessionId, "ses"
);
random_id!(
    /// An erasable key in records: random, so that it says nothing of whose key it is.
    HolderId, "hld"
);
random_id!(
    /// A passkey's name in lists and records; opens nothing.
    PasskeyId, "psk"
);
random_id!(
    /// A WebAuthn ceremony that has begun: finds what was asked of the authenticator.
    CeremonyId, "cer"
);
random_id!(
    /// One use of emergency access.
    EmergencyId, "emg"
);
random_id!(
    /// Something that somebody wants and somebody else decides.
    ApprovalId, "apr"
);
random_id!(
    /// One request, in headers, records and error bodies.
    RequestId, "req"
);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $expected:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> {
                let ok: fn(u8) -> bool = $ok;
                let starts = s.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                if starts && s.len() <= $max && s.bytes().all(ok) { Ok(Self(s.into())) } else {
                    Err(BadId { kind: stringify!($name), expected: $expected })
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

name!(
    /// The name a person logs in with.
    Username, 64, "up to 64 of a-z 0-9 . _ - @, starting with a letter or digit",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_@".contains(&b)
);
name!(
    /// A role, as policies name it.
    RoleName, 32, "up to 32 of a-z 0-9 -, starting with a letter or digit",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
name!(
    /// A model, as requests and the catalogue name it.
    ModelName, 96, "up to 96 of a-z 0-9 . _ - /, starting with a letter or digit",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_/".contains(&b)
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn random_ids_round_trip_and_refuse_others() {
        let id = RequestId::from_random([0xab; 16]);
        assert_eq!(id.as_str().parse::<RequestId>().unwrap(), id);
        for bad in ["", "req_", "usr_00000000000000000000000000", "req_0000000000000000000000000u", "req_000"] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
        assert_ne!(RequestId::from_random([0; 16]), RequestId::from_random([0xff; 16]));
    }

    #[test]
    fn names_carry_no_free_text() {
        assert!("smollm2-135m-instruct".parse::<ModelName>().is_ok());
        for bad in ["", "John Smith", "-x", "a\nb", "MRN", &"a".repeat(97)] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad:?}");
        }
    }
}
