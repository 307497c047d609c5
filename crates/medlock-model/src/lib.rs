//! Model catalogue and registry, and the client of the engine process
