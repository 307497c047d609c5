//! Signatures of policies: a signed note (C2SP signed-note) beside them, which says their version and digest. One person
//! wrote them, another read them: `[policy] signatures` says how many of the `signers` it takes.

use crate::failure::Failure;
use crate::signers::{self, Signers};
use medlock_audit::LogName;
use medlock_auth::{PolicySeal, PolicyText};
use medlock_keys::digest::{Digest, hex, unhex};
use medlock_keys::sign::SigningKey;

const TITLE: &str = "medlock policies";

impl PolicySeal for Signers {
    fn version(&self, note: &str, digest: &Digest) -> Result<u64, String> {
        let nobody = "nobody of the signers has signed: medlock policy sign DIR --key FILE";
        let (text, by) = self.signed(note).ok_or(nobody)?;
        let Statement { version, digest: of } = Statement::parse(text).ok_or(nobody)?;
        if of != *digest {
            return Err("they were changed after they were signed: medlock policy sign DIR --key FILE".into());
        }
        self.enough(&by).map(|()| version)
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) version: u64,
    pub(crate) digest: Digest,
}

impl Statement {
    fn text(&self) -> String {
        format!("{TITLE}\nversion {}\nsha256 {}\n", self.version, hex(&self.digest))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (TITLE, version, digest) = (lines.next()?, lines.next()?, lines.next()?) else { return None };
        let version: u64 = version.strip_prefix("version ")?.parse().ok()?;
        let digest: Digest = unhex(digest.strip_prefix("sha256 ")?)?.try_into().ok()?;
        let read = Self { version, digest };
        // One spelling only, and nothing beside it.
        (version > 0 && i64::try_from(version).is_ok() && read.text() == text).then_some(read)
    }
}

/// The note with one more signature; a new version of it where the policies are others than it says.
pub(crate) fn sign(
    note: Option<&str>,
    texts: &[PolicyText],
    name: &LogName,
    key: &SigningKey,
) -> Result<(u64, String), Failure> {
    let digest = PolicyText::digest_of(texts);
    let body = note.and_then(|note| note.rsplit_once("\n\n")).map(|(body, _)| format!("{body}\n"));
    let known = body.as_deref().and_then(Statement::parse);
    if note.is_some() && known.is_none() {
        return Err(Failure::error("what is there is no note of signatures of policies: move it away"));
    }
    let statement = match known {
        Some(known) if known.digest == digest => known,
        Some(known) => Statement { version: known.version + 1, digest },
        None => Statement { version: 1, digest },
    };
    Ok((statement.version, signers::sign(note, &statement.text(), name, key)?))
}
