//! Making an installation. Every step leaves what is there alone, so that one that was interrupted
//! is finished by doing it again; the configuration comes last and says that all of it is there.

use crate::config::{self, Settings, Whereabouts};
use crate::failure::{Doing, Failure};
use crate::installation::Installation;
use crate::layout::Layout;
use crate::lock::{self, RunLock};
use medlock_audit::Log;
use medlock_auth::{Enrolment, LocalOperator, NewUser};
use medlock_domain::{RoleName, Username};
use medlock_gateway::dev_ca::DevCa;
use medlock_keys::file::write_private;
use medlock_keys::keyring::Keyring;
use medlock_keys::password::Secret;
use medlock_keys::{digest, random};
use medlock_pipeline::admin::By;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was not there.
    New,
    /// It was.
    Kept,
}

/// Makes the directory, if it is not there, and takes its lock.
pub(crate) fn directory(layout: &Layout) -> Result<RunLock, Failure> {
    let root = layout.root();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .doing(format!("making the data directory {}", root.display()))?;
    lock::take_or_fail(layout)
}

/// The keys: root key, data keys, log signing key, audit reading key.
pub(crate) fn keys(layout: &Layout) -> Result<(Keyring, Made), Failure> {
    let dir = layout.keys();
    if dir.join("root.key").exists() {
        return Ok((Keyring::open(&dir).doing("opening the keys")?, Made::Kept));
    }
    Ok((Keyring::create(&dir).doing("making the keys")?, Made::New))
}

/// A development CA and a certificate of it for this machine and `names`.
pub(crate) fn certificates(layout: &Layout, names: &[String]) -> Result<Made, Failure> {
    if layout.server_cert().exists() && layout.server_key().exists() {
        return Ok(Made::Kept);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(layout.tls()).doing("making the TLS directory")?;
    let ca = DevCa::create().doing("making the development CA")?;
    let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    all.extend(names.iter().cloned());
    let pair = ca.issue_server(&all).doing("making the server's certificate")?;
    for (path, text) in [
        (layout.ca_key(), ca.key_pem().as_str()),
        (layout.ca_cert(), ca.cert_pem()),
        (layout.server_cert(), pair.cert_pem.as_str()),
        (layout.server_key(), pair.key_pem.as_str()),
    ] {
        write_private(&path, text.as_bytes()).doing(format!("writing {}", path.display()))?;
    }
    Ok(Made::New)
}

/// An empty audit log of a name that no other log has.
pub(crate) fn audit_log(layout: &Layout, keys: &Keyring) -> Result<Made, Failure> {
    let dir = layout.audit();
    if dir.join("log.vkey").exists() {
        return Ok(Made::Kept);
    }
    let origin = format!("medlock/{}", digest::hex(&random::bytes::<8>()));
    Log::create(&dir, &origin, keys.audit_signing()).map_err(|e| Failure::Error(e.to_string()))?;
    Ok(Made::New)
}

/// The settings as `text` would have them, or as the file has them that is there.
pub(crate) fn settings(whereabouts: &Whereabouts, layout: &Layout, text: &str) -> Result<(Settings, Made), Failure> {
    if layout.config().exists() {
        return Ok((config::load(whereabouts)?, Made::Kept));
    }
    let file = layout.config();
    let settings = config::parse(text, &file, []).map_err(|mistakes| Failure::Mistakes { file, mistakes })?;
    Ok((settings, Made::New))
}

/// Writes the configuration: what is left after a crash before this is finished by the next init.
pub(crate) fn write_config(layout: &Layout, text: &str) -> Result<(), Failure> {
    let path = layout.config();
    if path.exists() {
        return Ok(());
    }
    write_private(&path, text.as_bytes()).doing(format!("writing {}", path.display()))
}

/// The first administrator, if there is nobody at all. The local operator makes them: whoever can
/// make the directory could do anything to it.
pub(crate) async fn administrator(
    installation: &Installation,
    name: &Username,
    password: Secret,
) -> Result<Option<Enrolment>, Failure> {
    let operator = LocalOperator::new();
    let by = By::Operator(&operator);
    if !installation.admin.list_users(by).await.doing("reading who there is")?.is_empty() {
        return Ok(None);
    }
    let admin: RoleName = "admin".parse().expect("a literal that fits the grammar");
    let user = NewUser { username: name.clone(), password, roles: vec![admin] };
    let created = installation.admin.create_user(by, user).await.doing("making the first administrator")?;
    Ok(Some(created.enrolment))
}

/// A password that nobody could guess: 100 bits, easy to type.
pub(crate) fn made_up_password() -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
    let letters = random::bytes::<20>().map(|b| char::from(LETTERS[usize::from(b & 31)]));
    let mut text = zeroize::Zeroizing::new(String::with_capacity(24));
    for (i, letter) in letters.into_iter().enumerate() {
        if i > 0 && i % 5 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    Secret::new(text.as_str())
}

/// The configuration that init writes.
pub(crate) const CONFIG: &str = "\
# medlock. Every setting there is, with its value and where it comes from: medlock check-config
# Paths are relative to data_dir, and data_dir to this file.
data_dir = \".\"
listen = \"127.0.0.1:8443\"

[tls]
# A development certificate. Replace both files by your own for anything but trying things out.
cert = \"tls/server.pem\"
key = \"file:tls/server.key\"

[model]
name = \"smollm2-135m-instruct\"
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_configuration_that_is_written_is_right() {
        let settings = config::parse(CONFIG, Path::new("/srv/m/medlock.toml"), []).unwrap();
        assert_eq!(settings.layout.root(), Path::new("/srv/m"));
        assert_eq!(settings.tls_cert, settings.layout.server_cert());
    }

    #[test]
    fn made_up_passwords_are_long_and_differ() {
        let (a, b) = (made_up_password(), made_up_password());
        assert_eq!(a.expose().len(), 23);
        assert_ne!(a.expose(), b.expose());
    }

    #[test]
    fn what_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().join("data"));
        let lock = directory(&layout).unwrap();
        let (first, made) = keys(&layout).unwrap();
        assert_eq!(made, Made::New);
        assert_eq!((certificates(&layout, &[]).unwrap(), audit_log(&layout, &first).unwrap()), (Made::New, Made::New));
        let cert = fs::read(layout.server_cert()).unwrap();
        let (second, made) = keys(&layout).unwrap();
        assert_eq!(made, Made::Kept);
        assert_eq!(first.audit_signing().public(), second.audit_signing().public());
        assert_eq!(
            (certificates(&layout, &[]).unwrap(), audit_log(&layout, &second).unwrap()),
            (Made::Kept, Made::Kept)
        );
        assert_eq!(fs::read(layout.server_cert()).unwrap(), cert);
        drop(lock);
    }
}
