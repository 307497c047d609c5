//! Signed notes (C2SP signed-note) and the checkpoints they carry (C2SP tlog-checkpoint), so that
//! tools that we did not write can check them.

use crate::tree::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use medlock_keys::digest::sha256;
use medlock_keys::sign::{SigningKey, VerifyingKey};

/// No signed note that we read is longer.
pub(crate) const MAX_NOTE: u64 = 64 << 10;
/// Signature type 1 of signed-note: Ed25519 over the note's text.
const ED25519: u8 = 1;

/// A note, checkpoint or verifier key that is malformed, or not signed by this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Not of the form that the specification asks for.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Of another log.
    #[error("names another log")]
    OtherLog,
    /// No valid signature of this log's key.
    #[error("not signed by this log's key")]
    Unsigned,
}

/// A log's name and public key: what makes a checkpoint that log's.
#[derive(Clone)]
pub struct LogName {
    origin: String,
    key: VerifyingKey,
    id: [u8; 4],
}

impl LogName {
    /// The log `origin` with this key. The origin is 1 to 128 of `A-Z a-z 0-9 . _ / : -`.
    pub fn new(origin: &str, key: VerifyingKey) -> Result<Self, BadNote> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"._/:-".contains(&b);
        if origin.is_empty() || origin.len() > 128 || !origin.bytes().all(ok) {
            return Err(BadNote::Malformed("the origin"));
        }
        let digest = sha256(&[origin.as_bytes(), b"\n", &[ED25519], &key.bytes()[..]]);
        Ok(Self { origin: origin.to_owned(), key, id: [digest[0], digest[1], digest[2], digest[3]] })
    }

    /// Reads a verifier key: the text of `log.vkey`, `origin+hash+base64`.
    pub fn parse(vkey: &str) -> Result<Self, BadNote> {
        let text = vkey.strip_suffix('\n').unwrap_or(vkey);
        let mut parts = text.splitn(3, '+');
        let (Some(origin), Some(_hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadNote::Malformed("a verifier key has three parts"));
        };
        let bytes = BASE64.decode(key).map_err(|_| BadNote::Malformed("the key is not base64"))?;
        let key: [u8; 32] = match bytes.split_first() {
            Some((&ED25519, key)) => key.try_into().map_err(|_| BadNote::Malformed("the length of the key"))?,
            _ => return Err(BadNote::Malformed("not an Ed25519 key")),
        };
        let name = Self::new(origin, VerifyingKey::from_bytes(key))?;
        // Writing it again compares the hash, and leaves no second spelling of the same key.
        if name.vkey().trim_end() == text { Ok(name) } else { Err(BadNote::Malformed("the hash is not this key's")) }
    }

    /// The verifier key as text, with a line feed.
    pub fn vkey(&self) -> String {
        let key = BASE64.encode([&[ED25519], &self.key.bytes()[..]].concat());
        format!("{}+{:08x}+{key}\n", self.origin, u32::from_be_bytes(self.id))
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Signs a text of another kind as a signed note, so that who knows this log's verifier key can
    /// check it. The text ends with a line feed and has no other control characters; one that begins
    /// as a checkpoint does, with the log's name, is refused, so that no statement can pass for one.
    pub fn sign(&self, text: &str, key: &SigningKey) -> Result<String, BadNote> {
        if !self.is_key(&key.public()) {
            return Err(BadNote::Unsigned);
        }
        if text.lines().next() == Some(self.origin()) {
            return Err(BadNote::Malformed("a checkpoint's first line"));
        }
        if !text.ends_with('\n') || text.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err(BadNote::Malformed("a note is text in whole lines"));
        }
        Ok(format!("{text}\n{}", self.signature_line(&key.sign(text.as_bytes())[..])))
    }

    /// The text of a note that bears this key's signature. Others may have signed too; they are not
    /// judged. The text may hold empty lines: the last one parts it from the signatures.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, BadNote> {
        let (text, lines) = split(note)?;
        if lines.into_iter().any(|line| self.signed(text, line)) { Ok(text) } else { Err(BadNote::Unsigned) }
    }

    pub(crate) fn is_key(&self, key: &VerifyingKey) -> bool {
        self.key.bytes() == key.bytes()
    }

    fn signature_line(&self, signature: &[u8]) -> String {
        format!("— {} {}\n", self.origin, BASE64.encode([&self.id[..], signature].concat()))
    }

    /// Whether `line` is this key's signature over `text`, in its one spelling.
    fn signed(&self, text: &str, line: &str) -> bool {
        let Some(encoded) = line.strip_prefix("— ").and_then(|l| l.strip_prefix(&self.origin)?.strip_prefix(' '))
        else {
            return false;
        };
        let Ok(bytes) = BASE64.decode(encoded) else { return false };
        bytes.len() == 68 && bytes[..4] == self.id && self.key.verify(text.as_bytes(), &bytes[4..])
    }
}

