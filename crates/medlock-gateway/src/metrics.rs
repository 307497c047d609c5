//! What is counted. Labels come from closed sets: nothing that a caller sends can become one.

use medlock_audit::Log;
use medlock_domain::{ClassCounts, PhiClass};
use medlock_pipeline::Usage;
use medlock_pipeline::admin::{Notices, Review};
use medlock_review::delivery::{Deliveries, Progress};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Found {
    class: Class,
    direction: Direction,
}

/// What a token was: `prompt`, `cached` (of the prompt, not computed again) or `completion`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Token {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    what: &'static str,
}

/// A receiver of the log, by the name that the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Receiver {
    sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Class(PhiClass);

impl EncodeLabelValue for Class {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.label().encode(encoder)
    }
}

/// Which way an identifier was going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// From the caller to the model.
    In,
    /// Said by the model, and taken out.
    Out,
}

impl EncodeLabelValue for Direction {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
        }
        .encode(encoder)
    }
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    duration: Family<Route, Histogram>,
    first_text: Histogram,
    model_queue: Histogram,
    model_first: Histogram,
    model_token: Histogram,
    tokens: Family<Token, Counter>,
    model_waiting: Gauge,
    model_running: Gauge,
    engines: Gauge,
    findings: Family<Found, Counter>,
    unauthenticated: Family<Refused, Counter>,
    in_flight: Gauge,
    audit_entries: Gauge,
    audit_healthy: Gauge,
    audit_unwitnessed: Gauge,
    review_overdue: Gauge,
    emergencies_overdue: Gauge,
    behind: Family<Receiver, Gauge>,
    failing: Family<Receiver, Gauge>,
    delay: Family<Receiver, Gauge<f64, AtomicU64>>,
}

const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

