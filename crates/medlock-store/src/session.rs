//! Sessions: what a person works in after a log-in (45 CFR 164.312(a)(2)(iii), automatic logoff).

use crate::mac::Columns;
use crate::{Store, StoreError};
use medlock_domain::{SessionId, Timestamp, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const TABLE: &str = "sessions";

/// A session, with all that it confers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its name; opens nothing.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// When it began.
    pub created: Timestamp,
    /// It ends after so many milliseconds without use.
    pub idle_ms: i64,
    /// It ends then, whatever happens.
    pub absolute_expires: Timestamp,
    /// When a second factor was last shown in it.
    pub mfa: Option<Timestamp>,
    /// SHA-256 of the client certificate without which it is worth nothing.
    pub certificate: Option<[u8; 32]>,
    /// When it was ended by somebody.
    pub ended: Option<Timestamp>,
    /// Last use as last flushed; outside the MAC.
    pub last_seen: Timestamp,
}

impl Store {
    /// Adds a session.
    pub async fn insert_session(&self, s: &SessionRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (id, user_id, token_hash, created_ms, idle_ms, absolute_expires_ms, mfa_ms,
             ended_ms, mac, last_seen_ms, certificate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(s.id.as_str())
        .bind(s.user.as_str())
        .bind(&s.token_hash[..])
        .bind(s.created.0)
        .bind(s.idle_ms)
        .bind(s.absolute_expires.0)
        .bind(s.mfa.map(|t| t.0))
        .bind(s.ended.map(|t| t.0))
        .bind(self.keys.mac.make(&columns(s)))
        .bind(s.last_seen.0)
        .bind(s.certificate.as_ref().map(|c| &c[..]))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The session whose token has this SHA-256.
    pub async fn session_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM sessions WHERE token_hash = $1")
            .bind(&token_hash[..])
            .fetch_optional(&self.pool)
            .await?;
        row.map(|r| self.read_session(&r)).transpose()
    }

    /// The session with this name.
    pub async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM sessions WHERE id = $1").bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.map(|r| self.read_session(&r)).transpose()
    }

    /// All sessions that nobody has ended and that have time left at `now`, oldest first.
    pub async fn live_sessions(&self, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM sessions WHERE ended_ms IS NULL AND absolute_expires_ms > $1 ORDER BY created_ms, id",
        )
        .bind(now.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| self.read_session(r)).collect()
    }

    /// Gives a session another token, because a second factor was shown in it at `mfa`; false when there is none of
    /// that name or it has been ended.
    pub async fn renew_session(
        &self,
        id: &SessionId,
        token_hash: [u8; 32],
        mfa: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(mut s) = self.session(id).await?.filter(|s| s.ended.is_none()) else { return Ok(false) };
        (s.token_hash, s.mfa) = (token_hash, Some(mfa));
        let done = sqlx::query(
            "UPDATE sessions SET token_hash = $2, mfa_ms = $3, mac = $4 WHERE id = $1 AND ended_ms IS NULL",
        )
        .bind(id.as_str())
        .bind(&token_hash[..])
        .bind(mfa.0)
        .bind(self.keys.mac.make(&columns(&s)))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Flushes the last use.
    pub async fn touch_session(&self, id: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET last_seen_ms = $2 WHERE id = $1 AND last_seen_ms < $2")
            .bind(id.as_str())
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends a session; false when there is none of that name or it has been ended.
    pub async fn end_session(&self, id: &SessionId, at: Timestamp) -> Result<bool, StoreError> {
        let Some(mut s) = self.session(id).await?.filter(|s| s.ended.is_none()) else { return Ok(false) };
        s.ended = Some(at);
        let done = sqlx::query("UPDATE sessions SET ended_ms = $2, mac = $3 WHERE id = $1 AND ended_ms IS NULL")
            .bind(id.as_str())
            .bind(at.0)
            .bind(self.keys.mac.make(&columns(&s)))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Deletes sessions that ended, or could have been used last, before `before`.
    pub async fn forget_sessions(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE ended_ms < $1 OR absolute_expires_ms < $1")
            .bind(before.0)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }

    fn read_session(&self, row: &SqliteRow) -> Result<SessionRow, StoreError> {
        let id: String = row.try_get("id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: id.clone() };
        let s = SessionRow {
            id: id.parse().map_err(|_| tampered())?,
            user: row.try_get::<String, _>("user_id")?.parse().map_err(|_| tampered())?,
            token_hash: row.try_get::<Vec<u8>, _>("token_hash")?.try_into().map_err(|_| tampered())?,
            created: Timestamp(row.try_get("created_ms")?),
            idle_ms: row.try_get("idle_ms")?,
            absolute_expires: Timestamp(row.try_get("absolute_expires_ms")?),
            mfa: row.try_get::<Option<i64>, _>("mfa_ms")?.map(Timestamp),
            certificate: match row.try_get::<Option<Vec<u8>>, _>("certificate")? {
                Some(digest) => Some(digest.try_into().map_err(|_| tampered())?),
                None => None,
            },
            ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(Timestamp),
            last_seen: Timestamp(row.try_get("last_seen_ms")?),
        };
        let mac: Vec<u8> = row.try_get("mac")?;
        if !self.keys.mac.check(&columns(&s), &mac) {
            return Err(tampered());
        }
        Ok(s)
    }
}

fn columns(s: &SessionRow) -> Columns {
    let columns = Columns::of(TABLE)
        .text(s.id.as_str())
        .text(s.user.as_str())
        .bytes(&s.token_hash)
        .int(s.created.0)
        .int(s.idle_ms)
        .int(s.absolute_expires.0)
        .maybe_int(s.mfa.map(|t| t.0))
        .maybe_int(s.ended.map(|t| t.0));
    // Rows from before there were certificates have a MAC without them, and none.
    match &s.certificate {
        Some(certificate) => columns.text("certificate").bytes(certificate),
        None => columns,
    }
}
