//! `medlock audit tail`.

use super::Context;
use super::audit::directory;
use super::audit_show::print;
use crate::failure::{Doing, Failure};
use crate::signals::Stop;
use medlock_audit::Error;
use medlock_audit::read::{Follow, Position, StoredEntry};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

/// How often a log is looked at for more.
const EVERY: Duration = Duration::from_millis(300);

pub(crate) async fn run(lines: usize, follow: bool, dir: Option<PathBuf>, context: &Context) -> Result<(), Failure> {
    let dir = directory(dir, context)?;
    let mut log = start(&dir, lines).doing("reading the log")?;
    let mut last = VecDeque::new();
    loop {
        let batch = log.next(1000).doing("reading the log")?;
        if batch.is_empty() {
            break;
        }
        last.extend(batch.into_iter().map(|(_, entry)| entry));
        last.drain(..last.len().saturating_sub(lines));
    }
    let show = |entry: &StoredEntry| print(entry, None, context.terminal);
    last.iter().for_each(show);
    if !follow {
        return Ok(());
    }
    let stop = Stop::listen()?;
    let mut wanted = std::pin::pin!(stop.wanted());
    loop {
        tokio::select! {
            () = &mut wanted => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        for (_, entry) in log.next(1000).doing("reading the log")? {
            show(&entry);
        }
    }
}

/// Far enough back for the last `lines` entries: the segments are walked back one by one.
fn start(dir: &std::path::Path, lines: usize) -> Result<Follow, Error> {
    let newest = Follow::newest(dir)?;
    for segment in (0..=newest).rev() {
        let mut log = Follow::from(dir, Position { segment, ..Position::START })?;
        if segment == 0 || log.next(lines)?.len() >= lines {
            return Follow::from(dir, Position { segment, ..Position::START });
        }
    }
    Follow::from(dir, Position::START)
}
