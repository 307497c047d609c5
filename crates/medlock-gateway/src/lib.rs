//! TLS and HTTP: OpenAI wire types, admin API, streaming, limits; the only error → status mapping.
//!
//! A connection passes `server` (slots, first bytes, handshake), a request `front` (id, who is it,
//! headers) and then a handler of the one table in `routes`. `chat` hands the bytes to the guarded
//! path and `answer` writes what comes back; `wire` knows OpenAI's format, `error` the statuses.
//!
//! What this crate does not do: look at PHI (it moves it), decide who may do what (`medlock-auth`),
//! or record what happens inside the guarded path (`medlock-pipeline`). It records what it refuses
//! itself.

mod admin;
mod answer;
mod app;
mod body;
mod certificate;
mod chat;
mod config;
mod cookie;
mod credential;
pub mod dev_ca;
mod error;
mod front;
mod health;
mod metrics;
mod metrics_server;
mod models;
mod quota;
mod routes;
mod scim;
mod server;
mod slots;
mod sniff;
mod stall;
mod throttle;
mod tls;
mod tls_client;
mod web;
mod wire;
mod witness_server;

pub use config::{GatewayConfig, GatewayError, Limits, Parts};
pub use quota::{Quota, QuotaRules};
pub use routes::{Access, ROUTES, Route};
pub use server::Gateway;
pub use tls::{TlsError, provider};
pub use tls_client::TlsClient;
pub use witness_server::WitnessServer;
