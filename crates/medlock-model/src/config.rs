//! What an engine client is started with.

use crate::VerifiedModel;
use medlock_engine::launcher::Launcher;
use std::path::PathBuf;
use std::time::Duration;

/// Who starts the engine processes.
#[derive(Debug, Clone)]
pub enum Launch {
    /// The launcher, which was started before this process opened anything.
    Launcher(Launcher),
    /// This process itself, from the executable at this path; it must call
    /// `medlock_engine::run_if_child` first thing in its `main`.
    Direct(PathBuf),
}

/// Settings of an [`crate::EngineHandle`].
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Who starts the processes.
    pub launch: Launch,
    /// What they run.
    pub model: VerifiedModel,
    /// How many processes. Each computes on one thread, so at most one per core.
    pub engines: usize,
    /// How many requests of one asker a process answers at once, in one context whose tokens they share; 1 gives each a
    /// context of its own.
    pub together: u32,
    /// How long what the model made of a request stays for the next one of the same asker and scope; nothing is kept
    /// for zero.
    pub keep: Duration,
    /// Tokens of prompt and answer together; 0 takes what the model was trained with.
    pub context: u32,
    /// How many requests may wait for an engine before others are told to come back.
    pub queue: usize,
}

impl EngineConfig {
    /// One engine, 4096 tokens, 16 waiting.
    pub fn new(launch: Launch, model: VerifiedModel) -> Self {
        Self { launch, model, engines: 1, together: 4, keep: Duration::ZERO, context: 4096, queue: 16 }
    }
}
