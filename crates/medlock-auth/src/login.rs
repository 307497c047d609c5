//! Logging in. Each refusal costs the same work and says the same, whether or not there is such an
//! account, so that neither the answer nor its time tells which names exist.

use crate::authenticate::unavailable;
use crate::credential::{self, Peer};
use crate::error::{AuthFailure, LoginFailure};
use crate::factor::{Factor, Shown};
use crate::permit::Relation;
use crate::policy::{Action, Case, Who};
use crate::principal::Principal;
use crate::service::Auth;
use crate::sessions::Live;
use crate::sso::NO_PASSWORD;
use medlock_domain::{NetworkSource, SessionId, Timestamp, UserId, Username};
use medlock_keys::password::{self, Secret};
use medlock_keys::random;
use medlock_store::{SessionRow, UserCounters, UserRow};
use std::sync::atomic::Ordering;

/// After so many failures in a row the authenticator is off (SP 800-63B-4, 3.2.2).
pub(crate) const FAILURES_DISABLE: u32 = 100;
/// Log-ins that may wait for a core.
const QUEUE: usize = 32;

/// A session that has begun.
#[derive(Debug)]
pub struct NewSession {
    /// Who.
    pub principal: Principal,
    /// The second factor that was shown.
    pub factor: Option<Factor>,
    /// What the session is continued with; shown once.
    pub token: Secret,
    /// Its name.
    pub session: SessionId,
    /// It ends then if it is not used.
    pub idle_expires: Timestamp,
    /// It ends then, whatever happens.
    pub absolute_expires: Timestamp,
}

impl Auth {
    /// Begins a session.
    ///
    /// # Errors
    /// The reason and the account are for the record; the caller is told the same for each.
    pub async fn log_in(
        &self,
        user: &str,
        password: Secret,
        otp: Option<Secret>,
        peer: impl Into<Peer>,
    ) -> Result<NewSession, LoginFailure> {
        let peer = peer.into();
        let from = peer.from;
        let seen = self.0.standing.seen();
        let now = self.now();
        let fail = |failure, user: Option<&UserId>| LoginFailure { failure, user: user.cloned() };
        let found = match user.parse::<Username>() {
            Ok(name) => self.0.store.user_by_name(&name).await.map_err(|e| fail(unavailable(e), None))?,
            Err(_) => None,
        };
        let id = found.as_ref().map(|u| u.id.clone());
        let fail = |failure| fail(failure, id.as_ref());
        let shown = self.shown(found.as_ref(), otp.as_ref()).await.map_err(fail)?;
        let attempt = match &shown {
            Some(Shown::Recovery(_)) => self.0.throttle.begin_with_recovery_code(user, from, now),
            _ => self.0.throttle.begin(user, from, now),
        };
        let attempt = attempt.ok_or_else(|| fail(AuthFailure::Throttled))?;
        let counters = match &id {
            Some(id) => self.0.store.user_counters(id).await.map_err(|e| fail(unavailable(e)))?,
            None => None,
        };
        let Some(right) = self.password_right(found.as_ref(), password).await else {
            // Too many at once: not this caller's fault, and not a guess that was answered.
            self.0.throttle.not_tried(&attempt);
            return Err(fail(AuthFailure::Throttled));
        };
        let (user, shown) = match judge(found, counters, right, shown) {
            Ok(both) => both,
            Err(failure) => {
                self.count_failure(failure, id.clone());
                return Err(fail(failure));
            }
        };
        if let Some(shown) = &shown
            && !self.use_up(&user.id, shown).await.map_err(fail)?
        {
            self.count_failure(AuthFailure::ReplayedCode, id.clone());
            return Err(fail(AuthFailure::ReplayedCode));
        }
        let factor = shown.map(|s| s.factor());
        if !self.may_log_in(&user, factor.is_some(), from) {
            return Err(fail(AuthFailure::NoFactor));
        }
        // Only what was guessed at has been shown: another way in says nothing of it.
        self.0.store.clear_failures(&user.id).await.map_err(|e| fail(unavailable(e)))?;
        let shown = factor.map(|factor| (factor, self.now()));
        let session = self.begin(user, shown, peer, seen).await.map_err(fail)?;
        self.0.throttle.succeeded(&attempt);
        Ok(session)
    }

    /// `None` when too many are waiting already.
    async fn password_right(&self, user: Option<&UserRow>, password: Secret) -> Option<bool> {
        // Who has none is not told from who does not exist.
        let phc = user.map(|u| u.password_phc.clone()).filter(|phc| phc != NO_PASSWORD);
        self.hashed(move || match phc {
            Some(phc) => password::verify(&password, &phc),
            None => {
                password::verify_against_nobody(&password);
                false
            }
        })
        .await
    }

