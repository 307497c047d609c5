//! Recovery codes: what a person logs in with who has lost their second factor, each once
//! (SP 800-63B-4, 4.2.1.1). A code that was used is a row that is gone.

use crate::mac::Columns;
use crate::{Store, StoreError};
use medlock_domain::UserId;
use sqlx::Row;

const TABLE: &str = "recovery_codes";

impl Store {
    /// Gives a person these codes (their digests) in place of what they had.
    pub async fn replace_recovery_codes(
        &self,
        user: &UserId,
        digests: &[[u8; 32]],
        log_index: u64,
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1").bind(user.as_str()).execute(&mut *tx).await?;
        for digest in digests {
            sqlx::query("INSERT INTO recovery_codes (user_id, hash, log_index, mac) VALUES ($1, $2, $3, $4)")
                .bind(user.as_str())
                .bind(&digest[..])
                .bind(log_index as i64)
                .bind(self.keys.mac.make(&columns(user, digest, log_index)))
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Whether this is the digest of a code of theirs.
    pub async fn has_recovery_code(&self, user: &UserId, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT log_index, mac FROM recovery_codes WHERE user_id = $1 AND hash = $2")
            .bind(user.as_str())
            .bind(&digest[..])
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(false) };
        let columns = columns(user, digest, row.try_get::<i64, _>("log_index")? as u64);
        match self.keys.mac.check(&columns, &row.try_get::<Vec<u8>, _>("mac")?) {
            true => Ok(true),
            false => Err(StoreError::Tampered { table: TABLE, id: user.to_string() }),
        }
    }

    /// Uses a code up; false when somebody was faster, or there is none.
    pub async fn use_recovery_code(&self, user: &UserId, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2")
            .bind(user.as_str())
            .bind(&digest[..])
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// How many codes of theirs are left.
    pub async fn recovery_codes_left(&self, user: &UserId) -> Result<u32, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM recovery_codes WHERE user_id = $1")
            .bind(user.as_str())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<i64, _>("n")?.clamp(0, i64::from(u32::MAX)) as u32)
    }
}

fn columns(user: &UserId, digest: &[u8; 32], log_index: u64) -> Columns {
    Columns::of(TABLE).text(user.as_str()).bytes(digest).int(log_index as i64)
}
