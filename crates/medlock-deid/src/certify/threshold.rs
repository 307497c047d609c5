//! Which threshold of confidence a target allows.
//!
//! Learn then Test (A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then Test:
//! calibrating predictive algorithms to achieve risk control", arXiv:2110.01052) with fixed-sequence
//! testing: the thresholds stand on a grid that is fixed beforehand, the strictest (0: every finding is
//! used) first. At each the hypothesis "the leak rate exceeds the target" is tested by its exact binomial
//! p-value; the first that is not rejected ends it. Since the order does not depend on the sample, no
//! correction for the number of thresholds is due: with 95% confidence the leak rate at the threshold
//! chosen does not exceed the target.

use super::CONFIDENCE;
use super::sample::{Count, LeakUnit, Sample};
use crate::measure::binomial;

/// Steps from 0 to 1.
const GRID: u32 = 100;

/// What leak rate is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// More than 0, less than 1.
    pub rate: f64,
    /// Of what.
    pub unit: LeakUnit,
}

/// One threshold that was tested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Findings of at least this confidence are used.
    pub threshold: f64,
    /// What is then left.
    pub leaks: Count,
    /// The exact p-value of "the leak rate exceeds the target".
    pub p: f64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// What was wanted.
    pub target: Target,
    /// The highest threshold for which the sample shows it; none when it does not for any, since too
    /// much is left or the sample is too small.
    pub chosen: Option<Step>,
    /// The first threshold for which it does not.
    pub refused: Option<Step>,
}

impl Threshold {
    /// Tests `sample` for `target`.
    pub fn choose(sample: &Sample, target: Target) -> Self {
        let step = |at: u32| {
            let threshold = f64::from(at) / f64::from(GRID);
            let leaks = sample.leaks(target.unit, threshold);
            Step { threshold, leaks, p: binomial::at_most(leaks.left, leaks.of, target.rate) }
        };
        let mut chosen = None;
        for at in 0..=GRID {
            let step = step(at);
            if step.p > 1.0 - CONFIDENCE {
                return Self { target, chosen, refused: Some(step) };
            }
            chosen = Some(step);
        }
        Self { target, chosen, refused: None }
    }

    /// How many documents or identifiers without a leak would show the target at the least.
    pub fn least_sample(&self) -> u64 {
        ((1.0 - CONFIDENCE).ln() / (-self.target.rate).ln_1p()).ceil() as u64
    }
}
