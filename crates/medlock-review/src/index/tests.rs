#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use medlock_audit::{Entry, Kind, Log, Outcome};
use medlock_domain::{Actor, KeyId, ManualClock, RequestId, SessionId, Timestamp, UserId};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use std::sync::Arc;

const START: i64 = 1_700_000_000_000;

struct World {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: Log,
}

impl World {
    fn new() -> Self {
        Self::named("test/log")
    }

    fn named(origin: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(START)));
        let signing = SigningKey::generate();
        Log::create(&dir.path().join("audit"), origin, &signing).unwrap();
        let reading = ReadingKey::generate().public();
        let log = Log::open(&dir.path().join("audit"), signing, reading, clock.clone()).unwrap();
        Self { dir, clock, log }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("index.db")
    }

    async fn index(&self) -> Index {
        Index::open(&self.file(), &self.dir.path().join("audit")).await.unwrap()
    }

    /// Three entries a request; person 0 to 4, every fifth request refused.
    async fn requests(&self, from: u8, to: u8) {
        for n in from..to {
            let actor = match n % 2 {
                0 => Actor::Person { user: person(n % 5), session: SessionId::from_random([n; 16]) },
                _ => Actor::Machine { key: KeyId::from_random([n % 5; 16]), owner: person(n % 5) },
            };
            let entry = |kind| Entry::new(kind, actor.clone()).request(RequestId::from_random([n; 16]));
            self.clock.advance_ms(1000);
            self.log.append(entry(Kind::Open).content(vec![n; 100]).word("from", "192.0.2.1")).await.unwrap();
            if n % 5 == 0 {
                let denied = entry(Kind::Denied).outcome(Outcome::Denied).word("code", "policy_denied");
                self.log.append(denied).await.unwrap();
                continue;
            }
            let classes = if n % 3 == 0 { "DATE=2,NAME=1" } else { "SSN=1" };
            let permit = entry(Kind::Permit).word("model", "smollm2").word("found_classes", classes);
            self.log.append(permit.word("purpose", "treatment")).await.unwrap();
            self.log.append(entry(Kind::Close).digest("patient", [n % 4; 32])).await.unwrap();
        }
    }
}

fn person(n: u8) -> UserId {
    UserId::from_random([n; 16])
}

async fn all(index: &Index, query: &Query) -> Vec<u64> {
    index.search(query, None, 1000).await.unwrap().entries.iter().map(|e| e.index).collect()
}

#[tokio::test]
async fn every_field_finds_what_the_log_says_and_nothing_else() {
    let world = World::new();
    world.requests(0, 40).await;
    let index = world.index().await;
    let entries = index.catch_up().await.unwrap();
    assert_eq!(entries, world.log.size());
    // The truth: read the whole log, and compare each term by itself and each pair of terms.
    let mut follow = Follow::from(&index.log, Position::START).unwrap();
    let stored: Vec<_> = follow.next(usize::MAX).unwrap().into_iter().map(|(_, e)| e).collect();
    assert_eq!(stored.len() as u64, entries);
    let holds = |terms: &[&(Field, String)]| -> Vec<u64> {
        let having = stored.iter().filter(|e| terms.iter().all(|t| terms::of(e).contains(t)));
        having.map(|e| e.index).rev().collect()
    };
    let mut terms: Vec<_> = stored.iter().flat_map(terms::of).collect();
    terms.sort();
    terms.dedup();
    for field in [Field::Who, Field::Request, Field::Record, Field::Patient, Field::Class, Field::Code, Field::From] {
        assert!(terms.iter().any(|(f, _)| *f == field), "{field:?}");
    }
    for (field, value) in &terms {
        let query = Query::new().with(*field, value).unwrap();
        assert_eq!(all(&index, &query).await, holds(&[&(*field, value.clone())]), "{field:?} {value}");
    }
    let few: Vec<_> = terms.iter().filter(|(f, _)| !matches!(f, Field::Record | Field::Request)).collect();
    for a in &few {
        for b in few.iter().filter(|b| b.0 != a.0) {
            let query = Query::new().with(a.0, &a.1).unwrap().with(b.0, &b.1).unwrap();
            assert_eq!(all(&index, &query).await, holds(&[a, b]), "{a:?} {b:?}");
        }
    }
    let two = Query::new().named("class", "name,ssn").unwrap();
    assert_eq!(
        all(&index, &two).await.len(),
        holds(&[&(Field::Class, "NAME".into())]).len() + holds(&[&(Field::Class, "SSN".into())]).len()
    );
    assert!(all(&index, &Query::new().named("who", "nobody").unwrap()).await.is_empty());
    let window = Query::new().since(Timestamp(START + 5000)).until(Timestamp(START + 7000)).order(Order::Oldest);
    let want: Vec<u64> =
        stored.iter().filter(|e| (START + 5000..START + 7000).contains(&e.time.0)).map(|e| e.index).collect();
    assert_eq!(all(&index, &window).await, want);
}

