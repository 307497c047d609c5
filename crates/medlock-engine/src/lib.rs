//! The engine process: the one place where weights are parsed, where C++ runs and where `unsafe`
//! is allowed.
//!
//! Three programs meet here, all of them the same executable under another first argument:
//! - the **server** seals a model into a memory file ([`launch::SealedModel`]) and talks to an
//!   engine over a socket in frames ([`frame`], [`channel`]);
//! - the **launcher** ([`launcher`]) starts engines and can do nothing else;
//! - the **engine** ([`engine_main`]) locks itself down ([`lockdown`]) before the first byte of the
//!   model is parsed, and from then on can compute, and talk on one socket, and nothing else.
//!
//! What is absent: this crate opens no network connection, knows no user, no policy and no log.

mod bytes;
pub mod channel;
pub mod confine;
mod engine;
pub mod frame;
pub mod gguf;
pub mod launch;
pub mod launcher;
mod llama;
pub mod lockdown;
mod prompt;
mod sampler;
mod shape;
mod stops;
pub mod zero_on_free;

pub use engine::engine_main;
pub use launcher::launcher_main;

use std::process::ExitCode;

/// Runs as an engine or as a launcher if the command line says so: the first thing that `main` of
/// the shipped binary calls, before it starts a thread or opens a file. `None` means that this is
/// an ordinary start.
pub fn run_if_child() -> Option<ExitCode> {
    match std::env::args_os().nth(1)?.to_str()? {
        launch::ENGINE_VERB => Some(engine_main()),
        launch::LAUNCHER_VERB => Some(launcher_main()),
        _ => None,
    }
}
