//! The files, so many at a time, and what is known of them so far.

use crate::failure::Failure;
use medlock_keys::digest::Digest;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::manifest::{Entry, Manifest};
use super::one::{Ended, Work};
use super::plan::Job;

/// How long what is done may be missing in the manifest, and how many times what writing it takes.
const SAVE: Duration = Duration::from_secs(2);
const SAVE_SHARE: u32 = 20;

pub(super) struct Board {
    pub(super) manifest: Manifest,
    /// Why nothing more could be done.
    pub(super) failure: Option<Failure>,
    path: Option<PathBuf>,
    /// When to write the manifest again.
    due: Instant,
}

impl Board {
    pub(super) fn new(manifest: Manifest, path: Option<PathBuf>) -> Self {
        Self { manifest, failure: None, path, due: Instant::now() + SAVE }
    }

    /// Writes the manifest, where there is a place for it; its digest.
    pub(super) fn save(&mut self) -> Result<Option<Digest>, Failure> {
        let begun = Instant::now();
        let written = match &self.path {
            Some(path) => self.manifest.write(path).map(Some),
            None => {
                self.manifest.count();
                Ok(None)
            }
        };
        self.due = Instant::now() + SAVE.max(begun.elapsed() * SAVE_SHARE);
        written
    }

    /// Takes in what became of a file; whether there is reason to go on.
    fn take(&mut self, at: usize, entry: Entry, ended: Result<(), Ended>) -> bool {
        let failure = match ended {
            Ok(()) => {
                self.manifest.files[at] = entry;
                if Instant::now() < self.due {
                    return true;
                }
                self.save().err()
            }
            Err(Ended::Halted) => None,
            Err(Ended::Failed(failure)) => Some(failure),
        };
        let fine = failure.is_none();
        if let Some(failure) = failure {
            self.failure.get_or_insert(failure);
        }
        fine
    }
}

/// Does the jobs; `say` is told how each stands that is finished.
pub(super) fn work(
    work: &Work<'_>,
    jobs: &[Job],
    threads: usize,
    board: Board,
    say: impl Fn(&Job, &Entry) + Sync,
) -> Board {
    let board = Mutex::new(board);
    let lock = || board.lock().unwrap_or_else(PoisonError::into_inner);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst))
            && !work.halt.wanted()
        {
            let mut entry = lock().manifest.files[job.entry].clone();
            let ended = work.file(job, &mut entry);
            if ended.is_ok() {
                say(job, &entry);
                work.bar.file();
            }
            if !lock().take(job.entry, entry, ended) {
                work.halt.end();
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(worker);
        }
    });
    board.into_inner().unwrap_or_else(PoisonError::into_inner)
}
