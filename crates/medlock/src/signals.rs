//! SIGINT and SIGTERM: the first lets what is running end, the second does not wait for it.

use crate::failure::{Doing, Failure};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Somebody wants the program to end.
#[derive(Clone)]
pub(crate) struct Stop(Arc<Notify>);

impl Stop {
    /// Starts to listen; to be called once, inside the runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let interrupt = signal(SignalKind::interrupt()).doing("listening for SIGINT")?;
        let terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
        let stop = Stop(Arc::new(Notify::new()));
        tokio::spawn(watch(stop.clone(), interrupt, terminate));
        Ok(stop)
    }

    /// Returns when the first signal has come, also if that was before the call.
    pub(crate) async fn wanted(&self) {
        self.0.notified().await;
        self.0.notify_one(); // for whoever asks next
    }
}

async fn watch(stop: Stop, mut interrupt: Signal, mut terminate: Signal) {
    let mut first = true;
    loop {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        if !first {
            // The audit log needs no clean end: what was acknowledged is durable.
            std::process::exit(130);
        }
        first = false;
        tracing::info!(signal = name, "stopping; once more ends at once");
        stop.0.notify_one();
    }
}
