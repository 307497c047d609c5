//! A small language model on PHI with the HIPAA technical safeguards enforced in the path
fn main() {}
