//! How many entries a second the log takes (sealed, hashed, in the tree, under a signed checkpoint), against
//! a bare loop of write and `fdatasync` of the same sizes, and how fast all of it is verified.
//!
//! `cargo run --release -p medlock-audit --example append_rate -- [DIR] [SECONDS] [CONTENT_BYTES]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that reports figures")]

use medlock_audit::medium::Disk;
use medlock_audit::{Entry, Kind, Limits, Log};
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
    for in_flight in [1, 4, 16, 64, 256] {
        let log = dir.join(format!("log-{in_flight}"));
        let Run { rate, waits, group, bytes } = with_log(&log, in_flight, content, time, 64 << 20);
        // The same bytes a write, as often as the disk takes them, in the same minute.
        let bare = bare(&dir, bytes, time);
        println!(
            "{in_flight:>4} in flight: {rate:>7.0} entries/s, {group:>5.1} a group, wait p50 {:.2} ms, p99 {:.2} ms; bare writes of \
             {bytes} bytes: p50 {:.2} ms, p99 {:.2} ms; ratio of rates {:.2}, of p99 {:.2}",
            at(&waits, 50),
            at(&waits, 99),
            at(&bare, 50),
            at(&bare, 99),
            rate / (bare.len() as f64 / time.as_secs_f64() * group),
            at(&waits, 99) / at(&bare, 99),
        );
    }
    // Of a segment that was closed one signature is checked; a day is a segment at least.
    println!("with segments of 1 MB, nearly all of them closed:");
    for in_flight in [1, 256] {
        with_log(&dir.join(format!("closed-{in_flight}")), in_flight, content, time, 1 << 20);
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

fn at(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

fn bare(dir: &Path, bytes: usize, time: Duration) -> Vec<Duration> {
    let mut file = std::fs::File::create(dir.join("bare")).unwrap();
    let (text, start, mut waits) = (vec![0x41; bytes], Instant::now(), Vec::new());
    while start.elapsed() < time {
        let begun = Instant::now();
        file.write_all(&text).unwrap();
        file.sync_data().unwrap();
        waits.push(begun.elapsed());
    }
    waits.sort_unstable();
    waits
}

/// What came of a run.
struct Run {
    rate: f64,
    waits: Vec<Duration>,
    /// Entries in a group, and bytes of one.
    group: f64,
    bytes: usize,
}

fn with_log(dir: &Path, in_flight: usize, bytes: usize, time: Duration, segment_bytes: u64) -> Run {
    let signing = SigningKey::generate();
    let public = signing.public();
    Log::create(dir, "bench", &signing).unwrap();
    let (disk, reading, limits) = (Box::new(Disk::at(dir)), ReadingKey::generate().public(), Limits::default());
    let limits = Limits { segment_bytes, ..limits };
    let log = Log::open_with(disk, signing, reading, Arc::new(WallClock), limits, None).unwrap();
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut waits: Vec<Duration> = runtime.block_on(async {
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
    let begun = Instant::now();
    let report = medlock_audit::verify::verify_dir(dir, &public, "bench", None).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "     verified: {} entries, {} checkpoints, {:.0} MB in {seconds:.2} s: {:.0} MB/s",
        report.size,
        report.checkpoints,
        report.bytes as f64 / 1e6,
        report.bytes as f64 / 1e6 / seconds
    );
    waits.sort_unstable();
    let group = report.size as f64 / report.checkpoints as f64;
    Run { rate: waits.len() as f64 / elapsed, waits, group, bytes: (report.bytes / report.checkpoints) as usize }
}
