//! Compares a file with its catalogue entry.

use super::Progress;
use crate::{Entry, ModelError};
use medlock_keys::digest::{Sha256, hex};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) enum Verdict {
    Right,
    Missing,
    Wrong(String),
}

/// Reads the file at `path` through and says whether it is `entry`'s.
pub(super) async fn file(path: &Path, entry: &Entry, progress: &dyn Progress) -> Result<Verdict, ModelError> {
    let done = Arc::new(AtomicU64::new(0));
    let (path, size, sha256, counter) = (path.to_path_buf(), entry.size, entry.sha256, done.clone());
    let mut work = tokio::task::spawn_blocking(move || compare(&path, size, &sha256, &counter));
    loop {
        tokio::select! {
            result = &mut work => {
                progress.bytes(done.load(Ordering::Relaxed), size);
                let result = result.unwrap_or_else(|e| Err(io::Error::other(e)));
                return result.map_err(ModelError::io("reading the model file"));
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                progress.bytes(done.load(Ordering::Relaxed), size);
            }
        }
    }
}

fn compare(path: &PathBuf, size: u64, sha256: &[u8; 32], done: &AtomicU64) -> io::Result<Verdict> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Missing),
        file => file?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.len() != size {
        return Ok(Verdict::Wrong(format!("it has {} bytes instead of {size}", found.len())));
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        done.fetch_add(n as u64, Ordering::Relaxed);
    }
    let digest = hash.finish();
    Ok(if digest == *sha256 {
        Verdict::Right
    } else {
        Verdict::Wrong(format!("its SHA-256 is {} instead of {}", hex(&digest), hex(sha256)))
    })
}
