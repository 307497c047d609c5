//! Emergency access: what a permit under it is, and how it ends.

use crate::bench::*;
use medlock_auth::{AdminAction, Ask, AuthError, Cut, DenyCode, NewEmergency, Principal};
use medlock_domain::{HolderId, Purpose};

fn about(patient: Option<&HolderId>) -> Ask {
    Ask { patient: patient.cloned(), ..ask(Some(Purpose::Emergency)) }
}

async fn declared(
    b: &Bench,
    who: &Principal,
    patient: Option<&HolderId>,
    lasts_ms: i64,
) -> medlock_domain::EmergencyId {
    let permit = b.auth.authorize_admin(who, AdminAction::OwnEmergency).unwrap();
    let new = NewEmergency { patient: patient.cloned(), lasts_ms, drill: false };
    b.auth.begin_emergency(&permit, new, 9).await.unwrap().id
}

#[tokio::test]
async fn a_permit_under_it_lasts_no_longer_than_it_does() {
    let b = Bench::new().await;
    let person = b.person("ana", &["clinician"]).await;
    let who = b.log_in(&person).await.unwrap().principal;
    let [one, other] = [1, 2].map(|n| HolderId::from_random([n; 16]));
    assert_eq!(b.auth.authorize(&who, &about(Some(&one))).unwrap_err().code, DenyCode::BreakGlassRequired);
    let id = declared(&b, &who, Some(&one), 5 * MINUTE).await;
    let permit = b.auth.authorize(&who, &about(Some(&one))).unwrap();
    assert_eq!((permit.emergency(), permit.deadline()), (Some(&id), b.now().plus_ms(5 * MINUTE)));
    for not in [None, Some(&other)] {
        assert_eq!(b.auth.authorize(&who, &about(not)).unwrap_err().code, DenyCode::BreakGlassRequired);
    }
    // What is not an emergency is not under it.
    let usual = Ask { patient: Some(one.clone()), ..ask(Some(Purpose::Treatment)) };
    assert_eq!(b.auth.authorize(&who, &usual).unwrap().emergency(), None);
    b.clock.advance_ms(5 * MINUTE);
    assert_eq!(b.auth.check(&permit), Err(Cut::Expired));
    assert!(b.auth.authorize(&who, &about(Some(&one))).is_err());
}

#[tokio::test]
async fn ending_it_cuts_its_permits_and_no_others() {
    let b = Bench::new().await;
    let person = b.person("ana", &["clinician"]).await;
    let who = b.log_in(&person).await.unwrap().principal;
    let id = declared(&b, &who, None, HOUR).await;
    let permit = b.auth.authorize(&who, &about(None)).unwrap();
    let usual = b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap();
    let stranger = b.log_in(&b.person("bo", &["clinician"]).await).await.unwrap().principal;
    let not_theirs = b.auth.authorize_admin(&stranger, AdminAction::OwnEmergency).unwrap();
    assert!(matches!(b.auth.end_emergency(&not_theirs, &id, 10).await, Err(AuthError::NotFound(_))));
    let own = b.auth.authorize_admin(&who, AdminAction::OwnEmergency).unwrap();
    b.auth.end_emergency(&own, &id, 10).await.unwrap();
    assert_eq!(b.auth.check(&permit), Err(Cut::EmergencyEnded));
    assert_eq!(b.auth.check(&usual), Ok(()));
    assert!(b.auth.authorize(&who, &about(None)).is_err());
}

#[tokio::test]
async fn it_holds_across_a_restart_and_not_for_who_was_shut_out() {
    let b = Bench::new().await;
    let person = b.person("ana", &["clinician"]).await;
    let who = b.log_in(&person).await.unwrap().principal;
    let id = declared(&b, &who, None, HOUR).await;
    let b = b.restarted().await;
    b.clock.advance_ms(MINUTE);
    let who = b.log_in(&person).await.unwrap().principal;
    let permit = b.auth.authorize(&who, &about(None)).unwrap();
    assert_eq!(permit.emergency(), Some(&id));
    b.auth.disable_user(&operator(AdminAction::UsersManage), &person.id, 11).await.unwrap();
    assert!(b.auth.check(&permit).is_err() && b.auth.authorize(&who, &about(None)).is_err());
}
