//! The server: an open installation, a verified model in its sandbox, and the front door.

use crate::config::{ModelSettings, Settings};
use crate::failure::{Doing, Failure};
use crate::installation::Installation;
use crate::marks::Marks;
use crate::models::Served;
use crate::relationships;
use crate::signers::Signers;
use crate::sinks;
use medlock_audit::medium::Disk;
use medlock_audit::verify::verify_log;
use medlock_audit::{Entry, Kind, Log, Outcome};
use medlock_deid::Detector;
use medlock_domain::{Actor, Timestamp};
use medlock_gateway::{Gateway, GatewayConfig, GatewayError, Parts};
use medlock_model::{
    EngineConfig, EngineHandle, EngineInfo, Launch, Launcher, ModelSeal, PullOptions, Registry, VerifiedModel,
};
use medlock_pipeline::admin::Admin;
use medlock_pipeline::{EngineGenerator, Guard};
use medlock_review::Index;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How long a stop waits for the records of requests that were cut off.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(10);

/// When the whole log is first verified after a start, and how often then.
const FIRST_VERIFY: std::time::Duration = std::time::Duration::from_secs(30);
const VERIFY_EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// How often it is looked for what is overdue.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(600);
/// How often the index of the log takes in what is new.
const INDEX_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// Everything that serves.
pub(crate) struct Server {
    installation: Installation,
    generator: EngineGenerator,
    models: Arc<Served>,
    gateway: Gateway,
    guard: Guard,
    address: SocketAddr,
    /// How long audit content is kept.
    keep_days: u32,
    /// No witness is asked.
    /// The receivers of the log; they end with this.
    delivering: JoinSet<()>,
    /// Where its checkpoints are kept.
    marks: Marks,
}

/// The models directory, with where to pull from.
pub(crate) fn registry(settings: &ModelSettings) -> Result<Registry, Failure> {
    let hf_endpoint = std::env::var("HF_ENDPOINT").ok().filter(|e| !e.is_empty());
    let options = PullOptions { hf_endpoint, ..PullOptions::default() };
    let seal = match &settings.signers {
        None => None,
        Some(file) => Some(Arc::new(Signers::read(file, settings.signatures)?) as Arc<dyn ModelSeal>),
    };
    let registry = Registry::open(&settings.dir).doing("opening the models directory")?;
    Ok(registry.with_options(options).with_seal(seal))
}

impl Server {
    /// Starts the engines and takes the address. Serves nothing before [`Server::run`].
    pub(crate) async fn start(
        settings: &Settings,
        installation: Installation,
        launcher: Launcher,
        model: VerifiedModel,
        detector: &'static Detector,
    ) -> Result<Self, Failure> {
        let engine = start_engine(&settings.model, launcher.clone(), model).await?;
        let generator = EngineGenerator::new(settings.model.name.clone(), engine.clone());
        let served = Arc::new(Served::new(settings.model.clone(), launcher, generator.clone()));
        let mut installation = installation;
        installation.admin = installation.admin.with_models(served.clone());
        let Installation { log, auth, admin, content_keys, deliveries, clock, .. } = &installation;
        let guard = Guard::new(
            auth.clone(),
            log.clone(),
            Arc::new(generator.clone()),
            detector,
            content_keys.clone(),
            relationships::of(settings)?,
            settings.rules,
        );
        let parts = Parts {
            guard: guard.clone(),
            admin: admin.clone(),
            auth: auth.clone(),
            log: log.clone(),
            clock: clock.clone(),
            deliveries: deliveries.clone(),
        };
        let gateway = bind(settings, parts)?;
        let address = gateway.local_addr().doing("asking where the server listens")?;
        record_start(&installation, &engine, address).await?;
        let mut delivering = sinks::begin(settings, &installation.log, &installation.deliveries).await?;
        let marks = Marks::of(&settings.marks, installation.clock.clone())?;
        delivering.spawn(marks.clone().keep(installation.log.clone()));
        let keep_days = settings.content_keep_days;
        Ok(Self { installation, generator, models: served, gateway, guard, address, keep_days, delivering, marks })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.gateway.metrics_addr()
    }

    pub(crate) fn engine(&self) -> EngineInfo {
        self.generator.engine().info().clone()
    }

    pub(crate) fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Serves until `stop`, lets what is running end, and closes everything in good order.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let Self { installation, generator, models, gateway, guard, keep_days, delivering, marks, .. } = self;
        let indexing = installation.index.clone().map(|index| tokio::spawn(keep_up(index)));
        let (log, admin) = (installation.log.clone(), installation.admin.clone());
        let daily = verify_daily(log, installation.audit_dir.clone(), admin, keep_days);
        let verifying = tokio::spawn(daily);
        let looking = tokio::spawn(look_around(installation.admin.clone()));
        let watching = tokio::spawn(models.watch(installation.log.clone()));
        gateway.run(stop).await;
        watching.abort();
        verifying.abort();
        looking.abort();
        if let Some(indexing) = indexing {
            indexing.abort();
        }
        // Requests are cut off by now; their closing records still have to be written.
        if tokio::time::timeout(CLOSING, guard.idle()).await.is_err() {
            tracing::warn!("some requests did not end in time; their records stay open");
        }
        let entry = Entry::new(Kind::ServerStop, Actor::Server).outcome(Outcome::Ok);
        let recorded = installation.log.append(entry).await.doing("recording the stop");
        // What is not delivered by now is at the next start.
        drop(delivering);
        let log = installation.log.clone();
        if let Ok(Err(e)) = tokio::task::spawn_blocking(move || marks.put(&log)).await {
            tracing::warn!(error = %e, "the last checkpoint of the audit log could not be kept elsewhere");
        }
        generator.engine().shut_down().await;
        recorded.and(installation.close().await)
    }
}

