//! The vault of re-identification: which replacement stands for which value (45 CFR 164.514(c)).
//!
//! Each holder (a patient, a project) has a key of its own, sealed under the vault's key. Rows are
//! sealed under it and bound to their holder and slot, so that a row that was changed, moved to
//! another place or brought from another vault is refused ([`StoreError::Tampered`]). What is looked
//! up is looked up by a MAC: of the holder's name under the vault's key, of everything else under the
//! holder's. Erasing a holder erases the key: what a copy of the file still has of it opens no more
//! and links with nothing. That rows were removed is not noticed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use medlock_keys::digest::{Digest, hmac_sha256};
use medlock_keys::seal::DataKey;
use sqlx::{Row, SqliteConnection, SqlitePool};
use zeroize::Zeroizing;

use crate::{Store, StoreError};

const HOLDERS: &str = "vault_holders";
const ROWS: &str = "vault_rows";
/// So many holders' keys stay unsealed.
const OPEN_KEYS: usize = 1024;

/// The vault. Cheap to clone.
#[derive(Clone)]
pub struct VaultStore {
    pool: SqlitePool,
    key: Arc<DataKey>,
    open: Arc<Mutex<HashMap<Digest, DataKey>>>,
}

impl fmt::Debug for VaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultStore")
    }
}

/// One row of several that are put at once.
pub struct VaultRow {
    /// Whose it is.
    pub holder: Zeroizing<Vec<u8>>,
    /// What it is found by.
    pub slot: Zeroizing<Vec<u8>>,
    /// What it says.
    pub value: Zeroizing<Vec<u8>>,
    /// The marks it is known by.
    pub marks: Vec<Zeroizing<Vec<u8>>>,
}

impl VaultRow {
    /// The same, for what nobody asks [`VaultStore::is_marked`] about.
    pub fn without_marks(self) -> Self {
        Self { marks: Vec::new(), ..self }
    }
}

impl fmt::Debug for VaultRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultRow")
    }
}

impl Store {
    /// The vault in this database, under a key of its own.
    pub fn vault(&self, key: DataKey) -> VaultStore {
        VaultStore { pool: self.pool.clone(), key: Arc::new(key), open: Arc::default() }
    }
}

impl VaultStore {
    /// What `holder` has in `slot`.
    ///
    /// # Errors
    /// When the database fails, or the row was changed.
    pub async fn get(&self, holder: &[u8], slot: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some((id, key)) = self.holder(holder, false).await? else { return Ok(None) };
        self.read(&id, &key, slot).await
    }

    /// Keeps `value` in `slot` and remembers `marks`, unless the slot has something already; what it
    /// has then. All or nothing.
    ///
    /// # Errors
    /// As [`VaultStore::get`].
    pub async fn put(
        &self,
        holder: &[u8],
        slot: &[u8],
        value: &[u8],
        marks: &[&[u8]],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let Some((id, key)) = self.holder(holder, true).await? else {
            return Err(StoreError::Tampered { table: HOLDERS, id: "new".into() });
        };
        let mut tx = self.pool.begin().await?;
        if insert(&mut tx, &id, &key, slot, value, marks).await? {
            tx.commit().await?;
            return Ok(Zeroizing::new(value.to_vec()));
        }
        tx.rollback().await?;
        let missing = || StoreError::Tampered { table: ROWS, id: name(&mac(&key, b"slot", slot)) };
        self.read(&id, &key, slot).await?.ok_or_else(missing)
    }

