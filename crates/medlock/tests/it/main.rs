//! The shipped binary, as people and scripts run it: no terminal, temporary directories.
#![allow(clippy::unwrap_used, reason = "tests")]

mod command_line;
mod content;
mod crowd;
mod deid;
mod deid_files;
mod emergency;
mod memory;
mod model;
mod offline;
#[cfg(feature = "onnx")]
mod onnx;
mod policy;
mod quickstart;
mod serving;
mod sinks;
mod support;
mod witness;
