use crate::bench::*;
use medlock_auth::AuthFailure::{self, *};
use medlock_auth::{AdminAction, LoginFailure};
use medlock_domain::NetworkSource;
use medlock_keys::password::Secret;

async fn attempt(b: &Bench, user: &str, password: &str, otp: Option<String>, n: u8) -> LoginFailure {
    // Each from its own address: what is tested here is not the throttle of sources.
    let from = NetworkSource(std::net::IpAddr::from([198, 51, 100, n]));
    b.auth.log_in(user, Secret::new(password), otp.map(Secret::new), from).await.unwrap_err()
}

#[tokio::test]
async fn both_factors_open_a_session_and_a_code_opens_one_only() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let session = b.log_in(&p).await.unwrap();
    assert!(session.principal.mfa());
    assert_eq!(session.principal.user(), &p.id);
    assert_eq!(session.idle_expires, b.now().plus_ms(15 * MINUTE));
    assert_eq!(session.absolute_expires, b.now().plus_ms(12 * HOUR));
    let replayed = b.log_in(&p).await.unwrap_err();
    assert_eq!((replayed.failure, replayed.user), (ReplayedCode, Some(p.id.clone())));
    b.clock.advance_ms(60_000);
    assert!(b.log_in(&p).await.is_ok());
    // The code of the step before the last accepted one is as good as used.
    let old = p.totp.code_at(b.now().seconds() - 30);
    assert_eq!(attempt(&b, "jdoe", PASSWORD, Some(old), 1).await.failure, ReplayedCode);
}

#[tokio::test]
async fn every_refusal_says_the_same_to_the_caller() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let code = || Some(p.totp.code_at(b.now().seconds()));
    let all: Vec<AuthFailure> = vec![
        attempt(&b, "nobody", PASSWORD, code(), 1).await.failure,
        attempt(&b, "Not A Name \u{0}", PASSWORD, code(), 2).await.failure,
        attempt(&b, "jdoe", "wrong password", code(), 3).await.failure,
        attempt(&b, "jdoe", PASSWORD, None, 4).await.failure,
        attempt(&b, "jdoe", PASSWORD, Some("000000".into()), 5).await.failure,
        attempt(&b, "JDOE", PASSWORD, code(), 6).await.failure,
    ];
    assert_eq!(all, [Unknown, Unknown, WrongPassword, WrongCode, WrongCode, Unknown]);
    assert!(all.iter().all(|f| f.to_string() == all[0].to_string()));
}

#[tokio::test]
async fn guessing_is_slowed_alike_for_names_that_exist_and_names_that_do_not() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    for name in ["jdoe", "nobody"] {
        for n in 0..5 {
            assert_ne!(attempt(&b, name, "wrong password", None, n).await.failure, Throttled);
        }
        assert_eq!(attempt(&b, name, "wrong password", None, 6).await.failure, Throttled);
    }
    assert_eq!(b.log_in(&p).await.unwrap_err().failure, Throttled, "the right password waits too");
    b.clock.advance_ms(5_000);
    assert!(b.log_in(&p).await.is_ok());
}

#[tokio::test]
async fn a_hundred_failures_turn_the_authenticator_off_until_somebody_resets_it() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    for _ in 0..99 {
        b.store.add_failure(&p.id).await.unwrap();
    }
    assert_eq!(attempt(&b, "jdoe", "wrong password", None, 1).await.failure, WrongPassword);
    b.auth.flush().await.unwrap(); // the count is written behind the answer
    assert_eq!(b.log_in(&p).await.unwrap_err().failure, Locked);
    let b = b.restarted().await;
    assert_eq!(b.log_in(&p).await.unwrap_err().failure, Locked);
    let fresh = b.auth.enrol_totp(&operator(AdminAction::UsersManage), &p.id, 9).await.unwrap();
    assert_eq!(b.log_in(&p).await.unwrap_err().failure, WrongCode, "the old factor is gone");
    let totp = medlock_keys::totp::TotpSecret::from_base32(&fresh.secret).unwrap();
    assert!(b.log_in(&Person { totp, ..p }).await.is_ok());
}

#[tokio::test]
async fn success_forgets_the_failures() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    attempt(&b, "jdoe", "wrong password", None, 1).await;
    b.auth.flush().await.unwrap();
    assert_eq!(b.store.user_counters(&p.id).await.unwrap().unwrap().failures, 1);
    b.log_in(&p).await.unwrap();
    assert_eq!(b.store.user_counters(&p.id).await.unwrap().unwrap().failures, 0);
}
