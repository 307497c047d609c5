//! Ending early: at SIGINT or SIGTERM, or when one file shows that no other can be done either.

use crate::failure::Failure;
use crate::signals::Stop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Runtime;

use super::partial;

/// Whether to end. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Halt {
    ended: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
}

impl Halt {
    /// Listens for signals. The first ends the work at the next piece; where that may be long in
    /// coming, because somebody else has to write it, `at_once` ends the program.
    pub(super) fn listen(runtime: &Runtime, at_once: bool) -> Result<Self, Failure> {
        let halt = Self::default();
        let ours = halt.clone();
        runtime.block_on(async {
            let stop = Stop::listen()?;
            tokio::spawn(async move {
                stop.wanted().await;
                ours.interrupted.store(true, Ordering::SeqCst);
                ours.end();
                if at_once {
                    partial::remove_all();
                    std::process::exit(130);
                }
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
