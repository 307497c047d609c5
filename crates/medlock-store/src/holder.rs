//! Keys that audit content is sealed under because of whose it is (a patient, the owner of a credential), so
//! that destroying one erases the content.
//!
//! A row is found by a MAC of whose it is, which goes with it: afterwards nothing joins the random id in the
//! log to anybody. Ids are what records hold.

use crate::{Store, StoreError};
use medlock_domain::{HolderId, Timestamp};
use medlock_keys::digest::{Digest, hmac_sha256};
use medlock_keys::random;
use medlock_keys::seal::DataKey;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

const TABLE: &str = "content_holders";
/// So many keys stay unsealed.
const OPEN_KEYS: usize = 4096;

/// The keys. Cheap to clone.
#[derive(Clone)]
pub struct HolderKeys {
    pool: SqlitePool,
    key: Arc<DataKey>,
    open: Arc<Mutex<Opened>>,
}

#[derive(Default)]
struct Opened {
    keys: HashMap<Digest, HolderKey>,
    /// How many were destroyed: what was read before one of them is not remembered after it.
    destroyed: u64,
}

/// One of them.
#[derive(Clone)]
pub struct HolderKey {
    /// Its name in records.
    pub id: HolderId,
    /// The key.
    pub key: DataKey,
}

impl std::fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HolderKey({})", self.id)
    }
}

impl Store {
    /// The keys in this database, under a key of their own.
    pub fn holders(&self, key: DataKey) -> HolderKeys {
        HolderKeys { pool: self.pool.clone(), key: Arc::new(key), open: Arc::default() }
    }
}

