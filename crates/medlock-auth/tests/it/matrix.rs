//! The shipped policies as a table, so that what a change of them means is seen in review.
//! `BLESS=1` writes the table anew.

use crate::bench::*;
use medlock_auth::{AdminAction, Ask, NewEmergency, Principal};
use medlock_domain::{ProtectionMode, Purpose};
use std::fmt::Write;

const ROLES: [&str; 6] = ["admin", "auditor", "clinician", "researcher", "security-officer", "service"];

#[tokio::test]
async fn role_by_action() {
    let b = Bench::new().await;
    let mut table = String::from(
        "What each role may, by the shipped policies. A person has shown two factors; a key was made for every purpose.\n",
    );
    for role in ROLES {
        let p = b.person(&format!("p-{role}"), &[role]).await;
        let person = b.log_in(&p).await.unwrap().principal;
        let key = b.by_token(&b.key(&p, &[role], &Purpose::ALL).await.secret.unwrap()).await.unwrap();
        for (kind, who) in [("person", &person), ("key", &key)] {
            writeln!(table, "\n[{role}, {kind}]").unwrap();
            rows(&b, who, &mut table);
        }
        if let Ok(permit) = b.auth.authorize_admin(&person, AdminAction::OwnEmergency) {
            let new = NewEmergency { patient: None, lasts_ms: HOUR, drill: false };
            b.auth.begin_emergency(&permit, new, 9).await.unwrap();
            for (kind, who) in [("person", &person), ("key", &key)] {
                writeln!(table, "\n[{role}, {kind}, in a declared emergency]").unwrap();
                uses(&b, who, &mut table);
            }
        }
    }
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/matrix.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&golden, &table).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(table == expected, "the matrix has changed; look at it, then BLESS=1\n{table}");
}

fn rows(b: &Bench, who: &Principal, table: &mut String) {
    uses(b, who, table);
    for action in AdminAction::ALL {
        row(table, action.as_str(), if b.auth.authorize_admin(who, action).is_ok() { "yes" } else { "" });
    }
}

fn uses(b: &Bench, who: &Principal, table: &mut String) {
    for local in [true, false] {
        let place = if local { "local" } else { "elsewhere" };
        for mode in ProtectionMode::ALL {
            let allowed: Vec<&str> =
                Purpose::ALL.into_iter().filter(|p| given(b, who, *p, mode, local)).map(Purpose::as_str).collect();
            row(table, &format!("chat:{mode} {place}"), &allowed.join(" "));
        }
        let restores: Vec<&str> =
            Purpose::ALL.into_iter().filter(|p| restored(b, who, *p, local)).map(Purpose::as_str).collect();
        row(table, &format!("restore {place}"), &restores.join(" "));
        let listed = b.auth.may_use(who, &ask(None).model, local);
        row(table, &format!("models:list {place}"), if listed { "yes" } else { "" });
    }
}

fn row(table: &mut String, what: &str, allowed: &str) {
    writeln!(table, "{what:26} {}", if allowed.is_empty() { "-" } else { allowed }).unwrap();
}

/// Whether exactly this mode is given to who asks for nothing weaker.
fn given(b: &Bench, who: &Principal, purpose: Purpose, mode: ProtectionMode, local: bool) -> bool {
    let a = Ask { at_least: Some(mode), model_local: local, ..ask(Some(purpose)) };
    b.auth.authorize(who, &a).is_ok_and(|p| p.mode() == mode)
}

fn restored(b: &Bench, who: &Principal, purpose: Purpose, local: bool) -> bool {
    b.auth.authorize(who, &Ask { model_local: local, ..ask(Some(purpose)) }).is_ok_and(|p| p.may_restore())
}
