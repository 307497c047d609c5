//! What handlers share.

use crate::config::{Limits, Parts};
use crate::metrics::Metrics;
use crate::quota::{QuotaRules, Quotas};
use crate::throttle::{Misused, Throttle};
use crate::wire::Bounds;
use medlock_audit::Log;
use medlock_auth::Auth;
use medlock_domain::{Clock, NetworkSource};
use medlock_pipeline::Guard;
use medlock_pipeline::admin::Admin;
use medlock_review::delivery::Deliveries;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The parts behind the doors, with the gateway's own counters.
pub(crate) struct App {
    pub(crate) guard: Guard,
    pub(crate) admin: Admin,
    pub(crate) auth: Auth,
    pub(crate) log: Log,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deliveries: Deliveries,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) throttle: Throttle,
    pub(crate) misused: Misused,
    pub(crate) quotas: Quotas,
    pub(crate) chats: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(parts: Parts, limits: Limits, quotas: QuotaRules) -> Self {
        let Parts { guard, admin, auth, log, clock, deliveries } = parts;
        Self {
            guard,
            admin,
            auth,
            log,
            clock,
            deliveries,
            limits,
            metrics: Metrics::new(),
            throttle: Throttle::new(limits.failed_auth_per_minute),
            misused: Misused::default(),
            quotas: Quotas::new(quotas),
            chats: Arc::new(Semaphore::new(limits.in_flight)),
        }
    }

    /// Something that nobody authenticated did: counted, and recorded once a minute and source.
    pub(crate) fn noise(&self, from: NetworkSource, what: &'static str) {
        self.metrics.unauthenticated(what);
        self.log.noise(from, what);
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { messages: self.limits.messages, values: self.limits.values }
    }
}