impl HolderKeys {
    /// The key of `whose`, made and durable if there is none.
    ///
    /// # Errors
    /// When the database fails, or the row was changed.
    pub async fn of(&self, whose: &str, now: Timestamp) -> Result<HolderKey, StoreError> {
        if let Some(found) = self.find(whose).await? {
            return Ok(found);
        }
        let lookup = self.lookup(whose);
        let id = HolderId::from_random(random::bytes());
        sqlx::query("INSERT INTO content_holders (id, lookup, sealed_key, created_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(id.as_str())
            .bind(&lookup[..])
            .bind(self.key.seal(&aad(&id, &lookup), DataKey::generate().expose()))
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        // Somebody else may have been faster; theirs counts then.
        self.find(whose).await?.ok_or_else(|| tampered(id.as_str()))
    }

    /// The key of `whose`, if there is one.
    ///
    /// # Errors
    /// As [`HolderKeys::of`].
    pub async fn find(&self, whose: &str) -> Result<Option<HolderKey>, StoreError> {
        let lookup = self.lookup(whose);
        let destroyed = {
            let open = self.opened();
            if let Some(found) = open.keys.get(&lookup) {
                return Ok(Some(found.clone()));
            }
            open.destroyed
        };
        let row = sqlx::query("SELECT id, lookup, sealed_key FROM content_holders WHERE lookup = $1")
            .bind(&lookup[..])
            .fetch_optional(&self.pool)
            .await?;
        let Some(found) = row.map(|row| self.read(&row)).transpose()? else { return Ok(None) };
        let mut open = self.opened();
        if open.keys.len() >= OPEN_KEYS {
            open.keys.clear();
        }
        if open.destroyed == destroyed {
            open.keys.insert(lookup, found.clone());
        }
        Ok(Some(found))
    }

    /// The key of this name, while it lives.
    ///
    /// # Errors
    /// As [`HolderKeys::of`].
    pub async fn get(&self, id: &HolderId) -> Result<Option<HolderKey>, StoreError> {
        let row = sqlx::query("SELECT id, lookup, sealed_key FROM content_holders WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| self.read(&row)).transpose()
    }

    /// Destroys a key, and what says whose it was; false when there is none of this name. What it stood in is
    /// overwritten, the write-ahead log emptied.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destroy(&self, id: &HolderId) -> Result<bool, StoreError> {
        let done =
            sqlx::query("DELETE FROM content_holders WHERE id = $1").bind(id.as_str()).execute(&self.pool).await?;
        {
            let mut open = self.opened();
            open.destroyed += 1;
            open.keys.retain(|_, key| key.id != *id);
        }
        // Of a reader that is in its way it tells in its answer.
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await?;
        if emptied.try_get::<i64, _>(0)? != 0 {
            return Err(StoreError::Busy);
        }
        Ok(done.rows_affected() == 1)
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lookup(&self, whose: &str) -> Digest {
        // A key of its own, since the key seals as well.
        let own = Zeroizing::new(hmac_sha256(self.key.expose(), &[b"medlock content holder lookup"]));
        hmac_sha256(&own[..], &[whose.as_bytes()])
    }

    fn read(&self, row: &SqliteRow) -> Result<HolderKey, StoreError> {
        let id: String = row.try_get("id")?;
        let lookup: Vec<u8> = row.try_get("lookup")?;
        let name: HolderId = id.parse().map_err(|_| tampered(&id))?;
        let sealed: Vec<u8> = row.try_get("sealed_key")?;
        let opened = self.key.open(&aad(&name, &lookup), &sealed).map_err(|_| tampered(&id))?;
        let bytes = <[u8; 32]>::try_from(&opened[..]).map(Zeroizing::new).map_err(|_| tampered(&id))?;
        Ok(HolderKey { id: name, key: DataKey::from_bytes(*bytes) })
    }
}

fn tampered(id: &str) -> StoreError {
    StoreError::Tampered { table: TABLE, id: id.to_owned() }
}

/// A row that was moved, renamed or given to somebody else does not open.
fn aad(id: &HolderId, lookup: &[u8]) -> Vec<u8> {
    [b"medlock content holder ", id.as_str().as_bytes(), lookup].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::StoreKeys;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    async fn open(dir: &std::path::Path, key: &DataKey) -> (Store, HolderKeys) {
        let keys = StoreKeys { seal: DataKey::from_bytes([1; 32]), mac: DataKey::from_bytes([2; 32]) };
        let store = Store::open(&dir.join("db"), keys).await.unwrap();
        let holders = store.holders(key.clone());
        (store, holders)
    }

    #[tokio::test]
    async fn one_key_each_that_is_gone_when_it_is_destroyed() {
        let (dir, key) = (tempfile::tempdir().unwrap(), DataKey::generate());
        let (store, holders) = open(dir.path(), &key).await;
        assert!(holders.find("patient:4411023").await.unwrap().is_none());
        let a = holders.of("patient:4411023", NOW).await.unwrap();
        let b = holders.of("patient:5500001", NOW).await.unwrap();
        assert!(a.id != b.id && a.key.expose() != b.key.expose());
        assert_eq!(holders.of("patient:4411023", NOW).await.unwrap().id, a.id);
        store.close().await;
        let (store, holders) = open(dir.path(), &key).await;
        assert_eq!(holders.find("patient:4411023").await.unwrap().unwrap().key.expose(), a.key.expose());
        assert_eq!(holders.get(&a.id).await.unwrap().unwrap().key.expose(), a.key.expose());
        assert!(holders.destroy(&a.id).await.unwrap() && !holders.destroy(&a.id).await.unwrap());
        assert!(
            holders.get(&a.id).await.unwrap().is_none() && holders.find("patient:4411023").await.unwrap().is_none()
        );
        let rows = ["db", "db-wal"].map(|f| std::fs::read(dir.path().join(f)).unwrap_or_default());
        let holds =
            |id: &HolderId| rows.iter().any(|r| r.windows(id.as_str().len()).any(|w| w == id.as_str().as_bytes()));
        assert!(holds(&b.id) && !holds(&a.id), "nothing of it is left in the files");
        assert!(!rows.iter().any(|r| r.windows(7).any(|w| w == b"4411023")), "nobody is named");
        assert_ne!(holders.of("patient:4411023", NOW).await.unwrap().id, a.id, "comes back as somebody new");
        // Whoever still reads has the old pages: then it is not done.
        let mut reading = store.pool.begin().await.unwrap();
        sqlx::query("SELECT id FROM content_holders").fetch_all(&mut *reading).await.unwrap();
        assert!(matches!(holders.destroy(&b.id).await, Err(StoreError::Busy)));
        drop(reading);
        assert!(!holders.destroy(&b.id).await.unwrap(), "its row is gone, and now the rest");
    }

    #[tokio::test]
    async fn of_many_at_once_there_is_one() {
        let (dir, key) = (tempfile::tempdir().unwrap(), DataKey::generate());
        let (_store, holders) = open(dir.path(), &key).await;
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let holders = holders.clone();
            all.spawn(async move { holders.of("patient:1", NOW).await.unwrap().id });
        }
        let ids = all.join_all().await;
        assert!(ids.iter().all(|id| *id == ids[0]));
    }

    #[tokio::test]
    async fn a_row_given_to_somebody_else_is_refused() {
        let (dir, key) = (tempfile::tempdir().unwrap(), DataKey::generate());
        let (store, holders) = open(dir.path(), &key).await;
        let a = holders.of("patient:1", NOW).await.unwrap();
        let theirs = holders.lookup("patient:2");
        sqlx::query("UPDATE content_holders SET lookup = $1").bind(&theirs[..]).execute(&store.pool).await.unwrap();
        assert!(matches!(holders.find("patient:2").await, Err(StoreError::Tampered { .. })));
        assert!(matches!(holders.get(&a.id).await, Err(StoreError::Tampered { .. })));
    }
}
