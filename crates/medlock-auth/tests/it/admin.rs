use crate::bench::*;
use medlock_auth::{AdminAction, AuthError, DenyCode, NewUser, PasswordFlaw};
use medlock_domain::Purpose;
use medlock_keys::password::Secret;

#[tokio::test]
async fn the_last_administrator_stays() {
    let b = Bench::new().await;
    let first = b.person("first", &["admin"]).await;
    let by = operator(AdminAction::UsersManage);
    for e in [
        b.auth.disable_user(&by, &first.id, 1).await.unwrap_err(),
        b.auth.set_roles(&by, &first.id, names(&["auditor"]), 1).await.unwrap_err(),
    ] {
        assert!(matches!(e, AuthError::LastAdmin), "{e:?}");
    }
    let second = b.person("second", &["admin"]).await;
    b.auth.disable_user(&by, &first.id, 2).await.unwrap();
    let e = b.auth.disable_user(&by, &second.id, 3).await.unwrap_err();
    assert!(matches!(e, AuthError::LastAdmin), "a disabled one does not count: {e:?}");
    b.auth.enable_user(&by, &first.id, 4).await.unwrap();
    b.auth.disable_user(&by, &second.id, 5).await.unwrap();
}

#[tokio::test]
async fn an_administrator_administers_and_nothing_else() {
    let b = Bench::new().await;
    // Even one who is a clinician too: the forbid wins.
    let p = b.person("both", &["admin", "clinician", "security-officer"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    let permit = b.auth.authorize_admin(&who, AdminAction::UsersManage).unwrap();
    let new = NewUser { username: "new".parse().unwrap(), password: Secret::new(PASSWORD), roles: names(&["auditor"]) };
    b.auth.create_user(&permit, new, 1).await.unwrap();
    let denied = b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap_err();
    assert_eq!((denied.code, denied.policies), (DenyCode::PolicyDenied, vec!["admin-never-chats".to_string()]));
    let denied = b.auth.authorize_admin(&who, AdminAction::AuditOpenContent).unwrap_err();
    assert_eq!(denied.policies, ["admin-never-opens-content"]);
}

#[tokio::test]
async fn a_key_cannot_administer() {
    let b = Bench::new().await;
    let p = b.person("first", &["admin"]).await;
    let key = b.key(&p, &["admin"], &[Purpose::Operations]).await;
    let who = b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    for action in AdminAction::ALL {
        assert_eq!(b.auth.authorize_admin(&who, action).unwrap_err().code, DenyCode::PolicyDenied, "{action:?}");
    }
}

#[tokio::test]
async fn an_admin_permit_is_for_its_action_and_ends_with_its_session() {
    let b = Bench::new().await;
    let p = b.person("first", &["admin"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    let list = b.auth.authorize_admin(&who, AdminAction::UsersList).unwrap();
    assert_eq!(b.auth.list_users(&list).await.unwrap().len(), 1);
    let e = b.auth.disable_user(&list, &p.id, 1).await.unwrap_err();
    assert!(matches!(e, AuthError::WrongPermit("users:manage")), "{e:?}");
    b.auth.log_out(&who).await.unwrap();
    assert!(matches!(b.auth.list_users(&list).await, Err(AuthError::PermitEnded)));
}

#[tokio::test]
async fn who_cannot_be_added() {
    let b = Bench::new().await;
    b.person("jdoe", &["clinician"]).await;
    let by = operator(AdminAction::UsersManage);
    let new = |name: &str, password: &str, role: &str| NewUser {
        username: name.parse().unwrap(),
        password: Secret::new(password),
        roles: names(&[role]),
    };
    let e = b.auth.create_user(&by, new("jdoe", PASSWORD, "clinician"), 1).await.unwrap_err();
    assert!(matches!(e, AuthError::Taken("user")), "{e:?}");
    let e = b.auth.create_user(&by, new("x1", "Password1!", "clinician"), 1).await.unwrap_err();
    assert!(matches!(e, AuthError::Password(PasswordFlaw::Common)), "{e:?}");
    let e = b.auth.create_user(&by, new("x1", PASSWORD, "clinican"), 1).await.unwrap_err();
    assert!(e.to_string().contains("clinician"), "{e}");
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_replaces_the_old() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let s = b.log_in(&p).await.unwrap();
    let by = operator(AdminAction::UsersManage);
    b.auth.set_password(&by, &p.id, Secret::new("another good one"), 2).await.unwrap();
    assert!(b.by_token(&s.token).await.is_err());
    b.clock.advance_ms(MINUTE);
    assert!(b.log_in(&p).await.is_err());
}
