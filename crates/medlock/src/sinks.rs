//! The receivers of the audit log, as the settings name them: how each is reached.

use crate::clock::SystemClock;
use crate::config::{KeyRef, Settings, SinkSettings, To, Trust};
use crate::failure::{Doing, Failure};
use crate::https;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters, TlsVersion};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use medlock_audit::{Entry, Kind, Log};
use medlock_domain::{Actor, Clock as _};
use medlock_gateway::TlsClient;
use medlock_keys::digest::{hex, hmac_sha256};
use medlock_keys::file::{self, read_private, write_private};
use medlock_keys::random;
use medlock_review::delivery::{Deliveries, Delivery, First, Sink};
use medlock_review::export::{Exporter, Format};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// A receiver that has not taken a batch by then is tried again.
const LIMIT: Duration = Duration::from_secs(30);

/// The ports that must be open for reaching them.
pub(crate) fn ports(sinks: &[SinkSettings]) -> impl Iterator<Item = u16> {
    sinks.iter().filter_map(|sink| match &sink.to {
        To::Dir(_) => None,
        To::Tls { port, .. } | To::Https { port, .. } | To::Mail { port, .. } => Some(*port),
    })
}

/// The files that reaching them needs to read.
pub(crate) fn files(sinks: &[SinkSettings]) -> Vec<&Path> {
    let mut files = Vec::new();
    for sink in sinks {
        if let Some(KeyRef::File(secret)) = &sink.secret {
            files.push(secret.as_path());
        }
        let (To::Tls { trust, .. } | To::Https { trust, .. } | To::Mail { trust, .. }) = &sink.to else { continue };
        files.push(trust.ca.as_path());
        if let Some((cert, key)) = &trust.identity {
            files.push(cert);
            if let KeyRef::File(key) = key {
                files.push(key);
            }
        }
    }
    files
}

/// The directories that they write to.
pub(crate) fn directories(sinks: &[SinkSettings]) -> impl Iterator<Item = &Path> {
    sinks.iter().filter_map(|sink| match &sink.to {
        To::Dir(dir) => Some(dir.as_path()),
        _ => None,
    })
}

/// Makes those, before this process can no more.
pub(crate) fn make_directories(sinks: &[SinkSettings]) -> Result<(), Failure> {
    directories(sinks).try_for_each(|dir| {
        let made = DirBuilder::new().recursive(true).mode(0o750).create(dir);
        made.doing(format!("making the receiver's directory {}", dir.display()))
    })
}

/// Where the place of a receiver is kept.
pub(crate) fn state(settings: &Settings, name: &str) -> PathBuf {
    settings.layout.sinks().join(format!("{name}.state"))
}

/// Begins to deliver to all of them; that is a record each, with the agreement. Ends when it is dropped.
pub(crate) async fn begin(settings: &Settings, log: &Log, deliveries: &Deliveries) -> Result<JoinSet<()>, Failure> {
    let mut running = JoinSet::new();
    for sink in &settings.sinks {
        let doing = || format!("setting up the receiver {} of the audit log", sink.name);
        let keys = settings.layout.sink_keys();
        for dir in [settings.layout.sinks(), keys.clone()] {
            DirBuilder::new().recursive(true).mode(0o700).create(&dir).doing(doing())?;
        }
        let key = token_key(&keys.join(format!("{}.key", sink.name)))?;
        let exporter = Exporter::new(sink.format, key, log.name().origin(), env!("CARGO_PKG_VERSION"));
        let state = state(settings, sink.name);
        let audit = settings.layout.audit();
        let delivery = Delivery::new(sink.name, exporter, log.clone(), &audit, &state, deliveries.clone(), sink.alerts);
        let delivery = delivery.doing(doing())?;
        let transport = transport(sink).doing(doing())?;
        let agreement = sink.agreement.as_deref().unwrap_or("none");
        let entry = Entry::new(Kind::Delivery, Actor::Server).word("sink", sink.name).word("state", "begun");
        let entry = entry.word("format", sink.format.as_str()).word("agreement", agreement);
        log.append(entry).await.doing(doing())?;
        running.spawn(delivery.run(transport));
    }
    Ok(running)
}

