#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use medlock_domain::{ApprovalId, EmergencyId, HolderId, KeyId, Purpose, SessionId, Timestamp, UserId};
use sqlx::{AssertSqlSafe, Row};
use zeroize::Zeroizing;

fn keys() -> StoreKeys {
    StoreKeys { seal: DataKey::from_bytes([1; 32]), mac: DataKey::from_bytes([2; 32]) }
}

async fn store(dir: &Path) -> Store {
    Store::open(&dir.join("m.db"), keys()).await.unwrap()
}

fn user() -> UserRow {
    UserRow {
        id: UserId::from_random([3; 16]),
        username: "ada".parse().unwrap(),
        roles: vec!["admin".parse().unwrap(), "auditor".parse().unwrap()],
        created: Timestamp(5),
        disabled: false,
        by_provider: false,
        password_phc: "$argon2id$".into(),
        totp: Some(Zeroizing::new(b"12345678901234567890".to_vec())),
        log_index: 9,
    }
}

fn key(owner: &UserId) -> ApiKeyRow {
    ApiKeyRow {
        id: KeyId::from_random([4; 16]),
        owner: owner.clone(),
        name: "ehr".into(),
        secret_hash: [7; 32],
        bound: None,
        roles: vec!["service".parse().unwrap()],
        purposes: vec![Purpose::Treatment],
        models: vec![],
        networks: vec!["192.0.2.0/24".parse().unwrap()],
        created: Timestamp(5),
        expires: Timestamp(50),
        revoked: None,
        log_index: 10,
        last_used: None,
    }
}

fn session(user: &UserId) -> SessionRow {
    SessionRow {
        id: SessionId::from_random([5; 16]),
        user: user.clone(),
        token_hash: [8; 32],
        created: Timestamp(5),
        idle_ms: 10,
        absolute_expires: Timestamp(100),
        mfa: Some(Timestamp(5)),
        certificate: None,
        ended: None,
        last_seen: Timestamp(5),
    }
}

#[tokio::test]
async fn rows_come_back_after_reopening_and_files_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let u = user();
    s.insert_user(&u).await.unwrap();
    s.insert_key(&key(&u.id)).await.unwrap();
    s.insert_session(&session(&u.id)).await.unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
    s.close().await;
    let s = store(dir.path()).await;
    let back = s.user_by_name(&u.username).await.unwrap().unwrap();
    assert_eq!((back.id, back.roles, back.totp, back.log_index), (u.id.clone(), u.roles, u.totp, 9));
    assert_eq!(s.key(&KeyId::from_random([4; 16])).await.unwrap().unwrap(), key(&u.id));
    assert_eq!(s.session_by_token(&[8; 32]).await.unwrap().unwrap(), session(&u.id));
    assert!(matches!(s.insert_user(&user()).await, Err(StoreError::Exists(_))));
}

#[tokio::test]
async fn the_second_factor_is_not_readable_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    s.insert_user(&user()).await.unwrap();
    s.close().await;
    let bytes = std::fs::read(dir.path().join("m.db")).unwrap();
    assert!(!bytes.windows(20).any(|w| w == b"12345678901234567890"));
}

#[tokio::test]
async fn every_column_that_confers_authority_is_covered() {
    let edits = [
        "UPDATE users SET username = 'eve'",
        "UPDATE users SET roles = 'admin,auditor,clinician'",
        "UPDATE users SET created_ms = 6",
        "UPDATE users SET disabled = 1",
        "UPDATE users SET password = '$argon2id$eve'",
        "UPDATE users SET totp = NULL",
        "UPDATE users SET log_index = 1",
        "UPDATE users SET mac = zeroblob(32)",
        "UPDATE api_keys SET name = 'x'",
        "UPDATE api_keys SET secret_hash = zeroblob(32)",
        "UPDATE api_keys SET roles = 'admin'",
        "UPDATE api_keys SET purposes = 'research'",
        "UPDATE api_keys SET models = 'm'",
        "UPDATE api_keys SET networks = ''",
        "UPDATE api_keys SET networks = '0.0.0.0/0'",
        "UPDATE api_keys SET expires_ms = 999",
        "UPDATE api_keys SET revoked_ms = 1",
        "UPDATE api_keys SET log_index = 1",
        "UPDATE sessions SET idle_ms = 999",
        "UPDATE sessions SET absolute_expires_ms = 999",
        "UPDATE sessions SET mfa_ms = 9",
        "UPDATE sessions SET ended_ms = 9",
        "UPDATE sessions SET token_hash = zeroblob(32)",
    ];
    for edit in edits {
        let dir = tempfile::tempdir().unwrap();
        let s = store(dir.path()).await;
        let u = user();
        s.insert_user(&u).await.unwrap();
        s.insert_key(&key(&u.id)).await.unwrap();
        s.insert_session(&session(&u.id)).await.unwrap();
        assert!(s.users().await.is_ok() && s.keys().await.is_ok() && s.live_sessions(Timestamp(6)).await.is_ok());
        sqlx::query(edit).execute(&s.pool).await.unwrap();
        let results =
            [s.users().await.err(), s.keys().await.err(), s.session(&SessionId::from_random([5; 16])).await.err()];
        let refused = results.iter().flatten().filter(|e| matches!(e, StoreError::Tampered { .. })).count();
        assert_eq!(refused, 1, "{edit}: {results:?}");
    }
}

