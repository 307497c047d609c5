//! A site's own labelled sample as evidence for an expert determination (45 CFR 164.514(b)(1)): how
//! often an identifier was left, by class and by document, with the bounds that a sample of this
//! size gives, and what exactly was measured.
//!
//! An identifier is left when any of its letters or digits is; a document leaks when one of its
//! identifiers is left. Documents drawn at random are independent, so their bounds hold as they
//! stand; identifiers are counted as if they were, which the statement says.
//!
//! Nothing here is signed: [`Statement::text`] is what the caller puts a signature under.

mod canonical;
mod sample;
mod statement;
mod threshold;

pub use sample::{Count, CountOf, LeakUnit, Sample, Uncertifiable};
pub use statement::{Provenance, Statement};
pub use threshold::{Step, Target, Threshold};

/// The confidence of every bound and the strength of every test's evidence.
pub const CONFIDENCE: f64 = 0.95;

#[cfg(test)]
mod tests;
