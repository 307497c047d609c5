//! `medlock serve`.

use super::{Context, block_on};
use crate::config::{self, Settings};
use crate::detector;
use crate::failure::{Doing, Failure};
use crate::hardening;
use crate::installation::Installation;
use crate::lock;
use crate::marks;
use crate::progress::Bar;
use crate::relationships;
use crate::server::{self, Server};
use crate::signals::Stop;
use crate::sinks;
use crate::telemetry;
use crate::witness;
use medlock_deid::Detector;
use medlock_model::{Enforced, Launcher, ModelError};
use tracing_subscriber::filter::LevelFilter;

/// Runs the server until it is told to stop.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let launcher = before_anything()?;
    telemetry::start(LevelFilter::INFO);
    let settings = config::load(&context.whereabouts)?;
    // Before the confinement: a recognizer's runtime lies outside of the server's own files.
    let detector = detector::of(&settings.detector)?;
    let mut ports = settings.witnesses.as_ref().map(witness::ports).transpose()?.unwrap_or_default();
    ports.extend(sinks::ports(&settings.sinks));
    ports.extend(marks::port(&settings.marks));
    ports.extend(settings.sso.as_ref().map(|sso| sso.port));
    ports.extend(relationships::port(&settings));
    sinks::make_directories(&settings.sinks)?;
    match hardening::confine(&settings, &ports) {
        Some(Enforced::Fully) => {}
        Some(Enforced::Partly) => tracing::warn!("this kernel confines the server's files, not its connections"),
        None => tracing::warn!("this kernel has no Landlock: the server process is not confined"),
    }
    block_on(serve(settings, launcher, detector, context))
}

/// What must come before a file is opened or a thread is started: the process gives up what it can,
/// and the launcher is started, in whose memory nothing of the server will ever have been.
pub(crate) fn before_anything() -> Result<Launcher, Failure> {
    hardening::apply()?;
    hardening::ignore_signals_in_children();
    let exe = std::env::current_exe().doing("finding our own executable")?;
    Launcher::start(&exe).doing("starting the launcher of the model processes")
}

async fn serve(
    settings: Settings,
    launcher: Launcher,
    detector: &'static Detector,
    context: &Context,
) -> Result<(), Failure> {
    let stop = Stop::listen()?;
    let mut lock = lock::take_or_fail(&settings.layout)?;
    let registry = server::registry(&settings.model)?;
    let bar = Bar::new(context.terminal);
    let verified = registry.verify_with(&settings.model.name, &bar).await;
    drop(bar);
    let model = verified.map_err(|e| match e {
        ModelError::Refused { .. } | ModelError::Unsigned { .. } => Failure::Denied(e.to_string()),
        e => Failure::Error(e.to_string()),
    })?;
    let installation = Installation::open(&settings).await?;
    let server = Server::start(&settings, installation, launcher, model, detector).await?;
    lock.serving_at(server.address())?;
    let engine = server.engine();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %server.address(),
        model = %settings.model.name,
        detector = detector.version(),
        ms = engine.load_ms,
        "serving"
    );
    if let Some(at) = server.metrics_address() {
        tracing::info!(listen = %at, "metrics");
    }
    if settings.witnesses.is_none() {
        tracing::warn!("no witness signs the audit log: it is tamper-evident below root only");
    }
    if !engine.memory_locked {
        tracing::warn!("the model's memory may be swapped out: raise RLIMIT_MEMLOCK, or turn swap off or encrypt it");
    }
    server.run(stop.wanted()).await?;
    tracing::info!("stopped");
    drop(lock);
    Ok(())
}