/// A note's text, and its signature lines without their line feeds.
pub(crate) fn split(note: &str) -> Result<(&str, Vec<&str>), BadNote> {
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(BadNote::Malformed("no signatures"))?;
    let lines = signatures.strip_suffix('\n').ok_or(BadNote::Malformed("the last line has no end"))?;
    let lines: Vec<&str> = lines.split('\n').collect();
    if lines.iter().any(|line| !line.starts_with("— ")) {
        return Err(BadNote::Malformed("a line that is no signature"));
    }
    Ok((&note[..=text.len()], lines))
}

/// What a checkpoint says: the log held `size` entries, and this was their root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a checkpoint of the log `name`. Signatures of others (witnesses) may stand beside the
    /// log's own; they are not judged here.
    pub fn verify(note: &str, name: &LogName) -> Result<Self, BadNote> {
        let (text, lines) = split(note)?;
        let checkpoint = Self::parse_text(text, name)?;
        let own = format!("— {} ", name.origin);
        match lines.iter().filter(|line| line.starts_with(&own)).collect::<Vec<_>>()[..] {
            [line] if name.signed(text, line) => Ok(checkpoint),
            [_, _, ..] => Err(BadNote::Malformed("signed twice by the log")),
            _ => Err(BadNote::Unsigned),
        }
    }

    /// The same for a note that this log wrote itself: its own signature and nothing else.
    pub(crate) fn verify_own(note: &[u8], name: &LogName) -> Result<Self, BadNote> {
        let note = std::str::from_utf8(note).map_err(|_| BadNote::Malformed("not UTF-8"))?;
        if note.matches('\n').count() != 5 {
            return Err(BadNote::Malformed("not three lines and one signature"));
        }
        Self::verify(note, name)
    }

    /// The note without the signatures of others.
    pub(crate) fn own(note: &str, name: &LogName) -> String {
        let own = format!("— {} ", name.origin);
        note.split_inclusive('\n').filter(|line| !line.starts_with("— ") || line.starts_with(&own)).collect()
    }

    pub(crate) fn sign(self, name: &LogName, key: &SigningKey) -> String {
        let text = self.text(name);
        let line = name.signature_line(&key.sign(text.as_bytes())[..]);
        format!("{text}\n{line}")
    }

    fn text(&self, name: &LogName) -> String {
        format!("{}\n{}\n{}\n", name.origin, self.size, BASE64.encode(self.root))
    }

    fn parse_text(text: &str, name: &LogName) -> Result<Self, BadNote> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(BadNote::Malformed("a checkpoint has three lines"));
        };
        if origin != name.origin {
            return Err(BadNote::OtherLog);
        }
        let size = size.parse().map_err(|_| BadNote::Malformed("the size"))?;
        let root = BASE64.decode(root).ok().and_then(|r| r.try_into().ok()).ok_or(BadNote::Malformed("the root"))?;
        let checkpoint = Self { size, root };
        // One spelling only: no leading zeros or signs, no lines that we do not know.
        if checkpoint.text(name) == text { Ok(checkpoint) } else { Err(BadNote::Malformed("the checkpoint's lines")) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn log() -> (SigningKey, LogName) {
        let key = SigningKey::generate();
        let name = LogName::new("clinic.example/audit", key.public()).unwrap();
        (key, name)
    }

    #[test]
    fn a_verifier_key_round_trips_and_every_flip_is_refused() {
        let (_, name) = log();
        let text = name.vkey();
        assert_eq!(LogName::parse(&text).unwrap().vkey(), text);
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let accepted = String::from_utf8(bytes).ok().and_then(|t| LogName::parse(&t).ok());
            assert!(accepted.is_none(), "bit {bit}");
        }
        for bad in ["", "a", "a+b", "a b+00000000+AA==", "a+00000000+", "+00000000+AQ=="] {
            assert!(LogName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_checkpoint_round_trips_and_every_flip_is_refused() {
        let (key, name) = log();
        let checkpoint = Checkpoint { size: 10, root: [7; 32] };
        let note = checkpoint.sign(&name, &key);
        assert_eq!(Checkpoint::verify_own(note.as_bytes(), &name), Ok(checkpoint));
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Checkpoint::verify_own(&bytes, &name).is_err(), "bit {bit}");
        }
        for cut in 0..note.len() {
            assert!(Checkpoint::verify_own(&note.as_bytes()[..cut], &name).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn others_may_sign_too_but_not_instead() {
        let ((key, name), (other_key, other)) = (log(), log());
        let checkpoint = Checkpoint { size: 1, root: [1; 32] };
        let note = checkpoint.sign(&name, &key);
        let witnessed = format!("{note}— witness.example AAAAAAAA\n");
        assert_eq!(Checkpoint::verify(&witnessed, &name), Ok(checkpoint));
        assert!(Checkpoint::verify_own(witnessed.as_bytes(), &name).is_err());
        assert_eq!(Checkpoint::verify(&note, &other), Err(BadNote::Unsigned));
        assert_eq!(Checkpoint::verify(&checkpoint.sign(&other, &other_key), &name), Err(BadNote::Unsigned));
        let elsewhere = LogName::new("elsewhere", key.public()).unwrap();
        assert_eq!(Checkpoint::verify(&note, &elsewhere), Err(BadNote::OtherLog));
    }

    #[test]
    fn a_note_of_another_kind_round_trips_and_every_flip_is_refused() {
        let (key, name) = log();
        let text = "certificate 1\n\nNothing was left.\n";
        let note = name.sign(text, &key).unwrap();
        assert_eq!(name.open(&note), Ok(text));
        assert_eq!(name.open(&format!("{note}— witness.example AAAAAAAA\n")), Ok(text));
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = String::from_utf8(bytes).ok().is_some_and(|t| name.open(&t).is_ok());
            assert!(!opened, "bit {bit}");
        }
        let whole = (0..note.len()).filter(|at| note.is_char_boundary(*at));
        assert!(whole.into_iter().all(|cut| name.open(&note[..cut]).is_err()));
        assert_eq!(log().1.open(&note), Err(BadNote::Unsigned));
    }

    #[test]
    fn no_note_of_another_kind_can_be_a_checkpoint() {
        let (key, name) = log();
        let checkpoint = Checkpoint { size: 9, root: [7; 32] };
        assert!(name.sign(&checkpoint.text(&name), &key).is_err());
        assert!(name.sign("no end", &key).is_err() && name.sign("a\tb\n", &key).is_err());
        assert_eq!(name.sign("text\n", &SigningKey::generate()), Err(BadNote::Unsigned));
        // A checkpoint's signature is good, and its text says what it is.
        let opened = name.open(&checkpoint.sign(&name, &key)).map(str::to_owned);
        assert!(opened.unwrap().starts_with(name.origin()));
    }

    #[test]
    fn sizes_have_one_spelling() {
        let (key, name) = log();
        for size in ["01", "+1", "-1", "1 ", ""] {
            let text = format!("{}\n{size}\n{}\n", name.origin(), BASE64.encode([1; 32]));
            let note = format!("{text}\n{}", name.signature_line(&key.sign(text.as_bytes())[..]));
            assert!(Checkpoint::verify(&note, &name).is_err(), "{size:?}");
        }
    }
}
