//! Sessions that are alive, by the digest of their token. Last use is true here and behind in the
//! database; what a crash loses of it only ends a session earlier.

use crate::authenticate::unavailable;
use crate::credential;
use crate::error::AuthFailure;
use crate::factor::{Factor, Proof};
use crate::principal::Principal;
use crate::service::{Auth, SessionLimits};
use medlock_domain::{Actor, SessionId, Timestamp, UserId};
use medlock_keys::digest::Digest;
use medlock_keys::password::Secret;
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
    /// When a second factor was last shown in it.
    pub(crate) mfa: Option<Timestamp>,
    /// It is worth nothing without this client certificate.
    pub(crate) certificate: Option<Digest>,
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
            mfa: row.mfa,
            certificate: row.certificate,
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

    /// False when the session is here under another token, which has taken the place of this one.
    pub(crate) fn insert(&self, token: Digest, live: Live) -> bool {
        let mut map = self.lock();
        if map.iter().any(|(t, l)| l.id == live.id && *t != token) {
            return false;
        }
        map.entry(token).or_insert(live);
        true
    }

    /// Another token for the session, in which a second factor was shown at `mfa`. `None` when it is not here.
    fn renew(&self, id: &SessionId, token: Digest, mfa: Timestamp) -> Option<Live> {
        let mut map = self.lock();
        let old = map.iter().find(|(_, l)| l.id == *id).map(|(t, _)| *t)?;
        let live = Live { mfa: Some(mfa), ..map.remove(&old)? };
        map.insert(token, live.clone());
        Some(live)
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

/// A session that goes on under another token.
#[derive(Debug)]
pub struct Renewed {
    /// What it is continued with from now on; shown once.
    pub token: Secret,
    /// The factor that was shown.
    pub factor: Factor,
    /// It ends then if it is not used.
    pub idle_expires: Timestamp,
    /// Until then the factor counts as fresh.
    pub fresh_until: Timestamp,
}

impl Auth {
    /// Somebody who is logged in shows a second factor of theirs again: a code, or a passkey.
    ///
    /// # Errors
    /// As [`Auth::show_factor`].
    pub async fn show(&self, principal: &Principal, proof: &Proof) -> Result<Factor, AuthFailure> {
        match proof {
            Proof::Code(code) => self.show_factor(principal, code).await,
            Proof::Passkey(ceremony, answer) => self.show_passkey(principal, ceremony, answer).await,
        }
    }

    /// Whether somebody's second factor is their identity provider's: they have no code to show here, and sign in there again.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shows_elsewhere(&self, principal: &Principal) -> Result<bool, AuthFailure> {
        let user = self.0.store.user(principal.user()).await.map_err(unavailable)?;
        Ok(principal.is_person() && user.is_some_and(|user| user.totp.is_none()))
    }

    /// A second factor is shown again (step-up): for some minutes it counts as fresh. The session goes on under another
    /// token; the old one is worth nothing from then on.
    ///
    /// # Errors
    /// As [`Auth::show_factor`]; or the session ended meanwhile.
    pub async fn step_up(&self, principal: &Principal, proof: &Proof) -> Result<Renewed, AuthFailure> {
        let Actor::Person { session, .. } = principal.actor().clone() else { return Err(AuthFailure::NoFactor) };
        let factor = self.show(principal, proof).await?;
        let (token, digest) = credential::new_token();
        let now = self.now();
        let written = self.0.store.renew_session(&session, digest, now).await.map_err(unavailable)?;
        let live = self.0.sessions.renew(&session, digest, now).filter(|_| written).ok_or(AuthFailure::Revoked)?;
        let fresh_until = now.plus_ms(self.0.limits.fresh_ms);
        Ok(Renewed { token, factor, idle_expires: live.expires(), fresh_until })
    }
}
