//! Makes a log with every kind of entry by every kind of actor, for checkers of what reads logs.
//!
//! `cargo run -p medlock-audit --example every_kind -- DIR`
#![allow(clippy::unwrap_used, reason = "an example")]

use medlock_audit::{Entry, Kind, Log, Outcome};
use medlock_domain::{Actor, KeyId, ManualClock, NetworkSource, RequestId, SessionId, Timestamp, UserId};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use std::path::PathBuf;
use std::sync::Arc;

fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap());
    let (signing, clock) = (SigningKey::generate(), Arc::new(ManualClock::new(Timestamp(1_700_000_000_000))));
    Log::create(&dir, "every/kind", &signing).unwrap();
    let log = Log::open(&dir, signing, ReadingKey::generate().public(), clock.clone()).unwrap();
    let (user, session) = (UserId::from_random([1; 16]), SessionId::from_random([2; 16]));
    let person = Actor::Person { user: user.clone(), session };
    let machine = Actor::Machine { key: KeyId::from_random([3; 16]), owner: user.clone() };
    for actor in [Actor::Unauthenticated, person, machine, Actor::LocalOperator, Actor::Server] {
        for (n, kind) in Kind::ALL.iter().enumerate() {
            for outcome in Outcome::ALL {
                let verbs = ["create_user", "enable_user", "disable_user", "set_password", "revoke_key"];
                let entry = Entry::new(*kind, actor.clone())
                    .outcome(*outcome)
                    .request(RequestId::from_random([n as u8; 16]))
                    .word("verb", verbs[outcome.as_str().len() % verbs.len()])
                    .word("from", if n % 2 == 0 { "192.0.2.1" } else { "2001:db8::1" })
                    .word("purpose", ["treatment", "payment", "operations", "other"][n % 4])
                    .digest("patient", [7; 32])
                    .int("bytes", n as i64);
                let entry =
                    if n % 3 == 0 || *kind == Kind::AdminOutcome { entry.word("user", user.as_str()) } else { entry };
                // Some kinds only the log itself writes.
                let _refused = log.append_blocking(entry.content(*b"sealed"));
            }
        }
        log.noise(NetworkSource("192.0.2.7".parse().unwrap()), "bad_key");
        clock.advance_ms(120_000);
    }
}
