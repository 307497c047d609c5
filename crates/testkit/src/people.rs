//! One person for each role, with a key of their own.

use medlock_auth::{LocalOperator, NewKey, NewUser};
use medlock_domain::{Clock, ManualClock, Purpose, RoleName, UserId};
use medlock_keys::password::Secret;
use medlock_keys::totp::TotpSecret;
use medlock_pipeline::admin::{Admin, By};
use std::collections::BTreeMap;

/// The roles that there are people of.
pub const ROLES: [&str; 7] =
    ["clinician", "researcher", "service", "security-officer", "auditor", "admin", "provisioner"];

/// Everybody's password.
pub const PASSWORD: &str = "correct-horse-battery-staple-41";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Somebody.
pub struct Person {
    /// Their id.
    pub id: UserId,
    /// The name that they log in with: that of their role.
    pub username: String,
    /// Their second factor.
    pub totp: TotpSecret,
    /// An API key that has their role.
    pub key: String,
}

/// Makes a person of each role.
pub(crate) async fn populate(admin: &Admin, clock: &ManualClock) -> BTreeMap<&'static str, Person> {
    let mut people = BTreeMap::new();
    for role in ROLES {
        people.insert(role, make(admin, clock, role, role).await);
    }
    people
}

/// Makes a person of `role`, and a key.
pub(crate) async fn make(admin: &Admin, clock: &ManualClock, username: &str, role: &str) -> Person {
    let operator = LocalOperator::new();
    let user = NewUser {
        username: username.parse().expect("a name"),
        password: Secret::new(PASSWORD),
        roles: vec![role.parse().expect("a role")],
    };
    let created = admin.create_user(By::Operator(&operator), user).await.expect("a person can be made");
    let totp = TotpSecret::from_base32(created.enrolment.secret.as_str()).expect("a secret in base 32");
    let key = key(admin, clock, &created.id, role, 90 * DAY_MS).await.1;
    Person { id: created.id, username: username.into(), totp, key }
}

/// Makes a key that ends after `ms`: its id and its text.
pub(crate) async fn key(
    admin: &Admin,
    clock: &ManualClock,
    owner: &UserId,
    role: &str,
    ms: i64,
) -> (medlock_domain::KeyId, String) {
    let operator = LocalOperator::new();
    let key = NewKey {
        name: "test".into(),
        owner: owner.clone(),
        roles: vec![role.parse::<RoleName>().expect("a role")],
        purposes: vec![if role == "researcher" { Purpose::Research } else { Purpose::Treatment }],
        models: Vec::new(),
        networks: Vec::new(),
        bound: None,
        expires: clock.now().plus_ms(ms),
    };
    let created = admin.create_key(By::Operator(&operator), key).await.expect("a key can be made");
    (created.id, created.secret.expect("a secret").expose().to_string())
}
