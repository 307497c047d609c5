//! Second factors: fresh ones, and what helps who has lost theirs.

use crate::bench::*;
use medlock_auth::AuthFailure::*;
use medlock_auth::{AdminAction, DenyCode, Factor, LoginFailure, NewSession, Proof};
use medlock_domain::NetworkSource;
use medlock_keys::password::Secret;

async fn with_code(b: &Bench, who: &Person, code: &str) -> Result<NewSession, LoginFailure> {
    b.auth.log_in(&who.name, Secret::new(PASSWORD), Some(Secret::new(code)), here()).await
}

fn shown(code: &str) -> Proof {
    Proof::Code(Secret::new(code))
}

#[tokio::test]
async fn what_changes_access_wants_a_factor_of_the_last_minutes() {
    let b = Bench::new().await;
    let admin = b.person("root", &["admin"]).await;
    let session = b.log_in(&admin).await.unwrap();
    let may = |p: &medlock_auth::Principal, a| b.auth.authorize_admin(p, a).map(drop).map_err(|d| d.code);
    let at_once = b.by_token(&session.token).await.unwrap();
    for action in
        [AdminAction::UsersManage, AdminAction::KeysManage, AdminAction::PolicyReload, AdminAction::OwnCredentials]
    {
        assert_eq!(may(&at_once, action), Ok(()));
    }
    b.clock.advance_ms(5 * MINUTE);
    let later = b.by_token(&session.token).await.unwrap();
    assert!(later.mfa() && !later.fresh());
    for action in
        [AdminAction::UsersManage, AdminAction::KeysManage, AdminAction::PolicyReload, AdminAction::OwnCredentials]
    {
        assert_eq!(may(&later, action), Err(DenyCode::StepUpRequired), "{action:?}");
    }
    for action in [AdminAction::UsersList, AdminAction::SessionsEnd, AdminAction::OwnKeys] {
        assert_eq!(may(&later, action), Ok(()), "{action:?}: what only looks, or shuts out, does not wait");
    }
    assert_eq!(may(&later, AdminAction::AuditOpenContent), Err(DenyCode::PolicyDenied), "no factor helps here");

    let code = admin.totp.code_at(b.now().seconds());
    let renewed = b.auth.step_up(&later, &shown(&code)).await.unwrap();
    assert_eq!(renewed.factor, Factor::Totp);
    let fresh = b.by_token(&renewed.token).await.unwrap();
    assert_eq!(may(&fresh, AdminAction::UsersManage), Ok(()));
    assert_eq!(fresh.actor(), later.actor(), "the same session");
    assert_eq!(b.by_token(&session.token).await.unwrap_err(), Unknown, "the old token is worth nothing");
    assert_eq!(
        b.auth.step_up(&fresh, &shown(&code)).await.unwrap_err(),
        ReplayedCode,
        "a code counts once, here as well"
    );
    let b = b.restarted().await;
    assert!(b.by_token(&renewed.token).await.unwrap().fresh(), "the database has the new token");
    assert_eq!(b.by_token(&session.token).await.unwrap_err(), Unknown);
}

#[tokio::test]
async fn nobody_steps_up_with_a_wrong_code_for_ever() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    for _ in 0..5 {
        assert_eq!(b.auth.step_up(&who, &shown("000000")).await.unwrap_err(), WrongCode);
    }
    assert_eq!(b.auth.step_up(&who, &shown("000000")).await.unwrap_err(), Throttled);
    let key = b.key(&p, &["clinician"], &[medlock_domain::Purpose::Treatment]).await;
    let program = b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    assert_eq!(b.auth.step_up(&program, &shown("000000")).await.unwrap_err(), NoFactor);
}

#[tokio::test]
async fn each_recovery_code_stands_in_for_a_one_time_code_once() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let other = b.person("other", &["clinician"]).await;
    let [first, second, ..] = p.recovery.as_slice() else { panic!("there are ten") };
    assert_eq!(p.recovery.len(), 10);
    let session = with_code(&b, &p, first).await.unwrap();
    assert_eq!(session.factor, Some(Factor::RecoveryCode));
    assert!(session.principal.mfa());
    assert_eq!(with_code(&b, &p, first).await.unwrap_err().failure, WrongCode, "it is used up");
    assert_eq!(with_code(&b, &other, second).await.unwrap_err().failure, WrongCode, "it is somebody else's");
    // As people type them.
    let typed = second.to_ascii_uppercase().replace('-', " ");
    assert!(with_code(&b, &p, &typed).await.is_ok());
    assert_eq!(with_code(&b, &p, &second[..18]).await.unwrap_err().failure, WrongCode);
}

#[tokio::test]
async fn a_recovery_code_does_not_help_without_the_password() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let code = Secret::new(p.recovery[0].as_str());
    let wrong = b.auth.log_in("jdoe", Secret::new("wrong password"), Some(code), here()).await.unwrap_err();
    assert_eq!(wrong.failure, WrongPassword);
    assert!(with_code(&b, &p, &p.recovery[0]).await.is_ok(), "and is not used up by it");
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    let permit = b.auth.authorize_admin(&who, AdminAction::OwnCredentials).unwrap();
    let codes = b.auth.new_recovery_codes(&permit, 9).await.unwrap();
    assert_eq!(with_code(&b, &p, &p.recovery[0]).await.unwrap_err().failure, WrongCode);
    assert!(with_code(&b, &p, codes[0].expose()).await.is_ok());
    // A new factor, given by an administrator, brings its own.
    let fresh = b.auth.enrol_totp(&operator(AdminAction::UsersManage), &p.id, 9).await.unwrap();
    assert_eq!(with_code(&b, &p, codes[1].expose()).await.unwrap_err().failure, WrongCode);
    assert!(with_code(&b, &p, fresh.codes()[0]).await.is_ok());
}

#[tokio::test]
async fn whoever_guesses_at_an_account_does_not_lock_its_owner_out_for_good() {
    let b = Bench::new().await;
    let p = b.person("root", &["admin"]).await;
    for _ in 0..100 {
        b.store.add_failure(&p.id).await.unwrap();
    }
    let guess = async |n: u8| {
        let from = NetworkSource(std::net::IpAddr::from([198, 51, 100, n]));
        b.auth.log_in(&p.name, Secret::new("a guess, a guess"), None, from).await.unwrap_err().failure
    };
    for n in 0..5 {
        assert_eq!(guess(n).await, Locked);
    }
    assert_eq!(guess(9).await, Throttled);
    assert_eq!(b.log_in(&p).await.unwrap_err().failure, Throttled, "the usual way is closed");
    let wrong =
        b.auth.log_in(&p.name, Secret::new("a guess, a guess"), Some(Secret::new(p.recovery[0].as_str())), here());
    assert_eq!(wrong.await.unwrap_err().failure, WrongPassword, "a code alone opens nothing");
    assert!(with_code(&b, &p, &p.recovery[0]).await.is_ok());
    b.clock.advance_ms(30_000);
    assert!(b.log_in(&p).await.is_ok(), "and then the usual way is open again");
}
