//! Test support: the whole server in process, on port 0, with a directory, a clock and keys of its
//! own and a scripted model behind it.
//!
//! ```no_run
//! # async fn example() {
//! let server = testkit::Server::start().await;
//! server.script().say(testkit::Say::text("Hello."));
//! let models = server.get("/v1/models", &server.key("clinician")).await;
//! assert_eq!(models.status, 200);
//! # }
//! ```

mod authenticator;
mod client_ca;
mod http;
mod idp;
mod people;
mod script;
mod server;

pub use authenticator::Authenticator;
pub use client_ca::ClientCa;
pub use http::Answer;
pub use idp::{AUDIENCE, CLIENT, ISSUER, Idp};
pub use people::{PASSWORD, Person, ROLES};
pub use script::{Given, MODEL, Say, Script};
pub use server::{Builder, ORIGIN, Server};
pub use tokio_rustls::TlsConnector;

use std::time::Duration;

/// Waits until `holds`, or fails.
///
/// # Panics
/// When it does not come to hold within ten seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came about: {what}");
}
