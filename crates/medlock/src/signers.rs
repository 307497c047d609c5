//! People who sign what must not be changed or brought by one person alone: policies, models. Signatures are signed notes
//! (C2SP signed-note), with keys that `medlock key signer` makes.

use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use medlock_audit::LogName;
use medlock_keys::file::{read_private, write_private};
use medlock_keys::sign::SigningKey;
use medlock_model::ModelSeal;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Who may sign something, and how many of them it takes.
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
        let reading = || format!("reading {}", file.display());
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

    /// The text of a note that some of them have signed, and who. Texts of different kinds begin with different lines, so that
    /// no signature counts for another kind.
    pub(crate) fn signed<'n>(&self, note: &'n str) -> Option<(&'n str, Vec<&str>)> {
        let signed: Vec<(&str, &str)> =
            self.names.iter().filter_map(|name| name.open(note).ok().map(|text| (text, name.origin()))).collect();
        let text = signed.first()?.0;
        Some((text, signed.into_iter().map(|(_, name)| name).collect()))
    }

    /// That they are enough.
    pub(crate) fn enough(&self, by: &[&str]) -> Result<(), String> {
        match by.len() < self.needed {
            true => Err(format!("{} of {} have signed: {}", by.len(), self.needed, by.join(", "))),
            false => Ok(()),
        }
    }
}

impl ModelSeal for Signers {
    fn opened(&self, note: &str) -> Result<String, String> {
        let (text, by) =
            self.signed(note).ok_or("nobody of the signers has signed: medlock model sign NAME --key FILE")?;
        self.enough(&by).map(|()| text.to_owned())
    }
}

/// The key of a signer, and the name that stands in the `.vkey` beside it.
pub(crate) fn key(file: &Path) -> Result<(LogName, SigningKey), Failure> {
    let key = read_private(file).doing(format!("reading {}", file.display()))?;
    let key = SigningKey::from_pkcs8(&key).ok_or_else(|| Failure::error("this is no signing key"))?;
    let vkey = fs::read_to_string(file.with_extension("vkey")).doing("reading the .vkey beside the key")?;
    Ok((LogName::parse(&vkey).doing("reading the .vkey beside the key")?, key))
}

/// A note of this text with one more signature: those of others stay if they are of the same text.
pub(crate) fn sign(note: Option<&str>, text: &str, name: &LogName, key: &SigningKey) -> Result<String, Failure> {
    let same = note.and_then(|note| note.rsplit_once("\n\n")).filter(|(body, _)| format!("{body}\n") == text);
    let own = format!("— {} ", name.origin());
    let others = same.map_or("", |(_, lines)| lines).split_inclusive('\n').filter(|line| !line.starts_with(&own));
    Ok(name.sign(text, key).doing("signing")? + &others.collect::<String>())
}

/// How many have signed, whoever they are.
pub(crate) fn count(note: &str) -> usize {
    note.lines().filter(|line| line.starts_with("— ")).count()
}

/// Makes a key of a signer: NAME.key, to be kept, and NAME.vkey, to be given to whoever checks.
pub(crate) fn make_key(name: &str, dir: &Path, terminal: Terminal) -> Result<(), Failure> {
    let key = SigningKey::generate();
    let named = LogName::new(name, key.public())
        .ok()
        .filter(|_| !name.contains(['/', ':']) && !name.starts_with('.'))
        .ok_or_else(|| Failure::error("a signer's name is 1 to 128 of A-Z a-z 0-9 . _ -"))?;
    let (private, public) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.vkey")));
    if private.exists() || public.exists() {
        return Err(Failure::denied(format!("{} is there already; nothing was changed", private.display())));
    }
    write_private(&private, &key.to_pkcs8()).doing(format!("writing {}", private.display()))?;
    fs::write(&public, named.vkey()).doing(format!("writing {}", public.display()))?;
    if terminal.json {
        terminal.json(json!({ "name": name, "vkey": named.vkey().trim_end() }));
    } else {
        terminal.out(named.vkey().trim_end());
        terminal.note("put this line into the file of [policy] signers, and keep the key to yourself");
    }
    Ok(())
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
