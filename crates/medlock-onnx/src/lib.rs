//! A user's own ONNX token classifier beside the rules of `medlock-deid`: loads a directory of a Hugging
//! Face export with the user's ONNX Runtime and is a [`Recognizer`](medlock_deid::Recognizer).
//!
//! The runtime is native code of the user's choice and runs in this process. Models see tokens, never files
//! or the network.
//!
//! `docs/ONNX.md` says how a model is exported, laid out and measured.

mod classifier;
mod decode;
mod error;
mod files;
mod labels;
mod runtime;
mod tokens;

pub use classifier::{Source, TokenClassifier};
pub use error::LoadError;
