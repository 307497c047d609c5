//! Whether memory grows with the log: appends many small entries, then opens and verifies all of it, and prints the
//! most that was resident so far at each step.
//!
//! `cargo run --release -p medlock-audit --example memory -- [DIR] [MILLIONS]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that reports figures")]

use medlock_audit::{Entry, Kind, Log};
use medlock_domain::{Actor, Clock, Timestamp};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::sign::SigningKey;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

const IN_FLIGHT: usize = 256;
const STEP: usize = 1_000_000;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(std::env::temp_dir, PathBuf::from).join(format!("memory.{}", std::process::id()));
    let millions: usize = args.next().and_then(|s| s.parse().ok()).unwrap_or(10);
    let (signing, reading) = (SigningKey::generate(), ReadingKey::generate().public());
    let public = signing.public();
    std::fs::create_dir_all(&dir).unwrap();
    Log::create(&dir, "bench", &signing).unwrap();
    let log = Log::open(&dir, signing.clone(), reading.clone(), Arc::new(WallClock)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let start = Instant::now();
    for million in 1..=millions {
        runtime.block_on(async {
            let append = |log: Log| async move {
                for n in 0..STEP / IN_FLIGHT {
                    let entry = Entry::new(Kind::Release, Actor::LocalOperator).int("window", n as i64);
                    log.append(entry.content(*b"some text")).await.unwrap();
                }
            };
            let tasks: Vec<_> = (0..IN_FLIGHT).map(|_| tokio::spawn(append(log.clone()))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        println!("{million:>3} million entries after {:>4} s: {} MB", start.elapsed().as_secs(), most_resident());
    }
    drop(log);
    let begun = Instant::now();
    drop(Log::open(&dir, signing, reading, Arc::new(WallClock)).unwrap());
    println!("opened in {:.2} s: {} MB", begun.elapsed().as_secs_f64(), most_resident());
    let begun = Instant::now();
    let report = medlock_audit::verify::verify_dir(&dir, &public, "bench", None).unwrap();
    let (seconds, bytes) = (begun.elapsed().as_secs_f64(), report.bytes as f64 / 1e6);
    println!(
        "verified {} entries, {bytes:.0} MB in {seconds:.1} s ({:.0} MB/s): {} MB",
        report.size,
        bytes / seconds,
        most_resident()
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

/// In MB, so far.
fn most_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}