    /// Keeps many rows at the price of one: all of them or, with an error, none. For whoever is alone
    /// at the vault and knows that the slots are free; one that is not is an error.
    ///
    /// # Errors
    /// As [`VaultStore::get`].
    pub async fn put_all(&self, rows: &[VaultRow]) -> Result<(), StoreError> {
        let done = self.insert_all(rows).await;
        if done.is_err() {
            // Keys of holders that were not made after all.
            self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        done
    }

    async fn insert_all(&self, rows: &[VaultRow]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        for row in rows {
            let Some((id, key)) = self.holder_on(&mut tx, &row.holder, true).await? else {
                return Err(StoreError::Tampered { table: HOLDERS, id: "new".into() });
            };
            let marks: Vec<&[u8]> = row.marks.iter().map(|m| m.as_slice()).collect();
            if !insert(&mut tx, &id, &key, &row.slot, &row.value, &marks).await? {
                return Err(StoreError::Tampered { table: ROWS, id: name(&mac(&key, b"slot", &row.slot)) });
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// Whether one of this holder's rows was put with this mark.
    ///
    /// # Errors
    /// As [`VaultStore::get`].
    pub async fn is_marked(&self, holder: &[u8], mark: &[u8]) -> Result<bool, StoreError> {
        let Some((id, key)) = self.holder(holder, false).await? else { return Ok(false) };
        let row = sqlx::query("SELECT 1 FROM vault_marks WHERE holder = $1 AND mark = $2")
            .bind(&id[..])
            .bind(&mac(&key, b"mark", mark)[..])
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    /// All that a holder has, in the order in which it was put.
    ///
    /// # Errors
    /// As [`VaultStore::get`].
    pub async fn all(&self, holder: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreError> {
        let Some((id, key)) = self.holder(holder, false).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query("SELECT slot, sealed FROM vault_rows WHERE holder = $1 ORDER BY sequence")
            .bind(&id[..])
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let slot: Vec<u8> = row.try_get("slot")?;
                let sealed: Vec<u8> = row.try_get("sealed")?;
                key.open(&aad(&id, &slot), &sealed).map_err(|_| StoreError::Tampered { table: ROWS, id: name(&slot) })
            })
            .collect()
    }

    /// Erases a holder: its key and all that it has. False when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self, holder: &[u8]) -> Result<bool, StoreError> {
        let id = mac(&self.key, b"holder", holder);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let done = sqlx::query("DELETE FROM vault_holders WHERE holder = $1").bind(&id[..]).execute(&self.pool).await?;
        // The log still has it.
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    async fn read(&self, id: &Digest, key: &DataKey, slot: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let slot = mac(key, b"slot", slot);
        let row = sqlx::query("SELECT sealed FROM vault_rows WHERE holder = $1 AND slot = $2")
            .bind(&id[..])
            .bind(&slot[..])
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("sealed")?;
        let opened = key.open(&aad(id, &slot), &sealed);
        opened.map(Some).map_err(|_| StoreError::Tampered { table: ROWS, id: name(&slot) })
    }

    /// The holder's id and key, made where there is none and `make` says so.
    async fn holder(&self, holder: &[u8], make: bool) -> Result<Option<(Digest, DataKey)>, StoreError> {
        self.holder_on(&mut *self.pool.acquire().await?, holder, make).await
    }

    async fn holder_on(
        &self,
        connection: &mut SqliteConnection,
        holder: &[u8],
        make: bool,
    ) -> Result<Option<(Digest, DataKey)>, StoreError> {
        let id = mac(&self.key, b"holder", holder);
        if let Some(key) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Some((id, key.clone())));
        }
        let place = aad(&id, HOLDERS.as_bytes());
        if make {
            sqlx::query("INSERT INTO vault_holders (holder, sealed_key) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(&id[..])
                .bind(self.key.seal(&place, DataKey::generate().expose()))
                .execute(&mut *connection)
                .await?;
        }
        let row = sqlx::query("SELECT sealed_key FROM vault_holders WHERE holder = $1")
            .bind(&id[..])
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let tampered = || StoreError::Tampered { table: HOLDERS, id: name(&id) };
        let opened = self.key.open(&place, &row.try_get::<Vec<u8>, _>("sealed_key")?).map_err(|_| tampered())?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(opened.as_slice().try_into().map_err(|_| tampered())?);
        let key = DataKey::from_bytes(*bytes);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_KEYS {
            open.clear();
        }
        open.insert(id, key.clone());
        Ok(Some((id, key)))
    }
}

/// A row and its marks, unless the slot has something already.
async fn insert(
    connection: &mut SqliteConnection,
    id: &Digest,
    key: &DataKey,
    slot: &[u8],
    value: &[u8],
    marks: &[&[u8]],
) -> Result<bool, StoreError> {
    let slot = mac(key, b"slot", slot);
    let done = sqlx::query("INSERT INTO vault_rows (holder, slot, sealed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(&id[..])
        .bind(&slot[..])
        .bind(key.seal(&aad(id, &slot), value))
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    for mark in marks {
        sqlx::query("INSERT INTO vault_marks (holder, mark) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&id[..])
            .bind(&mac(key, b"mark", mark)[..])
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}

/// Under a key of its own for each use, since the key seals as well.
fn mac(key: &DataKey, what: &[u8], text: &[u8]) -> Digest {
    let own = Zeroizing::new(hmac_sha256(key.expose(), &[b"medlock vault ", what]));
    hmac_sha256(&own[..], &[text])
}

fn aad(id: &Digest, place: &[u8]) -> Vec<u8> {
    [b"medlock vault row ", &id[..], place].concat()
}

/// A row's name in an error: a part of a MAC, which tells nothing.
fn name(mac: &[u8]) -> String {
    medlock_keys::digest::hex(&mac[..mac.len().min(8)])
}

#[cfg(test)]
mod tests;
