//! What somebody wants and somebody else decides: one verb, done once, or a role for a while (45 CFR 164.308(a)(4)(ii)(B)).

use crate::mac::Columns;
use crate::{Store, StoreError};
use medlock_domain::{ApprovalId, RoleName, Timestamp, UserId};
use medlock_keys::digest::Digest;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const TABLE: &str = "approvals";

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided.
    Pending,
    /// Somebody else said yes.
    Approved,
    /// Somebody else said no.
    Refused,
    /// What it was for has been done.
    Used,
    /// Taken back, or ended before its time.
    Ended,
}

impl ApprovalState {
    const ALL: [Self; 5] = [Self::Pending, Self::Approved, Self::Refused, Self::Used, Self::Ended];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Used => "used",
            Self::Ended => "ended",
        }
    }
}

/// One of them, with all that it confers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Its name.
    pub id: ApprovalId,
    /// Who wants it.
    pub asker: UserId,
    /// What is to be done, in the word of records.
    pub verb: String,
    /// Of all that is to be done, so that something else is not done in its name.
    pub digest: Digest,
    /// The same, for whoever decides.
    pub detail: String,
    /// The role that the asker has while it is approved.
    pub role: Option<RoleName>,
    /// How long it is good for once it is approved.
    pub lasts_ms: i64,
    /// When it was asked for.
    pub created: Timestamp,
    /// Not decided, or not used, by then, it is over.
    pub expires: Timestamp,
    /// How far it has come.
    pub state: ApprovalState,
    /// Who decided, and when.
    pub decided: Option<(UserId, Timestamp)>,
    /// The record that announced its present state.
    pub log_index: u64,
}

impl Store {
    /// Adds one.
    pub async fn insert_approval(&self, a: &ApprovalRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO approvals (id, asker, verb, digest, detail, role, lasts_ms, created_ms, expires_ms, state, decider,
             decided_ms, log_index, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(a.id.as_str())
        .bind(a.asker.as_str())
        .bind(&a.verb)
        .bind(a.digest.as_slice())
        .bind(&a.detail)
        .bind(a.role.as_ref().map(RoleName::as_str))
        .bind(a.lasts_ms)
        .bind(a.created.0)
        .bind(a.expires.0)
        .bind(a.state.as_str())
        .bind(a.decided.as_ref().map(|(who, _)| who.as_str()))
        .bind(a.decided.as_ref().map(|(_, at)| at.0))
        .bind(a.log_index as i64)
        .bind(self.keys.mac.make(&columns(a)))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Brings one on from the state `from`; false when it is in another one by now.
    pub async fn update_approval(&self, from: ApprovalState, a: &ApprovalRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE approvals SET expires_ms = $3, state = $4, decider = $5, decided_ms = $6, log_index = $7, mac = $8
             WHERE id = $1 AND state = $2",
        )
        .bind(a.id.as_str())
        .bind(from.as_str())
        .bind(a.expires.0)
        .bind(a.state.as_str())
        .bind(a.decided.as_ref().map(|(who, _)| who.as_str()))
        .bind(a.decided.as_ref().map(|(_, at)| at.0))
        .bind(a.log_index as i64)
        .bind(self.keys.mac.make(&columns(a)))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The one of this name.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Option<ApprovalRow>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM approvals WHERE id = $1").bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.map(|r| self.read_approval(&r)).transpose()
    }

    /// Those that somebody waits for, or that hold at `now`; of a row that was changed, that it was.
    pub async fn open_approvals(&self, now: Timestamp) -> Result<Vec<Result<ApprovalRow, StoreError>>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM approvals WHERE state IN ('pending', 'approved') AND expires_ms > $1 ORDER BY created_ms, id",
        )
        .bind(now.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|r| self.read_approval(r)).collect())
    }

    fn read_approval(&self, row: &SqliteRow) -> Result<ApprovalRow, StoreError> {
        let id: String = row.try_get("id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: id.clone() };
        let state: String = row.try_get("state")?;
        let role = row.try_get::<Option<String>, _>("role")?;
        let decided = match (row.try_get::<Option<String>, _>("decider")?, row.try_get::<Option<i64>, _>("decided_ms")?)
        {
            (Some(who), Some(at)) => Some((who.parse().map_err(|_| tampered())?, Timestamp(at))),
            (None, None) => None,
            _ => return Err(tampered()),
        };
        let a = ApprovalRow {
            id: id.parse().map_err(|_| tampered())?,
            asker: row.try_get::<String, _>("asker")?.parse().map_err(|_| tampered())?,
            verb: row.try_get("verb")?,
            digest: row.try_get::<Vec<u8>, _>("digest")?.try_into().map_err(|_| tampered())?,
            detail: row.try_get("detail")?,
            role: role.map(|r| r.parse()).transpose().map_err(|_| tampered())?,
            lasts_ms: row.try_get("lasts_ms")?,
            created: Timestamp(row.try_get("created_ms")?),
            expires: Timestamp(row.try_get("expires_ms")?),
            state: ApprovalState::ALL.into_iter().find(|s| s.as_str() == state).ok_or_else(tampered)?,
            decided,
            log_index: row.try_get::<i64, _>("log_index")? as u64,
        };
        if !self.keys.mac.check(&columns(&a), &row.try_get::<Vec<u8>, _>("mac")?) {
            return Err(tampered());
        }
        Ok(a)
    }
}

fn columns(a: &ApprovalRow) -> Columns {
    Columns::of(TABLE)
        .text(a.id.as_str())
        .text(a.asker.as_str())
        .text(&a.verb)
        .bytes(&a.digest)
        .text(&a.detail)
        .maybe(a.role.as_ref().map(|r| r.as_str().as_bytes()))
        .int(a.lasts_ms)
        .int(a.created.0)
        .int(a.expires.0)
        .text(a.state.as_str())
        .maybe(a.decided.as_ref().map(|(who, _)| who.as_str().as_bytes()))
        .maybe_int(a.decided.as_ref().map(|(_, at)| at.0))
        .int(a.log_index as i64)
}
