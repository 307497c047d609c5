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

/// A log's name and public keys: what makes a checkpoint that log's. A key that was rotated is followed by another,
/// which it vouches for in the log itself; old checkpoints are still that log's.
#[derive(Clone)]
pub struct LogName {
    origin: String,
    /// The newest first.
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    key: VerifyingKey,
    id: [u8; 4],
}

/// Keys that one log can have had.
const MAX_KEYS: usize = 64;

impl LogName {
    /// The log `origin` with this key. The origin is 1 to 128 of `A-Z a-z 0-9 . _ / : -`.
    pub fn new(origin: &str, key: VerifyingKey) -> Result<Self, BadNote> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"._/:-".contains(&b);
        if origin.is_empty() || origin.len() > 128 || !origin.bytes().all(ok) {
            return Err(BadNote::Malformed("the origin"));
        }
        Ok(Self { origin: origin.to_owned(), keys: vec![Key::of(origin, key)] })
    }

    /// Reads verifier keys: the text of `log.vkey`, a line `origin+hash+base64` for each key, the newest first.
    pub fn parse(vkey: &str) -> Result<Self, BadNote> {
        let text = vkey.strip_suffix('\n').unwrap_or(vkey);
        let mut name: Option<Self> = None;
        for line in text.split('\n') {
            let one = Self::parse_line(line)?;
            match &mut name {
                None => name = Some(one),
                Some(name) => {
                    if name.origin != one.origin || name.knows(&one.newest().key) || name.keys.len() >= MAX_KEYS {
                        return Err(BadNote::Malformed("verifier keys of one log, each once"));
                    }
                    name.keys.extend(one.keys);
                }
            }
        }
        name.ok_or(BadNote::Malformed("a verifier key has three parts"))
    }

    fn parse_line(text: &str) -> Result<Self, BadNote> {
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

    /// The verifier keys as text, a line each, the newest first.
    pub fn vkey(&self) -> String {
        self.keys.iter().map(|key| key.line(&self.origin)).collect()
    }

    /// The newest verifier key alone, without a line feed.
    pub(crate) fn newest_vkey(&self) -> String {
        self.newest().line(&self.origin).trim_end().to_owned()
    }

    /// The same log with a key that follows those so far.
    pub(crate) fn followed_by(&self, key: VerifyingKey) -> Self {
        let mut keys = vec![Key::of(&self.origin, key)];
        keys.extend(self.keys.iter().cloned());
        Self { origin: self.origin.clone(), keys }
    }

    /// Whether this is the same log as `older`, with further keys perhaps.
    pub fn continues(&self, older: &LogName) -> bool {
        let bytes = |name: &LogName| name.keys.iter().map(|k| *k.key.bytes()).collect::<Vec<_>>();
        self.origin == older.origin && bytes(self).ends_with(&bytes(older))
    }

    /// The same log as it was when this key was its newest.
    pub(crate) fn up_to(&self, key: &VerifyingKey) -> Self {
        let keys = self.keys[self.position(key).unwrap_or(0)..].to_vec();
        Self { origin: self.origin.clone(), keys }
    }

    fn newest(&self) -> &Key {
        &self.keys[0]
    }

    /// The key that the log began with.
    pub(crate) fn first_key(&self) -> VerifyingKey {
        self.keys[self.keys.len() - 1].key
    }

    pub(crate) fn newest_key(&self) -> VerifyingKey {
        self.newest().key
    }

    pub(crate) fn knows(&self, key: &VerifyingKey) -> bool {
        self.position(key).is_some()
    }

    /// How many keys came after this one.
    pub(crate) fn position(&self, key: &VerifyingKey) -> Option<usize> {
        self.keys.iter().position(|k| k.key == *key)
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
        Ok(format!("{text}\n{}", self.signature_line(self.newest(), &key.sign(text.as_bytes())[..])))
    }

    /// The text of a note that bears the signature of a key that the log has or had. Others may have signed too; they are not
    /// judged. The text may hold empty lines: the last one parts it from the signatures.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, BadNote> {
        let (text, lines) = split(note)?;
        if lines.into_iter().any(|line| self.signed(text, line)) { Ok(text) } else { Err(BadNote::Unsigned) }
    }

    /// Whether this is the key that the log signs with now.
    pub(crate) fn is_key(&self, key: &VerifyingKey) -> bool {
        self.newest().key == *key
    }

    fn signature_line(&self, key: &Key, signature: &[u8]) -> String {
        format!("— {} {}\n", self.origin, BASE64.encode([&key.id[..], signature].concat()))
    }

    /// Whether `line` is a signature of one of this log's keys over `text`, in its one spelling.
    fn signed(&self, text: &str, line: &str) -> bool {
        matches!(self.signer(text, line), Signer::Known(_))
    }

    /// Whose signature over `text` the line is.
    fn signer(&self, text: &str, line: &str) -> Signer {
        let Some(encoded) = line.strip_prefix("— ").and_then(|l| l.strip_prefix(&self.origin)?.strip_prefix(' '))
        else {
            return Signer::Bad;
        };
        let Ok(bytes) = BASE64.decode(encoded) else { return Signer::Bad };
        if bytes.len() != 68 {
            return Signer::Bad;
        }
        match self.keys.iter().find(|key| key.id == bytes[..4]) {
            None => Signer::Unknown,
            Some(key) if key.key.verify(text.as_bytes(), &bytes[4..]) => Signer::Known(key.key),
            Some(_) => Signer::Bad,
        }
    }
}

