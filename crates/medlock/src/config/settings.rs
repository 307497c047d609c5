//! The settings, once they have been found to be right.

use super::judge::Judge;
use super::raw::{Mistake, Origin, Raw, Value};
use super::sinks::{SinkSettings, sinks};
use super::sso::{self, SsoSettings};
use crate::failure::Failure;
use crate::layout::Layout;
use crate::relationships::{SEARCH, Search};
use crate::signers::Signers;
use medlock_auth::{PolicySource, Zone};
use medlock_deid::{OnLeak, Preset};
use medlock_domain::{ModelName, RoleName};
use medlock_gateway::{Limits, Quota, QuotaRules};
use medlock_keys::file::read_private;
use medlock_pipeline::admin::{Backup, EmergencyRules, LONGEST_MINUTES, ReviewRules};
use medlock_pipeline::{OnOtherPatient, Rules};
use medlock_review::pack::Hours;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What the server runs with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) layout: Layout,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) tls_cert: PathBuf,
    /// The authorities that client certificates are checked against.
    pub(crate) tls_client_ca: Option<PathBuf>,
    pub(crate) tls_key: KeyRef,
    pub(crate) model: ModelSettings,
    pub(crate) session_idle_minutes: i64,
    pub(crate) session_absolute_hours: i64,
    pub(crate) session_fresh_minutes: i64,
    pub(crate) login_origin: medlock_auth::Origin,
    pub(crate) sso: Option<SsoSettings>,
    pub(crate) limits: Limits,
    pub(crate) quotas: QuotaRules,
    pub(crate) policy: PolicySettings,
    pub(crate) rules: Rules,
    pub(crate) detector: DetectorSettings,
    pub(crate) witnesses: Option<WitnessSettings>,
    /// How long audit content is kept; 0: not at all.
    pub(crate) content_keep_days: u32,
    pub(crate) backups: Vec<Backup>,
    pub(crate) review: ReviewRules,
    pub(crate) emergency: EmergencyRules,
    /// Who treats whom.
    pub(crate) relationships: Option<RelationshipSettings>,
    pub(crate) sinks: Vec<SinkSettings>,
    pub(crate) marks: MarkSettings,
    /// Every setting as text, with where it comes from: for `check-config`.
    pub(crate) resolved: Vec<Resolved>,
}

/// Who keeps account of who treats whom.
#[derive(Debug, Clone)]
pub(crate) enum RelationshipSettings {
    /// A file that another system writes.
    File(PathBuf),
    /// A FHIR server.
    Fhir(FhirSettings),
}

/// How a FHIR server is asked.
#[derive(Debug, Clone)]
pub(crate) struct FhirSettings {
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) ca: PathBuf,
    pub(crate) token: Option<KeyRef>,
    pub(crate) search: Search,
    pub(crate) cache_minutes: u32,
}

fn relationships(j: &mut Judge, data: &Path) -> Option<RelationshipSettings> {
    let file = j.maybe_path("patient.relationships", data);
    let https = |v: &Value| v.as_text().filter(|t| sso::port(t).is_some()).map(str::to_owned);
    let url = j.take("patient.fhir.url", "the https address of a FHIR server", https);
    let ca = j.maybe_path("patient.fhir.ca", data);
    let token = j.take("patient.fhir.token", "\"file:PATH\" or \"env:NAME\"", |v| key_ref(v, data));
    let search = |v: &Value| v.as_text().and_then(|text| text.parse::<Search>().ok());
    let search = j.take("patient.fhir.search", SEARCH, search);
    let cache_minutes = j.number("patient.fhir.cache_minutes", 5, 0..=60) as u32;
    let Some(url) = url else {
        if ca.is_some() || token.is_some() || search.is_some() {
            j.conflict("patient.fhir.url", "set it as well: which server is asked");
        }
        return file.map(RelationshipSettings::File);
    };
    if file.is_some() {
        j.conflict(
            "patient.fhir.url",
            "relationships come from a file (patient.relationships) or from a FHIR server, not from both",
        );
    }
    let (Some(ca), Some(search)) = (ca, search) else {
        j.conflict("patient.fhir.url", "set ca and search as well: whom to trust, and what is searched for");
        return None;
    };
    let port = sso::port(&url)?;
    Some(RelationshipSettings::Fhir(FhirSettings { url, port, ca, token, search, cache_minutes }))
}

/// Which policies, and whose signatures they need.
#[derive(Debug, Clone)]
pub(crate) struct PolicySettings {
    pub(crate) dir: Option<PathBuf>,
    /// Verifier keys, a line each.
    pub(crate) signers: Option<PathBuf>,
    /// How many of them.
    pub(crate) signatures: usize,
    /// Where their hours are.
    pub(crate) zone: Zone,
}

