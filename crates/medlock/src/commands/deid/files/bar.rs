//! Progress on a terminal: bytes, files, rate; no names.

use crate::terminal::Terminal;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) struct Bar {
    bar: Option<ProgressBar>,
    files: u64,
    done: AtomicU64,
}

impl Bar {
    pub(super) fn new(terminal: Terminal, files: usize, bytes: u64) -> Self {
        let template = match bytes {
            0 => "  {msg} {bytes:>10} {binary_bytes_per_sec:>12}",
            _ => "  {msg} {bar:28} {bytes:>10} of {total_bytes} {binary_bytes_per_sec:>12} {eta:>4}",
        };
        let bar = terminal.progress.then(|| {
            let bar = ProgressBar::new(bytes);
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let bar = Self { bar, files: files as u64, done: AtomicU64::new(0) };
        bar.say();
        bar
    }

    /// One that is not shown.
    pub(super) fn hidden() -> Self {
        Self { bar: None, files: 0, done: AtomicU64::new(0) }
    }

    pub(super) fn bytes(&self, n: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(n);
        }
    }

    pub(super) fn file(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.say();
    }

    /// Prints while the bar is out of the way.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn say(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} of {} files", self.done.load(Ordering::Relaxed), self.files));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
