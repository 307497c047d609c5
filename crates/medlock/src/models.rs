//! The models of the site, as the running server changes them: the new one is loaded beside the old one, and takes over.

use crate::config::ModelSettings;
use crate::server;
use medlock_audit::{Entry, Kind, Log, Outcome};
use medlock_domain::{Actor, ModelName};
use medlock_keys::digest::{Digest, hex};
use medlock_model::{Launcher, ModelError, Quiet, Registry};
use medlock_pipeline::EngineGenerator;
use medlock_pipeline::admin::{ModelChange, Models};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The version that a change is about.
fn version(registry: &Registry, change: ModelChange, name: &ModelName, digest: Option<&str>) -> Result<Digest, String> {
    let found = match change {
        ModelChange::RollBack => registry.before(name),
        ModelChange::Promote | ModelChange::Quarantine => registry.find(name, digest),
    };
    found.map(|version| version.manifest.sha256).map_err(|e| match e {
        ModelError::Unknown => {
            format!("there is no such version of {name}, or several: medlock model list shows which")
        }
        e => e.to_string(),
    })
}

/// What is on disk, changed.
async fn change(registry: &Registry, change: ModelChange, name: &ModelName, version: Digest) -> Result<(), ModelError> {
    match change {
        ModelChange::Promote => registry.promote(name, &hex(&version), &Quiet).await.map(drop),
        // It may be another one by now than was asked for, and approved.
        ModelChange::RollBack if registry.before(name)?.manifest.sha256 != version => Err(ModelError::NothingBefore),
        ModelChange::RollBack => registry.roll_back(name, &Quiet).await.map(drop),
        ModelChange::Quarantine => registry.quarantine(name, &hex(&version)).map(drop),
    }
}

/// While no server runs: what is loaded at its next start.
pub(crate) struct OnDisk(pub(crate) ModelSettings);

#[async_trait::async_trait]
impl Models for OnDisk {
    fn version(&self, change: ModelChange, name: &ModelName, digest: Option<&str>) -> Result<Digest, String> {
        version(&server::registry(&self.0).map_err(|e| e.to_string())?, change, name, digest)
    }

    async fn change(&self, change: ModelChange, name: &ModelName, version: Digest) -> Result<(), String> {
        let registry = server::registry(&self.0).map_err(|e| e.to_string())?;
        self::change(&registry, change, name, version).await.map_err(|e| e.to_string())
    }
}

/// Of a running server.
pub(crate) struct Served {
    settings: ModelSettings,
    launcher: Launcher,
    generator: EngineGenerator,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

/// How often it is looked whether the file of the model that serves is the one that was loaded.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What tells that a file is another one, or none.
type Stamp = Option<(PathBuf, u64, u64, Option<SystemTime>)>;

impl Served {
    pub(crate) fn new(settings: ModelSettings, launcher: Launcher, generator: EngineGenerator) -> Self {
        Self { settings, launcher, generator, changing: tokio::sync::Mutex::default() }
    }

    fn stamp(&self) -> Stamp {
        let path = self.generator.engine().model().path().to_owned();
        let meta = std::fs::metadata(&path).ok()?;
        Some((path, meta.ino(), meta.len(), meta.modified().ok()))
    }

    /// Sees when the file is changed while it serves: it is read again, and one that is another is moved aside and told of.
    /// What serves is a copy that nobody can change, and goes on.
    pub(crate) async fn watch(self: Arc<Self>, log: Log) {
        let mut known = self.stamp();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let _alone = self.changing.lock().await;
            let now = self.stamp();
            if now == known {
                continue;
            }
            if let Err(e) = self.unchanged().await {
                tracing::error!(error = %e, "the file of the model that serves has changed on disk");
                let entry = Entry::new(Kind::AdminOutcome, Actor::Server).outcome(Outcome::Failed);
                let entry = entry.word("verb", "model_drifted").word("model", self.settings.name.as_str());
                let entry = entry.digest("weights", self.generator.engine().model_digest());
                if log.append(entry).await.is_err() {
                    tracing::error!("that the model has changed on disk could not be recorded");
                }
            }
            known = self.stamp();
        }
    }

    async fn unchanged(&self) -> Result<(), String> {
        let registry = server::registry(&self.settings).map_err(|e| e.to_string())?;
        let found = registry.verify(&self.settings.name).await.map_err(|e| e.to_string())?;
        match *found.sha256() == self.generator.engine().model_digest() {
            true => Ok(()),
            false => Err("another version is promoted than the one that serves".into()),
        }
    }
}

#[async_trait::async_trait]
impl Models for Served {
    fn version(&self, change: ModelChange, name: &ModelName, digest: Option<&str>) -> Result<Digest, String> {
        version(&server::registry(&self.settings).map_err(|e| e.to_string())?, change, name, digest)
    }

    async fn change(&self, change: ModelChange, name: &ModelName, version: Digest) -> Result<(), String> {
        let _alone = self.changing.lock().await;
        let registry = server::registry(&self.settings).map_err(|e| e.to_string())?;
        let serves = *name == self.settings.name;
        if serves && change == ModelChange::Quarantine && self.generator.engine().model_digest() == version {
            return Err("it serves: promote another version first, or roll back".into());
        }
        self::change(&registry, change, name, version).await.map_err(|e| e.to_string())?;
        if !serves || change == ModelChange::Quarantine {
            return Ok(());
        }
        let loaded = async {
            let model = registry.verify(name).await.map_err(|e| e.to_string())?;
            server::start_engine(&self.settings, self.launcher.clone(), model).await.map_err(|e| e.to_string())
        };
        match loaded.await {
            Ok(engine) => {
                tracing::info!(model = %name, sha256 = hex(&version), "another version of the model serves");
                drop(self.generator.swap(engine));
                Ok(())
            }
            Err(why) => {
                // What serves is what is promoted, also after the next start.
                let back = registry.restore(name, &hex(&self.generator.engine().model_digest()));
                back.map_err(|e| format!("{why}; and {e}"))?;
                Err(why)
            }
        }
    }
}
