//! Emergency access: who broke the glass, for whom, until when (45 CFR 164.312(a)(2)(ii)).

use crate::mac::Columns;
use crate::{Store, StoreError};
use medlock_domain::{EmergencyId, HolderId, Timestamp, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const TABLE: &str = "emergencies";

/// One use of emergency access, with all that it confers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyRow {
    /// Its name.
    pub id: EmergencyId,
    /// Whose.
    pub user: UserId,
    /// For this patient only, as records name them.
    pub patient: Option<HolderId>,
    /// An exercise, which confers nothing.
    pub drill: bool,
    /// When it began.
    pub created: Timestamp,
    /// It ends then, whatever happens.
    pub expires: Timestamp,
    /// When somebody ended it.
    pub ended: Option<Timestamp>,
    /// The record that announced it.
    pub log_index: u64,
}

impl Store {
    /// Adds one.
    pub async fn insert_emergency(&self, e: &EmergencyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO emergencies (id, user_id, patient, drill, created_ms, expires_ms, ended_ms, log_index, mac)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(e.id.as_str())
        .bind(e.user.as_str())
        .bind(e.patient.as_ref().map(HolderId::as_str))
        .bind(i64::from(e.drill))
        .bind(e.created.0)
        .bind(e.expires.0)
        .bind(e.ended.map(|t| t.0))
        .bind(e.log_index as i64)
        .bind(self.keys.mac.make(&columns(e)))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The one of this name.
    pub async fn emergency(&self, id: &EmergencyId) -> Result<Option<EmergencyRow>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM emergencies WHERE id = $1").bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.map(|r| self.read_emergency(&r)).transpose()
    }

    /// Those that nobody has ended and that have time left at `now`; of a row that was changed, that it was.
    pub async fn live_emergencies(&self, now: Timestamp) -> Result<Vec<Result<EmergencyRow, StoreError>>, StoreError> {
        let rows = sqlx::query("SELECT * FROM emergencies WHERE ended_ms IS NULL AND expires_ms > $1 ORDER BY id")
            .bind(now.0)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(|r| self.read_emergency(r)).collect())
    }

    /// Ends one; false when there is none of that name or it has been ended.
    pub async fn end_emergency(&self, id: &EmergencyId, at: Timestamp) -> Result<bool, StoreError> {
        let Some(mut e) = self.emergency(id).await?.filter(|e| e.ended.is_none()) else { return Ok(false) };
        e.ended = Some(at);
        let done = sqlx::query("UPDATE emergencies SET ended_ms = $2, mac = $3 WHERE id = $1 AND ended_ms IS NULL")
            .bind(id.as_str())
            .bind(at.0)
            .bind(self.keys.mac.make(&columns(&e)))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    fn read_emergency(&self, row: &SqliteRow) -> Result<EmergencyRow, StoreError> {
        let id: String = row.try_get("id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: id.clone() };
        let patient = row.try_get::<Option<String>, _>("patient")?;
        let e = EmergencyRow {
            id: id.parse().map_err(|_| tampered())?,
            user: row.try_get::<String, _>("user_id")?.parse().map_err(|_| tampered())?,
            patient: patient.map(|p| p.parse()).transpose().map_err(|_| tampered())?,
            drill: row.try_get::<i64, _>("drill")? != 0,
            created: Timestamp(row.try_get("created_ms")?),
            expires: Timestamp(row.try_get("expires_ms")?),
            ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(Timestamp),
            log_index: row.try_get::<i64, _>("log_index")? as u64,
        };
        if !self.keys.mac.check(&columns(&e), &row.try_get::<Vec<u8>, _>("mac")?) {
            return Err(tampered());
        }
        Ok(e)
    }
}

fn columns(e: &EmergencyRow) -> Columns {
    Columns::of(TABLE)
        .text(e.id.as_str())
        .text(e.user.as_str())
        .maybe(e.patient.as_ref().map(|p| p.as_str().as_bytes()))
        .int(i64::from(e.drill))
        .int(e.created.0)
        .int(e.expires.0)
        .maybe_int(e.ended.map(|t| t.0))
        .int(e.log_index as i64)
}