/// The key of a receiver's tokens, made when the file is not there yet.
pub(crate) fn token_key(file: &Path) -> Result<[u8; 32], Failure> {
    if !file.exists() {
        let key: [u8; 32] = random::bytes();
        write_private(file, &key).doing(format!("writing {}", file.display()))?;
    }
    let key = read_private(file).doing("reading the receiver's key")?;
    (&key[..]).try_into().map_err(|_| Failure::error(format!("{} is no key of a receiver: 32 bytes", file.display())))
}

fn transport(sink: &SinkSettings) -> io::Result<Box<dyn Sink>> {
    Ok(match &sink.to {
        To::Dir(dir) => Box::new(Files { dir: dir.clone(), name: sink.name }),
        To::Tls { host, port, unannounced_end, trust } => {
            let (ca, identity) = read(trust)?;
            let identity = identity.as_ref().map(|(cert, key)| (cert.as_slice(), key.as_slice()));
            let tls = TlsClient::new(&ca, identity).map_err(io::Error::other)?;
            Box::new(Syslog {
                tls,
                host: host.clone(),
                port: *port,
                unannounced_end: *unannounced_end,
                framed: sink.format == Format::Cef,
            })
        }
        To::Mail { .. } => Box::new(Mail::of(sink)?),
        To::Https { url, trust, .. } => {
            let (ca, identity) = read(trust)?;
            let mut http = https::trusting(&ca, LIMIT).map_err(io::Error::other)?;
            if let Some((cert, key)) = identity {
                let pem = Zeroizing::new([&cert[..], b"\n", &key[..]].concat());
                http = http.identity(reqwest::Identity::from_pem(&pem).map_err(io::Error::other)?);
            }
            let secret = sink.secret.as_ref().map(KeyRef::read).transpose()?;
            Box::new(Post { http: http.build().map_err(io::Error::other)?, url: url.clone(), secret })
        }
    })
}

/// A mail for each batch of alerts.
struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
}

impl Mail {
    fn of(sink: &SinkSettings) -> io::Result<Self> {
        let To::Mail { host, port, starttls, from, to, user, trust } = &sink.to else {
            return Err(io::Error::other("not a mail server"));
        };
        let (ca, _) = read(trust)?;
        let tls = TlsParameters::builder(host.clone())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(&ca).map_err(io::Error::other)?)
            .set_min_tls_version(TlsVersion::Tlsv12)
            .build_rustls()
            .map_err(io::Error::other)?;
        let tls = if *starttls { Tls::Required(tls) } else { Tls::Wrapper(tls) };
        let mut server =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(*port).tls(tls).timeout(Some(LIMIT));
        if let (Some(user), Some(secret)) = (user, &sink.secret) {
            server = server.credentials(Credentials::new(user.clone(), secret.read()?.trim().to_owned()));
        }
        let address = |text: &str| text.parse().map_err(|_| io::Error::other("not a mail address"));
        Ok(Self { server: server.build(), from: address(from)?, to: address(to)? })
    }
}

#[async_trait::async_trait]
impl Sink for Mail {
    async fn take(&mut self, _first: First, lines: &[String]) -> io::Result<()> {
        let count = lines.len();
        let subject = format!("medlock: {count} {}", if count == 1 { "alert" } else { "alerts" });
        let mail = Message::builder().from(self.from.clone()).to(self.to.clone()).subject(subject);
        let mail = mail.body(lines.join("\r\n") + "\r\n").map_err(io::Error::other)?;
        self.server.send(mail).await.map(drop).map_err(io::Error::other)
    }
}

type Identity = (Vec<u8>, Zeroizing<Vec<u8>>);