impl PolicySettings {
    /// Where they come from.
    pub(crate) fn source(&self) -> Result<PolicySource, Failure> {
        Ok(match (self.dir.clone(), &self.signers) {
            (None, _) => PolicySource::Shipped,
            (Some(dir), None) => PolicySource::Directory(dir),
            (Some(dir), Some(file)) => PolicySource::Signed(dir, Arc::new(Signers::read(file, self.signatures)?)),
        })
    }
}

fn policy_zone(j: &mut Judge) -> Zone {
    let zone: Option<Zone> = j.text("policy.time_zone", "the name of a time zone, such as \"Europe/Berlin\"");
    zone.unwrap_or_else(|| {
        j.default("policy.time_zone", "UTC".to_owned());
        Zone::default()
    })
}

/// Which model, and how it is run.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    pub(crate) name: ModelName,
    pub(crate) dir: PathBuf,
    pub(crate) engines: usize,
    pub(crate) context: u32,
    pub(crate) queue: usize,
    /// Requests of one asker that are answered in one context at once; 1: each in its own.
    pub(crate) together: u32,
    /// How long what was made of a conversation is kept for its next turn.
    pub(crate) keep: Duration,
    /// Whose signatures models of the site need: verifier keys, a line each; and how many of them.
    pub(crate) signers: Option<PathBuf>,
    pub(crate) signatures: usize,
}

/// What finds identifiers.
#[derive(Debug, Clone, Default)]
pub(crate) struct DetectorSettings {
    pub(crate) preset: Preset,
    pub(crate) onnx: Option<OnnxSettings>,
}

/// A model of the user's own.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "onnx"), allow(dead_code, reason = "judged in every build, used in one"))]
pub(crate) struct OnnxSettings {
    pub(crate) dir: PathBuf,
    pub(crate) library: PathBuf,
    /// If nothing is said, what suits the kind of model.
    pub(crate) threshold: Option<f64>,
}

/// Who signs the audit log's checkpoints.
#[derive(Debug, Clone)]
pub(crate) struct WitnessSettings {
    /// A C2SP tlog-policy.
    pub(crate) policy: PathBuf,
    /// The certificates that the witnesses' are checked against.
    pub(crate) ca: PathBuf,
    pub(crate) grace_minutes: i64,
}

/// Where checkpoints of the audit log are kept that this server cannot take back.
#[derive(Debug, Clone)]
pub(crate) struct MarkSettings {
    pub(crate) every: Duration,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) s3: Option<S3Settings>,
}

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct S3Settings {
    /// Of the bucket.
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) prefix: String,
    pub(crate) region: String,
    pub(crate) key_id: String,
    pub(crate) secret: KeyRef,
    pub(crate) ca: PathBuf,
    /// Object lock in compliance mode for so long; 0: as the bucket's default is.
    pub(crate) lock_days: u32,
}

/// One setting as text.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) key: &'static str,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// Where a secret is: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyRef {
    File(PathBuf),
    Env(String),
}

impl KeyRef {
    /// What it leads to, without an end of line.
    pub(crate) fn read(&self) -> io::Result<Zeroizing<String>> {
        match self {
            KeyRef::File(path) => {
                let bytes = read_private(path).map_err(io::Error::other)?;
                let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
                Ok(Zeroizing::new(text.trim_end().to_owned()))
            }
            KeyRef::Env(name) => std::env::var(name)
                .map(Zeroizing::new)
                .map_err(|_| io::Error::other(format!("the environment has no variable {name}"))),
        }
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyRef::File(path) => write!(f, "file:{}", path.display()),
            KeyRef::Env(name) => write!(f, "env:{name}"),
        }
    }
}

const ADDRESS: &str = "an address and port such as \"127.0.0.1:8443\" or \"[::1]:8443\"";
const NAME: &str = "a model of the catalogue (`medlock model list`)";
const BACKUPS: &str = "names, each with the days that one is kept: \"nightly 35, offsite 400\"";
const LOGIN_ORIGIN: &str =
    "the address that browsers see, \"https://NAME\" or \"https://NAME:PORT\"; passkeys take no IP address";
const SECRET: &str = "a reference to the key, \"file:PATH\" or \"env:NAME\", never the key itself";

