//! Delivery of the log to receivers while it grows. The log itself is the spool: what is not delivered is still in
//! it, nothing is copied, and the writer waits for nobody.
//!
//! At least once: how far a receiver is, is written down after it took a batch. A crash between the two repeats the
//! batch and skips none.

use crate::alert;
use crate::export::Exporter;
use medlock_audit::read::{Follow, Position, StoredEntry};
use medlock_audit::{Entry, Kind, Log, Outcome};
use medlock_domain::{Actor, Timestamp};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Entries in one batch, about.
const BATCH: usize = 500;
/// How long to wait for more when all has been delivered.
const IDLE: Duration = Duration::from_secs(1);
/// Waits after a failure: doubled from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// A receiver that has taken everything for so long has recovered. Until then nothing is recorded: what is recorded is
/// delivered too, and a receiver that comes and goes would be told of itself for ever.
const STEADY: Duration = Duration::from_secs(60);
const VERSION: &str = "medlock sink 1";

/// What a batch begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Of the log, the entry of this index.
    Entry(u64),
    /// What is in no log, at its time.
    Unrecorded(Timestamp),
}

/// Takes what is delivered.
#[async_trait::async_trait]
pub trait Sink: Send {
    /// Hands over these lines, of which the first is `first`. Only what the receiver has for certain is taken.
    async fn take(&mut self, first: First, lines: &[String]) -> io::Result<()>;
}

/// How far each receiver is. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Deliveries(Arc<Mutex<BTreeMap<String, Progress>>>);

/// How far one receiver is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries that it has.
    pub delivered: u64,
    /// Whether the last try failed.
    pub failing: bool,
    /// It takes alerts only.
    pub alerts: bool,
    /// How old the oldest entry of the last delivery was when it was taken.
    pub delay_ms: i64,
}

impl Deliveries {
    /// All of them, by name.
    pub fn all(&self) -> BTreeMap<String, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default().failing = true;
    }

    fn set(&self, name: &str, progress: Progress) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), progress);
    }
}

/// Where a receiver is in the log, in a file of three lines: version, segment and offset, entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where delivery goes on.
    pub at: Position,
    /// Entries before that.
    pub delivered: u64,
}

impl Place {
    /// The place in `file`; the start of the log when there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or is something else: then it is not guessed.
    pub fn read(file: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self { at: Position::START, delivered: 0 }),
            text => text?,
        };
        let mut lines = text.lines();
        let mut place = || {
            if lines.next()? != VERSION {
                return None;
            }
            let (segment, offset) = lines.next()?.split_once(' ')?;
            let at = Position { segment: segment.parse().ok()?, offset: offset.parse().ok()? };
            Some(Self { at, delivered: lines.next()?.parse().ok()? })
        };
        let bad = "it is no place of a receiver: remove it, and everything is delivered again";
        place().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, bad))
    }

    fn write(self, file: &Path) -> io::Result<()> {
        let Position { segment, offset } = self.at;
        let text = format!("{VERSION}\n{segment} {offset}\n{}\n", self.delivered);
        medlock_keys::file::write_private(file, text.as_bytes())
    }
}

/// One receiver's delivery.
pub struct Delivery {
    name: String,
    exporter: Exporter,
    audit: PathBuf,
    state: PathBuf,
    /// How far it is, and how far its file says so: a full disk does not have it all delivered again.
    place: Place,
    written: Place,
    log: Log,
    deliveries: Deliveries,
    alerts: bool,
    steady: Duration,
}

impl Delivery {
    /// To the receiver `name`, of the log in `audit`; how far it is, is kept in `state`. With `alerts`, of the entries
    /// only those that are one ([`crate::alert::of`]).
    pub fn new(
        name: &str,
        exporter: Exporter,
        log: Log,
        audit: &Path,
        state: &Path,
        deliveries: Deliveries,
        alerts: bool,
    ) -> io::Result<Self> {
        let place = Place::read(state)?;
        deliveries.set(name, Progress { delivered: place.delivered, failing: false, alerts, delay_ms: 0 });
        let (name, audit, state) = (name.to_owned(), audit.to_owned(), state.to_owned());
        Ok(Self { name, exporter, audit, state, place, written: place, log, deliveries, alerts, steady: STEADY })
    }

