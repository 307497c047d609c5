//! The sandboxed engine process: loads weights, generates; the only C++
