use crate::bench::*;
use medlock_auth::AuthFailure::*;
use medlock_auth::{AdminAction, Credential, Cut, DenyCode};
use medlock_domain::Purpose;
use medlock_keys::password::Secret;

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let s = b.log_in(&p).await.unwrap();
    b.clock.advance_ms(15 * MINUTE - 1);
    b.by_token(&s.token).await.unwrap();
    b.clock.advance_ms(15 * MINUTE - 1);
    b.by_token(&s.token).await.unwrap();
    b.clock.advance_ms(15 * MINUTE);
    assert_eq!(b.by_token(&s.token).await.unwrap_err(), Expired);
    b.auth.flush().await.unwrap();
    assert_eq!(b.by_token(&s.token).await.unwrap_err(), Revoked, "and then it is ended");
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_of_use() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let s = b.log_in(&p).await.unwrap();
    for _ in 0..72 {
        b.by_token(&s.token).await.unwrap();
        b.clock.advance_ms(10 * MINUTE);
    }
    assert_eq!(b.by_token(&s.token).await.unwrap_err(), Expired);
}

#[tokio::test]
async fn last_use_survives_a_restart_to_within_a_flush() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let s = b.log_in(&p).await.unwrap();
    b.clock.advance_ms(10 * MINUTE);
    b.by_token(&s.token).await.unwrap();
    b.auth.flush().await.unwrap();
    let b = b.restarted().await;
    b.clock.advance_ms(14 * MINUTE);
    b.by_token(&s.token).await.unwrap();
    let b = b.restarted().await; // without a flush: the use at 24 minutes is lost
    b.clock.advance_ms(2 * MINUTE);
    assert_eq!(b.by_token(&s.token).await.unwrap_err(), Expired);
}

#[tokio::test]
async fn a_token_has_one_form() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let token = b.log_in(&p).await.unwrap().token;
    let t = token.expose();
    for bad in [format!("{t} "), t.to_uppercase(), t[..t.len() - 1].into(), "ses-".into(), String::new()] {
        assert_eq!(b.by_token(&Secret::new(bad.clone())).await.unwrap_err(), Unknown, "{bad}");
    }
    assert_eq!(b.auth.authenticate(Credential::None, here()).await.unwrap_err(), Missing);
}

#[tokio::test]
async fn what_ends_a_session_cuts_what_runs_in_it() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    for how in ["log_out", "end_session", "disable", "roles", "deadline", "reload"] {
        b.clock.advance_ms(MINUTE);
        let s = b.log_in(&p).await.unwrap();
        let who = b.by_token(&s.token).await.unwrap();
        let permit = b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap();
        assert_eq!(b.auth.check(&permit), Ok(()));
        let manage = operator(AdminAction::UsersManage);
        let (cut, again) = match how {
            "log_out" => {
                b.auth.log_out(&who).await.unwrap();
                (Cut::SessionEnded, Some(Revoked))
            }
            "end_session" => {
                b.auth.end_session(&operator(AdminAction::SessionsEnd), &s.session, 1).await.unwrap();
                (Cut::SessionEnded, Some(Revoked))
            }
            "disable" => {
                b.auth.disable_user(&manage, &p.id, 2).await.unwrap();
                (Cut::SessionEnded, Some(Revoked))
            }
            "roles" => {
                b.auth.set_roles(&manage, &p.id, names(&["clinician", "researcher"]), 3).await.unwrap();
                (Cut::Revoked, None)
            }
            "deadline" => {
                assert_eq!(permit.deadline(), b.now().plus_ms(15 * MINUTE));
                b.clock.advance_ms(15 * MINUTE);
                (Cut::Expired, Some(Expired))
            }
            _ => {
                let epoch = b.auth.policy_epoch();
                b.auth
                    .reload_policy(&operator(AdminAction::PolicyReload), b.auth.pending_policy().await.unwrap(), 4)
                    .await
                    .unwrap();
                assert_eq!(b.auth.policy_epoch(), epoch + 1);
                (Cut::PolicyChanged, None)
            }
        };
        assert_eq!(b.auth.check(&permit), Err(cut), "{how}");
        assert_eq!(b.by_token(&s.token).await.err(), again, "{how}");
        if matches!(cut, Cut::SessionEnded | Cut::Revoked) {
            // Nor does a principal from before it get a new permit.
            let denied = b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap_err();
            assert_eq!(denied.code, DenyCode::Ended, "{how}");
        }
        b.auth.enable_user(&manage, &p.id, 5).await.unwrap();
    }
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    let b = Bench::new().await;
    let (one, two) = (b.person("one", &["clinician"]).await, b.person("two", &["clinician"]).await);
    let (s1, s2) = (b.log_in(&one).await.unwrap(), b.log_in(&two).await.unwrap());
    let own = b.auth.authorize_admin(&s1.principal, AdminAction::OwnSessions).unwrap();
    let listed = b.auth.list_sessions(&own).await.unwrap();
    assert_eq!(listed.iter().map(|s| &s.id).collect::<Vec<_>>(), [&s1.session]);
    assert!(b.auth.end_session(&own, &s2.session, 1).await.is_err());
    assert!(b.by_token(&s2.token).await.is_ok());
    b.auth.end_session(&own, &s1.session, 1).await.unwrap();
    assert!(b.auth.list_sessions(&own).await.is_err(), "the permit went with the session");
    let all = b.auth.list_sessions(&operator(AdminAction::SessionsList)).await.unwrap();
    assert_eq!(all.len(), 1);
}
