//! Measuring: predictions against labelled text, with the uncertainty of every rate.
//!
//! The counts are those of the reference scorer that the crate's tests carry along
//! (`tests/tools/score_deid.py`), so that figures of other systems, made with that script, can be
//! set beside ours. Offsets are Unicode code points, end exclusive; only letters and digits count,
//! so that punctuation and spaces at the edge of a span do not matter.
//!
//! ```
//! use medlock_deid::Detector;
//! use medlock_deid::measure::{Corpus, Options, predict, score};
//!
//! let gold = br#"{"id": "1", "text": "Call 212-555-0143.", "spans": [{"start": 5, "end": 17, "label": "PHONE"}]}"#;
//! let gold = Corpus::gold(gold)?;
//! let scores = score(&gold, &predict(Detector::shared(), &gold), &Options::default());
//! assert_eq!((scores.covered_spans, scores.gold_spans), (1, 1));
//! println!("{}", scores.text());
//! # Ok::<(), medlock_deid::measure::BadLine>(())
//! ```

pub mod binomial;
mod corpus;
mod excuse;
mod python;
mod rates;
mod report;
mod score;
mod unicode;

pub use corpus::{BadLine, Corpus, Document, Label, Mistake, predict, try_predict};
pub use rates::{Method, Rate, Unit};
pub use score::{FalseFind, LabelScores, Miss, Options, Scores, score};

pub(crate) use excuse::Excuse;
pub(crate) use unicode::alphanumeric;

#[cfg(test)]
mod tests;
