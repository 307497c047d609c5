//! Detect, protect, filter and restore PHI. No I/O, no async, no clock, no randomness: text goes in,
//! decisions come out.

mod detect;

pub use detect::Detector;
