//! Says what is being done and how long it took, on stderr.

use crate::failure::Failure;
use crate::progress::spinner;
use crate::terminal::Terminal;
use std::time::Instant;

/// Counts the steps.
pub(super) struct Narrator {
    terminal: Terminal,
    number: u32,
}

impl Narrator {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self { terminal, number: 0 }
    }

    /// A step; `work` says with what result.
    pub(super) fn step<T>(
        &mut self,
        what: &str,
        work: impl FnOnce() -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let (value, how) = work()?;
        self.say(what, &how, began);
        Ok(value)
    }

    /// A step that takes its time.
    pub(super) async fn wait<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Result<(T, String), Failure>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let bar = self.terminal.progress.then(|| spinner(what));
        let done = work.await;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let (value, how) = done?;
        self.say(what, &how, began);
        Ok(value)
    }

    /// A step that has shown its own progress since `began`.
    pub(super) fn say(&mut self, what: &str, how: &str, began: Instant) {
        self.number += 1;
        let (number, took) = (self.number, began.elapsed().as_secs_f64());
        self.terminal.note(format!("{number}. {what}: {how} ({took:.2} s)"));
    }
}
