//! Sessions that are alive, by the digest of their token. Last use is true here and behind in the
//! database; what a crash loses of it only ends a session earlier.

use crate::service::SessionLimits;
use medlock_domain::{SessionId, Timestamp, UserId};
use medlock_keys::digest::Digest;
use medlock_store::SessionRow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct LiveSessions(Mutex<HashMap<Digest, Live>>);

#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) last_seen: Timestamp,
    pub(crate) idle_ms: i64,
    pub(crate) absolute: Timestamp,
    pub(crate) mfa: bool,
    /// Used since it was last written down.
    dirty: bool,
}

impl Live {
    pub(crate) fn of(row: &SessionRow, limits: &SessionLimits) -> Self {
        Self {
            id: row.id.clone(),
            user: row.user.clone(),
            last_seen: row.last_seen,
            // A limit that was made shorter holds for what exists already.
            idle_ms: row.idle_ms.min(limits.idle_ms),
            absolute: row.absolute_expires.min(row.created.plus_ms(limits.absolute_ms)),
            mfa: row.mfa.is_some(),
            dirty: false,
        }
    }

    /// When it ends if it is not used again.
    pub(crate) fn expires(&self) -> Timestamp {
        self.absolute.min(self.last_seen.plus_ms(self.idle_ms))
    }
}

impl LiveSessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, token: Digest, live: Live) {
        self.lock().entry(token).or_insert(live);
    }

    /// The session, as it is; not a use of it.
    pub(crate) fn get(&self, token: &Digest) -> Option<Live> {
        self.lock().get(token).cloned()
    }

    /// Uses the session: the idle limit starts again. `None` when it is not there or over.
    pub(crate) fn touch(&self, token: &Digest, now: Timestamp) -> Option<Live> {
        let mut map = self.lock();
        let live = map.get_mut(token).filter(|l| now < l.expires())?;
        if now > live.last_seen {
            live.last_seen = now;
            live.dirty = true;
        }
        Some(live.clone())
    }

    /// Last use by session, for lists.
    pub(crate) fn last_seen(&self) -> HashMap<SessionId, Timestamp> {
        self.lock().values().map(|l| (l.id.clone(), l.last_seen)).collect()
    }

    pub(crate) fn remove(&self, id: &SessionId) {
        self.lock().retain(|_, l| l.id != *id);
    }

    /// What has to be written down: uses, and sessions that are over (which go).
    pub(crate) fn take_changes(&self, now: Timestamp) -> (Vec<(SessionId, Timestamp)>, Vec<SessionId>) {
        let mut map = self.lock();
        let over = map.values().filter(|l| now >= l.expires()).map(|l| l.id.clone()).collect();
        map.retain(|_, l| now < l.expires());
        let mut used = Vec::new();
        for live in map.values_mut().filter(|l| l.dirty) {
            live.dirty = false;
            used.push((live.id.clone(), live.last_seen));
        }
        (used, over)
    }
}
