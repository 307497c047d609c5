//! [`Auth`]: its parts, opening it, and what is written down behind the scenes.

use crate::approval::Grants;
use crate::emergency::Emergencies;
use crate::error::AuthError;
use crate::factor::Nobody;
use crate::oidc::Provider;
use crate::passkey::{Origin, Passkeys};
use crate::permit::AdminAction;
use crate::permit::AdminPermit;
use crate::policy::{Found, Loaded, PolicySource, Reloaded, Signed, When, Zone};
use crate::sessions::LiveSessions;
use crate::standing::Standing;
use crate::throttle::Throttle;
use medlock_domain::{Clock, KeyId, Timestamp};
use medlock_keys::digest::Digest;
use medlock_store::Store;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long sessions last (45 CFR 164.312(a)(2)(iii); SP 800-63B-4 allows an hour and a day).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without use.
    pub idle_ms: i64,
    /// In all.
    pub absolute_ms: i64,
    /// For so long a second factor counts as fresh.
    pub fresh_ms: i64,
}

impl Default for SessionLimits {
    /// 15 minutes, 12 hours, and five minutes.
    fn default() -> Self {
        Self { idle_ms: 15 * 60 * 1000, absolute_ms: 12 * 60 * 60 * 1000, fresh_ms: 5 * 60 * 1000 }
    }
}

/// Decides who somebody is and what they may. Cheap to clone.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: SessionLimits,
    pub(crate) loaded: RwLock<Arc<Loaded>>,
    source: Mutex<PolicySource>,
    pub(crate) standing: Standing,
    pub(crate) sessions: LiveSessions,
    pub(crate) emergencies: Emergencies,
    pub(crate) grants: Grants,
    pub(crate) throttle: Throttle,
    /// Argon2 takes 19 MiB and a core: two at a time, and a short queue.
    pub(crate) hashing: Semaphore,
    pub(crate) hashing_queue: AtomicUsize,
    pub(crate) nobody: Nobody,
    pub(crate) passkeys: Passkeys,
    pub(crate) provider: std::sync::OnceLock<Provider>,
    zone: std::sync::OnceLock<Zone>,
    /// One change of people, keys or policies at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    keys_used: Mutex<HashMap<KeyId, Timestamp>>,
    last_flush: AtomicI64,
    background: Mutex<JoinSet<()>>,
}

/// Last uses are written down this often.
const FLUSH_MS: i64 = 30_000;

impl Auth {
    /// Opens with policies that pass strict validation; passkeys are bound to `origin`.
    ///
    /// # Errors
    /// [`AuthError::Policy`] with every mistake in them.
    pub async fn open(
        store: Store,
        policy: PolicySource,
        clock: Arc<dyn Clock>,
        limits: SessionLimits,
        origin: &Origin,
    ) -> Result<Auth, AuthError> {
        let found = policy.found().await?;
        let loaded = Loaded::of(&found, 1)?;
        let now = clock.now();
        in_order(&store, &found, now).await?;
        // One that somebody changed confers nothing, and keeps nobody from their work.
        let known = |row: Result<_, _>| row.inspect_err(|e| tracing::error!(error = %e, "emergency access")).ok();
        let emergencies = Emergencies::of(store.live_emergencies(now).await?.into_iter().filter_map(known).collect());
        let known = |row: Result<_, _>| row.inspect_err(|e| tracing::error!(error = %e, "approval")).ok();
        let open: Vec<_> = store.open_approvals(now).await?.into_iter().filter_map(known).collect();
        Ok(Auth(Arc::new(Inner {
            store,
            clock,
            limits,
            loaded: RwLock::new(Arc::new(loaded)),
            source: Mutex::new(policy),
            standing: Standing::default(),
            sessions: LiveSessions::default(),
            emergencies,
            grants: Grants::of(&open),
            throttle: Throttle::default(),
            hashing: Semaphore::new(2),
            hashing_queue: AtomicUsize::new(0),
            nobody: Nobody::new(),
            passkeys: Passkeys::new(origin),
            provider: std::sync::OnceLock::new(),
            zone: std::sync::OnceLock::new(),
            changing: tokio::sync::Mutex::new(()),
            keys_used: Mutex::new(HashMap::new()),
            last_flush: AtomicI64::new(now.0),
            background: Mutex::new(JoinSet::new()),
        })))
    }

    /// SHA-256 over the schema and the policies in force.
    pub fn policy_digest(&self) -> Digest {
        self.loaded().digest
    }

    /// As which version those in force are signed, where they have to be.
    pub fn policy_version(&self) -> Option<u64> {
        self.loaded().version
    }

    /// The generation of the policies in force; it grows with each reload.
    pub fn policy_epoch(&self) -> u64 {
        self.loaded().epoch
    }

    /// Loads the policies anew, from where they came, if they are the ones `expected`. They are validated first:
    /// when one is wrong, what is in force stays. Every permit given before is cut.
    ///
    /// # Errors
    /// [`AuthError::Policy`] with every mistake in them.
    pub async fn reload_policy(
        &self,
        by: &AdminPermit,
        expected: Digest,
        log_index: u64,
    ) -> Result<Reloaded, AuthError> {
        self.reload(by, self.source(), Some(expected), log_index).await
    }

