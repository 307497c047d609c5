#![doc = include_str!("../README.md")]

pub mod certify;
pub mod deidentify;
mod detect;
mod filter;
pub mod measure;
mod placeholder;
mod protect;
mod restore;
mod surrogates;
mod values;

#[cfg(test)]
mod tests;

#[cfg(feature = "train")]
pub use detect::train;
pub use detect::{Detector, Explained, Guess, Preset, Recognizer, RecognizerError};
pub use filter::{BlockedOutput, OnLeak, OutputFilter, ReleasableText};
pub use protect::{Input, NotProtected, Protected, ProtectedText, Searched, protect_all};
pub use restore::{RestoredText, Restorer};
pub use surrogates::Surrogates;
