//! How many entries a second the log takes, against a bare loop of write and `fdatasync`.
//!
//! `cargo run --release -p medlock-audit --example append_rate -- [DIR] [SECONDS] [CONTENT_BYTES]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that reports figures")]

use medlock_audit::{Entry, Kind, Log};
use medlock_domain::{Actor, Clock, Timestamp};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir =
        args.next().map_or_else(std::env::temp_dir, PathBuf::from).join(format!("append_rate.{}", std::process::id()));
    let seconds = args.next().and_then(|s| s.parse().ok()).unwrap_or(3);
    let content = args.next().and_then(|s| s.parse().ok()).unwrap_or(1024);
    std::fs::create_dir_all(&dir).unwrap();
    let time = Duration::from_secs(seconds);
    println!("bare write + fdatasync of {content} bytes: {:.0}/s", bare(&dir, content, time));
    for in_flight in [1, 4, 16, 64, 256, 1024] {
        let log = dir.join(format!("log-{in_flight}"));
        let (rate, groups, mut waits) = with_log(&log, in_flight, content, time);
        waits.sort_unstable();
        let at = |p: usize| waits[(waits.len() - 1) * p / 100].as_secs_f64() * 1e3;
        println!(
            "{in_flight:>5} in flight: {rate:>7.0} entries/s, {groups:>5.1} a group, wait p50 {:.2} ms, p99 {:.2} ms",
            at(50),
            at(99)
        );
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

fn bare(dir: &Path, bytes: usize, time: Duration) -> f64 {
    let mut file = std::fs::File::create(dir.join("bare")).unwrap();
    let (text, start, mut n) = (vec![0x41; bytes], Instant::now(), 0);
    while start.elapsed() < time {
        file.write_all(&text).unwrap();
        file.sync_data().unwrap();
        n += 1;
    }
    f64::from(n) / start.elapsed().as_secs_f64()
}

fn with_log(dir: &Path, in_flight: usize, bytes: usize, time: Duration) -> (f64, f64, Vec<Duration>) {
    let signing = SigningKey::generate();
    let public = signing.public();
    Log::create(dir, "bench", &signing).unwrap();
    let log = Log::open(dir, signing, ReadingKey::generate().public(), Arc::new(WallClock)).unwrap();
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let waits: Vec<Duration> = runtime.block_on(async {
        let append = |log: Log| async move {
            let mut waits = Vec::new();
            while start.elapsed() < time {
                let begun = Instant::now();
                let entry = Entry::new(Kind::Release, Actor::LocalOperator).int("window", 1).content(vec![0x41; bytes]);
                log.append(entry).await.unwrap();
                waits.push(begun.elapsed());
            }
            waits
        };
        let tasks: Vec<_> = (0..in_flight).map(|_| tokio::spawn(append(log.clone()))).collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        waits
    });
    let elapsed = start.elapsed().as_secs_f64();
    drop(log);
    let report = medlock_audit::verify::verify_dir(dir, &public, "bench", None).unwrap();
    (waits.len() as f64 / elapsed, report.size as f64 / report.checkpoints as f64, waits)
}
