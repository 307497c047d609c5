//! An installation, opened: keys, database, log, people. Needs the directory's lock.

use crate::clock::SystemClock;
use crate::config::Settings;
use crate::failure::{Doing, Failure};
use crate::layout::Layout;
use crate::marks::Marks;
use crate::provider;
use crate::witness;
use medlock_audit::medium::Disk;
use medlock_audit::{Error, Limits, Log, Sealing, Signers};
use medlock_auth::{Auth, SessionLimits};
use medlock_domain::{Clock, Timestamp};
use medlock_keys::keyring::{Data, Keyring};
use medlock_keys::period::PeriodKeys;
use medlock_pipeline::admin::{Admin, AdminError};
use medlock_pipeline::content_keys::{self, ContentKeys};
use medlock_review::Index;
use medlock_review::delivery::Deliveries;
use medlock_store::{Store, StoreKeys, VaultStore};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything but the model and the network.
pub(crate) struct Installation {
    pub(crate) store: Store,
    pub(crate) vault: VaultStore,
    pub(crate) log: Log,
    pub(crate) audit_dir: PathBuf,
    pub(crate) auth: Auth,
    pub(crate) admin: Admin,
    /// What finds entries of the log.
    pub(crate) index: Option<Index>,
    pub(crate) content_keys: ContentKeys,
    /// How far the receivers of the log are.
    pub(crate) deliveries: Deliveries,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Installation {
    /// Opens what `settings` says.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let layout = &settings.layout;
        let keys = Keyring::open(&layout.keys()).doing("opening the keys")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let days = Arc::new(days(layout, &keys)?);
        let log = open_log(settings, &keys, days.clone(), clock.clone())?;
        let of = |data| keys.data_key(data).clone();
        let store = Store::open(&layout.database(), StoreKeys { seal: of(Data::Store), mac: of(Data::RowMac) })
            .await
            .doing("opening the database")?;
        let vault = store.vault(of(Data::Vault));
        let policy = settings.policy.source()?;
        let limits = SessionLimits {
            idle_ms: settings.session_idle_minutes * 60_000,
            absolute_ms: settings.session_absolute_hours * 3_600_000,
            fresh_ms: settings.session_fresh_minutes * 60_000,
        };
        let auth = Auth::open(store.clone(), policy, clock.clone(), limits, &settings.login_origin)
            .await
            .doing("loading the policies")?;
        auth.with_zone(settings.policy.zone.clone());
        if let Some(sso) = &settings.sso {
            auth.with_provider(provider::of(sso, &settings.login_origin)?);
        }
        let content_keys = ContentKeys::new(store.holders(of(Data::Content)), days);
        let deliveries = Deliveries::default();
        let admin = Admin::new(auth.clone(), log.clone()).with_review_rules(settings.review);
        let admin = admin.with_emergencies(settings.emergency, deliveries.clone());
        let mut admin = admin.with_content_keys(content_keys.clone(), settings.backups.clone());
        // Who cannot tell what was erased or is held opens and erases nothing; requests are served, and an emergency can
        // be declared.
        let without = |why: &dyn Display| {
            tracing::warn!(error = %why, "nothing can be found, opened or erased in the audit log");
            None
        };
        let index = match Index::open(&layout.audit_index(), &layout.audit()).await {
            Err(e) => without(&e),
            Ok(index) => {
                let finding = admin.clone().with_index(index.clone());
                // What was erased stays erased, whatever backup was put back.
                match finding.keep_erased().await {
                    // It does not fit the log.
                    Err(e @ AdminError::Refused(_)) => without(&e),
                    again => {
                        let again = again.doing("looking for keys that were destroyed")?;
                        if again > 0 {
                            tracing::warn!(
                                keys = again,
                                "keys that had been destroyed were there again: destroyed again"
                            );
                        }
                        admin = finding;
                        Some(index)
                    }
                }
            }
        };
        let audit_dir = layout.audit();
        Ok(Self { store, vault, log, audit_dir, auth, admin, index, content_keys, deliveries, clock })
    }

    /// Ends in good order. Each step is tried, whatever becomes of the one before.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        let flushed = self.auth.flush().await.doing("writing down last uses");
        self.log.close().await;
        if let Some(index) = self.index {
            index.close().await;
        }
        self.store.close().await;
        flushed
    }
}

/// The keys of days.
pub(crate) fn days(layout: &Layout, keys: &Keyring) -> Result<PeriodKeys, Failure> {
    PeriodKeys::open(&layout.day_keys(), keys.data_key(Data::Content).clone()).doing("opening the keys of days")
}

/// Opens the audit log alone. Its witnesses are asked first, where there are any.
pub(crate) fn open_log(
    settings: &Settings,
    keys: &Keyring,
    days: Arc<PeriodKeys>,
    clock: Arc<dyn Clock>,
) -> Result<Log, Failure> {
    let disk = Box::new(Disk::at(&settings.layout.audit()));
    let (before, now) = (keys.audit_signing_before(), clock.now());
    let previous = before.map(|(key, until)| (key.clone(), Timestamp(until)));
    let signing = Signers { current: keys.audit_signing().clone(), previous };
    let reading = keys.reading_public().clone();
    let sealing = Sealing { reading, periods: Some(content_keys::periods(days)), keep: settings.content_keep_days > 0 };
    let witnesses = settings.witnesses.as_ref().map(witness::of).transpose()?;
    let marks = Marks::of(&settings.marks, clock.clone())?.before(&settings.layout.audit())?;
    let log = Log::open_with(disk, signing, sealing, clock, Limits::default(), witnesses).map_err(|e| match e {
        // Somebody changed what was there: a finding, not a mishap.
        Error::PutBack { .. } | Error::OtherHistory { .. } | Error::RolledBack { .. } | Error::Forked { .. } => {
            Failure::denied(e.to_string())
        }
        e => Failure::Error(e.to_string()),
    })?;
    Marks::after(&log, &marks)?;
    // It has signed once more by now, whatever its time: the new key needs its word.
    if before.is_some_and(|(_, until)| until <= now.0) {
        Keyring::forget_audit_signing_before(&settings.layout.keys()).doing("forgetting the signing key before")?;
    }
    Ok(log)
}
