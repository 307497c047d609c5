//! HPKE, RFC 9180, base mode, export only: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
//! The writer of the audit log encapsulates a fresh secret to the readers' public key for every
//! segment and forgets it; only the private half opens the segment again.

use crate::digest::{hkdf_expand, hmac_sha256};
use crate::seal::OpenError;
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use std::fmt;
use zeroize::Zeroizing;

/// DHKEM(P-256, HKDF-SHA256).
const KEM_SUITE: [u8; 5] = [b'K', b'E', b'M', 0x00, 0x10];
/// The same with HKDF-SHA256 and AES-256-GCM.
const SUITE: [u8; 10] = [b'H', b'P', b'K', b'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x02];
const POINT: usize = 65;
const PRIVATE_LABEL: &str = "medlock-reading-key-1:";
const PUBLIC_LABEL: &str = "medlock-reading-public-1:";

type Secret = Zeroizing<[u8; 32]>;

/// The private half of a reading key.
pub struct ReadingKey(PrivateKey);

/// The public half: what is sealed to it, only the private half opens.
#[derive(Clone, PartialEq, Eq)]
pub struct ReadingPublic([u8; POINT]);

impl ReadingKey {
    /// A new key.
    pub fn generate() -> Self {
        Self(PrivateKey::generate(&ECDH_P256).expect("the operating system gives random bytes"))
    }

    /// The public half.
    pub fn public(&self) -> ReadingPublic {
        let point = self.0.compute_public_key().expect("a P-256 key has a public point");
        ReadingPublic(point.as_ref().try_into().expect("an uncompressed P-256 point has 65 bytes"))
    }

    /// As one line of text, for a file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let scalar: EcPrivateKeyBin<'_> = self.0.as_be_bytes().expect("a P-256 key has a scalar");
        let digits = Zeroizing::new(crate::digest::hex(scalar.as_ref()));
        // Room for all at once: growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(PRIVATE_LABEL.len() + digits.len() + 1));
        [PRIVATE_LABEL, &digits, "\n"].iter().for_each(|part| text.push_str(part));
        text
    }

    /// Back from [`ReadingKey::to_text`].
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_text(text: &str) -> Result<Self, OpenError> {
        let scalar = Zeroizing::new(unlabel(text, PRIVATE_LABEL)?);
        PrivateKey::from_private_key(&ECDH_P256, &scalar).map(Self).map_err(|_| OpenError)
    }
}

impl fmt::Debug for ReadingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadingKey")
    }
}

impl ReadingPublic {
    /// As one line of text.
    pub fn to_text(&self) -> String {
        format!("{PUBLIC_LABEL}{}\n", crate::digest::hex(&self.0))
    }

    /// Back from [`ReadingPublic::to_text`].
    ///
    /// # Errors
    /// When it is anything else, or not a point of the curve.
    pub fn from_text(text: &str) -> Result<Self, OpenError> {
        let key = Self(point(&unlabel(text, PUBLIC_LABEL)?)?);
        // Agreeing once checks that the point lies on the curve, so that sealing cannot fail later.
        dh(&PrivateKey::generate(&ECDH_P256).map_err(|_| OpenError)?, &key.0, b"")?;
        Ok(key)
    }

    /// The point, uncompressed.
    pub fn bytes(&self) -> &[u8; POINT] {
        &self.0
    }
}

impl fmt::Debug for ReadingPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadingPublic")
    }
}

fn unlabel(text: &str, label: &str) -> Result<Vec<u8>, OpenError> {
    text.trim_end().strip_prefix(label).and_then(crate::digest::unhex).ok_or(OpenError)
}

/// The shared secret of one encapsulation; keys are exported from it by name.
pub struct Exporter(Secret);

impl Exporter {
    /// The key of this name (RFC 9180, 5.3).
    pub fn export(&self, context: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut out = Secret::default();
        labeled_expand(&SUITE, &self.0, b"sec", &[context], &mut out[..]);
        out
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter")
    }
}

