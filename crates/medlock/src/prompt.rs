//! Secrets from people: by prompt on a terminal, from a file, or from stdin. Never from the command
//! line, where every process can read them.

use crate::failure::{Doing, Failure};
use medlock_domain::{BadPatient, PatientRef};
use medlock_keys::password::Secret;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use zeroize::Zeroizing;

/// Longer than any secret that is meant.
const MAX: u64 = 4096;

/// A secret that exists: from `file` (`-` is stdin), else by prompt, else from stdin's next line.
pub(crate) fn secret(what: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    let secret = match file {
        Some(path) if path == Path::new("-") => from_stdin(what)?,
        Some(path) => {
            let file = File::open(path).doing(format!("reading the {what} from {}", path.display()))?;
            first_line(BufReader::new(file)).doing(format!("reading the {what}"))?
        }
        None if io::stdin().is_terminal() => ask(what)?,
        None => from_stdin(what)?,
    };
    if secret.expose().is_empty() {
        return Err(Failure::error(format!("no {what} was given")));
    }
    Ok(secret)
}

/// A patient as the command line names them: `-` is stdin, since command lines are seen and kept.
pub(crate) fn patient(text: &str) -> Result<PatientRef, Failure> {
    patient_text(text)?.parse().map_err(|e: BadPatient| Failure::error(e.to_string()))
}

/// The same, where the id that records have will do as well.
pub(crate) fn patient_text(text: &str) -> Result<Zeroizing<String>, Failure> {
    match text {
        "-" => Ok(Zeroizing::new(from_stdin("patient")?.expose().trim().to_owned())),
        text => Ok(Zeroizing::new(text.to_owned())),
    }
}

/// A secret to be: asked for twice where there is somebody to ask.
pub(crate) fn new_secret(what: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    let first = secret(what, file)?;
    if file.is_none() && io::stdin().is_terminal() {
        let again = ask(&format!("{what} again"))?;
        if again.expose() != first.expose() {
            return Err(Failure::error("the two are not the same"));
        }
    }
    Ok(first)
}

fn ask(what: &str) -> Result<Secret, Failure> {
    let prompt = format!("{}: ", capital(what));
    rpassword::prompt_password(prompt).map(Secret::new).doing(format!("asking for the {what}"))
}

fn from_stdin(what: &str) -> Result<Secret, Failure> {
    first_line(io::stdin().lock()).doing(format!("reading the {what} from stdin"))
}

/// One line and not a byte more of a stream that a second secret may follow in.
fn first_line(reader: impl BufRead) -> io::Result<Secret> {
    let mut line = Zeroizing::new(String::with_capacity(MAX as usize));
    reader.take(MAX).read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\n', '\r'])))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn two_secrets_can_follow_each_other() {
        let mut text = &b"correct horse\r\n123456\nrest"[..];
        assert_eq!(first_line(&mut text).unwrap().expose(), "correct horse");
        assert_eq!(first_line(&mut text).unwrap().expose(), "123456");
        assert_eq!(text, b"rest");
    }
}