/// Judges everything; relative paths are under `base` (`data_dir`) or under the data directory.
pub(super) fn judge(raw: Raw, base: &Path) -> Result<Settings, Vec<Mistake>> {
    let mut j = Judge::new(raw);
    let layout = Layout::new(j.path("data_dir", ".", base));
    let data = layout.root().to_owned();
    let listen = j.text("listen", ADDRESS).unwrap_or_else(|| {
        j.default("listen", DEFAULT_LISTEN.to_string());
        DEFAULT_LISTEN
    });
    let metrics_listen = j.text("metrics_listen", ADDRESS);
    let tls_cert = j.path("tls.cert", "tls/server.pem", &data);
    let tls_key = j.take("tls.key", SECRET, |v| key_ref(v, &data)).unwrap_or_else(|| {
        let key = KeyRef::File(data.join("tls/server.key"));
        j.default("tls.key", key.to_string());
        key
    });
    let tls_client_ca = j.maybe_path("tls.client_ca", &data);
    let model = model(&mut j, &data);
    let session_idle_minutes = j.number("session.idle_minutes", 15, 1..=480);
    let session_absolute_hours = j.number("session.absolute_hours", 12, 1..=24);
    let session_fresh_minutes = j.number("session.fresh_minutes", 5, 1..=60);
    let login_origin: Option<medlock_auth::Origin> = j.text("login.origin", LOGIN_ORIGIN);
    let sso = sso::judge(&mut j, &data, login_origin.is_some());
    let login_origin = login_origin.unwrap_or_else(|| {
        j.default("login.origin", "https://localhost (any port)".to_owned());
        medlock_auth::Origin::localhost()
    });
    let (limits, quotas) = (limits(&mut j), quotas(&mut j));
    let policy = PolicySettings {
        dir: j.maybe_path("policy.dir", &data),
        signers: j.maybe_path("policy.signers", &data),
        signatures: j.number("policy.signatures", 2, 1..=8) as usize,
        zone: policy_zone(&mut j),
    };
    if policy.signers.is_some() && policy.dir.is_none() {
        j.conflict("policy.signers", "set policy.dir as well: shipped policies are signed by nobody");
    }
    let rules = Rules {
        on_leak: j.word("output.on_leak", "redact", &[("redact", OnLeak::Redact), ("block", OnLeak::Block)]),
        on_other_patient: j.word(
            "patient.mismatch",
            "flag",
            &[("flag", OnOtherPatient::Flag), ("deny", OnOtherPatient::Deny)],
        ),
    };
    let relationships = relationships(&mut j, &data);
    let detector = detector(&mut j, &data);
    let witnesses = witnesses(&mut j, &data);
    let (review, emergency) = (review(&mut j), emergency(&mut j));
    let sinks = sinks(&mut j, &data);
    let marks = marks(&mut j, &data);
    let production = j.word("profile", "trial", &[("trial", false), ("production", true)]);
    if production && witnesses.is_none() {
        j.conflict("profile", "production demands a witness of the audit log: set audit.witness.policy and audit.witness.ca (medlock witness --help)");
    }
    let content_keep_days = j.number("audit.content.keep_days", 365, 0..=36_525) as u32;
    let backups = j.take("audit.content.backups", BACKUPS, |value| {
        let (Value::Text(text) | Value::Loose(text)) = value else { return None };
        backups(text).map(|_| text.clone())
    });
    let backups = backups.as_deref().and_then(self::backups).unwrap_or_default();
    if session_idle_minutes > session_absolute_hours * 60 {
        j.conflict("session.idle_minutes", "is longer than session.absolute_hours; make it shorter");
    }
    if metrics_listen == Some(listen) && listen.port() != 0 {
        j.conflict("metrics_listen", "is the same as listen; give the metrics a port of their own");
    }
    let resolved = j.finish()?;
    Ok(Settings {
        layout,
        listen,
        metrics_listen,
        tls_cert,
        tls_client_ca,
        tls_key,
        model,
        session_idle_minutes,
        session_absolute_hours,
        session_fresh_minutes,
        login_origin,
        sso,
        limits,
        quotas,
        policy,
        rules,
        detector,
        witnesses,
        content_keep_days,
        backups,
        review,
        emergency,
        relationships,
        sinks,
        marks,
        resolved,
    })
}

/// Where a server listens that nobody told.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);

/// Requests of one asker at once in one context.
const TOGETHER: u32 = 4;
/// The model of the catalogue that everything is tried with.
pub(crate) const DEFAULT_MODEL: &str = "smollm2-135m-instruct";

