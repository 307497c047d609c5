//! Decisions per second on one core: `cargo run --release -p medlock-auth --example decide`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example prints")]

use medlock_auth::{
    AdminAction, Ask, Auth, ChatAction, Credential, LocalOperator, NewKey, NewUser, PolicySource, SessionLimits,
};
use medlock_domain::{ManualClock, NetworkSource, Purpose, Timestamp};
use medlock_keys::password::Secret;
use medlock_keys::seal::DataKey;
use medlock_store::{Store, StoreKeys};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let keys = StoreKeys { seal: DataKey::generate(), mac: DataKey::generate() };
    let store = Store::open(&dir.path().join("medlock.db"), keys).await.unwrap();
    let auth = Auth::open(store, PolicySource::Shipped, clock, SessionLimits::default()).await.unwrap();
    let operator = LocalOperator::new();
    let new = NewUser {
        username: "owner".parse().unwrap(),
        password: Secret::new("zvtrkplw qhx"),
        roles: vec!["service".parse().unwrap()],
    };
    let owner = auth.create_user(&operator.permit(AdminAction::UsersManage), new, 0).await.unwrap();
    let new = NewKey {
        name: "example".into(),
        owner: owner.id,
        roles: vec!["service".parse().unwrap()],
        purposes: vec![Purpose::Treatment],
        models: Vec::new(),
        networks: Vec::new(),
        expires: Timestamp(1_800_000_000_000).plus_ms(86_400_000),
    };
    let key = auth.create_key(&operator.permit(AdminAction::KeysManage), new, 0).await.unwrap();
    let from = NetworkSource("192.0.2.7".parse().unwrap());
    let bearer = || Credential::ApiKey(Secret::new(key.secret.expose()));
    let who = auth.authenticate(bearer(), from).await.unwrap();
    let ask = Ask {
        action: ChatAction::Chat,
        model: "smollm2-135m-instruct".parse().unwrap(),
        model_local: true,
        purpose: None,
        at_least: None,
        patient: None,
        relation: Default::default(),
    };
    let permit = auth.authorize(&who, &ask).unwrap();

    let mut n = 0u32;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        black_box(auth.authenticate(bearer(), from).await.unwrap());
        n += 1;
    }
    report("authenticate (two rows read, MACs checked)", n, start.elapsed());
    measure("authorize (list, chat and restore)", || black_box(auth.authorize(&who, &ask)).is_ok());
    measure("check (at every released window)", || black_box(auth.check(&permit)).is_ok());
}

fn measure(what: &str, mut f: impl FnMut() -> bool) {
    let (mut n, start) = (0u32, Instant::now());
    while start.elapsed() < Duration::from_secs(2) {
        assert!(f());
        n += 1;
    }
    report(what, n, start.elapsed());
}

fn report(what: &str, n: u32, took: Duration) {
    println!("{what}: {:.0} per second, {:?} each", f64::from(n) / took.as_secs_f64(), took / n.max(1));
}
