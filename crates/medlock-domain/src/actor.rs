use crate::{KeyId, SessionId, UserId};
use std::fmt;
use std::net::IpAddr;

/// Who does something, as the audit log names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody has been authenticated (a failed log-in, a wrong key).
    Unauthenticated,
    /// A person, in a session of theirs.
    #[allow(missing_docs, reason = "the types say it")]
    Person { user: UserId, session: SessionId },
    /// A program, with an API key that a person answers for.
    #[allow(missing_docs, reason = "the types say it")]
    Machine { key: KeyId, owner: UserId },
    /// Somebody with access to the files, through the command line while no server runs.
    LocalOperator,
    /// The server itself (start, stop, clean-up).
    Server,
}

impl fmt::Display for Actor {
    /// `person:usr_…`, `machine:key_…`, `unauthenticated`, `local-operator`, `server`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Unauthenticated => f.write_str("unauthenticated"),
            Actor::Person { user, .. } => write!(f, "person:{user}"),
            Actor::Machine { key, .. } => write!(f, "machine:{key}"),
            Actor::LocalOperator => f.write_str("local-operator"),
            Actor::Server => f.write_str("server"),
        }
    }
}

/// Where a connection came from: the peer's address, never a forwarded header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkSource(pub IpAddr);
