//! The same as `append_rate` of medlock-audit, for SQLite: rows of 1 KB, each its own transaction, WAL with
//! `synchronous = FULL`. Nothing is sealed, hashed or signed.
//!
//! `cargo run --release -p medlock-review --example append_sqlite -- [DIR] [SECONDS]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that reports figures")]

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let time = Duration::from_secs(args.next().and_then(|s| s.parse().ok()).unwrap_or(3));
    for writers in [1u32, 16, 64] {
        let file = dir.join(format!("append_sqlite.{}.{writers}", std::process::id()));
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(60));
        // SQLite has one writer at a time: more connections would only wait for its lock.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .connect_with(options)
            .await
            .unwrap();
        sqlx::raw_sql("CREATE TABLE record (id INTEGER PRIMARY KEY, content BLOB NOT NULL)")
            .execute(&pool)
            .await
            .unwrap();
        let start = Instant::now();
        let append = |pool: sqlx::SqlitePool| async move {
            let mut waits = Vec::new();
            while start.elapsed() < time {
                let begun = Instant::now();
                let insert = sqlx::query("INSERT INTO record (content) VALUES ($1)").bind(vec![0x41u8; 1024]);
                insert.execute(&pool).await.unwrap();
                waits.push(begun.elapsed());
            }
            waits
        };
        let tasks: Vec<_> = (0..writers).map(|_| tokio::spawn(append(pool.clone()))).collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        let rate = waits.len() as f64 / start.elapsed().as_secs_f64();
        waits.sort_unstable();
        let ms = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("{writers:>4} writers: {rate:>7.0} rows/s, wait p50 {:.2} ms, p99 {:.2} ms", ms(50), ms(99));
        pool.close().await;
        for end in ["", "-wal", "-shm"] {
            let _gone = std::fs::remove_file(format!("{}{end}", file.display()));
        }
    }
}