fn model(j: &mut Judge, data: &Path) -> ModelSettings {
    let name = j.text("model.name", NAME).unwrap_or_else(|| {
        j.default("model.name", DEFAULT_MODEL.to_owned());
        DEFAULT_MODEL.parse().expect("a literal that fits the grammar")
    });
    ModelSettings {
        name,
        dir: j.path("model.dir", "models", data),
        engines: j.number("model.engines", 1, 1..=64) as usize,
        context: j.number("model.context", 4096, 256..=131_072) as u32,
        queue: j.number("model.queue", 16, 1..=1024) as usize,
        keep: Duration::from_secs(60 * j.number("model.keep_minutes", 0, 0..=60) as u64),
        together: j.word("model.isolation", "context", &[("context", TOGETHER), ("request", 1)]),
        signers: j.maybe_path("model.signers", data),
        signatures: j.number("model.signatures", 1, 1..=8) as usize,
    }
}

fn detector(j: &mut Judge, data: &Path) -> DetectorSettings {
    let preset = j.word("detector.preset", Preset::default().name(), &Preset::ALL.map(|p| (p.name(), p)));
    let dir = j.maybe_path("detector.onnx.dir", data);
    let library = j.maybe_path("detector.onnx.library", data);
    let threshold = j.share("detector.onnx.threshold");
    let said = match (&dir, &library, threshold) {
        (None, None, None) => return DetectorSettings { preset, onnx: None },
        (Some(_), ..) => "detector.onnx.dir",
        (None, Some(_), _) => "detector.onnx.library",
        (None, None, Some(_)) => "detector.onnx.threshold",
    };
    if !cfg!(feature = "onnx") {
        j.conflict(
            said,
            "this medlock was built without ONNX models; build it with `--features onnx`, or leave this out",
        );
    }
    if threshold.is_none() {
        j.default("detector.onnx.threshold", "0.5, of a GLiNER 0.3".to_owned());
    }
    let onnx = match (dir, library) {
        (Some(dir), Some(library)) => Some(OnnxSettings { dir, library, threshold }),
        (None, _) => {
            j.conflict(said, "the model is missing; set detector.onnx.dir to its directory");
            None
        }
        (_, None) => {
            j.conflict(said, "the runtime is missing; set detector.onnx.library to the path of libonnxruntime.so");
            None
        }
    };
    DetectorSettings { preset, onnx }
}

fn marks(j: &mut Judge, data: &Path) -> MarkSettings {
    const BUCKET: &str = "the https URL of a bucket, such as \"https://s3.example.com/bucket\"";
    let every = Duration::from_secs(60 * j.number("audit.checkpoints.every_minutes", 10, 1..=1440) as u64);
    let dir = j.maybe_path("audit.checkpoints.dir", data);
    let port = |text: &str| {
        let url = reqwest::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.query().is_none())?;
        url.port_or_known_default()
    };
    let url =
        j.take("audit.checkpoints.s3.url", BUCKET, |v| v.as_text().filter(|t| port(t).is_some()).map(str::to_owned));
    let prefix = j.word_of("audit.checkpoints.s3.prefix", "the beginning of names, such as \"clinic/\"");
    let region = j.word_of("audit.checkpoints.s3.region", "a region").unwrap_or_else(|| "us-east-1".to_owned());
    let key_id = j.word_of("audit.checkpoints.s3.key_id", "the access key's id");
    let secret = j.take("audit.checkpoints.s3.secret", SECRET, |v| key_ref(v, data));
    let ca = j.maybe_path("audit.checkpoints.s3.ca", data);
    let lock_days = j.number("audit.checkpoints.s3.lock_days", 0, 0..=36_525) as u32;
    let s3 = url.and_then(|url| match (key_id, secret, ca) {
        (Some(key_id), Some(secret), Some(ca)) => {
            let (port, prefix) = (port(&url)?, prefix.unwrap_or_default());
            Some(S3Settings { url, port, prefix, region, key_id, secret, ca, lock_days })
        }
        _ => {
            let what = "set key_id, secret and ca as well: who asks, and the certificates that the bucket's is checked \
                        against";
            j.conflict("audit.checkpoints.s3.url", what);
            None
        }
    });
    MarkSettings { every, dir, s3 }
}

fn review(j: &mut Judge) -> ReviewRules {
    let shipped = ReviewRules::default();
    let every_days = j.number("audit.review.every_days", i64::from(shipped.every_days), 0..=366) as u32;
    let from = j.number("audit.review.hours_from", i64::from(shipped.hours.from), 0..=23) as u8;
    let to = j.number("audit.review.hours_to", i64::from(shipped.hours.to), 1..=24) as u8;
    if from >= to {
        j.conflict("audit.review.hours_from", "is not before audit.review.hours_to");
    }
    ReviewRules { every_days, hours: Hours { from, to } }
}

