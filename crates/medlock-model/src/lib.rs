//! Models: which there are ([`Catalogue`]), which of them lie here unaltered ([`Registry`]), and
//! the client of the engine processes that run one ([`EngineHandle`]).
//!
//! What is absent: this crate reads no environment, writes no log entry of the audit log, and never
//! parses a model itself beyond the bounds check of its header.

mod catalogue;
mod config;
mod error;
mod fetch;
mod generation;
mod handle;
mod queue;
mod registry;
mod supervisor;

pub use catalogue::{Catalogue, Entry, Source};
pub use config::{EngineConfig, Launch};
pub use error::{EngineError, GenerateError, ModelError};
pub use generation::{CancelToken, ChatPrompt, Finish, GenEvent, PromptMessage, Sampling, Times};
pub use handle::{EngineHandle, EngineInfo};
pub use medlock_engine::frame::{Enforced, Shape};
pub use medlock_engine::launcher::Launcher;
pub use queue::Asker;
pub use registry::{
    BadValue, Brought, Listed, Manifest, ModelSeal, Progress, PullOptions, Quiet, Registry, State, VerifiedModel,
    Version,
};
