//! What a gateway needs to stand up.

use crate::quota::QuotaRules;
use crate::tls::TlsError;
use medlock_audit::Log;
use medlock_auth::Auth;
use medlock_domain::Clock;
use medlock_pipeline::Guard;
use medlock_pipeline::admin::Admin;
use medlock_review::delivery::Deliveries;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Address of the HTTPS port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate chain, PEM.
    pub cert_pem: String,
    /// The private key, PEM.
    pub key_pem: Zeroizing<String>,
    /// The certificates that those of clients are checked against, PEM. Without it none is asked for.
    pub client_ca_pem: Option<String>,
    /// Address for `/metrics` in plain HTTP, where wanted. It carries counts, never content.
    pub metrics_listen: Option<SocketAddr>,
    /// How much is let in.
    pub limits: Limits,
    /// How much of it is whose.
    pub quotas: QuotaRules,
}

/// How much is let in, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Messages of a chat request.
    pub messages: usize,
    /// JSON values of a request: each is a text to inspect.
    pub values: usize,
    /// Time for the first bytes and the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a request's headers.
    pub header_timeout: Duration,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// Time that a peer may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// Open connections.
    pub connections: usize,
    /// Open connections of one network source (an IPv4 address, a /64 of IPv6); more are closed at once.
    pub connections_per_source: usize,
    /// Chat requests at work.
    pub in_flight: usize,
    /// Failed attempts to authenticate from one source in a minute, before they are answered 429.
    pub failed_auth_per_minute: u32,
    /// Time that requests get to end when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 4 << 20,
            messages: 2048,
            values: 65_536,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            connections: 1024,
            connections_per_source: 512,
            in_flight: 64,
            failed_auth_per_minute: 60,
            drain: Duration::from_secs(30),
        }
    }
}

/// What the gateway puts behind its doors.
pub struct Parts {
    /// The guarded path.
    pub guard: Guard,
    /// The administrative verbs.
    pub admin: Admin,
    /// Who is it.
    pub auth: Auth,
    /// The audit log.
    pub log: Log,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How far the receivers of the log are.
    pub deliveries: Deliveries,
}

/// Why a gateway could not stand up.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}