    /// Delivers until it is dropped. That it began to fail, and that it has been going on again for a while, is a
    /// record each.
    pub async fn run(mut self, mut sink: Box<dyn Sink>) {
        let (mut wait, mut failing, mut failed_last, mut told) = (FIRST_WAIT, false, Instant::now(), false);
        loop {
            let delivered = self.deliver(&mut *sink).await;
            self.tell_of_the_log(&mut *sink, &mut told).await;
            match delivered {
                Ok(any) => {
                    wait = FIRST_WAIT;
                    if failing && failed_last.elapsed() >= self.steady {
                        failing = false;
                        self.record("delivering").await;
                    }
                    if !any {
                        tokio::time::sleep(IDLE.min(self.steady)).await;
                    }
                }
                Err(e) => {
                    tracing::warn!(sink = self.name, error = %e, "the audit log could not be delivered");
                    self.deliveries.failed(&self.name);
                    failed_last = Instant::now();
                    if !failing {
                        failing = true;
                        self.record("failing").await;
                    }
                    // Not all of several servers at once.
                    let part: [u8; 1] = medlock_keys::random::bytes();
                    tokio::time::sleep(wait.mul_f64(0.75 + f64::from(part[0]) / 512.0)).await;
                    wait = (wait * 2).min(LAST_WAIT);
                }
            }
        }
    }

    /// That the log cannot be written is the one alert that it cannot hold. Who takes alerts is told once, past it.
    async fn tell_of_the_log(&self, sink: &mut dyn Sink, told: &mut bool) {
        let unwritable = !self.log.healthy();
        if self.alerts && unwritable && !*told {
            let entry = Entry::new(Kind::Delivery, Actor::Server).outcome(Outcome::Failed);
            let entry = entry.word("sink", &self.name).word("state", alert::UNWRITABLE);
            let entry = StoredEntry::unrecorded(entry, self.log.now());
            match sink.take(First::Unrecorded(entry.time), &[self.exporter.line(&entry)]).await {
                Ok(()) => *told = true,
                Err(e) => {
                    tracing::warn!(sink = self.name, error = %e, "nobody was told that the audit log cannot be written")
                }
            }
        } else if !unwritable {
            *told = false;
        }
    }

    /// One batch; whether there was any.
    async fn deliver(&mut self, sink: &mut dyn Sink) -> io::Result<bool> {
        let (audit, place) = (self.audit.clone(), self.place);
        // What stands in the file but is not durable yet may be gone after a power cut: a receiver must not have it.
        let durable = self.log.size();
        let read = tokio::task::spawn_blocking(move || {
            let mut follow = Follow::from(&audit, place.at).map_err(io::Error::other)?;
            let mut batch = follow.next(BATCH).map_err(io::Error::other)?;
            let kept = batch.partition_point(|(_, entry)| entry.index < durable);
            let next = batch.get(kept).map_or(follow.position(), |(at, _)| *at);
            batch.truncate(kept);
            Ok::<_, io::Error>((batch, next))
        });
        let (batch, next) = read.await.map_err(io::Error::other)??;
        if place.delivered > durable {
            return Err(io::Error::other("this receiver has more than the log: was it put back?"));
        }
        let Some((_, first)) = batch.first() else {
            self.write_place().await?;
            return Ok(false);
        };
        if first.index != place.delivered {
            return Err(io::Error::other("the log does not go on where this receiver is: was it put back?"));
        }
        let first = first.index;
        let wanted = batch.iter().map(|(_, entry)| entry).filter(|entry| !self.alerts || alert::of(entry).is_some());
        let oldest = wanted.clone().map(|entry| entry.time).min();
        let lines: Vec<String> = wanted.map(|entry| self.exporter.line(entry)).collect();
        if !lines.is_empty() {
            sink.take(First::Entry(first), &lines).await?;
        }
        // Of a batch that has nothing for it, it was told as fast as before.
        let delay_ms = match oldest {
            Some(time) => (self.log.now().0 - time.0).max(0),
            None => self.deliveries.all().get(&self.name).map_or(0, |progress| progress.delay_ms),
        };
        let delivered = place.delivered + batch.len() as u64;
        self.place = Place { at: next, delivered };
        self.deliveries.set(&self.name, Progress { delivered, failing: false, alerts: self.alerts, delay_ms });
        self.write_place().await?;
        Ok(true)
    }

