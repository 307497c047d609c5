//! A user's own ONNX model beside the rules of `medlock-deid`: loads a directory of a Hugging Face or GLiNER
//! export with the user's ONNX Runtime and is a [`Recognizer`](medlock_deid::Recognizer).
//!
//! The runtime is native code of the user's choice and runs in this process. Models see tokens, never files
//! or the network.
//!
//! `docs/ONNX.md` says how a model is exported, laid out and measured.

mod classifier;
mod decode;
mod error;
mod files;
mod gliner;
mod labels;
mod runtime;
mod source;
mod tokens;

pub use classifier::TokenClassifier;
pub use error::LoadError;
pub use gliner::Gliner;
pub use source::{Source, load};
