//! A log of a million entries: how fast the index takes it in, and how fast it finds.
//!
//! `cargo run --release -p medlock-review --example find_rate -- [DIR] [ENTRIES]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that reports figures")]

use medlock_audit::{Entry, Kind, Log, Outcome};
use medlock_domain::{Actor, KeyId, ManualClock, RequestId, Timestamp, UserId};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use medlock_review::{Index, Query};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    let mut args = std::env::args().skip(1);
    let dir =
        args.next().map_or_else(std::env::temp_dir, PathBuf::from).join(format!("find_rate.{}", std::process::id()));
    let entries: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    std::fs::create_dir_all(&dir).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(measure(&dir, entries));
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Four entries a request, 500 people, 50 keys, 3 requests a second.
fn entry(n: u64) -> Entry {
    let (request, step) = (n / 4, n % 4);
    let id = |salt: u64| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(request * 31 + salt).to_be_bytes());
        bytes
    };
    let person =
        |n: u64| UserId::from_random([(n % 250) as u8, (n / 250) as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let actor = Actor::Machine { key: KeyId::from_random([(request % 50) as u8; 16]), owner: person(request % 500) };
    let entry = |kind| Entry::new(kind, actor.clone()).request(RequestId::from_random(id(1)));
    match step {
        0 => entry(Kind::Open).word("from", "192.0.2.1").int("bytes", 900),
        1 if request.is_multiple_of(1000) => entry(Kind::Denied).outcome(Outcome::Denied).word("code", "policy_denied"),
        1 => entry(Kind::Permit)
            .word("model", "smollm2-135m-instruct")
            .word("purpose", "treatment")
            .word("found_classes", if request.is_multiple_of(7) { "DATE=2,NAME=1,SSN=1" } else { "DATE=2,NAME=1" }),
        2 => entry(Kind::Release).int("bytes", 500),
        _ => entry(Kind::Close).int("written_bytes", 500).word("closed", "clean"),
    }
}

async fn measure(dir: &Path, entries: u64) {
    let (signing, clock) = (SigningKey::generate(), Arc::new(ManualClock::new(Timestamp(1_700_000_000_000))));
    let at = dir.join("audit");
    Log::create(&at, "bench", &signing).unwrap();
    let log = Log::open(&at, signing, ReadingKey::generate().public(), clock.clone()).unwrap();
    let begin = Instant::now();
    for batch in 0..entries / 1000 {
        clock.advance_ms(80_000);
        let tasks: Vec<_> = (0..1000)
            .map(|n| {
                let (log, entry) = (log.clone(), entry(batch * 1000 + n));
                tokio::spawn(async move { log.append(entry).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
    println!("{entries} entries recorded in {:.1} s", begin.elapsed().as_secs_f64());
    log.close().await;

    let begin = Instant::now();
    let index = Index::open(&dir.join("index.db"), &at).await.unwrap();
    let taken = index.catch_up().await.unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    let bytes: u64 =
        ["index.db", "index.db-wal"].iter().filter_map(|f| dir.join(f).metadata().ok()).map(|m| m.len()).sum();
    println!(
        "{taken} taken in, in {seconds:.1} s: {:.0} entries/s, {} bytes each",
        taken as f64 / seconds,
        bytes / taken
    );

    let query = |pairs: &[(&str, &str)]| {
        pairs.iter().fold(Query::new(), |query, (field, value)| query.named(field, value).unwrap())
    };
    let person = medlock_domain::UserId::from_random([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).to_string();
    let request = entry(entries / 2).request.unwrap().to_string();
    let day = |n: i64| Timestamp(1_700_000_000_000 + n * 86_400_000);
    for (what, query) in [
        ("the newest", query(&[])),
        ("one request", query(&[("request", &request)])),
        ("one person", query(&[("who", &person)])),
        ("one person, SSN found", query(&[("who", &person), ("class", "SSN")])),
        ("refused", query(&[("outcome", "denied")])),
        ("refused, one person", query(&[("outcome", "denied"), ("who", &person)])),
        ("a class and a model", query(&[("class", "NAME"), ("model", "smollm2-135m-instruct")])),
        ("one person, a day long ago", query(&[("who", &person)]).since(day(10)).until(day(11))),
        ("nothing at all", query(&[("who", "nobody")])),
    ] {
        let mut times: Vec<Duration> = Vec::new();
        let mut found = 0;
        for _ in 0..15 {
            let begin = Instant::now();
            found = index.search(&query, None, 50).await.unwrap().entries.len();
            times.push(begin.elapsed());
        }
        times.sort();
        let ms = |at: usize| times[at].as_secs_f64() * 1e3;
        println!("{what:<28} {found:>3} found: median {:>7.2} ms, slowest {:>7.2} ms", ms(7), ms(14));
    }
    let begin = Instant::now();
    let (_, differences) = index.check(10).await.unwrap();
    println!("checked against the log in {:.1} s: {} differences", begin.elapsed().as_secs_f64(), differences.len());
    println!("resident at most {} MB", peak_mb());
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
