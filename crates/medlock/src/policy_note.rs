//! Signatures of policies: a signed note (C2SP signed-note) beside them, which says their version and digest. One person
//! wrote them, another read them: `[policy] signatures` says how many of the `signers` it takes.

use crate::failure::{Doing, Failure};
use medlock_audit::LogName;
use medlock_auth::{PolicySeal, PolicyText};
use medlock_keys::digest::{Digest, hex, unhex};
use medlock_keys::sign::SigningKey;
use std::fs;
use std::path::Path;

const TITLE: &str = "medlock policies";

/// Who may sign policies.
pub(crate) struct Signers {
    names: Vec<LogName>,
    needed: usize,
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} signers", self.needed, self.names.len())
    }
}

impl Signers {
    /// The verifier keys in a file, a line each.
    pub(crate) fn read(file: &Path, needed: usize) -> Result<Self, Failure> {
        let reading = || format!("reading {}, the signers of policies", file.display());
        let text = fs::read_to_string(file).doing(reading())?;
        let mut names: Vec<LogName> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let name = LogName::parse(line).doing(reading())?;
            let key = |name: &LogName| name.vkey().rsplit('+').next().map(str::to_owned);
            // One person with two names is no second person.
            if names.iter().any(|known| known.origin() == name.origin() || key(known) == key(&name)) {
                return Err(Failure::error(format!("{}: a signer, or a key, is there twice", file.display())));
            }
            names.push(name);
        }
        if names.len() < needed {
            let what = format!("{} has {} signers, and {needed} have to sign", file.display(), names.len());
            return Err(Failure::Error(what));
        }
        Ok(Self { names, needed })
    }
}

impl PolicySeal for Signers {
    fn version(&self, note: &str, digest: &Digest) -> Result<u64, String> {
        let signed: Vec<(&str, &str)> =
            self.names.iter().filter_map(|name| name.open(note).ok().map(|text| (name.origin(), text))).collect();
        let Statement { version, digest: of } = signed
            .first()
            .and_then(|(_, text)| Statement::parse(text))
            .ok_or("nobody of the signers has signed: medlock policy sign DIR --key FILE")?;
        if of != *digest {
            return Err("they were changed after they were signed: medlock policy sign DIR --key FILE".into());
        }
        if signed.len() < self.needed {
            let by: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
            return Err(format!("{} of {} have signed: {}", signed.len(), self.needed, by.join(", ")));
        }
        Ok(version)
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
    let body = note.and_then(|note| note.rsplit_once("\n\n")).map(|(body, lines)| (format!("{body}\n"), lines));
    let known = body.as_ref().and_then(|(body, lines)| Some((Statement::parse(body)?, *lines)));
    if note.is_some() && known.is_none() {
        return Err(Failure::error("what is there is no note of signatures of policies: move it away"));
    }
    let (statement, others) = match known {
        Some((known, lines)) if known.digest == digest => (known, lines),
        Some((known, _)) => (Statement { version: known.version + 1, digest }, ""),
        None => (Statement { version: 1, digest }, ""),
    };
    let own = format!("— {} ", name.origin());
    let others: String = others.split_inclusive('\n').filter(|line| !line.starts_with(&own)).collect();
    let signed = name.sign(&statement.text(), key).doing("signing")?;
    Ok((statement.version, signed + &others))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_person_with_two_names_is_no_second_person() {
        let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate());
        let file = dir.path().join("signers");
        let line = |name: &str, key: &SigningKey| LogName::new(name, key.public()).unwrap().vkey();
        for (second, good) in [(line("eve", &key), false), (line("eve", &SigningKey::generate()), true)] {
            fs::write(&file, line("ada", &key) + &second).unwrap();
            assert_eq!(Signers::read(&file, 2).is_ok(), good);
        }
    }
}
