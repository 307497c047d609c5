//! Ending early: at SIGINT or SIGTERM, or when one file shows that no other can be done either.

use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::partial;

/// How long the first signal may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether to end. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Halt {
    ended: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
}

impl Halt {
    /// Listens for signals. The first ends the work at the next piece, a later one does not wait for
    /// it; where the next piece `waits` for somebody to write it, neither does the first.
    pub(super) fn listen(runtime: &Runtime, waits: bool, terminal: Terminal) -> Result<Self, Failure> {
        let halt = Self::default();
        let ours = halt.clone();
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).doing("listening for SIGINT")?;
            let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
            tokio::spawn(async move {
                either(&mut interrupt, &mut terminate).await;
                ours.interrupted.store(true, Ordering::SeqCst);
                ours.end();
                // Some send every signal twice; somebody who does not want to wait is slower.
                let more = async {
                    loop {
                        either(&mut interrupt, &mut terminate).await;
                    }
                };
                let _over = tokio::time::timeout(PATIENCE, more).await;
                if !waits {
                    either(&mut interrupt, &mut terminate).await;
                }
                partial::remove_all();
                terminal.note("interrupted: what is not finished is removed");
                std::process::exit(130);
            });
            Ok(halt)
        })
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    pub(super) fn wanted(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Whether it was a signal.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