#[tokio::test]
async fn pages_are_whole_and_without_doubles_while_entries_arrive() {
    let world = World::new();
    world.requests(0, 30).await;
    let index = world.index().await;
    index.catch_up().await.unwrap();
    for order in [Order::Newest, Order::Oldest] {
        let query = Query::new().named("kind", "open").unwrap().order(order);
        let at_first = all(&index, &query).await;
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = index.search(&query, cursor, 7).await.unwrap();
            seen.extend(page.entries.iter().map(|e| e.index));
            world.requests(40, 42).await;
            index.catch_up().await.unwrap();
            cursor = match page.next {
                Some(next) => Some(next.to_string().parse().unwrap()),
                None => break,
            };
        }
        match order {
            Order::Newest => assert_eq!(seen, at_first),
            Order::Oldest => assert_eq!(seen, all(&index, &query).await[..seen.len()]),
        }
        assert!(seen.len() >= at_first.len());
    }
}

#[tokio::test]
async fn in_pieces_by_several_at_once_and_anew_it_is_the_same() {
    let world = World::new();
    let (one, two) = (world.index().await, world.index().await);
    for n in 0..10 {
        world.requests(n * 4, n * 4 + 4).await;
        let (a, b) = tokio::join!(one.catch_up(), two.catch_up());
        assert_eq!((a.unwrap(), b.unwrap()), (world.log.size(), world.log.size()));
    }
    let by_everything = all(&one, &Query::new()).await;
    assert_eq!(one.check(10).await.unwrap(), (world.log.size(), vec![]));
    one.close().await;
    two.close().await;
    Index::remove(&world.file()).unwrap();
    let anew = world.index().await;
    anew.catch_up().await.unwrap();
    assert_eq!(all(&anew, &Query::new()).await, by_everything);
    assert_eq!(anew.check(10).await.unwrap().1, []);
}

#[tokio::test]
async fn whatever_is_changed_in_it_by_hand_is_found() {
    let world = World::new();
    world.requests(0, 12).await;
    let changes = [
        ("DELETE FROM entry WHERE idx = 5", Difference::Entry(5)),
        ("UPDATE entry SET time = time + 1 WHERE idx = 6", Difference::Entry(6)),
        ("UPDATE entry SET place = 8 WHERE idx = 7", Difference::Entry(7)),
        ("DELETE FROM term WHERE idx = 8 AND word = (SELECT MIN(word) FROM term WHERE idx = 8)", Difference::Terms(8)),
        (
            "UPDATE term SET idx = 9 WHERE idx = 4 AND word = (SELECT MAX(word) FROM term WHERE idx = 4)",
            Difference::Terms(4),
        ),
        ("INSERT INTO entry VALUES (1000, 0, 0, 8)", Difference::Extra(1000)),
        ("INSERT INTO term VALUES (1, 2000)", Difference::Extra(2000)),
        ("UPDATE word SET value = 'another' WHERE value = 'open'", Difference::Terms(1)),
    ];
    for (sql, difference) in changes {
        let index = world.index().await;
        index.catch_up().await.unwrap();
        assert_eq!(index.check(100).await.unwrap().1, [], "before {sql}");
        sqlx::query(sql).execute(&index.pool).await.unwrap();
        let found = index.check(100).await.unwrap().1;
        assert!(found.contains(&difference), "{sql}: {found:?}");
        index.close().await;
        Index::remove(&world.file()).unwrap();
    }
}

#[tokio::test]
async fn what_is_no_index_of_this_log_is_refused() {
    let world = World::new();
    world.requests(0, 2).await;
    let index = world.index().await;
    index.catch_up().await.unwrap();
    index.close().await;
    let (other, like) = (World::named("other/log"), World::new());
    std::fs::copy(world.file(), other.file()).unwrap();
    let dir = other.dir.path().join("audit");
    assert!(matches!(Index::open(&other.file(), &dir).await, Err(IndexError::Unfit("it is of another log"))));
    // Of the same name: then its entries are not those of the log.
    std::fs::copy(world.file(), like.file()).unwrap();
    like.requests(5, 9).await;
    let taken_over = Index::open(&like.file(), &like.dir.path().join("audit")).await.unwrap();
    assert!(!taken_over.check(10).await.unwrap().1.is_empty());
    std::fs::write(other.dir.path().join("no.db"), b"not a database, and longer than a header of one is").unwrap();
    assert!(Index::open(&other.dir.path().join("no.db"), &dir).await.is_err());
}
