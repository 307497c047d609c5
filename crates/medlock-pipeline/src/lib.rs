//! The guarded path, once, for live requests and for batches: open → permit → protect → generate
//! → filter → restore → record → release. Each step takes the value that only the step before it
//! can make, so that an order that leaves one out does not compile:
//!
//! | step | needs | gives |
//! |---|---|---|
//! | authenticate | `Credential` | `Principal` |
//! | open | `Principal`, the bytes | a durable record |
//! | permit | `Principal`, model, purpose | `Permit` |
//! | protect | `Chat<PhiText>` | `Chat<ProtectedText>`, `Surrogates` |
//! | generate | `Chat<ProtectedText>` | `ModelText` (untrusted) |
//! | filter | `ModelText` | `ReleasableText` |
//! | restore | `ReleasableText`, `Surrogates`, the permit's word | `RestoredText` |
//! | record, release | `RestoredText` | `Receipt`, `Released` |

pub mod admin;
pub mod chat;
pub mod content_keys;
mod engine;
mod exchange;
mod generate;
mod guard;
mod outlet;
mod patients;
mod record;
mod relationships;
mod release;
mod tools;

pub use content_keys::ContentKeys;
pub use engine::EngineGenerator;
pub use exchange::{Arrival, Delivery, Event, Exchange, Head, Parsed, Refusal, RefusalCode};
pub use generate::{About, Finish, GenerateError, Generator, ModelCard, Piece, Usage};
pub use guard::{Guard, Readiness, Rules};
pub use medlock_model::{Asker, Times};
pub use patients::OnOtherPatient;
pub use relationships::Relationships;
pub use release::Released;