/// A fresh secret that only `to`'s private half can find again from the encapsulation (65 bytes).
pub fn encapsulate(to: &ReadingPublic, info: &[u8]) -> (Vec<u8>, Exporter) {
    let ephemeral = PrivateKey::generate(&ECDH_P256).expect("the operating system gives random bytes");
    encapsulate_with(&ephemeral, to, info)
}

/// The ephemeral key is a parameter for the published vectors; it must be fresh otherwise.
fn encapsulate_with(ephemeral: &PrivateKey, to: &ReadingPublic, info: &[u8]) -> (Vec<u8>, Exporter) {
    let enc = ephemeral.compute_public_key().expect("a P-256 key has a public point").as_ref().to_vec();
    let shared = dh(ephemeral, &to.0, &[&enc[..], &to.0].concat()).expect("the point was checked when it was read");
    (enc, exporter(&shared, info))
}

/// Finds the secret of an encapsulation again. Another key or `info` is not noticed here (RFC 9180,
/// 5.1.1): it gives another secret, which opens nothing.
///
/// # Errors
/// When `enc` is not an uncompressed point of the curve.
pub fn decapsulate(enc: &[u8], key: &ReadingKey, info: &[u8]) -> Result<Exporter, OpenError> {
    let own = key.public();
    let shared = dh(&key.0, &point(enc)?, &[enc, &own.0].concat())?;
    Ok(exporter(&shared, info))
}

/// RFC 9180 allows one encoding; the library would take compressed and wrapped ones as well.
fn point(bytes: &[u8]) -> Result<[u8; POINT], OpenError> {
    bytes.try_into().ok().filter(|p: &[u8; POINT]| p[0] == 4).ok_or(OpenError)
}

fn dh(private: &PrivateKey, public: &[u8; POINT], kem_context: &[u8]) -> Result<Secret, OpenError> {
    agreement::agree(private, UnparsedPublicKey::new(&ECDH_P256, &public[..]), OpenError, |z| {
        let prk = labeled_extract(&KEM_SUITE, b"", b"eae_prk", z);
        let mut shared = Secret::default();
        labeled_expand(&KEM_SUITE, &prk, b"shared_secret", &[kem_context], &mut shared[..]);
        Ok(shared)
    })
}

fn exporter(shared: &Secret, info: &[u8]) -> Exporter {
    let psk_id_hash = labeled_extract(&SUITE, b"", b"psk_id_hash", b"");
    let info_hash = labeled_extract(&SUITE, b"", b"info_hash", info);
    let base_mode = [0u8];
    let secret = labeled_extract(&SUITE, &shared[..], b"secret", b"");
    let mut out = Secret::default();
    labeled_expand(&SUITE, &secret, b"exp", &[&base_mode, &psk_id_hash[..], &info_hash[..]], &mut out[..]);
    Exporter(out)
}

fn labeled_extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> Secret {
    Zeroizing::new(hmac_sha256(salt, &[b"HPKE-v1", suite, label, ikm]))
}

