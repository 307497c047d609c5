//! What is not as it should be, though the server serves.

use super::Admin;
use std::sync::PoisonError;

/// Shown by `/readyz` and the metrics, in words that tell nothing of anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notices {
    /// No witness is asked: the audit log is tamper-evident below root only.
    pub unwitnessed: bool,
    /// Whether the log is reviewed in time.
    pub review: Review,
    /// Uses of emergency access that nobody reviewed in time.
    pub emergencies_overdue: usize,
}

/// Whether the log is reviewed in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Review {
    /// It is, or nobody wants to be reminded.
    #[default]
    InTime,
    /// So many days the next one is overdue.
    Overdue(i64),
    /// It could not be found out.
    Unknown,
}

impl Notices {
    /// The words.
    pub fn words(&self) -> Vec<&'static str> {
        let witness = self.unwitnessed.then_some("tamper_evident_below_root_only");
        let review = match self.review {
            Review::InTime => None,
            Review::Overdue(_) => Some("review_overdue"),
            Review::Unknown => Some("review_unknown"),
        };
        let emergencies = (self.emergencies_overdue > 0).then_some("break_glass_review_overdue");
        witness.into_iter().chain(review).chain(emergencies).collect()
    }
}

impl Admin {
    /// As it was when somebody last looked.
    pub fn notices(&self) -> Notices {
        let (review, emergencies_overdue) = *self.reviewed.lock().unwrap_or_else(PoisonError::into_inner);
        Notices { unwitnessed: !self.log.is_witnessed(), review, emergencies_overdue }
    }

    /// Looks again.
    pub async fn look_around(&self) {
        let review = match self.review_overdue().await {
            Ok(None) => Review::InTime,
            Ok(Some(days)) => Review::Overdue(days),
            Err(e) => {
                tracing::warn!(error = %e, "it is not known whether a review is overdue");
                Review::Unknown
            }
        };
        let overdue = self.overdue_emergencies().await;
        let overdue = overdue.inspect_err(|e| tracing::warn!(error = %e, "emergency access could not be looked at"));
        let mut known = self.reviewed.lock().unwrap_or_else(PoisonError::into_inner);
        *known = (review, overdue.unwrap_or(known.1));
    }
}
