//! Which signed policies were in force, so that older ones do not come back.

use crate::mac::Columns;
use crate::{Store, StoreError};
use medlock_domain::Timestamp;
use medlock_keys::digest::Digest;
use sqlx::Row;

const TABLE: &str = "policy_versions";

impl Store {
    /// The newest version that was in force, and of what.
    pub async fn newest_policy(&self) -> Result<Option<(u64, Digest)>, StoreError> {
        let row = sqlx::query("SELECT * FROM policy_versions ORDER BY version DESC LIMIT 1").fetch_optional(&self.pool);
        let Some(row) = row.await? else { return Ok(None) };
        let version = row.try_get::<i64, _>("version")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: version.to_string() };
        let digest: Digest = row.try_get::<Vec<u8>, _>("digest")?.try_into().map_err(|_| tampered())?;
        let since = Timestamp(row.try_get("since_ms")?);
        if !self.keys.mac.check(&columns(version, &digest, since), &row.try_get::<Vec<u8>, _>("mac")?) {
            return Err(tampered());
        }
        Ok(Some((version as u64, digest)))
    }

    /// This one is, from now on.
    pub async fn add_policy(&self, version: u64, digest: &Digest, since: Timestamp) -> Result<(), StoreError> {
        let version = version as i64;
        sqlx::query("INSERT INTO policy_versions (version, digest, since_ms, mac) VALUES ($1, $2, $3, $4)")
            .bind(version)
            .bind(digest.as_slice())
            .bind(since.0)
            .bind(self.keys.mac.make(&columns(version, digest, since)))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn columns(version: i64, digest: &Digest, since: Timestamp) -> Columns {
    Columns::of(TABLE).int(version).bytes(digest).int(since.0)
}
