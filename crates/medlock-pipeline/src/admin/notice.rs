//! What is not as it should be, though the server serves.

use super::Admin;
use std::sync::PoisonError;

/// Shown by `/readyz` and the metrics, in words that tell nothing of anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notices {
    /// No witness is asked: the audit log is tamper-evident below root only.
    pub unwitnessed: bool,
    /// So many days the next review of the log is overdue.
    pub review_overdue_days: i64,
}

impl Notices {
    /// The words.
    pub fn words(&self) -> Vec<&'static str> {
        let all =
            [("tamper_evident_below_root_only", self.unwitnessed), ("review_overdue", self.review_overdue_days > 0)];
        all.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect()
    }
}

impl Admin {
    /// As it was when somebody last looked.
    pub fn notices(&self) -> Notices {
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again.
    pub async fn look_around(&self, unwitnessed: bool) {
        let review_overdue_days = match self.review_overdue().await {
            Ok(days) => days.unwrap_or(0),
            Err(e) => {
                tracing::warn!(error = %e, "it is not known whether a review is overdue");
                return;
            }
        };
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner) = Notices { unwitnessed, review_overdue_days };
    }
}