    /// Runs Argon2 off the async threads, few at a time. `None` when the queue is full.
    pub(crate) async fn hashed<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        struct Place<'a>(&'a std::sync::atomic::AtomicUsize);
        impl Drop for Place<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let queue = &self.0.hashing_queue;
        let before = queue.fetch_add(1, Ordering::SeqCst);
        let _place = Place(queue);
        if before >= QUEUE {
            return None;
        }
        // The permit goes into the thread: a caller that goes away frees no core.
        let auth = self.clone();
        let permit = self.0.hashing.acquire().await.ok()?;
        permit.forget();
        tokio::task::spawn_blocking(move || {
            let _back = GiveBack(auth);
            work()
        })
        .await
        .ok()
    }

    /// Behind the answer: writing takes time that a name without an account would not.
    pub(crate) fn count_failure(&self, failure: AuthFailure, user: Option<UserId>) {
        let counts = matches!(failure, AuthFailure::WrongPassword | AuthFailure::WrongCode | AuthFailure::ReplayedCode);
        let (true, Some(id)) = (counts, user) else { return };
        let auth = self.clone();
        self.in_background(async move {
            match auth.0.store.add_failure(&id).await {
                Ok(FAILURES_DISABLE) => {
                    tracing::warn!(user = %id, "100 failed log-ins in a row: log-in is off until it is reset");
                }
                Ok(_) => {}
                Err(e) => tracing::error!(error = %e, "a failed log-in could not be counted"),
            }
        });
    }

    pub(crate) fn may_log_in(&self, user: &UserRow, mfa: bool, from: NetworkSource) -> bool {
        let loaded = self.loaded();
        let who = Who {
            id: user.id.as_str(),
            person: true,
            roles: &user.roles,
            purposes: &[],
            mfa,
            fresh: mfa,
            approved: false,
            from,
            when: self.when().0,
            emergency: false,
            relation: Relation::Unasked,
        };
        Case::new(&loaded, &who, None).is_some_and(|case| case.ask(Action::Login, None).allowed)
    }

    /// `shown` is the second factor, and when.
    pub(crate) async fn begin(
        &self,
        user: UserRow,
        shown: Option<(Factor, Timestamp)>,
        peer: Peer,
        seen: u64,
    ) -> Result<NewSession, AuthFailure> {
        let now = self.now();
        let (token, token_hash) = credential::new_token();
        let limits = self.0.limits;
        let row = SessionRow {
            id: SessionId::from_random(random::bytes()),
            user: user.id.clone(),
            token_hash,
            created: now,
            idle_ms: limits.idle_ms,
            absolute_expires: now.plus_ms(limits.absolute_ms),
            mfa: shown.map(|(_, at)| at),
            certificate: peer.certificate,
            ended: None,
            last_seen: now,
        };
        self.0.store.insert_session(&row).await.map_err(unavailable)?;
        // Durable: from here on a crash leaves a session whose token nobody has, which idles out.
        if self.0.standing.changed_since(row.user.as_str(), seen) {
            // Shut out, or given another factor, while this log-in was under way.
            self.0.store.end_session(&row.id, now).await.map_err(unavailable)?;
            return Err(AuthFailure::Disabled);
        }
        let live = Live::of(&row, &limits);
        let _new = self.0.sessions.insert(token_hash, live.clone());
        Ok(NewSession {
            principal: self.person(user, &live, peer.from, seen),
            factor: shown.map(|(factor, _)| factor),
            token,
            session: row.id,
            idle_expires: now.plus_ms(limits.idle_ms),
            absolute_expires: live.absolute,
        })
    }
}

struct GiveBack(Auth);

impl Drop for GiveBack {
    fn drop(&mut self) {
        self.0.0.hashing.add_permits(1);
    }
}

/// Only after all the work has been done.
fn judge(
    user: Option<UserRow>,
    counters: Option<UserCounters>,
    password_right: bool,
    shown: Option<Shown>,
) -> Result<(UserRow, Option<Shown>), AuthFailure> {
    let user = user.ok_or(AuthFailure::Unknown)?;
    // A recovery code is another authenticator, and too long to be guessed: with it nobody can be locked out for good.
    let other = matches!(shown, Some(Shown::Recovery(_)));
    if counters.is_none_or(|c| c.failures >= FAILURES_DISABLE) && !other {
        return Err(AuthFailure::Locked);
    }
    if user.disabled {
        return Err(AuthFailure::Disabled);
    }
    if !password_right {
        return Err(AuthFailure::WrongPassword);
    }
    if user.totp.is_some() && shown.is_none() {
        return Err(AuthFailure::WrongCode);
    }
    Ok((user, shown))
}
