//! Sessions, as others see and end them.

use super::sees;
use crate::error::AuthError;
use crate::permit::{AdminAction, AdminPermit};
use crate::service::Auth;
use crate::sessions::Live;
use medlock_domain::{SessionId, Timestamp, UserId};

/// A session, in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its name; opens nothing.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// When it began.
    pub created: Timestamp,
    /// Last use.
    pub last_seen: Timestamp,
    /// It ends then if it is not used.
    pub expires: Timestamp,
    /// Whether a second factor was shown.
    pub mfa: bool,
}

impl Auth {
    /// The sessions that are alive: all, or with `own:sessions` one's own.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_sessions(&self, by: &AdminPermit) -> Result<Vec<SessionInfo>, AuthError> {
        self.usable(by, &[AdminAction::SessionsList, AdminAction::OwnSessions])?;
        let now = self.now();
        let seen = self.0.sessions.last_seen();
        let rows = self.0.store.live_sessions(now).await?;
        let infos = rows.into_iter().filter(|r| sees(by, AdminAction::SessionsList, &r.user)).map(|mut row| {
            row.last_seen = seen.get(&row.id).copied().unwrap_or(row.last_seen);
            let live = Live::of(&row, &self.0.limits);
            let (last_seen, expires) = (live.last_seen, live.expires());
            SessionInfo {
                id: row.id,
                user: row.user,
                created: row.created,
                last_seen,
                expires,
                mfa: live.mfa.is_some(),
            }
        });
        Ok(infos.filter(|i| i.expires > now).collect())
    }

    /// Ends a session, somebody's or with `own:sessions` one's own, and cuts what runs in it.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none alive of that name.
    pub async fn end_session(&self, by: &AdminPermit, session: &SessionId, log_index: u64) -> Result<(), AuthError> {
        self.usable(by, &[AdminAction::SessionsEnd, AdminAction::OwnSessions])?;
        let row = self.0.store.session(session).await?.filter(|r| sees(by, AdminAction::SessionsEnd, &r.user));
        if row.is_none() {
            return Err(AuthError::NotFound("session"));
        }
        tracing::info!(session = %session, log_index, "session ended");
        let (auth, session) = (self.clone(), session.clone());
        let ended = Self::whole(async move { auth.cut_session(&session).await }).await?;
        if ended { Ok(()) } else { Err(AuthError::NotFound("session")) }
    }

    /// Ends a session in the database and in memory. In memory even when the database fails.
    pub(crate) async fn cut_session(&self, session: &SessionId) -> Result<bool, AuthError> {
        let now = self.now();
        let ended = self.0.store.end_session(session, now).await;
        self.0.sessions.remove(session);
        self.0.standing.note(session.as_str(), now);
        // Once more: a request may have brought it back from the row as it was before the end; one
        // that comes later sees the note.
        self.0.sessions.remove(session);
        Ok(ended?)
    }
}
