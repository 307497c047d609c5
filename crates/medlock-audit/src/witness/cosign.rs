//! Cosignatures (C2SP tlog-cosignature, Ed25519): "at this time, this was the largest tree that I had
//! seen of this log, and it continues what I saw before".

use crate::note::BadNote;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use medlock_domain::Timestamp;
use medlock_keys::digest::sha256;
use medlock_keys::sign::{SigningKey, VerifyingKey};

/// Signature type 4 of signed-note: a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 4;

/// A witness's name and public key.
#[derive(Clone)]
pub struct CosignerName {
    name: String,
    key: VerifyingKey,
    id: [u8; 4],
}

impl std::fmt::Debug for CosignerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CosignerName({})", self.name)
    }
}

impl CosignerName {
    /// The witness `name` with this key. A name is 1 to 128 of `A-Z a-z 0-9 . _ / : -`.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, BadNote> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"._/:-".contains(&b);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(ok) {
            return Err(BadNote::Malformed("the name of a witness"));
        }
        let digest = sha256(&[name.as_bytes(), b"\n", &[COSIGNATURE], &key.bytes()[..]]);
        Ok(Self { name: name.to_owned(), key, id: [digest[0], digest[1], digest[2], digest[3]] })
    }

    /// Reads a verifier key, `name+hash+base64`.
    pub fn parse(vkey: &str) -> Result<Self, BadNote> {
        let text = vkey.strip_suffix('\n').unwrap_or(vkey);
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadNote::Malformed("a verifier key has three parts"));
        };
        let bytes = BASE64.decode(key).map_err(|_| BadNote::Malformed("the key is not base64"))?;
        let key: [u8; 32] = match bytes.split_first() {
            Some((&COSIGNATURE, key)) => key.try_into().map_err(|_| BadNote::Malformed("the length of the key"))?,
            _ => return Err(BadNote::Malformed("not the Ed25519 key of a witness")),
        };
        let name = Self::new(name, VerifyingKey::from_bytes(key))?;
        if name.vkey().trim_end() == text { Ok(name) } else { Err(BadNote::Malformed("the hash is not this key's")) }
    }

    /// The verifier key as text, with a line feed.
    pub fn vkey(&self) -> String {
        let key = BASE64.encode([&[COSIGNATURE], &self.key.bytes()[..]].concat());
        format!("{}+{:08x}+{key}\n", self.name, u32::from_be_bytes(self.id))
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When this witness signed the checkpoint with this text, if `line` is its signature over it, in its
    /// one spelling.
    pub fn signed(&self, text: &str, line: &str) -> Option<Timestamp> {
        let encoded = line.strip_prefix("— ")?.strip_prefix(&self.name)?.strip_prefix(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let (id, rest) = bytes.split_first_chunk::<4>()?;
        let (seconds, signature) = rest.split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*seconds);
        let good = *id == self.id && signature.len() == 64 && self.key.verify(&message(seconds, text), signature);
        Some(Timestamp(i64::try_from(seconds).ok()?.checked_mul(1000)?)).filter(|_| good)
    }
}

/// Those of `known` that signed this note, and when. An error if a line is neither theirs nor of `log`,
/// or does not hold, or is of one of them twice.
pub(crate) fn signers<'k>(
    note: &str,
    log: &str,
    known: &'k [CosignerName],
) -> Result<Vec<(&'k CosignerName, Timestamp)>, BadNote> {
    let (text, lines) = crate::note::split(note)?;
    let mut signers: Vec<(&CosignerName, Timestamp)> = Vec::new();
    for line in lines {
        if line.strip_prefix("— ").and_then(|l| l.split_once(' ')).is_some_and(|(name, _)| name == log) {
            continue;
        }
        let by = known.iter().find_map(|name| Some((name, name.signed(text, line)?)));
        let by = by.ok_or(BadNote::Malformed("signed by a witness that is not listed, or not signed at all"))?;
        if signers.iter().any(|(name, _)| name.name() == by.0.name()) {
            return Err(BadNote::Malformed("signed twice by one witness"));
        }
        signers.push(by);
    }
    Ok(signers)
}

/// A witness's own key.
pub struct Cosigner {
    name: CosignerName,
    key: SigningKey,
}

impl Cosigner {
    /// The witness `name`, whose key this is.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, BadNote> {
        Ok(Self { name: CosignerName::new(name, key.public())?, key })
    }

    /// What others check its signatures with.
    pub fn name(&self) -> &CosignerName {
        &self.name
    }

    /// The signature line over the checkpoint with this text, with a line feed.
    pub(crate) fn sign(&self, text: &str, now: Timestamp) -> String {
        let seconds = u64::try_from(now.0 / 1000).unwrap_or(0);
        let signature = self.key.sign(&message(seconds, text));
        let bytes = [&self.name.id[..], &seconds.to_be_bytes(), &signature].concat();
        format!("— {} {}\n", self.name.name, BASE64.encode(bytes))
    }
}

fn message(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_cosignature_is_that_witness_over_that_text_at_that_time() {
        let cosigner = Cosigner::new("east.example/w1", SigningKey::generate()).unwrap();
        let name = CosignerName::parse(&cosigner.name().vkey()).unwrap();
        let line = cosigner.sign("log\n5\nroot\n", Timestamp(1_700_000_000_999));
        let line = line.trim_end();
        assert_eq!(name.signed("log\n5\nroot\n", line), Some(Timestamp(1_700_000_000_000)));
        assert_eq!(name.signed("log\n6\nroot\n", line), None);
        let other = Cosigner::new("east.example/w1", SigningKey::generate()).unwrap();
        assert_eq!(other.name().signed("log\n5\nroot\n", line), None);
        for bit in 0..line.len() * 8 {
            let mut bytes = line.to_owned().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let taken = String::from_utf8(bytes).is_ok_and(|l| name.signed("log\n5\nroot\n", &l).is_some());
            assert!(!taken, "bit {bit}");
        }
    }

    /// The example of the specification: its key is not published, its key id is.
    #[test]
    fn a_log_key_is_no_witness_key() {
        let key = SigningKey::generate();
        let log = crate::LogName::new("a", key.public()).unwrap();
        assert!(CosignerName::parse(&log.vkey()).is_err());
        let witness = CosignerName::new("a", key.public()).unwrap();
        assert!(crate::LogName::parse(&witness.vkey()).is_err());
    }
}
