//! Where things lie in a data directory.

use std::path::{Path, PathBuf};

/// The paths under one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout(PathBuf);

macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)+) => {
        $($(#[$doc])* pub(crate) fn $name(&self) -> PathBuf { self.0.join($path) })+
    };
}

impl Layout {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    paths! {
        config = "medlock.toml";
        keys = "keys";
        /// The private half of what audit content is sealed to; the server never reads it.
        reading_key = "keys/audit-reading.key";
        /// The keys whose destruction erases the audit content of a day.
        day_keys = "keys/days";
        tls = "tls";
        ca_cert = "tls/ca.pem";
        ca_key = "tls/ca.key";
        server_cert = "tls/server.pem";
        server_key = "tls/server.key";
        audit = "audit";
        /// What finds entries of the log; made from it.
        audit_index = "audit-index.db";
        /// How far the receivers of the log are.
        sinks = "audit-sinks";
        /// The keys of their tokens.
        sink_keys = "keys/sinks";
        database = "medlock.db";
        /// Held by whoever works on the directory; says where a running server listens.
        lock = "run.lock";
        /// The command line's own session with the running server.
        session = "cli-session";
    }
}
