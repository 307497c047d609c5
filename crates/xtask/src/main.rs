//! Checks on the workspace itself
fn main() {}