fn labeled_expand(suite: &[u8], prk: &[u8; 32], label: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let length = (out.len() as u16).to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![&length, b"HPKE-v1", suite, label];
    parts.extend_from_slice(info);
    hkdf_expand(prk, &parts, out);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::digest::{hex, unhex};

    fn private(text: &str) -> PrivateKey {
        PrivateKey::from_private_key(&ECDH_P256, &unhex(text).unwrap()).unwrap()
    }

    /// From the vector file of RFC 9180: mode 0, KEM 0x0010, KDF 0x0001, AEAD 0x0002.
    #[test]
    fn the_published_vector() {
        let reader = ReadingKey(private("317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2"));
        let ephemeral = private("90345e3a1d116c1dd39ae76d95ab858c142223a63e44f8f85318cfa91a84858e");
        let info = unhex("4f6465206f6e2061204772656369616e2055726e").unwrap();
        let (enc, tx) = encapsulate_with(&ephemeral, &reader.public(), &info);
        assert_eq!(
            hex(&enc),
            "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff5370d331a4f1f7d5a4e0"
        );
        assert_eq!(hex(&tx.0[..]), "a8e9a7e62621879fdc89cea7da8e6153458f463e2851baaf009a7461d699cfb6");
        let rx = decapsulate(&enc, &reader, &info).unwrap();
        for (context, value) in [
            ("", "7a4c2b89e1909fb0e3ca42d5040f4c2d8346dc0643d787b8474e804f8f72798e"),
            ("00", "3ca0e7e10b601a32edd2f91c49bac766892c52bde2df01a6126320c6e6eb8af1"),
            ("54657374436f6e74657874", "76c6b4f404990ae362be3efe0d60d9669d87017f9dfe33b8c2ed9fd31d295182"),
        ] {
            let context = unhex(context).unwrap();
            assert_eq!(hex(&tx.export(&context)[..]), value);
            assert_eq!(hex(&rx.export(&context)[..]), value);
        }
    }

    #[test]
    fn keys_survive_their_files_and_other_encodings_are_refused() {
        let key = ReadingKey::generate();
        let again = ReadingKey::from_text(&key.to_text()).unwrap();
        let public = ReadingPublic::from_text(&key.public().to_text()).unwrap();
        let (enc, tx) = encapsulate(&public, b"segment");
        assert_eq!(tx.export(b"k"), decapsulate(&enc, &again, b"segment").unwrap().export(b"k"));
        assert_ne!(tx.export(b"k"), decapsulate(&enc, &again, b"other").unwrap().export(b"k"));
        let (_, other) = encapsulate(&public, b"segment");
        assert_ne!(tx.export(b"k"), other.export(b"k"), "each encapsulation is fresh");
        assert_ne!(tx.export(b"k"), tx.export(b"l"));
        assert_ne!(tx.export(b"k"), decapsulate(&enc, &ReadingKey::generate(), b"segment").unwrap().export(b"k"));
        let parity = enc[64] & 1;
        let mut off_curve = enc.clone();
        off_curve[64] ^= 1;
        for (name, bad) in [
            ("compressed", [&[2 + parity], &enc[1..33]].concat()),
            ("hybrid", [&[6 + parity], &enc[1..]].concat()),
            ("off the curve", off_curve),
            ("infinity", vec![0]),
            ("zeros", vec![0; 65]),
            ("no coordinates", [&[4][..], &[0; 64]].concat()),
            ("short", enc[..64].to_vec()),
            ("long", [&enc[..], &[0]].concat()),
            ("empty", vec![]),
        ] {
            assert!(decapsulate(&bad, &again, b"segment").is_err(), "{name}");
            assert!(ReadingPublic::from_text(&format!("{PUBLIC_LABEL}{}\n", hex(&bad))).is_err(), "{name}");
        }
    }

    /// Why [`point`] looks first: if this ever fails, the library has become strict.
    #[test]
    fn the_library_alone_would_take_a_compressed_point() {
        let key = ReadingKey::generate();
        let full = ReadingKey::generate().public().0;
        let compressed = [&[2 + (full[64] & 1)], &full[1..33]].concat();
        let peer = UnparsedPublicKey::new(&ECDH_P256, compressed);
        assert!(agreement::agree(&key.0, peer, (), |_| Ok(())).is_ok());
    }

    #[test]
    fn texts_that_are_no_key_are_refused() {
        let key = ReadingKey::generate();
        assert!(ReadingKey::from_text(&key.public().to_text()).is_err(), "the other half");
        assert!(ReadingPublic::from_text(&key.to_text()).is_err(), "the other half");
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        for bad in [&"00".repeat(32), order, &"01".repeat(31), &"01".repeat(33), "", "zz"] {
            assert!(ReadingKey::from_text(&format!("{PRIVATE_LABEL}{bad}\n")).is_err(), "{bad}");
        }
        let one = ReadingKey(private(&format!("{:064x}", 1)));
        assert_eq!(ReadingKey::from_text(&one.to_text()).unwrap().public(), one.public(), "leading zeros are kept");
        assert_eq!(format!("{key:?}"), "ReadingKey");
    }
}