fn emergency(j: &mut Judge) -> EmergencyRules {
    let shipped = EmergencyRules::default();
    let minutes = j.number("break_glass.minutes", i64::from(shipped.minutes), 1..=i64::from(LONGEST_MINUTES)) as u32;
    let review_hours = j.number("break_glass.review_hours", i64::from(shipped.review_hours), 1..=24 * 30) as u32;
    EmergencyRules { minutes, review_hours }
}

/// `nightly 35, offsite 400`.
fn backups(text: &str) -> Option<Vec<Backup>> {
    let one = |part: &str| {
        let (name, days) = part.trim().split_once(' ')?;
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        Some(Backup { name: word.then(|| name.to_owned())?, keep_days: days.trim().parse().ok()? })
    };
    text.split(',').map(one).collect()
}

fn witnesses(j: &mut Judge, data: &Path) -> Option<WitnessSettings> {
    let policy = j.maybe_path("audit.witness.policy", data);
    let ca = j.maybe_path("audit.witness.ca", data);
    let grace_minutes = j.number("audit.witness.grace_minutes", 60, 1..=1440);
    match (policy, ca) {
        (Some(policy), Some(ca)) => Some(WitnessSettings { policy, ca, grace_minutes }),
        (None, None) => None,
        (Some(_), None) => {
            j.conflict(
                "audit.witness.policy",
                "set audit.witness.ca as well: the certificates that the witnesses' are checked against",
            );
            None
        }
        (None, Some(_)) => {
            j.conflict("audit.witness.ca", "set audit.witness.policy as well: whose signatures are enough");
            None
        }
    }
}

/// Of each caller, of those in a role, and of each network source. What a role does not say is as for everybody.
fn quotas(j: &mut Judge) -> QuotaRules {
    let quota = |j: &mut Judge, under: &str, base: Quota| {
        let mut number = |name: &str, base: u32, high: i64| {
            let key: &'static str = format!("limits{under}.{name}").leak();
            j.number(key, i64::from(base), 0..=high) as u32
        };
        Quota {
            requests_per_minute: number("requests_per_minute", base.requests_per_minute, 1_000_000),
            requests_per_day: number("requests_per_day", base.requests_per_day, 1_000_000_000),
            tokens_per_minute: number("tokens_per_minute", base.tokens_per_minute, 1_000_000_000),
            tokens_per_day: number("tokens_per_day", base.tokens_per_day, 1_000_000_000),
            requests_at_once: number("requests_at_once", base.requests_at_once, 4096),
        }
    };
    let caller = quota(j, "", Quota::default());
    let source = quota(j, ".source", Quota::default());
    let mut roles = BTreeMap::new();
    for name in j.names_under("limits.role.") {
        match name.parse::<RoleName>() {
            Ok(role) => drop(roles.insert(role, quota(j, &format!(".role.{name}"), caller))),
            Err(_) => j.conflict("limits", "limits.role.NAME: the name of a role is up to 32 of a-z 0-9 -"),
        }
    }
    QuotaRules { caller, roles, source }
}

fn limits(j: &mut Judge) -> Limits {
    let shipped = Limits::default();
    let mut number = |key, default: usize, low, high| j.number(key, default as i64, low..=high);
    Limits {
        body_bytes: number("limits.body_bytes", shipped.body_bytes, 1024, 64 << 20) as usize,
        messages: number("limits.messages", shipped.messages, 1, 65_536) as usize,
        connections: number("limits.connections", shipped.connections, 1, 65_536) as usize,
        connections_per_source: number("limits.connections_per_source", shipped.connections_per_source, 1, 65_536)
            as usize,
        in_flight: number("limits.in_flight", shipped.in_flight, 1, 4096) as usize,
        failed_auth_per_minute: number(
            "limits.failed_auth_per_minute",
            shipped.failed_auth_per_minute as usize,
            1,
            10_000,
        ) as u32,
        drain: Duration::from_secs(number("limits.drain_seconds", shipped.drain.as_secs() as usize, 0, 600) as u64),
        ..shipped
    }
}

pub(super) fn key_ref(value: &Value, data: &Path) -> Option<KeyRef> {
    let (Value::Text(text) | Value::Loose(text)) = value else { return None };
    if text.contains("-----") || text.contains('\n') {
        return None; // the key itself
    }
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Some(KeyRef::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Some(KeyRef::File(data.join(path))),
        _ => None,
    }
}
