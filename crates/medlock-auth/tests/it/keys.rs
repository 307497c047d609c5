use crate::bench::*;
use medlock_auth::AuthFailure::*;
use medlock_auth::{AdminAction, AuthError, Credential, Cut, DenyCode, NewKey};
use medlock_domain::{Actor, NetworkSource, ProtectionMode, Purpose};
use medlock_keys::password::Secret;

#[tokio::test]
async fn a_key_works_in_its_one_form_until_it_ends() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let key = b.key(&owner, &["service"], &[Purpose::Treatment]).await;
    let who = b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    assert_eq!(who.actor(), &Actor::Machine { key: key.id.clone(), owner: owner.id.clone() });
    assert!(!who.mfa());
    let text = key.secret.as_ref().unwrap().expose();
    let swapped = text.char_indices().map(|(i, c)| {
        if i == 20 && c == '0' {
            '1'
        } else if i == 20 {
            '0'
        } else {
            c
        }
    });
    let last_changed = format!("{}{}", &text[..50], text[50..].chars().rev().collect::<String>());
    for bad in [
        text[..text.len() - 1].to_string(),
        text.to_uppercase(),
        format!("{text} "),
        format!("{text}\n"),
        swapped.collect(),
        last_changed,
    ] {
        let c = Credential::ApiKey(Secret::new(bad.clone()));
        assert_eq!(b.auth.authenticate(c, here()).await.unwrap_err(), Unknown, "{bad}");
    }
    b.clock.advance_ms(30 * DAY);
    assert_eq!(b.by_token(key.secret.as_ref().unwrap()).await.unwrap_err(), Expired);
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_what_runs_under_it_is_cut() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let key = b.key(&owner, &["service"], &[Purpose::Treatment]).await;
    let who = b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    let permit = b.auth.authorize(&who, &ask(None)).unwrap();
    assert_eq!((permit.purpose(), permit.mode()), (Purpose::Treatment, ProtectionMode::Tokenize));
    assert!(permit.may_restore());
    assert_eq!(permit.policies(), ["service-chat", "service-restore"]);
    assert_eq!(permit.deadline(), b.now().plus_ms(HOUR), "no request is longer than an hour");
    b.auth.revoke_key(&operator(AdminAction::KeysManage), &key.id, 1).await.unwrap();
    assert_eq!(b.auth.check(&permit), Err(Cut::Revoked));
    assert_eq!(b.by_token(key.secret.as_ref().unwrap()).await.unwrap_err(), Revoked);
    assert!(b.auth.revoke_key(&operator(AdminAction::KeysManage), &key.id, 1).await.is_err());
}

#[tokio::test]
async fn a_key_falls_with_its_owner() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service", "clinician"]).await;
    let key = b.key(&owner, &["service"], &[Purpose::Treatment]).await;
    let permit = b.auth.authorize(&b.by_token(key.secret.as_ref().unwrap()).await.unwrap(), &ask(None)).unwrap();
    let manage = operator(AdminAction::UsersManage);
    b.auth.set_roles(&manage, &owner.id, names(&["clinician"]), 1).await.unwrap();
    assert_eq!(b.auth.check(&permit), Err(Cut::Revoked));
    let who = b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    assert!(who.roles().is_empty(), "a role that the owner lost is lost to the key");
    assert_eq!(b.auth.authorize(&who, &ask(None)).unwrap_err().code, DenyCode::PolicyDenied);
    b.auth.disable_user(&manage, &owner.id, 2).await.unwrap();
    assert_eq!(b.by_token(key.secret.as_ref().unwrap()).await.unwrap_err(), Disabled);
}

#[tokio::test]
async fn a_key_keeps_to_its_purposes_and_models() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let new = NewKey {
        models: vec!["other-model".parse().unwrap()],
        ..b.new_key(&owner, &["service"], &[Purpose::Treatment, Purpose::Payment])
    };
    let key = b.auth.create_key(&operator(AdminAction::KeysManage), new, 1).await.unwrap();
    let who = b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    assert_eq!(b.auth.authorize(&who, &ask(None)).unwrap_err().code, DenyCode::ModelNotAllowed);
    assert!(!b.auth.may_use(&who, &ask(None).model, true));
    let mut its_own = ask(None);
    its_own.model = "other-model".parse().unwrap();
    assert!(b.auth.may_use(&who, &its_own.model, true));
    assert_eq!(b.auth.authorize(&who, &its_own).unwrap_err().code, DenyCode::PurposeRequired);
    its_own.purpose = Some(Purpose::Operations);
    assert_eq!(b.auth.authorize(&who, &its_own).unwrap_err().code, DenyCode::PolicyDenied);
    its_own.purpose = Some(Purpose::Payment);
    assert_eq!(b.auth.authorize(&who, &its_own).unwrap().purpose(), Purpose::Payment);
}

#[tokio::test]
async fn what_a_key_cannot_be() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let good = b.new_key(&owner, &["service"], &[Purpose::Treatment]);
    let by = operator(AdminAction::KeysManage);
    for (new, word) in [
        (NewKey { roles: names(&["clinician"]), ..good.clone() }, "RolesBeyondOwner"),
        (NewKey { roles: names(&["wizard"]), ..good.clone() }, "UnknownRole"),
        (NewKey { roles: vec![], ..good.clone() }, "NoRole"),
        (NewKey { purposes: vec![], ..good.clone() }, "NoPurpose"),
        (NewKey { name: "for John Smith".into(), ..good.clone() }, "BadKeyName"),
        (NewKey { expires: b.now(), ..good.clone() }, "BadExpiry"),
        (NewKey { expires: b.now().plus_ms(367 * DAY), ..good.clone() }, "BadExpiry"),
    ] {
        let e = b.auth.create_key(&by, new, 1).await.unwrap_err();
        assert!(format!("{e:?}").starts_with(word), "{e:?}");
    }
    let wrong = b.auth.create_key(&operator(AdminAction::UsersManage), good, 1).await.unwrap_err();
    assert!(matches!(wrong, AuthError::WrongPermit("keys:manage")));
}