/// Whose signature it is.
enum Signer {
    Known(VerifyingKey),
    /// Of a key that we have not been told of.
    Unknown,
    Bad,
}

impl Key {
    fn of(origin: &str, key: VerifyingKey) -> Self {
        let digest = sha256(&[origin.as_bytes(), b"\n", &[ED25519], &key.bytes()[..]]);
        Self { key, id: [digest[0], digest[1], digest[2], digest[3]] }
    }

    fn line(&self, origin: &str) -> String {
        let key = BASE64.encode([&[ED25519], &self.key.bytes()[..]].concat());
        format!("{origin}+{:08x}+{key}\n", u32::from_be_bytes(self.id))
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
    /// log's own; they are not judged here. While a key is followed by another, both sign.
    pub fn verify(note: &str, name: &LogName) -> Result<Self, BadNote> {
        let (text, lines) = split(note)?;
        let checkpoint = Self::parse_text(text, name)?;
        let own = format!("— {} ", name.origin);
        let own: Vec<&str> = lines.into_iter().filter(|line| line.starts_with(&own)).collect();
        let mut signers = Vec::new();
        for line in &own {
            match name.signer(text, line) {
                Signer::Known(key) if !signers.contains(&key) => signers.push(key),
                Signer::Known(_) => return Err(BadNote::Malformed("signed twice by one key of the log")),
                Signer::Unknown => {}
                Signer::Bad => return Err(BadNote::Unsigned),
            }
        }
        match (own.len(), signers.is_empty()) {
            (3.., _) => Err(BadNote::Malformed("signed by more than two keys of the log")),
            (_, true) => Err(BadNote::Unsigned),
            _ => Ok(checkpoint),
        }
    }

    /// Whether every line in the log's name is of a key that we know.
    pub(crate) fn signers_are_known(note: &str, name: &LogName) -> bool {
        let own = format!("— {} ", name.origin);
        let known = |(text, lines): (&str, Vec<&str>)| {
            lines.iter().filter(|line| line.starts_with(&own)).all(|line| name.signed(text, line))
        };
        split(note).is_ok_and(known)
    }

    /// The same for a note that this log wrote itself: its own signatures and nothing else; with the keys that
    /// signed.
    pub(crate) fn verify_own(note: &[u8], name: &LogName) -> Result<(Self, Vec<VerifyingKey>), BadNote> {
        let note = std::str::from_utf8(note).map_err(|_| BadNote::Malformed("not UTF-8"))?;
        if !(5..=6).contains(&note.matches('\n').count()) {
            return Err(BadNote::Malformed("not three lines and one signature or two"));
        }
        let checkpoint = Self::verify(note, name)?;
        let (text, lines) = split(note)?;
        let signer = |line: &&str| match name.signer(text, line) {
            Signer::Known(key) => Ok(key),
            _ => Err(BadNote::Unsigned),
        };
        Ok((checkpoint, lines.iter().map(signer).collect::<Result<_, _>>()?))
    }

    /// What such a note says, without judging its signatures: for who knows by a digest that it is the one that was
    /// written.
    pub(crate) fn read_own(note: &[u8], name: &LogName) -> Result<Self, BadNote> {
        let note = std::str::from_utf8(note).map_err(|_| BadNote::Malformed("not UTF-8"))?;
        Self::parse_text(split(note)?.0, name)
    }

    /// The note without the signatures of others.
    pub(crate) fn own(note: &str, name: &LogName) -> String {
        let own = format!("— {} ", name.origin);
        note.split_inclusive('\n').filter(|line| !line.starts_with("— ") || line.starts_with(&own)).collect()
    }

    /// Signed by these keys, each of which the name knows.
    pub(crate) fn sign(self, name: &LogName, keys: &[&SigningKey]) -> String {
        let text = self.text(name);
        let line = |key: &&SigningKey| {
            let public = key.public();
            let known = name.keys.iter().find(|k| k.key == public);
            known.map(|known| name.signature_line(known, &key.sign(text.as_bytes())[..]))
        };
        let lines: String = keys.iter().filter_map(line).collect();
        format!("{text}\n{lines}")
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
        let note = checkpoint.sign(&name, &[&key]);
        assert_eq!(Checkpoint::verify_own(note.as_bytes(), &name), Ok((checkpoint, vec![key.public()])));
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
        let note = checkpoint.sign(&name, &[&key]);
        let witnessed = format!("{note}— witness.example AAAAAAAA\n");
        assert_eq!(Checkpoint::verify(&witnessed, &name), Ok(checkpoint));
        assert!(Checkpoint::verify_own(witnessed.as_bytes(), &name).is_err());
        assert_eq!(Checkpoint::verify(&note, &other), Err(BadNote::Unsigned));
        assert_eq!(Checkpoint::verify(&checkpoint.sign(&other, &[&other_key]), &name), Err(BadNote::Unsigned));
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
        let opened = name.open(&checkpoint.sign(&name, &[&key])).map(str::to_owned);
        assert!(opened.unwrap().starts_with(name.origin()));
    }

    #[test]
    fn sizes_have_one_spelling() {
        let (key, name) = log();
        for size in ["01", "+1", "-1", "1 ", ""] {
            let text = format!("{}\n{size}\n{}\n", name.origin(), BASE64.encode([1; 32]));
            let note = format!("{text}\n{}", name.signature_line(name.newest(), &key.sign(text.as_bytes())[..]));
            assert!(Checkpoint::verify(&note, &name).is_err(), "{size:?}");
        }
    }

    #[test]
    fn a_key_that_follows_another_is_of_the_same_log_and_both_may_sign() {
        let (old_key, old) = log();
        let new_key = SigningKey::generate();
        let name = old.followed_by(new_key.public());
        assert_eq!(name.vkey().lines().count(), 2);
        assert_eq!(LogName::parse(&name.vkey()).unwrap().vkey(), name.vkey());
        assert!(name.continues(&old) && name.continues(&name) && !old.continues(&name));
        assert!(name.is_key(&new_key.public()) && !name.is_key(&old_key.public()));
        let checkpoint = Checkpoint { size: 3, root: [7; 32] };
        let (before, both) = (checkpoint.sign(&old, &[&old_key]), checkpoint.sign(&name, &[&new_key, &old_key]));
        let after = checkpoint.sign(&name, &[&new_key]);
        for (note, by_old, by_name) in [(&before, true, true), (&both, true, true), (&after, false, true)] {
            assert_eq!(Checkpoint::verify(note, &old).is_ok(), by_old, "{note}");
            assert_eq!(Checkpoint::verify(note, &name).is_ok(), by_name, "{note}");
        }
        assert!(Checkpoint::verify_own(both.as_bytes(), &name).is_ok_and(|(_, by)| by.len() == 2));
        // To who knows one key, the other's line is a stranger's; to who knows both, every bit counts.
        assert!(Checkpoint::verify_own(both.as_bytes(), &old).is_err());
        for bit in 0..both.len() * 8 {
            let mut bytes = both.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Checkpoint::verify_own(&bytes, &name).is_err(), "bit {bit}");
        }
        let line = after.lines().last().unwrap();
        assert!(Checkpoint::verify(&format!("{after}{line}\n"), &name).is_err(), "twice");
        let twice = format!("{}{}", old.vkey(), old.vkey());
        assert!(LogName::parse(&twice).is_err());
    }
}
