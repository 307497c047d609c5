//! An authenticator in software: makes passkeys and answers with them as WebAuthn level 3 says, or as a thief would.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

const PRESENT: u8 = 1;
const VERIFIED: u8 = 4;
const NEW_KEY: u8 = 64;

/// One passkey, with who keeps it.
#[derive(Clone)]
pub struct Authenticator {
    key: std::sync::Arc<EcdsaKeyPair>,
    id: Vec<u8>,
    handle: Value,
    /// Where the browser says that it is.
    pub origin: String,
    /// Goes on with each answer, unless it is 0.
    pub counter: u32,
    /// Whether it makes sure of its person.
    pub verifies: bool,
}

impl Authenticator {
    /// A new one, which counts its answers.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn new(origin: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).expect("a key");
        let id = digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec();
        Self { key: key.into(), id, handle: Value::Null, origin: origin.into(), counter: 1, verifies: true }
    }

    /// Its answer to `PublicKeyCredentialCreationOptions`, as a browser gives it.
    ///
    /// # Panics
    /// When these are none.
    pub fn create(&mut self, asked: &Value) -> Value {
        self.handle = asked["user"]["id"].clone();
        let client = self.client("webauthn.create", asked);
        let point = self.key.public_key().as_ref().to_vec(); // 4, x, y
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        cose.extend(cbor_bytes(&point[1..33]));
        cose.push(0x22);
        cose.extend(cbor_bytes(&point[33..]));
        let mut data = self.data(asked["rp"]["id"].as_str().expect("a relying party"), NEW_KEY);
        data.extend([0; 16]);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(&self.id);
        data.extend(cose);
        let mut object = vec![0xa3];
        for (name, value) in [("fmt", cbor_text("none")), ("attStmt", vec![0xa0]), ("authData", cbor_bytes(&data))] {
            object.extend(cbor_text(name));
            object.extend(value);
        }
        self.credential(json!({"attestationObject": BASE64.encode(object), "clientDataJSON": BASE64.encode(client)}))
    }

    /// Its answer to `PublicKeyCredentialRequestOptions`, as a browser gives it.
    ///
    /// # Panics
    /// When these are none.
    pub fn get(&mut self, asked: &Value) -> Value {
        if self.counter > 0 {
            self.counter += 1;
        }
        let client = self.client("webauthn.get", asked);
        let data = self.data(asked["rpId"].as_str().expect("a relying party"), 0);
        let signed = [data.as_slice(), digest(&SHA256, &client).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        self.credential(json!({
            "authenticatorData": BASE64.encode(data),
            "clientDataJSON": BASE64.encode(client),
            "signature": BASE64.encode(signature.as_ref()),
            "userHandle": self.handle,
        }))
    }

    fn client(&self, kind: &str, asked: &Value) -> Vec<u8> {
        json!({"type": kind, "challenge": asked["challenge"], "origin": self.origin, "crossOrigin": false})
            .to_string()
            .into_bytes()
    }

    fn data(&self, relying_party: &str, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, relying_party.as_bytes()).as_ref().to_vec();
        data.push(flags | PRESENT | if self.verifies { VERIFIED } else { 0 });
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn credential(&self, response: Value) -> Value {
        let id = BASE64.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "response": response})
    }
}

fn cbor_text(text: &str) -> Vec<u8> {
    [&[0x60 | text.len() as u8], text.as_bytes()].concat()
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let head: Vec<u8> = match bytes.len() {
        n @ 0..=23 => vec![0x40 | n as u8],
        n @ 24..=255 => vec![0x58, n as u8],
        n => [&[0x59], &(n as u16).to_be_bytes()[..]].concat(),
    };
    [head, bytes.to_vec()].concat()
}