#[tokio::test]
async fn lists_tell_last_use_and_never_the_secret() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let key = b.key(&owner, &["service"], &[Purpose::Treatment]).await;
    b.by_token(key.secret.as_ref().unwrap()).await.unwrap();
    let used = b.now();
    b.clock.advance_ms(31_000);
    b.by_token(key.secret.as_ref().unwrap()).await.unwrap(); // sets the writing off
    b.auth.flush().await.unwrap();
    let listed = b.auth.list_keys(&operator(AdminAction::KeysList)).await.unwrap();
    assert_eq!(listed[0].last_used, Some(used.plus_ms(31_000)));
    assert!(key.secret.as_ref().unwrap().expose().starts_with(&format!("{}-", listed[0].prefix)));
    assert!(!format!("{listed:?}").contains(&key.secret.as_ref().unwrap().expose()[listed[0].prefix.len()..]));
}

#[tokio::test]
async fn a_key_keeps_to_its_networks() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let networks = vec!["192.0.2.0/28".parse().unwrap(), "2001:db8::/48".parse().unwrap()];
    let new = NewKey { networks: networks.clone(), ..b.new_key(&owner, &["service"], &[Purpose::Treatment]) };
    let key = b.auth.create_key(&operator(AdminAction::KeysManage), new, 1).await.unwrap();
    for (from, let_in) in
        [("192.0.2.7", true), ("::ffff:192.0.2.7", true), ("2001:db8::9", true), ("192.0.2.16", false), ("::1", false)]
    {
        let from = NetworkSource(from.parse().unwrap());
        let credential = Credential::ApiKey(Secret::new(key.secret.as_ref().unwrap().expose()));
        let came = b.auth.authenticate(credential, from).await.map(drop);
        assert_eq!(came, if let_in { Ok(()) } else { Err(WrongNetwork) }, "{from:?}");
    }
    let b = b.restarted().await;
    assert_eq!(b.auth.list_keys(&operator(AdminAction::KeysList)).await.unwrap()[0].networks, networks);
}

#[tokio::test]
async fn a_key_that_is_rotated_goes_on_for_a_while_beside_the_new_one() {
    let b = Bench::new().await;
    let owner = b.person("owner", &["service"]).await;
    let networks = vec!["192.0.2.0/28".parse().unwrap()];
    let new = NewKey { networks, ..b.new_key(&owner, &["service"], &[Purpose::Treatment]) };
    let old = b.auth.create_key(&operator(AdminAction::KeysManage), new, 1).await.unwrap();
    b.clock.advance_ms(20 * DAY);
    let manage = operator(AdminAction::KeysManage);
    let new = b.auth.rotate_key(&manage, &old.id, DAY, 2).await.unwrap();
    assert_eq!(new.expires, b.now().plus_ms(30 * DAY), "as long as the old one was made for");
    let (was, is) = (
        b.by_token(old.secret.as_ref().unwrap()).await.unwrap(),
        b.by_token(new.secret.as_ref().unwrap()).await.unwrap(),
    );
    assert_eq!((was.roles(), was.purposes()), (is.roles(), is.purposes()));
    assert_eq!(was.expires(), b.now().plus_ms(DAY));
    // Each has limits of its own: no more than two at a time.
    b.clock.advance_ms(1);
    for one in [&new.id, &old.id] {
        let third = b.auth.rotate_key(&manage, one, DAY, 3).await;
        assert!(matches!(third, Err(medlock_auth::AuthError::RotatedAlready)), "{third:?}");
    }
    b.clock.advance_ms(DAY);
    assert_eq!(b.by_token(old.secret.as_ref().unwrap()).await.unwrap_err(), Expired);
    assert!(b.auth.rotate_key(&manage, &old.id, DAY, 3).await.is_err(), "what is over is not made anew");
    // At once, and what runs under it is cut.
    let who = b.by_token(new.secret.as_ref().unwrap()).await.unwrap();
    let permit = b.auth.authorize(&who, &ask(None)).unwrap();
    b.auth.rotate_key(&manage, &new.id, 0, 4).await.unwrap();
    assert_eq!(b.auth.check(&permit), Err(Cut::Revoked));
    assert_eq!(b.by_token(new.secret.as_ref().unwrap()).await.unwrap_err(), Expired);
}

#[tokio::test]
async fn people_rotate_their_own_keys_and_nobody_elses() {
    let b = Bench::new().await;
    let (owner, other) = (b.person("owner", &["service"]).await, b.person("other", &["service"]).await);
    let key = b.key(&owner, &["service"], &[Purpose::Treatment]).await;
    for (who, may) in [(&other, false), (&owner, true)] {
        let principal = b.log_in(who).await.unwrap().principal;
        let permit = b.auth.authorize_admin(&principal, AdminAction::OwnCredentials).unwrap();
        let made = b.auth.rotate_key(&permit, &key.id, DAY, 2).await.map(|made| made.expires).ok();
        assert_eq!(made, may.then_some(key.expires), "and not for longer than they were given");
    }
}
