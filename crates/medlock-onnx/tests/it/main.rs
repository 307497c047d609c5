//! The tiny models of `tests/data` in a real ONNX Runtime.
#![allow(clippy::unwrap_used, reason = "tests")]

mod finds;
mod gliner;
mod refuses;
mod support;