#[tokio::test]
async fn a_one_time_code_is_accepted_once() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let u = user();
    s.insert_user(&u).await.unwrap();
    let tries = (0..8).map(|_| {
        let (s, id) = (s.clone(), u.id.clone());
        tokio::spawn(async move { s.accept_totp_step(&id, 100).await.unwrap() })
    });
    let mut accepted = 0;
    for t in tries.collect::<Vec<_>>() {
        accepted += u32::from(t.await.unwrap());
    }
    assert_eq!(accepted, 1);
    assert!(!s.accept_totp_step(&u.id, 99).await.unwrap(), "an older code after a newer one");
    assert!(s.accept_totp_step(&u.id, 101).await.unwrap());
}

#[tokio::test]
async fn ending_a_session_is_final_and_failures_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let u = user();
    s.insert_user(&u).await.unwrap();
    let one = session(&u.id);
    s.insert_session(&one).await.unwrap();
    assert!(s.end_session(&one.id, Timestamp(7)).await.unwrap());
    assert!(!s.end_session(&one.id, Timestamp(8)).await.unwrap());
    assert!(s.live_sessions(Timestamp(7)).await.unwrap().is_empty());
    assert_eq!(s.session(&one.id).await.unwrap().unwrap().ended, Some(Timestamp(7)));
    assert_eq!((s.add_failure(&u.id).await.unwrap(), s.add_failure(&u.id).await.unwrap()), (1, 2));
    s.lock_user(&u.id, Timestamp(70)).await.unwrap();
    assert_eq!(s.user_counters(&u.id).await.unwrap().unwrap().locked_until, Timestamp(70));
    s.clear_failures(&u.id).await.unwrap();
    assert_eq!(s.user_counters(&u.id).await.unwrap().unwrap().failures, 0);
}