impl Metrics {
    pub(crate) fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut registry = Registry::with_prefix("medlock");
        let metrics = Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(histogram),
            first_text: histogram(),
            model_queue: histogram(),
            model_first: histogram(),
            model_token: histogram(),
            tokens: Family::default(),
            model_waiting: Gauge::default(),
            model_running: Gauge::default(),
            engines: Gauge::default(),
            findings: Family::default(),
            unauthenticated: Family::default(),
            in_flight: Gauge::default(),
            audit_entries: Gauge::default(),
            audit_healthy: Gauge::default(),
            audit_unwitnessed: Gauge::default(),
            review_overdue: Gauge::default(),
            emergencies_overdue: Gauge::default(),
            behind: Family::default(),
            failing: Family::default(),
            delay: Family::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests answered, by route and status", metrics.requests.clone());
        registry.register("request_duration_seconds", "Time until the answer's head", metrics.duration.clone());
        registry.register(
            "first_text_seconds",
            "Time until the first text of a chat answer",
            metrics.first_text.clone(),
        );
        let queue = "Time that a request waited for an engine";
        registry.register("model_queue_seconds", queue, metrics.model_queue.clone());
        let first = "Time from an engine's taking a request to its first text: reading the prompt";
        registry.register("model_first_text_seconds", first, metrics.model_first.clone());
        let token = "Time between two tokens of an answer, its mean";
        registry.register("model_token_seconds", token, metrics.model_token.clone());
        registry.register("model_tokens", "Tokens of prompts and answers", metrics.tokens.clone());
        registry.register("model_waiting", "Requests that wait for an engine", metrics.model_waiting.clone());
        registry.register("model_running", "Requests that engines are answering", metrics.model_running.clone());
        registry.register("engines", "Engine processes that are up", metrics.engines.clone());
        registry.register("findings", "Identifiers found, by class and direction", metrics.findings.clone());
        registry.register(
            "unauthenticated",
            "What was refused before anybody was known",
            metrics.unauthenticated.clone(),
        );
        registry.register("chats_in_flight", "Chat requests at work", metrics.in_flight.clone());
        registry.register("audit_entries", "Entries of the audit log", metrics.audit_entries.clone());
        registry.register("audit_healthy", "1 while the audit log can be written", metrics.audit_healthy.clone());
        let unwitnessed = "1 while no witness is asked: tamper-evident below root only";
        registry.register("audit_unwitnessed", unwitnessed, metrics.audit_unwitnessed.clone());
        let overdue = "Days that the next review of the audit log is overdue";
        let emergencies = "Uses of emergency access that nobody reviewed in time";
        registry.register("break_glass_reviews_overdue", emergencies, metrics.emergencies_overdue.clone());
        registry.register("audit_review_overdue_days", overdue, metrics.review_overdue.clone());
        let behind = "Entries of the audit log that a receiver does not have yet";
        registry.register("audit_sink_behind_entries", behind, metrics.behind.clone());
        let failing = "1 while the last delivery to a receiver failed";
        registry.register("audit_sink_failing", failing, metrics.failing.clone());
        let delay = "Age of the oldest entry of the last delivery to a receiver when it was taken";
        registry.register("audit_sink_delay_seconds", delay, metrics.delay.clone());
        Self { registry, ..metrics }
    }

    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answered { route, status }).inc();
        self.duration.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }

    pub(crate) fn first_text(&self, took: Duration) {
        self.first_text.observe(took.as_secs_f64());
    }

    /// What the model did for an answer, and how long it took.
    pub(crate) fn made(&self, usage: &Usage) {
        let Usage { prompt_tokens, completion_tokens, cached_tokens, times } = *usage;
        for (kind, n) in [("prompt", prompt_tokens), ("cached", cached_tokens), ("completion", completion_tokens)] {
            self.tokens.get_or_create(&Token { kind }).inc_by(u64::from(n));
        }
        if !times.first.is_zero() {
            self.model_queue.observe(times.queued.as_secs_f64());
            self.model_first.observe(times.first.as_secs_f64());
            if completion_tokens > 1 {
                self.model_token.observe(times.rest.as_secs_f64() / f64::from(completion_tokens - 1));
            }
        }
    }

    pub(crate) fn found(&self, counts: &ClassCounts, direction: Direction) {
        for (class, n) in counts.iter() {
            self.findings.get_or_create(&Found { class: Class(class), direction }).inc_by(u64::from(n));
        }
    }

    pub(crate) fn unauthenticated(&self, what: &'static str) {
        self.unauthenticated.get_or_create(&Refused { what }).inc();
    }

    /// Counts a chat request while the guard lives.
    pub(crate) fn chat(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn text(
        &self,
        log: &Log,
        notices: Notices,
        deliveries: &Deliveries,
        load: Option<(usize, usize, usize)>,
    ) -> String {
        let count = |n| i64::try_from(n).unwrap_or(i64::MAX);
        let (waiting, running, engines) = load.unwrap_or_default();
        self.model_waiting.set(count(waiting));
        self.model_running.set(count(running));
        self.engines.set(count(engines));
        self.audit_entries.set(i64::try_from(log.size()).unwrap_or(i64::MAX));
        self.audit_healthy.set(i64::from(log.healthy()));
        self.audit_unwitnessed.set(i64::from(notices.unwitnessed));
        self.emergencies_overdue.set(i64::try_from(notices.emergencies_overdue).unwrap_or(i64::MAX));
        self.review_overdue.set(match notices.review {
            Review::InTime => 0,
            Review::Overdue(days) => days,
            Review::Unknown => -1,
        });
        for (sink, Progress { delivered, failing, delay_ms, .. }) in deliveries.all() {
            let behind = i64::try_from(log.size().saturating_sub(delivered)).unwrap_or(i64::MAX);
            let receiver = Receiver { sink };
            self.behind.get_or_create(&receiver).set(behind);
            self.failing.get_or_create(&receiver).set(i64::from(failing));
            self.delay.get_or_create(&receiver).set(delay_ms as f64 / 1000.0);
        }
        let mut out = String::new();
        match encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(fmt::Error) => String::new(),
        }
    }
}

/// See [`Metrics::chat`].
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_did_is_told_by_tokens_and_by_time() {
        let metrics = Metrics::new();
        let times = medlock_pipeline::Times {
            queued: Duration::from_millis(3),
            first: Duration::from_millis(40),
            rest: Duration::from_millis(90),
        };
        metrics.made(&Usage { prompt_tokens: 30, completion_tokens: 10, cached_tokens: 20, times });
        // One that no engine answered says nothing of time.
        metrics.made(&Usage { prompt_tokens: 1, ..Usage::default() });
        let mut text = String::new();
        encode(&mut text, &metrics.registry).expect("writes to a string");
        for line in [
            "medlock_model_tokens_total{kind=\"prompt\"} 31",
            "medlock_model_tokens_total{kind=\"cached\"} 20",
            "medlock_model_tokens_total{kind=\"completion\"} 10",
            "medlock_model_queue_seconds_bucket{le=\"0.005\"} 1",
            "medlock_model_first_text_seconds_bucket{le=\"0.025\"} 0",
            "medlock_model_first_text_seconds_count 1",
            "medlock_model_token_seconds_sum 0.01",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }
}