/// What `/readyz` and the metrics say beside what is up.
async fn look_around(admin: Admin) {
    loop {
        admin.look_around().await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes new entries into the index, so that the first search does not wait for all of them.
async fn keep_up(index: Index) {
    loop {
        if let Err(e) = index.catch_up().await {
            tracing::warn!(error = %e, "the audit index does not keep up");
        }
        tokio::time::sleep(INDEX_EVERY).await;
    }
}

/// Reads every byte of the log, soon after the start and then every day: an opening looks at the end only.
/// What came of it is a record (164.312(c)(2)); what is wrong is said where operators look.
async fn verify_daily(log: Log, dir: PathBuf, admin: Admin, keep_days: u32) {
    tokio::time::sleep(FIRST_VERIFY).await;
    loop {
        let (name, place) = (log.name().clone(), dir.clone());
        let verified = tokio::task::spawn_blocking(move || verify_log(&Disk::at(&place), &name, None)).await;
        let entry = Entry::new(Kind::LogRead, Actor::Server).word("with", "verify");
        let entry = match verified {
            Err(_panicked) => entry.outcome(Outcome::Aborted),
            Ok(Ok(report)) => {
                let vouched = report.witnessed.iter().map(|(_, time)| *time).min();
                expire(&admin, keep_days, vouched).await;
                entry.int("entries", i64::try_from(report.size).unwrap_or(i64::MAX))
            }
            Ok(Err(problems)) => {
                for problem in &problems {
                    tracing::error!(error = %problem, "the audit log is NOT intact: run `medlock audit verify`");
                }
                entry.outcome(Outcome::Failed).int("problems", i64::try_from(problems.len()).unwrap_or(i64::MAX))
            }
        };
        if log.append(entry).await.is_err() {
            return;
        }
        tokio::time::sleep(VERIFY_EVERY).await;
    }
}

/// Erases the content that has been kept long enough, by the time that a witness vouches for: the clock of this
/// machine is its administrator's.
async fn expire(admin: &Admin, keep_days: u32, vouched: Option<Timestamp>) {
    let Some(time) = vouched else {
        tracing::info!("no witness vouches for the date, so no content is erased by its age");
        return;
    };
    match admin.expire(keep_days, time).await {
        Ok(days) if !days.is_empty() => tracing::info!(days = days.len(), "content of days past their time was erased"),
        Ok(_) => {}
        Err(e) => tracing::error!(error = %e, "content past its time could not be erased"),
    }
}

pub(crate) async fn start_engine(
    wanted: &ModelSettings,
    launcher: Launcher,
    model: VerifiedModel,
) -> Result<EngineHandle, Failure> {
    let config = EngineConfig {
        engines: wanted.engines,
        context: wanted.context,
        queue: wanted.queue,
        together: wanted.together,
        keep: wanted.keep,
        ..EngineConfig::new(Launch::Launcher(launcher), model)
    };
    EngineHandle::start(config).await.doing("starting the model")
}

/// Roles that only the configuration knows would be limits for nobody, and log-ins for nobody.
fn known_roles(settings: &Settings, auth: &medlock_auth::Auth) -> Result<(), Failure> {
    let limited = settings.quotas.roles.keys().map(|role| ("limits.role", role));
    let mapped = settings.sso.iter().flat_map(|sso| &sso.roles).map(|(role, _)| ("sso.roles", role));
    match limited.chain(mapped).find(|(_, role)| !auth.knows_role(role)) {
        None => Ok(()),
        Some((key, role)) => Err(Failure::error(format!("{key}: no policy knows the role {role}"))),
    }
}

fn bind(settings: &Settings, parts: Parts) -> Result<Gateway, Failure> {
    known_roles(settings, &parts.auth)?;
    let cert = &settings.tls_cert;
    let config = GatewayConfig {
        listen: settings.listen,
        cert_pem: std::fs::read_to_string(cert).doing(format!("reading the certificate {}", cert.display()))?,
        key_pem: settings.tls_key.read().doing("reading the TLS key")?,
        client_ca_pem: match &settings.tls_client_ca {
            None => None,
            Some(ca) => Some(std::fs::read_to_string(ca).doing(format!("reading {}", ca.display()))?),
        },
        metrics_listen: settings.metrics_listen,
        limits: settings.limits,
        quotas: settings.quotas.clone(),
    };
    Gateway::bind(config, parts).map_err(|e| match &e {
        GatewayError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::error(format!("{e}; stop what is there, or set `listen` to another address"))
        }
        _ => Failure::Error(e.to_string()),
    })
}

/// The start is a record, with everything that decides what the server will do.
async fn record_start(installation: &Installation, engine: &EngineHandle, at: SocketAddr) -> Result<(), Failure> {
    let Installation { log, auth, .. } = installation;
    let info = engine.info();
    let started = Entry::new(Kind::ServerStart, Actor::Server)
        .word("version", env!("CARGO_PKG_VERSION"))
        .word("listen", &at.to_string())
        .int("policy_epoch", i64::try_from(auth.policy_epoch()).unwrap_or(i64::MAX))
        .digest("policy", auth.policy_digest());
    let started = match auth.policy_version() {
        Some(version) => started.int("policy_version", version as i64),
        None => started,
    };
    let loaded = Entry::new(Kind::ModelLoaded, Actor::Server)
        .word("model", engine.model().name().as_str())
        .digest("weights", engine.model_digest())
        .digest("template", info.template_digest)
        .word("architecture", &info.architecture)
        .int("context", i64::from(info.context));
    log.append(started).await.doing("recording the start")?;
    log.append(loaded).await.doing("recording the model")?;
    Ok(())
}
