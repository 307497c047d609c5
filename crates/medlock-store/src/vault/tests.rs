#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::StoreKeys;
use std::path::Path;

async fn store(dir: &Path) -> Store {
    let keys = StoreKeys { seal: DataKey::from_bytes([1; 32]), mac: DataKey::from_bytes([2; 32]) };
    Store::open(&dir.join("m.db"), keys).await.unwrap()
}

fn key() -> DataKey {
    DataKey::from_bytes([3; 32])
}

#[tokio::test]
async fn what_was_put_first_holds_and_comes_back_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let v = s.vault(key());
    assert_eq!(v.get(b"p1", b"NAME maria").await.unwrap(), None);
    assert_eq!(&v.put(b"p1", b"NAME maria", b"Elodie", &[b"maria", b"elodie"]).await.unwrap()[..], b"Elodie");
    assert_eq!(&v.put(b"p1", b"NAME maria", b"Ingrid", &[b"ingrid"]).await.unwrap()[..], b"Elodie");
    v.put(b"p1", b"NAME chen", b"Harlow", &[b"harlow"]).await.unwrap();
    s.close().await;
    let s = store(dir.path()).await;
    let v = s.vault(key());
    assert_eq!(&v.get(b"p1", b"NAME maria").await.unwrap().unwrap()[..], b"Elodie");
    let all: Vec<Vec<u8>> = v.all(b"p1").await.unwrap().iter().map(|b| b.to_vec()).collect();
    assert_eq!(all, [b"Elodie".to_vec(), b"Harlow".to_vec()]);
    assert!(v.is_marked(b"p1", b"elodie").await.unwrap());
    assert!(!v.is_marked(b"p1", b"ingrid").await.unwrap(), "what did not hold marks nothing");
    // Nothing of one holder is another's.
    assert_eq!(v.get(b"p2", b"NAME maria").await.unwrap(), None);
    assert!(!v.is_marked(b"p2", b"elodie").await.unwrap() && v.all(b"p2").await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_in_the_file_tells_a_value() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let v = s.vault(key());
    v.put(b"patient-4711", b"NAME gonzalez", b"Whitcombe", &[b"gonzalez", b"whitcombe"]).await.unwrap();
    s.close().await;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [&b"patient-4711"[..], b"gonzalez", b"Whitcombe", b"whitcombe"] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret));
        }
    }
}

#[tokio::test]
async fn a_row_that_was_changed_or_moved_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let v = s.vault(key());
    v.put(b"p1", b"a", b"one", &[]).await.unwrap();
    v.put(b"p1", b"b", b"two", &[]).await.unwrap();
    let swap = "UPDATE vault_rows SET sealed = (SELECT sealed FROM vault_rows WHERE sequence = 1) WHERE sequence = 2";
    sqlx::query(swap).execute(&s.pool).await.unwrap();
    assert!(matches!(v.get(b"p1", b"b").await, Err(StoreError::Tampered { table: ROWS, .. })));
    assert!(matches!(v.all(b"p1").await, Err(StoreError::Tampered { table: ROWS, .. })));
    assert!(matches!(v.put(b"p1", b"b", b"three", &[]).await, Err(StoreError::Tampered { .. })));
    assert!(v.get(b"p1", b"a").await.is_ok());
    let other = s.vault(DataKey::from_bytes([9; 32]));
    assert_eq!(other.get(b"p1", b"a").await.unwrap(), None, "another key sees another vault");
    sqlx::query("UPDATE vault_holders SET sealed_key = zeroblob(60)").execute(&s.pool).await.unwrap();
    let fresh = s.vault(key());
    assert!(matches!(fresh.get(b"p1", b"a").await, Err(StoreError::Tampered { table: HOLDERS, .. })));
}

#[tokio::test]
async fn an_erased_holder_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let v = s.vault(key());
    v.put(b"p1", b"a", b"one", &[b"m"]).await.unwrap();
    v.put(b"p2", b"a", b"two", &[]).await.unwrap();
    let before: Vec<u8> =
        sqlx::query("SELECT sealed FROM vault_rows WHERE sequence = 1").fetch_one(&s.pool).await.unwrap().get(0);
    assert!(v.erase(b"p1").await.unwrap());
    assert!(!v.erase(b"p1").await.unwrap());
    assert_eq!(v.get(b"p1", b"a").await.unwrap(), None);
    assert!(!v.is_marked(b"p1", b"m").await.unwrap());
    assert_eq!(&v.get(b"p2", b"a").await.unwrap().unwrap()[..], b"two");
    // The old row, put back from a copy, does not open under the new key.
    v.put(b"p1", b"a", b"new", &[]).await.unwrap();
    sqlx::query("UPDATE vault_rows SET sealed = $1 WHERE sequence = (SELECT max(sequence) FROM vault_rows)")
        .bind(before)
        .execute(&s.pool)
        .await
        .unwrap();
    assert!(matches!(v.get(b"p1", b"a").await, Err(StoreError::Tampered { .. })));
}

#[tokio::test]
async fn two_who_put_at_once_get_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let tasks: Vec<_> = (0..16u8)
        .map(|i| {
            let v = s.vault(key());
            tokio::spawn(async move { v.put(b"p", b"a", &[i], &[]).await.unwrap()[0] })
        })
        .collect();
    let mut got = std::collections::BTreeSet::new();
    for task in tasks {
        got.insert(task.await.unwrap());
    }
    assert_eq!(got.len(), 1, "{got:?}");
}

#[tokio::test]
async fn many_at_once_are_all_put_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let v = s.vault(key());
    let row = |holder: &[u8], slot: &[u8]| VaultRow {
        holder: Zeroizing::new(holder.to_vec()),
        slot: Zeroizing::new(slot.to_vec()),
        value: Zeroizing::new(b"Elodie".to_vec()),
        marks: vec![Zeroizing::new(b"elodie".to_vec())],
    };
    v.put_all(&[row(b"p1", b"a"), row(b"p2", b"a"), row(b"p2", b"b").without_marks()]).await.unwrap();
    assert_eq!(&v.get(b"p1", b"a").await.unwrap().unwrap()[..], b"Elodie");
    assert_eq!(v.all(b"p2").await.unwrap().len(), 2);
    assert!(v.is_marked(b"p1", b"elodie").await.unwrap());
    // The last slot is not free: nothing of this is kept, the new holder neither.
    assert!(v.put_all(&[row(b"p3", b"a"), row(b"p1", b"b"), row(b"p1", b"a")]).await.is_err());
    assert_eq!((v.get(b"p3", b"a").await.unwrap(), v.get(b"p1", b"b").await.unwrap()), (None, None));
    v.put(b"p3", b"a", b"Ingrid", &[]).await.unwrap();
    assert_eq!(&v.get(b"p3", b"a").await.unwrap().unwrap()[..], b"Ingrid");
}
