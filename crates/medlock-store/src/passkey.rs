//! Passkeys: public keys that a person logs in with (WebAuthn; SP 800-63B-4, 3.1.7).

use crate::mac::Columns;
use crate::{Store, StoreError};
use medlock_domain::{PasskeyId, Timestamp, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const TABLE: &str = "passkeys";

/// A passkey. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRow {
    /// Its name in lists and records.
    pub id: PasskeyId,
    /// Whose.
    pub user: UserId,
    /// What the authenticator calls it.
    pub credential: Vec<u8>,
    /// The public key with what is known of the authenticator, its counter among it, as JSON.
    pub passkey: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created: Timestamp,
    /// The record that announced it.
    pub log_index: u64,
    /// Last use; outside the MAC.
    pub last_used: Option<Timestamp>,
}

impl Store {
    /// Adds one.
    pub async fn insert_passkey(&self, p: &PasskeyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO passkeys (id, user_id, credential, passkey, name, created_ms, log_index, mac)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(p.id.as_str())
        .bind(p.user.as_str())
        .bind(&p.credential[..])
        .bind(&p.passkey)
        .bind(&p.name)
        .bind(p.created.0)
        .bind(p.log_index as i64)
        .bind(self.keys.mac.make(&columns(p)))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The one that its authenticator calls by this.
    pub async fn passkey_by_credential(&self, credential: &[u8]) -> Result<Option<PasskeyRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM passkeys WHERE credential = $1")
            .bind(credential)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|r| self.read_passkey(&r)).transpose()
    }

    /// Somebody's, oldest first.
    pub async fn passkeys(&self, user: &UserId) -> Result<Vec<PasskeyRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_ms, id")
            .bind(user.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|r| self.read_passkey(r)).collect()
    }

    /// It was used at `at`: its counter goes on. False when it is gone.
    pub async fn passkey_used(&self, p: &PasskeyRow, at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE passkeys SET passkey = $2, mac = $3, last_used_ms = $4 WHERE id = $1")
            .bind(p.id.as_str())
            .bind(&p.passkey)
            .bind(self.keys.mac.make(&columns(p)))
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes one from somebody; false when they have none of that name.
    pub async fn delete_passkey(&self, user: &UserId, id: &PasskeyId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM passkeys WHERE user_id = $1 AND id = $2")
            .bind(user.as_str())
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes all of theirs from somebody.
    pub async fn delete_passkeys(&self, user: &UserId) -> Result<u64, StoreError> {
        let done =
            sqlx::query("DELETE FROM passkeys WHERE user_id = $1").bind(user.as_str()).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    fn read_passkey(&self, row: &SqliteRow) -> Result<PasskeyRow, StoreError> {
        let id: String = row.try_get("id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: id.clone() };
        let p = PasskeyRow {
            id: id.parse().map_err(|_| tampered())?,
            user: row.try_get::<String, _>("user_id")?.parse().map_err(|_| tampered())?,
            credential: row.try_get("credential")?,
            passkey: row.try_get("passkey")?,
            name: row.try_get("name")?,
            created: Timestamp(row.try_get("created_ms")?),
            log_index: row.try_get::<i64, _>("log_index")? as u64,
            last_used: row.try_get::<Option<i64>, _>("last_used_ms")?.map(Timestamp),
        };
        if !self.keys.mac.check(&columns(&p), &row.try_get::<Vec<u8>, _>("mac")?) {
            return Err(tampered());
        }
        Ok(p)
    }
}

fn columns(p: &PasskeyRow) -> Columns {
    Columns::of(TABLE)
        .text(p.id.as_str())
        .text(p.user.as_str())
        .bytes(&p.credential)
        .text(&p.passkey)
        .text(&p.name)
        .int(p.created.0)
        .int(p.log_index as i64)
}