    /// The digest of what [`Auth::reload_policy`] would find now.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn pending_policy(&self) -> Result<Digest, AuthError> {
        Ok(Loaded::digest_of(&self.source().texts().await?))
    }

    fn source(&self) -> PolicySource {
        self.0.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As [`Auth::reload_policy`], from `source`, which later reloads go back to.
    ///
    /// # Errors
    /// [`AuthError::Policy`] with every mistake in them.
    pub async fn reload_policy_from(
        &self,
        by: &AdminPermit,
        source: PolicySource,
        log_index: u64,
    ) -> Result<Reloaded, AuthError> {
        self.reload(by, source, None, log_index).await
    }

    async fn reload(
        &self,
        by: &AdminPermit,
        source: PolicySource,
        expected: Option<Digest>,
        log_index: u64,
    ) -> Result<Reloaded, AuthError> {
        self.usable(by, &[AdminAction::PolicyReload])?;
        let _one_at_a_time = self.0.changing.lock().await;
        let found = source.found().await?;
        let loaded = Loaded::of(&found, self.policy_epoch() + 1)?;
        if expected.is_some_and(|expected| expected != loaded.digest) {
            return Err(AuthError::PolicyChanged);
        }
        in_order(&self.0.store, &found, self.now()).await?;
        let Loaded { digest, epoch, version, .. } = loaded;
        let reloaded = Reloaded { digest, epoch, version, policies: loaded.set.num_of_policies() };
        *self.0.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
        *self.0.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        tracing::info!(epoch = reloaded.epoch, log_index, "policies loaded");
        Ok(reloaded)
    }

    /// Writes down last uses and ends sessions that are over. Happens by itself every 30 s of use;
    /// to be called before the server stops.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn flush(&self) -> Result<(), AuthError> {
        let now = self.now();
        self.0.last_flush.store(now.0, Ordering::SeqCst);
        let background = std::mem::take(&mut *self.0.background.lock().unwrap_or_else(PoisonError::into_inner));
        background.join_all().await;
        self.write_down(now).await
    }

    async fn write_down(&self, now: Timestamp) -> Result<(), AuthError> {
        let (used, over) = self.0.sessions.take_changes(now);
        for (id, at) in used {
            self.0.store.touch_session(&id, at).await?;
        }
        for id in over {
            self.0.store.end_session(&id, now).await?;
        }
        let keys = std::mem::take(&mut *self.0.keys_used.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, at) in keys {
            self.0.store.touch_key(&id, at).await?;
        }
        Ok(())
    }

    /// Where the hours of policies are: UTC, unless it is said once, before anybody asks.
    pub fn with_zone(&self, zone: Zone) {
        // A second one would change what policies mean while they are in force.
        let _ = self.0.zone.set(zone);
    }

    /// The hour as policies see it, and when the next one begins.
    pub(crate) fn when(&self) -> (When, Timestamp) {
        When::of(self.now(), self.0.zone.get_or_init(Zone::default))
    }

    /// The time by which everything here expires.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.0.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn key_used(&self, id: &KeyId, now: Timestamp) {
        self.0.keys_used.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), now);
    }

    /// The last use of each key that is not written down yet.
    pub(crate) fn keys_used(&self) -> HashMap<KeyId, Timestamp> {
        self.0.keys_used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Once in 30 s of use, somebody's request sets the writing off, without waiting for it.
    pub(crate) fn flush_when_due(&self, now: Timestamp) {
        let last = self.0.last_flush.load(Ordering::SeqCst);
        let due = now.0 - last >= FLUSH_MS;
        if due && self.0.last_flush.compare_exchange(last, now.0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            let auth = self.clone();
            self.in_background(async move {
                if let Err(e) = auth.write_down(now).await {
                    tracing::error!(error = %e, "last uses of sessions and keys could not be written");
                }
            });
        }
    }

    /// Runs beside the request, to be awaited by [`Auth::flush`].
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.0.background.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn(work);
    }

    /// Runs to its end even when the caller goes away, so that a change in the database is never
    /// without the cut that belongs to it.
    pub(crate) async fn whole<T: Send + 'static>(
        work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
    ) -> Result<T, AuthError> {
        tokio::spawn(work).await.unwrap_or(Err(AuthError::Interrupted))
    }
}

/// Signed policies go on only: what was in force before does not come back, and one version is one text.
async fn in_order(store: &Store, found: &Found, now: Timestamp) -> Result<(), AuthError> {
    let Some(Signed { version, digest }) = found.signed else { return Ok(()) };
    match store.newest_policy().await? {
        Some((newest, _)) if newest > version => Err(AuthError::PolicySeal(format!(
            "they are version {version}, and version {newest} was in force: sign them as a newer one"
        ))),
        Some((newest, known)) if newest == version && known != digest => {
            Err(AuthError::PolicySeal(format!("others were in force as version {version}: sign them as a newer one")))
        }
        Some((newest, _)) if newest == version => Ok(()),
        _ => Ok(store.add_policy(version, &digest, now).await?),
    }
}