fn read(trust: &Trust) -> io::Result<(Vec<u8>, Option<Identity>)> {
    let identity = trust
        .identity
        .as_ref()
        .map(|(cert, key)| Ok::<_, io::Error>((fs::read(cert)?, Zeroizing::new(key.read()?.as_bytes().to_vec()))));
    Ok((fs::read(&trust.ca)?, identity.transpose()?))
}

/// A file a batch, there when it is whole, for the owner and the group: a collector is not this user. The same batch has the same name.
struct Files {
    dir: PathBuf,
    name: &'static str,
}

#[async_trait::async_trait]
impl Sink for Files {
    async fn take(&mut self, first: First, lines: &[String]) -> io::Result<()> {
        let batch = match first {
            First::Entry(index) => format!("{index:020}"),
            First::Unrecorded(time) => format!("unrecorded-{}", time.0),
        };
        let path = self.dir.join(format!("{}-{batch}.ndjson", self.name));
        let text = lines.join("\n") + "\n";
        tokio::task::spawn_blocking(move || file::write(&path, text.as_bytes(), 0o640))
            .await
            .map_err(io::Error::other)?
    }
}

/// RFC 5425: each message after its length. A connection for each batch (`TlsClient::deliver` says why).
struct Syslog {
    tls: TlsClient,
    host: String,
    port: u16,
    unannounced_end: bool,
    /// The line is only the message of one.
    framed: bool,
}

#[async_trait::async_trait]
impl Sink for Syslog {
    async fn take(&mut self, _first: First, lines: &[String]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(&octet_counted(line, self.framed));
        }
        self.tls.deliver(&self.host, self.port, &bytes, self.unannounced_end, LIMIT).await
    }
}

/// With its length before it. A line that is no syslog message becomes one: facility 13, severity 6.
fn octet_counted(line: &str, framed: bool) -> Vec<u8> {
    let head = if framed { "<110>1 - - medlock - - - " } else { "" };
    let mut bytes = format!("{} {head}", head.len() + line.len()).into_bytes();
    bytes.extend_from_slice(line.as_bytes());
    bytes
}

/// Lines of JSON, posted; 2xx takes them. Signed, where there is a secret: HMAC-SHA-256 over the time and the body, so
/// that a receiver can refuse what somebody else sends, or sends again.
struct Post {
    http: reqwest::Client,
    url: String,
    secret: Option<Zeroizing<String>>,
}

/// `t=1795430400,v1=…`, over `1795430400.` and the body.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let mac = hmac_sha256(secret.as_bytes(), &[format!("{seconds}.").as_bytes(), body.as_bytes()]);
    format!("t={seconds},v1={}", hex(&mac))
}

#[async_trait::async_trait]
impl Sink for Post {
    async fn take(&mut self, _first: First, lines: &[String]) -> io::Result<()> {
        let body = lines.join("\n") + "\n";
        let mut request = self.http.post(&self.url).header("content-type", "application/x-ndjson");
        if let Some(secret) = &self.secret {
            let seconds = SystemClock.now().seconds();
            request = request.header("x-medlock-signature", signature(secret, seconds, &body));
        }
        let answer = request.body(body).send().await.map_err(|e| {
            // Without the URL, which may hold a token of the receiver's.
            io::Error::other(https::cause(&e.without_url()))
        })?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("the receiver answered {}", answer.status()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{octet_counted, signature};

    #[test]
    fn posts_are_signed_with_the_time() {
        // echo -n '1.x' | openssl dgst -sha256 -hmac k
        let expected = "t=1,v1=976cb87e4f568d1c0f03f32859e90af8597cf00b978ba37c229c97d3a15b8449";
        assert_eq!(signature("k", 1, "x"), expected);
    }

    #[test]
    fn a_message_is_counted_in_bytes() {
        assert_eq!(octet_counted("<1>é", false), "5 <1>é".as_bytes());
        assert_eq!(octet_counted("CEF:0|x", true), b"32 <110>1 - - medlock - - - CEF:0|x");
    }
}
