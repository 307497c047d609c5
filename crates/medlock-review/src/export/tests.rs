#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use medlock_audit::read::{Follow, Position};
use medlock_audit::{Entry, Log};
use medlock_domain::{KeyId, ManualClock, RequestId, SessionId, Timestamp, UserId};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use std::sync::Arc;

fn ids() -> (UserId, SessionId, KeyId) {
    (UserId::from_random([1; 16]), SessionId::from_random([2; 16]), KeyId::from_random([3; 16]))
}

/// Every kind of entry, by every kind of actor.
fn stored() -> Vec<StoredEntry> {
    let dir = tempfile::tempdir().unwrap();
    let (signing, clock) = (SigningKey::generate(), Arc::new(ManualClock::new(Timestamp(1_700_000_000_123))));
    Log::create(dir.path(), "test/log", &signing).unwrap();
    let log = Log::open(dir.path(), signing, ReadingKey::generate().public(), clock).unwrap();
    let (user, session, key) = ids();
    let person = Actor::Person { user: user.clone(), session };
    let machine = Actor::Machine { key: key.clone(), owner: user.clone() };
    for actor in [Actor::Unauthenticated, person, machine, Actor::LocalOperator, Actor::Server] {
        for kind in Kind::ALL {
            let entry = Entry::new(*kind, actor.clone())
                .request(RequestId::from_random([4; 16]))
                .word("user", user.as_str())
                .word("key", key.as_str())
                .word("looked_for", &format!("{user},{key}"))
                .word("from", "2001:db8::1")
                .word("verb", "create_user")
                .word("purpose", "treatment")
                .word("found_classes", "DATE=2,NAME=1")
                .word("empty", "")
                .digest("patient", [7; 32])
                .int("bytes", 5)
                .content(*b"Jane Roe");
            // Some kinds only the log itself writes; those there are, are there.
            let _refused = log.append_blocking(entry);
        }
    }
    drop(log);
    let mut follow = Follow::from(dir.path(), Position::START).unwrap();
    follow.next(usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect()
}

fn exporter(format: Format, key: u8) -> Exporter {
    Exporter::new(format, [key; 32], "test/log", "0.0.0")
}

#[test]
fn no_receiver_gets_an_id_of_ours_or_content_or_can_join_with_another() {
    let (entries, (user, session, key)) = (stored(), ids());
    assert!(entries.len() > 90, "{}", entries.len());
    let patient = medlock_keys::digest::hex(&[7; 32]);
    for format in Format::ALL {
        let (ours, theirs) = (exporter(format, 1), exporter(format, 2));
        for entry in &entries {
            let line = ours.line(entry);
            for secret in [user.as_str(), session.as_str(), key.as_str(), &patient, "Jane"] {
                assert!(!line.contains(secret), "{format:?} {}: {line}", entry.kind);
            }
            assert!(!line.contains('\n') && line.contains(&entry.receipt_id()), "{line}");
            assert_eq!(line, ours.line(entry), "the same each time");
            if matches!(entry.actor, Actor::Person { .. } | Actor::Machine { .. }) {
                let (mine, other) = (ours.token(user.as_str()), theirs.token(user.as_str()));
                assert!(line.contains(&mine) && !theirs.line(entry).contains(&mine), "{line}");
                assert!(theirs.line(entry).contains(&other));
            }
        }
    }
}

#[test]
fn each_format_has_its_shape_for_every_kind() {
    for entry in &stored() {
        let ocsf: Value = serde_json::from_str(&exporter(Format::Ocsf, 1).line(entry)).unwrap();
        let (class, activity) = (ocsf["class_uid"].as_u64().unwrap(), ocsf["activity_id"].as_u64().unwrap());
        assert_eq!(ocsf["type_uid"], class * 100 + activity);
        assert_eq!(ocsf["category_uid"], class / 1000);
        let fhir: Value = serde_json::from_str(&exporter(Format::Fhir, 1).line(entry)).unwrap();
        let roles: Vec<_> = fhir["agent"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["type"]["coding"][0]["code"].as_str().unwrap())
            .collect();
        assert_eq!(roles[..2], ["110153", "110152"]);
        let asked = fhir["agent"].as_array().unwrap().iter().filter(|a| a["requestor"] == true).count();
        assert_eq!(asked, 1, "one of them asked");
        let cef = exporter(Format::Cef, 1).line(entry);
        assert!(cef.starts_with("CEF:0|medlock|medlock|0.0.0|") && cef.matches('|').count() == 7, "{cef}");
        let syslog = exporter(Format::Syslog, 1).line(entry);
        let fields: Vec<&str> = syslog.splitn(8, ' ').collect();
        let priority: u32 = fields[0].strip_prefix('<').unwrap().strip_suffix(">1").unwrap().parse().unwrap();
        assert_eq!((priority / 8, fields[1], fields[3]), (13, &entry.time.rfc3339()[..], "medlock"));
        assert!(serde_json::from_str::<Value>(fields[7]).is_ok(), "{syslog}");
    }
}
