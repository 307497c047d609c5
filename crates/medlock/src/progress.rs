//! Progress: bars on a terminal, one line per stage elsewhere.

use crate::terminal::Terminal;
use indicatif::{ProgressBar, ProgressStyle};
use medlock_model::Progress;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Shows what a model's download or check is doing.
pub(crate) struct Bar {
    terminal: Terminal,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self { terminal, bar: Mutex::new(None) }
    }

    fn replace(&self, with: Option<ProgressBar>) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *bar, with) {
            old.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl Progress for Bar {
    fn stage(&self, what: &str) {
        if self.terminal.progress {
            self.replace(Some(spinner(what)));
        } else {
            self.terminal.note(what);
        }
    }

    fn bytes(&self, done: u64, total: u64) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bar) = &*bar else { return };
        if total > 0 && bar.length() != Some(total) {
            bar.set_length(total);
            let template = "  {msg:<24} {bar:32} {bytes:>10} of {total_bytes} {eta:>4}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        bar.set_position(done);
    }
}

/// Turns while something takes its time; clear it when that is over.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
