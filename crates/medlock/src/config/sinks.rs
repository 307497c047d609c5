//! The receivers of the audit log.

use super::judge::Judge;
use super::settings::{KeyRef, key_ref};
use medlock_review::export::Format;
use std::path::{Path, PathBuf};

/// One receiver.
#[derive(Debug, Clone)]
pub(crate) struct SinkSettings {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
    /// It is told of alerts only.
    pub(crate) alerts: bool,
    /// What posts to it are signed with.
    pub(crate) secret: Option<KeyRef>,
    pub(crate) to: To,
    /// Under which agreement it is a business associate, if it is somebody else.
    pub(crate) agreement: Option<String>,
}

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) enum To {
    /// A directory of this host, which a collector reads.
    Dir(PathBuf),
    /// Syslog over TLS (RFC 5425).
    Tls {
        host: String,
        port: u16,
        /// It ends connections without announcing it, and that counts as having read them.
        unannounced_end: bool,
        trust: Trust,
    },
    /// Batches of lines, posted.
    Https { url: String, port: u16, trust: Trust },
    /// A mail for each batch. TLS from the first byte, or demanded before anything is said.
    Mail { host: String, port: u16, starttls: bool, from: String, to: String, user: Option<String>, trust: Trust },
}

/// Whom to trust, and who we are.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub(crate) ca: PathBuf,
    pub(crate) identity: Option<(PathBuf, KeyRef)>,
}

const WHERE: &str = "\"tls://host:6514\", \"https://host/path\", \"smtps://host:465\", \"smtp://host:587\" (STARTTLS) or \"dir:/path\"; \
                     nothing goes out unencrypted";

/// Every `[audit.sink.NAME]`.
pub(super) fn sinks(j: &mut Judge, data: &Path) -> Vec<SinkSettings> {
    j.names_under("audit.sink.").into_iter().filter_map(|name| sink(j, &name, data)).collect()
}

fn sink(j: &mut Judge, name: &str, data: &Path) -> Option<SinkSettings> {
    // Settings are read once, and their keys live as long as they do.
    let key = |part: &str| -> &'static str { format!("audit.sink.{name}.{part}").leak() };
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.len() > 32 || !name.bytes().all(word) {
        j.conflict(key("url"), "a receiver's name is up to 32 of a-z 0-9 -");
        return None;
    }
    let formats = Format::ALL.map(|f| (f.as_str(), f));
    let format = j.word(key("format"), "ocsf", &formats);
    let ours = j.word(key("receiver"), "outside", &[("outside", false), ("ours", true)]);
    let alerts = j.word(key("only"), "everything", &[("everything", false), ("alerts", true)]);
    let secret = j.take(key("secret"), "\"file:PATH\" or \"env:NAME\"", |v| key_ref(v, data));
    let agreement = j.word_of(key("agreement"), "the reference of an agreement, such as \"BAA-2026-17\"");
    let mut mail = |part: &str, expected: &str| {
        let some = |t: &&str| (1..=254).contains(&t.len()) && !t.chars().any(char::is_control);
        j.take(key(part), expected, |v| v.as_text().filter(some).map(str::to_owned))
    };
    let (from, recipient) = (mail("from", "a mail address"), mail("to", "a mail address"));
    let user = mail("user", "the name to log in to the mail server with");
    let ca = j.maybe_path(key("ca"), data);
    let cert = j.maybe_path(key("client_cert"), data);
    let client_key = j.take(key("client_key"), "\"file:PATH\" or \"env:NAME\"", |v| key_ref(v, data));
    let said = j.says(key("url"));
    let Some(url) = j.take(key("url"), WHERE, |v| v.as_text().filter(|t| place(t).is_some()).map(str::to_owned)) else {
        if !said {
            j.conflict(key("url"), &format!("is missing: {WHERE}"));
        }
        return None;
    };
    let place = place(&url)?;
    let identity = match (cert, client_key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => {
            j.conflict(key("client_cert"), "a client certificate needs client_cert and client_key");
            None
        }
    };
    let trust = |j: &mut Judge| {
        if ca.is_none() {
            j.conflict(key("url"), "set ca as well: the certificates that the receiver's is checked against");
        }
        Some(Trust { ca: ca.clone()?, identity: identity.clone() })
    };
    let to = match place {
        Place::Dir(path) => To::Dir(data.join(path)),
        Place::Tls(host, port) => {
            if !matches!(format, Format::Syslog | Format::Cef) {
                j.conflict(key("format"), "over tls:// the format is syslog or cef");
            }
            let ends = [("refuse", false), ("accept", true)];
            let unannounced_end = j.word(key("unannounced_end"), "refuse", &ends);
            To::Tls { host, port, unannounced_end, trust: trust(j)? }
        }
        Place::Https(port) => To::Https { url: url.clone(), port, trust: trust(j)? },
        Place::Mail { host, port, starttls } => {
            let trust = trust(j)?;
            let address = |text: &Option<String>| text.as_ref().is_some_and(|t| t.parse::<lettre::Address>().is_ok());
            if !alerts || !address(&from) || !address(&recipient) || user.is_some() != secret.is_some() {
                let what = "mail takes only = \"alerts\", addresses from and to, and user and secret or neither";
                j.conflict(key("url"), what);
            }
            To::Mail { host, port, starttls, from: from.clone()?, to: recipient.clone()?, user: user.clone(), trust }
        }
    };
    if (from.is_some() || recipient.is_some() || user.is_some()) && !matches!(to, To::Mail { .. }) {
        j.conflict(key("url"), "from, to and user are for smtps:// and smtp://");
    }
    if secret.is_some() && !matches!(to, To::Https { .. } | To::Mail { .. }) {
        j.conflict(key("secret"), "signs what is posted to https://, or logs in to a mail server, and nothing else");
    }
    if agreement.is_none() && !ours && !matches!(to, To::Dir(_)) {
        j.conflict(
            key("url"),
            "a receiver outside needs an agreement (45 CFR 164.308(b)): set agreement to its reference, or receiver = \
             \"ours\" if it is part of the same entity",
        );
    }
    Some(SinkSettings { name: name.to_owned().leak(), format, alerts, secret, to, agreement })
}

enum Place {
    Dir(String),
    Tls(String, u16),
    Https(u16),
    Mail { host: String, port: u16, starttls: bool },
}

fn place(url: &str) -> Option<Place> {
    if let Some(path) = url.strip_prefix("dir:") {
        return (!path.is_empty()).then(|| Place::Dir(path.to_owned()));
    }
    let parsed = reqwest::Url::parse(url).ok()?;
    let host = parsed.host_str().filter(|h| !h.is_empty())?.trim_matches(['[', ']']).to_owned();
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return None;
    }
    match parsed.scheme() {
        "tls" => Some(Place::Tls(host, parsed.port().unwrap_or(6514))),
        "https" => Some(Place::Https(parsed.port_or_known_default()?)),
        "smtps" => Some(Place::Mail { host, port: parsed.port().unwrap_or(465), starttls: false }),
        "smtp" => Some(Place::Mail { host, port: parsed.port().unwrap_or(587), starttls: true }),
        _ => None,
    }
}