#[tokio::test]
async fn a_file_that_others_can_read_or_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.db");
    let s = store(dir.path()).await;
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&s.pool).await.unwrap();
    s.close().await;
    assert!(matches!(Store::open(&path, keys()).await, Err(StoreError::TooNew { found: 99, .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Store::open(&path, keys()).await, Err(StoreError::Exposed(_))));
}

#[tokio::test]
async fn emergency_access_that_was_changed_is_none() {
    let edits = [
        "patient = NULL",
        "drill = 0",
        "expires_ms = expires_ms + 86400000",
        "created_ms = 1",
        "log_index = 1",
        "id = 'emg_00000000000000000000000000'",
    ];
    for edit in edits {
        let dir = tempfile::tempdir().unwrap();
        let s = store(dir.path()).await;
        let (u, now) = (user(), Timestamp(6));
        s.insert_user(&u).await.unwrap();
        let (patient, expires) = (Some(HolderId::from_random([7; 16])), Timestamp(1000));
        let id = EmergencyId::from_random([6; 16]);
        let user = u.id.clone();
        let row = EmergencyRow { id, user, patient, drill: true, created: now, expires, ended: None, log_index: 9 };
        s.insert_emergency(&row).await.unwrap();
        assert_eq!(s.live_emergencies(now).await.unwrap()[0].as_ref().unwrap(), &row);
        sqlx::query(AssertSqlSafe(format!("UPDATE emergencies SET {edit}"))).execute(&s.pool).await.unwrap();
        let live = s.live_emergencies(now).await.unwrap();
        assert!(matches!(live[..], [Err(StoreError::Tampered { .. })]), "{edit}");
    }
    let dir = tempfile::tempdir().unwrap();
    let s = store(dir.path()).await;
    let u = user();
    s.insert_user(&u).await.unwrap();
    let (id, user) = (EmergencyId::from_random([6; 16]), u.id.clone());
    let (created, expires) = (Timestamp(6), Timestamp(1000));
    let row = EmergencyRow { id, user, patient: None, drill: false, created, expires, ended: None, log_index: 9 };
    s.insert_emergency(&row).await.unwrap();
    assert!(s.end_emergency(&row.id, Timestamp(7)).await.unwrap());
    assert!(!s.end_emergency(&row.id, Timestamp(8)).await.unwrap(), "once");
    assert!(s.live_emergencies(Timestamp(7)).await.unwrap().is_empty());
    // Somebody who takes the end back takes nothing back.
    sqlx::query("UPDATE emergencies SET ended_ms = NULL").execute(&s.pool).await.unwrap();
    assert!(s.emergency(&row.id).await.is_err());
}

#[tokio::test]
async fn a_recovery_code_counts_once_and_only_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let (s, u) = (store(dir.path()).await, user());
    s.insert_user(&u).await.unwrap();
    s.replace_recovery_codes(&u.id, &[[1; 32], [2; 32]], 9).await.unwrap();
    assert!(s.has_recovery_code(&u.id, &[1; 32]).await.unwrap());
    assert!(s.use_recovery_code(&u.id, &[1; 32]).await.unwrap());
    assert!(!s.use_recovery_code(&u.id, &[1; 32]).await.unwrap());
    assert_eq!(s.recovery_codes_left(&u.id).await.unwrap(), 1);
    sqlx::query("UPDATE recovery_codes SET hash = $1").bind(&[3u8; 32][..]).execute(&s.pool).await.unwrap();
    assert!(matches!(s.has_recovery_code(&u.id, &[3; 32]).await, Err(StoreError::Tampered { .. })));
}

#[tokio::test]
async fn a_key_from_before_there_were_networks_is_still_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let (s, u) = (store(dir.path()).await, user());
    s.insert_user(&u).await.unwrap();
    let old = ApiKeyRow { networks: Vec::new(), ..key(&u.id) };
    s.insert_key(&old).await.unwrap();
    // Its MAC as it was made then: no more columns than there were.
    let columns = crate::mac::Columns::of("api_keys")
        .text(old.id.as_str())
        .text(old.owner.as_str())
        .text("ehr")
        .bytes(&[7; 32])
        .text("service")
        .text("treatment")
        .text("")
        .int(5)
        .int(50)
        .maybe_int(None)
        .int(10);
    let made: Vec<u8> = sqlx::query("SELECT mac FROM api_keys").fetch_one(&s.pool).await.unwrap().try_get(0).unwrap();
    assert_eq!(made, s.keys.mac.make(&columns));
}

#[tokio::test]
async fn an_approval_that_was_changed_is_none() {
    let edits = [
        "state = 'approved'",
        "role = 'admin'",
        "digest = x'00'",
        "detail = 'user=usr'",
        "verb = 'erase'",
        "expires_ms = expires_ms + 86400000",
        "lasts_ms = 1",
        "log_index = 1",
    ];
    for edit in edits {
        let dir = tempfile::tempdir().unwrap();
        let (s, u) = (store(dir.path()).await, user());
        s.insert_user(&u).await.unwrap();
        let row = ApprovalRow {
            id: ApprovalId::from_random([6; 16]),
            asker: u.id.clone(),
            verb: "set_roles".into(),
            digest: [7; 32],
            detail: "roles=clinician".into(),
            role: None,
            lasts_ms: 10,
            created: Timestamp(6),
            expires: Timestamp(1000),
            state: ApprovalState::Pending,
            decided: None,
            log_index: 9,
        };
        s.insert_approval(&row).await.unwrap();
        assert_eq!(s.open_approvals(Timestamp(6)).await.unwrap()[0].as_ref().unwrap(), &row);
        sqlx::query(AssertSqlSafe(format!("UPDATE approvals SET {edit}"))).execute(&s.pool).await.unwrap();
        let open = s.open_approvals(Timestamp(6)).await.unwrap();
        assert!(matches!(open[..], [Err(StoreError::Tampered { .. })]), "{edit}");
    }
}
