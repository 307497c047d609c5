//! API keys: what a program authenticates with. The secret itself is never stored.

use crate::mac::Columns;
use crate::{Store, StoreError, join, split};
use medlock_domain::{Binding, KeyId, ModelName, Network, Purpose, RoleName, Timestamp, UserId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const TABLE: &str = "api_keys";

/// An API key, with all that it confers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its public half.
    pub id: KeyId,
    /// Who answers for it.
    pub owner: UserId,
    /// What people call it (the caller has checked the grammar).
    pub name: String,
    /// SHA-256 of the whole key.
    pub secret_hash: [u8; 32],
    /// What is shown instead of a secret. No secret has the digest of one that has this.
    pub bound: Option<Binding>,
    /// Roles it acts in.
    pub roles: Vec<RoleName>,
    /// Purposes of use that it may give.
    pub purposes: Vec<Purpose>,
    /// Models that it may use; empty is all that policy allows.
    pub models: Vec<ModelName>,
    /// Where it may be used from; empty is anywhere.
    pub networks: Vec<Network>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The audit record that announced the row's present state.
    pub log_index: u64,
    /// Last use, to within a minute; outside the MAC.
    pub last_used: Option<Timestamp>,
}

impl Store {
    /// Adds a key.
    pub async fn insert_key(&self, key: &ApiKeyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_keys (id, owner, name, secret_hash, roles, purposes, models, networks, created_ms,
             expires_ms, revoked_ms, log_index, mac, bound)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(key.id.as_str())
        .bind(key.owner.as_str())
        .bind(&key.name)
        .bind(&key.secret_hash[..])
        .bind(join(&key.roles))
        .bind(join(&key.purposes))
        .bind(join(&key.models))
        .bind(join(&key.networks))
        .bind(key.created.0)
        .bind(key.expires.0)
        .bind(key.revoked.map(|t| t.0))
        .bind(key.log_index as i64)
        .bind(self.keys.mac.make(&columns(key)))
        .bind(bound(key))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Replaces a key's row; false when there is no such key.
    pub async fn update_key(&self, key: &ApiKeyRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE api_keys SET owner = $2, name = $3, secret_hash = $4, roles = $5, purposes = $6, models = $7,
             networks = $8, created_ms = $9, expires_ms = $10, revoked_ms = $11, log_index = $12, mac = $13, bound = $14
             WHERE id = $1",
        )
        .bind(key.id.as_str())
        .bind(key.owner.as_str())
        .bind(&key.name)
        .bind(&key.secret_hash[..])
        .bind(join(&key.roles))
        .bind(join(&key.purposes))
        .bind(join(&key.models))
        .bind(join(&key.networks))
        .bind(key.created.0)
        .bind(key.expires.0)
        .bind(key.revoked.map(|t| t.0))
        .bind(key.log_index as i64)
        .bind(self.keys.mac.make(&columns(key)))
        .bind(bound(key))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The key with this id.
    pub async fn key(&self, id: &KeyId) -> Result<Option<ApiKeyRow>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM api_keys WHERE id = $1").bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.map(|r| self.read_key(&r)).transpose()
    }

    /// The newest that has not been revoked of those that are bound to this.
    pub async fn key_bound_to(&self, binding: &Binding) -> Result<Option<ApiKeyRow>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM api_keys WHERE bound = $1 AND bound <> '' AND revoked_ms IS NULL
             ORDER BY created_ms DESC, id LIMIT 1",
        )
        .bind(binding.to_string())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|r| self.read_key(&r)).transpose()
    }

    /// All keys, oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM api_keys ORDER BY created_ms, id").fetch_all(&self.pool).await?;
        rows.iter().map(|r| self.read_key(r)).collect()
    }

    /// Notes that a key was used.
    pub async fn touch_key(&self, id: &KeyId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE api_keys SET last_used_ms = $2 WHERE id = $1 AND last_used_ms < $2")
            .bind(id.as_str())
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    fn read_key(&self, row: &SqliteRow) -> Result<ApiKeyRow, StoreError> {
        let id: String = row.try_get("id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: id.clone() };
        let last_used: i64 = row.try_get("last_used_ms")?;
        let bound: String = row.try_get("bound")?;
        let key = ApiKeyRow {
            id: id.parse().map_err(|_| tampered())?,
            owner: row.try_get::<String, _>("owner")?.parse().map_err(|_| tampered())?,
            name: row.try_get("name")?,
            secret_hash: row.try_get::<Vec<u8>, _>("secret_hash")?.try_into().map_err(|_| tampered())?,
            bound: (!bound.is_empty()).then(|| bound.parse()).transpose().map_err(|_| tampered())?,
            roles: split(&row.try_get::<String, _>("roles")?).ok_or_else(tampered)?,
            purposes: split(&row.try_get::<String, _>("purposes")?).ok_or_else(tampered)?,
            models: split(&row.try_get::<String, _>("models")?).ok_or_else(tampered)?,
            networks: split(&row.try_get::<String, _>("networks")?).ok_or_else(tampered)?,
            created: Timestamp(row.try_get("created_ms")?),
            expires: Timestamp(row.try_get("expires_ms")?),
            revoked: row.try_get::<Option<i64>, _>("revoked_ms")?.map(Timestamp),
            log_index: row.try_get::<i64, _>("log_index")? as u64,
            last_used: (last_used > 0).then_some(Timestamp(last_used)),
        };
        let mac: Vec<u8> = row.try_get("mac")?;
        if !self.keys.mac.check(&columns(&key), &mac) {
            return Err(tampered());
        }
        Ok(key)
    }
}

fn columns(key: &ApiKeyRow) -> Columns {
    let columns = Columns::of(TABLE)
        .text(key.id.as_str())
        .text(key.owner.as_str())
        .text(&key.name)
        .bytes(&key.secret_hash)
        .text(&join(&key.roles))
        .text(&join(&key.purposes))
        .text(&join(&key.models))
        .int(key.created.0)
        .int(key.expires.0)
        .maybe_int(key.revoked.map(|t| t.0))
        .int(key.log_index as i64);
    // Rows from before there were networks have a MAC without them, and none.
    let columns = if key.networks.is_empty() { columns } else { columns.text("networks").text(&join(&key.networks)) };
    if key.bound.is_none() { columns } else { columns.text("bound").text(&bound(key)) }
}

fn bound(key: &ApiKeyRow) -> String {
    key.bound.as_ref().map(Binding::to_string).unwrap_or_default()
}