    async fn write_place(&mut self) -> io::Result<()> {
        let (place, state) = (self.place, self.state.clone());
        if place != self.written {
            tokio::task::spawn_blocking(move || place.write(&state)).await.map_err(io::Error::other)??;
            self.written = place;
        }
        Ok(())
    }

    async fn record(&self, state: &str) {
        let outcome = if state == "failing" { Outcome::Failed } else { Outcome::Ok };
        let entry = Entry::new(Kind::Delivery, Actor::Server).outcome(outcome).word("sink", &self.name);
        let delivered = self.deliveries.all().get(&self.name).map_or(0, |progress| progress.delivered);
        let behind = i64::try_from(self.log.size().saturating_sub(delivered)).unwrap_or(i64::MAX);
        if self.log.append(entry.word("state", state).int("behind", behind)).await.is_err() {
            tracing::error!(sink = self.name, "that delivery changed could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::export::Format;
    use medlock_audit::fault::{Fault, FaultDisk};
    use medlock_domain::ManualClock;
    use medlock_keys::hpke::ReadingKey;
    use medlock_keys::sign::SigningKey;

    /// Takes everything, but for the tries that it is told to fail.
    #[derive(Clone, Default)]
    struct Receiver(Arc<Mutex<(Vec<String>, u32)>>);

    #[async_trait::async_trait]
    impl Sink for Receiver {
        async fn take(&mut self, _first: First, lines: &[String]) -> io::Result<()> {
            let mut inner = self.0.lock().unwrap();
            if inner.1 > 0 {
                inner.1 -= 1;
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            inner.0.extend_from_slice(lines);
            Ok(())
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written_and_never_guessed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("siem.state");
        assert_eq!(Place::read(&file).unwrap(), Place { at: Position::START, delivered: 0 });
        let place = Place { at: Position { segment: 3, offset: 4711 }, delivered: 12 };
        place.write(&file).unwrap();
        assert_eq!(Place::read(&file).unwrap(), place);
        for bad in ["", "medlock sink 2\n3 4711\n12\n", "medlock sink 1\n3\n12\n", "medlock sink 1\n3 4711\n"] {
            std::fs::write(&file, bad).unwrap();
            assert!(Place::read(&file).is_err(), "{bad:?}");
        }
    }

    fn log_in(audit: &std::path::Path) -> (Log, Arc<ManualClock>) {
        let signing = SigningKey::generate();
        Log::create(audit, "test.example/audit", &signing).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
        (Log::open(audit, signing, ReadingKey::generate().public(), clock.clone()).unwrap(), clock)
    }

    #[tokio::test]
    async fn every_entry_is_delivered_in_order_across_failures_and_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let (audit, state) = (dir.path().join("audit"), dir.path().join("siem.state"));
        let (log, clock) = log_in(&audit);
        let append = async |n: i64| {
            let entry = Entry::new(Kind::Release, Actor::Server).int("n", n).content(*b"Jane Roe");
            log.append(entry).await.unwrap();
        };
        for n in 0..3 {
            append(n).await;
        }
        let receiver = Receiver::default();
        receiver.0.lock().unwrap().1 = 2;
        let deliveries = Deliveries::default();
        let begin = |steady: Duration| {
            let exporter = Exporter::new(Format::Jsonl, [7; 32], "test.example/audit", "0");
            let mut made =
                Delivery::new("siem", exporter, log.clone(), &audit, &state, deliveries.clone(), false).unwrap();
            made.steady = steady;
            tokio::spawn(made.run(Box::new(receiver.clone())))
        };
        let arrived = |n: usize| {
            let receiver = receiver.clone();
            async move {
                for _ in 0..200 {
                    if receiver.0.lock().unwrap().0.len() >= n {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                panic!("only {} arrived", receiver.0.lock().unwrap().0.len());
            }
        };
        let first = begin(Duration::from_millis(50));
        // The segment's start, three, and one record each that it failed and went on.
        arrived(6).await;
        first.abort();
        assert_eq!(deliveries.all()["siem"].delay_ms, 0);
        append(3).await;
        clock.advance_ms(4_000);
        let second = begin(Duration::from_millis(50));
        arrived(7).await;
        second.abort();
        let lines = receiver.0.lock().unwrap().0.clone();
        let index = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["index"].as_u64().unwrap();
        assert_eq!(lines.iter().map(index).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
        let kinds = lines.iter().filter(|line| line.contains("\"delivery\"")).count();
        assert_eq!(kinds, 2, "one record for each change, however many tries: {lines:#?}");
        assert!(!lines.concat().contains("Jane"));
        assert_eq!(deliveries.all()["siem"], Progress { delivered: 7, failing: false, alerts: false, delay_ms: 4_000 });
    }

    #[tokio::test]
    async fn that_the_log_cannot_be_written_is_told_past_it_and_once() {
        let dir = tempfile::tempdir().unwrap();
        // On the same disk, so to speak: how far it is cannot be written either.
        let (audit, state) = (dir.path().join("audit"), dir.path().join("none/pager.state"));
        let (readable, clock) = log_in(&audit);
        readable.close().await;
        // As long as the one whose files are read, on a disk that fails.
        let (disk, signing) = (FaultDisk::new(), SigningKey::generate());
        Log::create_on(&disk, "test.example/audit", &signing).unwrap();
        let log = Log::open_on(Box::new(disk.clone()), signing, ReadingKey::generate().public(), clock).unwrap();
        let entry = || Entry::new(Kind::Release, Actor::Server);
        log.append(entry()).await.unwrap();
        let (receiver, deliveries) = (Receiver::default(), Deliveries::default());
        let exporter = Exporter::new(Format::Jsonl, [7; 32], "test.example/audit", "0");
        let mut made = Delivery::new("pager", exporter, log.clone(), &audit, &state, deliveries, true).unwrap();
        made.steady = Duration::from_millis(20);
        let running = tokio::spawn(made.run(Box::new(receiver.clone())));
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(receiver.0.lock().unwrap().0.is_empty(), "it can be");
        disk.fail_always(Fault::InputOutput);
        log.append(entry()).await.unwrap_err();
        for _ in 0..200 {
            if !receiver.0.lock().unwrap().0.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        running.abort();
        let told = receiver.0.lock().unwrap().0.clone();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("log_unwritable") && told[0].contains("\"outcome\":\"failed\""), "{}", told[0]);
        assert!(told[0].contains("\"index\":null"), "it is in no log: {}", told[0]);
    }

    #[tokio::test]
    async fn a_full_disk_does_not_have_it_delivered_again() {
        let dir = tempfile::tempdir().unwrap();
        let (audit, state) = (dir.path().join("audit"), dir.path().join("none/siem.state"));
        let (log, _clock) = log_in(&audit);
        let exporter = Exporter::new(Format::Jsonl, [7; 32], "test.example/audit", "0");
        let (receiver, deliveries) = (Receiver::default(), Deliveries::default());
        let made = Delivery::new("siem", exporter, log.clone(), &audit, &state, deliveries.clone(), false).unwrap();
        let running = tokio::spawn(made.run(Box::new(receiver.clone())));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(receiver.0.lock().unwrap().0.len(), 2, "the segment's start, and that it failed");
        std::fs::create_dir(state.parent().unwrap()).unwrap();
        for _ in 0..200 {
            if state.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running.abort();
        assert_eq!(Place::read(&state).unwrap().delivered, 2);
        assert_eq!(receiver.0.lock().unwrap().0.len(), 2);
    }

    /// Fails every other time.
    struct Flapping(u32);

    #[async_trait::async_trait]
    impl Sink for Flapping {
        async fn take(&mut self, _first: First, _lines: &[String]) -> io::Result<()> {
            self.0 += 1;
            if self.0 % 2 == 1 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn a_receiver_that_comes_and_goes_is_not_told_of_itself_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let (audit, state) = (dir.path().join("audit"), dir.path().join("siem.state"));
        let (log, _clock) = log_in(&audit);
        let exporter = Exporter::new(Format::Jsonl, [7; 32], "test.example/audit", "0");
        let deliveries = Deliveries::default();
        let made = Delivery::new("siem", exporter, log.clone(), &audit, &state, deliveries.clone(), false).unwrap();
        let running = tokio::spawn(made.run(Box::new(Flapping(0))));
        for _ in 0..200 {
            if deliveries.all()["siem"].delivered >= 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        running.abort();
        assert_eq!((deliveries.all()["siem"].delivered, log.size()), (2, 2), "the segment's start, and that it failed");
    }
}
