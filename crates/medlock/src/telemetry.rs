//! The server's own log lines, on stderr. Only what is on a list gets out: message texts and
//! targets of this product, and fields of known names with values of known kinds. Whatever else a
//! library logs is dropped, since nobody has checked that no PHI is in it.

use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Fields that may be printed: ids, closed words, counts, addresses.
const FIELDS: &[&str] = &[
    "address",
    "attempt",
    "bytes",
    "code",
    "count",
    "detector",
    "engine",
    "entries",
    "exit",
    "kind",
    "kept",
    "listen",
    "log",
    "millis",
    "ms",
    "error",
    "how",
    "model",
    "number",
    "offset",
    "pid",
    "published",
    "segment",
    "working",
    "reason",
    "request",
    "restarts",
    "route",
    "signal",
    "signed",
    "size",
    "status",
    "took_ms",
    "version",
    "what",
    "why",
    "witness",
];
/// Longer than any of those.
const MAX_VALUE: usize = 160;

/// Starts logging.
pub(crate) fn start(level: LevelFilter) {
    let ours = tracing_subscriber::filter::filter_fn(|m: &Metadata<'_>| ours(m.target()));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(Lines)
        .with_filter(level)
        .with_filter(ours);
    // Only fails when somebody has started it before.
    let _already = tracing_subscriber::registry().with(lines).try_init();
}

fn ours(target: &str) -> bool {
    target == "medlock" || target.starts_with("medlock::") || target.starts_with("medlock_")
}

struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = medlock_domain::Clock::now(&crate::clock::SystemClock).rfc3339();
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn ",
            Level::INFO => "info ",
            Level::DEBUG | Level::TRACE => "debug",
        };
        write!(writer, "{now} {level} ")?;
        let mut seen = Seen::default();
        event.record(&mut seen);
        writeln!(writer, "{}{}", seen.message, seen.fields)
    }
}

#[derive(Default)]
struct Seen {
    message: String,
    fields: String,
}

impl Seen {
    fn put(&mut self, field: &Field, value: &dyn fmt::Display) {
        let name = field.name();
        if name == "message" {
            self.message = clean(&value.to_string());
        } else if FIELDS.contains(&name) {
            let _infallible = write!(self.fields, " {name}={}", clean(&value.to_string()));
        }
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &value);
    }
}

/// One line, bounded, without control characters.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_VALUE).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_listed_fields_and_our_own_targets_get_out() {
        let sink = Sink::default();
        let writer = sink.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .event_format(Lines)
            .with_filter(tracing_subscriber::filter::filter_fn(|m| ours(m.target())));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::info!(request = "req_1", body = "Jane Roe", prompt = ?"Jane Roe", "a request\nwas served");
            tracing::info!(target: "hyper::proto", "Jane Roe");
            tracing::info!(target: "medlockish", "Jane Roe");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with(" info  a requestwas served request=req_1\n"), "{text}");
        assert!(!text.contains("Jane"), "{text}");
    }
}
