//! The tiny model of `tests/data` in a real ONNX Runtime.
#![allow(clippy::unwrap_used, reason = "tests")]

mod finds;
mod refuses;
mod support;
