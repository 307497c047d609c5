//! What a decision costs on one core, among many policies and many people:
//! `cargo run --release -p medlock-auth --example decide [POLICIES] [PEOPLE]` (200 and 100000).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example prints")]

use medlock_auth::{
    AdminAction, Ask, Auth, ChatAction, Credential, LocalOperator, NewKey, NewUser, Origin, PolicySource, PolicyText,
    SessionLimits,
};
use medlock_domain::{ManualClock, NetworkSource, Purpose, Timestamp, UserId};
use medlock_keys::password::Secret;
use medlock_keys::seal::DataKey;
use medlock_store::{Store, StoreKeys, UserRow};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Measured each time.
const RUNS: usize = 20_000;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>().expect("a number"));
    let (policies, people) = (args.next().unwrap_or(200), args.next().unwrap_or(100_000));
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let keys = StoreKeys { seal: DataKey::generate(), mac: DataKey::generate() };
    let store = Store::open(&dir.path().join("medlock.db"), keys).await.unwrap();
    populate(&store, people).await;
    let source = PolicySource::Texts(texts(policies).await);
    let auth = Auth::open(store, source, clock, SessionLimits::default(), &Origin::localhost()).await.unwrap();
    println!("{policies} policies, {people} people, {RUNS} times each");

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
        bound: None,
        expires: Timestamp(1_800_000_000_000).plus_ms(86_400_000),
    };
    let key = auth.create_key(&operator.permit(AdminAction::KeysManage), new, 0).await.unwrap();
    let from = NetworkSource("192.0.2.7".parse().unwrap());
    let bearer = || Credential::ApiKey(Secret::new(key.secret.as_ref().unwrap().expose()));
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

    let mut took = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        black_box(auth.authenticate(bearer(), from).await.unwrap());
        took.push(start.elapsed().as_nanos());
    }
    report("authenticate (two rows read, MACs checked)", took);
    let mut took = Vec::new();
    for n in 0..2_000u32 {
        // Policies here speak of networks, so that nothing is remembered of a caller from another one.
        let from = NetworkSource(std::net::Ipv4Addr::from_bits(0xc612_0000 + n).into());
        let who = auth.authenticate(bearer(), from).await.unwrap();
        let start = Instant::now();
        assert!(black_box(auth.authorize(&who, &ask)).is_ok());
        took.push(start.elapsed().as_nanos());
    }
    report("authorize, somebody like nobody before (list, chat and restore)", took);
    measure("authorize, somebody like one before", || black_box(auth.authorize(&who, &ask)).is_ok());
    measure("check (at every released window)", || black_box(auth.check(&permit)).is_ok());
}

/// The shipped policies, and as many of other roles as are wanted: each asks something of the request.
async fn texts(policies: usize) -> Vec<PolicyText> {
    let mut texts = PolicySource::Shipped.texts().await.unwrap();
    let shipped: usize = texts.iter().map(|t| t.text.matches("@id(").count()).sum();
    let one = |n: usize| {
        let (purpose, net) = (Purpose::ALL[n % Purpose::ALL.len()].as_str(), n % 250);
        let (effect, condition) = match n % 4 {
            0 => ("forbid", format!("context.network.isInRange(ip(\"10.{net}.0.0/16\"))")),
            1 => ("permit", format!("context.purpose == \"{purpose}\" && context.mfa")),
            2 => ("forbid", format!("context.relation == \"unrelated\" && context.purpose == \"{purpose}\"")),
            _ => ("permit", "resource.local && !context.emergency".to_owned()),
        };
        // Half of them are about everybody, so that they have to be looked at each time.
        let whom = if effect == "forbid" {
            "principal".to_owned()
        } else {
            format!("principal in Medlock::Role::\"role-{n}\"")
        };
        format!(
            "@id(\"own-{n}\")\n{effect} ({whom}, action in Medlock::Action::\"chat\", resource) when {{ {condition} }};\n"
        )
    };
    let text = (shipped..policies).map(one).collect();
    texts.push(PolicyText { name: "own.cedar".into(), text });
    texts
}

/// People without a password that anybody knows.
async fn populate(store: &Store, people: usize) {
    for n in 0..people {
        let row = UserRow {
            id: UserId::from_random((n as u128).to_be_bytes()),
            username: format!("person-{n}").parse().unwrap(),
            roles: vec!["clinician".parse().unwrap()],
            created: Timestamp(0),
            disabled: false,
            by_provider: false,
            password_phc: "$argon2id$".into(),
            totp: None,
            log_index: 0,
        };
        store.insert_user(&row).await.unwrap();
    }
}

fn measure(what: &str, mut f: impl FnMut() -> bool) {
    let mut took = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        assert!(f());
        took.push(start.elapsed().as_nanos());
    }
    report(what, took);
}

fn report(what: &str, mut took: Vec<u128>) {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 1000] as f64 / 1000.0;
    println!("{what}: median {:.1} us, p99 {:.1} us, p99.9 {:.1} us", at(500), at(990), at(999));
}
