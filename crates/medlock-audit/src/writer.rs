//! The one thread that writes. A group is one write, one `fdatasync`, then the receipts.
//!
//! After any failure the file is never trusted again: what the kernel still holds of a failed
//! `fdatasync` may be gone, and a second `fdatasync` would say all is well. Everybody in line is told
//! [`Unavailable::Failed`], and so is everybody after, until the log is opened (and recovered) anew.

use crate::entry::{Entry, Kind, Outcome};
use crate::erasable::{Sealing, same_day};
use crate::error::Unavailable;
use crate::facts::{Fact, Word};
use crate::format::frame::{self, MAGIC, MAX_CONTENT, Type};
use crate::format::record::{ContentRef, Record, Unencodable};
use crate::format::{SEGMENTS, segment_path};
use crate::log::{Limits, Shared, Signers};
use crate::medium::{Appender, Medium};
use crate::note::{Checkpoint, LogName};
use crate::queue::{Job, Reply};
use crate::receipt::Receipt;
use crate::scan::clock_back_ms;
use crate::seal::{Sealed, Sealer, SegmentKey};
use crate::tree::{Frontier, Hash, leaf_hash};
use base64::Engine as _;
use medlock_domain::{Actor, Clock, Timestamp};
use medlock_keys::digest::{Sha256, sha256};
use medlock_keys::hpke::ReadingPublic;
use medlock_keys::random;
use medlock_keys::sign::SigningKey;
use std::io;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

/// How long the thread sleeps at most before it looks at the clock.
const TICK: Duration = Duration::from_millis(500);
/// A longer group would only make the first in it wait.
const GROUP_BYTES: usize = 8 << 20;
pub(crate) struct Writer {
    pub(crate) medium: Arc<dyn Medium>,
    pub(crate) name: LogName,
    pub(crate) signing: Signers,
    pub(crate) sealing: Sealing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tree: Frontier,
    pub(crate) last_time: Option<Timestamp>,
    pub(crate) next_segment: u64,
    pub(crate) segment: Option<Segment>,
    /// Of the checkpoints of the segment that is written, or was last; `None` before the first.
    pub(crate) notes: Option<Sha256>,
}

/// The segment that is being written.
pub(crate) struct Segment {
    file: Box<dyn Appender>,
    sealer: Arc<Sealer>,
    bytes: u64,
    since: Timestamp,
}

/// Entries on their way into one write.
struct Group {
    bytes: Vec<u8>,
    tree: Frontier,
    last_time: Option<Timestamp>,
    receipts: Vec<(Reply, Receipt)>,
}

impl Writer {
    /// Starts a segment whose first group holds its description and `first`.
    pub(crate) fn begin_segment(&mut self, first: Vec<Entry>) -> io::Result<()> {
        self.end_segment();
        let number = self.next_segment;
        let now = self.clock.now();
        let period = self.sealing.periods.as_ref().map(|periods| periods.current(now)).transpose()?;
        let (enc, key) = SegmentKey::fresh(&self.sealing.reading, self.name.origin(), number);
        let file = self.medium.create(&segment_path(number))?;
        let sealer = Arc::new(Sealer { segment: number, key, period });
        *self.sealer() = Some(sealer.clone());
        self.segment = Some(Segment { file, sealer, bytes: 0, since: now });
        self.next_segment += 1;
        let notes = self.notes.replace(Sha256::new()).map(Sha256::finish);
        let start = self.describe_segment(number, &enc, notes)?;
        let jobs = std::iter::once(start).chain(first);
        self.commit(jobs.map(|entry| Job { entry, cover: None, sealed: None, reply: Reply::Nobody }).collect())?;
        // It has vouched for its successor by now, in this segment or an earlier one.
        if self.signing.previous.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.signing.previous = None;
        }
        Ok(())
    }

    /// The segment's key is wiped with the last who seals under it: from then on nobody on this machine can read
    /// what was sealed.
    fn end_segment(&mut self) {
        self.segment = None;
        *self.sealer() = None;
    }

    fn sealer(&self) -> RwLockWriteGuard<'_, Option<Arc<Sealer>>> {
        self.shared.sealer.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe_segment(&self, number: u64, enc: &[u8], notes: Option<Hash>) -> io::Result<Entry> {
        let enc = base64::engine::general_purpose::STANDARD.encode(enc);
        let enc = Word::new(&enc).map_err(|_| io::Error::other("the encapsulated key is too long"))?;
        let mut entry = Entry::new(Kind::SegmentStart, Actor::Server)
            .int("number", signed(number))
            .int("prev_size", signed(self.tree.size()))
            .digest("prev_root", self.tree.root())
            .digest("reading_key", reading_key_id(&self.sealing.reading));
        entry.facts.set("enc", Fact::Word(enc));
        let vkey = Word::new(&self.name.newest_vkey()).map_err(|_| io::Error::other("the verifier key is too long"))?;
        entry.facts.set("signing_vkey", Fact::Word(vkey));
        if let Some(notes) = notes {
            entry.facts.set("prev_notes", Fact::Digest(notes));
        }
        if let Some(period) = self.segment.as_ref().and_then(|s| s.sealer.period.as_ref()) {
            entry.facts.set("period", Fact::Word(period.label.clone()));
        }
        Ok(entry)
    }

    /// Runs until the log is closed or a write fails.
    pub(crate) fn run(mut self) {
        let end = OnExit(self.shared.clone());
        match self.serve() {
            Ok(()) => end.0.queue.close(),
            Err(e) => {
                tracing::error!(error = %e, "the audit log cannot be written; nothing is recorded until a restart");
                end.0.queue.fail();
            }
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        loop {
            let (jobs, closed) = self.shared.queue.take(GROUP_BYTES, TICK);
            let now = self.clock.now();
            let noise = if closed { self.shared.noise.all() } else { self.shared.noise.due(now) };
            if self.segment_is_full(now) {
                if jobs.is_empty() && noise.is_empty() {
                    // Its keys are not kept until somebody comes: they may be another day's, and erased by then.
                    self.end_segment();
                } else if let Err(e) = self.begin_segment(Vec::new()) {
                    self.shared.queue.fail();
                    jobs.into_iter().for_each(|job| job.reply.send(Err(Unavailable::Failed)));
                    return Err(e);
                }
            }
            let noise = noise.into_iter().map(|entry| Job { entry, cover: None, sealed: None, reply: Reply::Nobody });
            self.commit(jobs.into_iter().chain(noise).collect())?;
            if closed {
                return Ok(());
            }
        }
    }

    fn segment_is_full(&self, now: Timestamp) -> bool {
        let Limits { segment_bytes, segment_ms, .. } = self.limits;
        self.segment.as_ref().is_none_or(|s| {
            s.bytes >= segment_bytes
                || now.0.abs_diff(s.since.0) >= segment_ms
                || s.sealer.period.is_some() && !same_day(now, s.since)
        })
    }

    /// Makes the jobs durable, then tells those who wait. On an error nobody is told anything good.
    fn commit(&mut self, jobs: Vec<Job>) -> io::Result<()> {
        let mut group = self.gather(jobs);
        if group.receipts.is_empty() {
            return Ok(());
        }
        match self.write(&mut group) {
            Ok(note) => {
                self.tree = group.tree;
                self.last_time = group.last_time;
                self.shared.durable(self.tree.size(), note);
                group.receipts.into_iter().for_each(|(reply, receipt)| reply.send(Ok(receipt)));
                Ok(())
            }
            Err(e) => {
                // First the state, so that nobody who is told sees a log that calls itself healthy.
                self.shared.queue.fail();
                group.receipts.into_iter().for_each(|(reply, _)| reply.send(Err(Unavailable::Failed)));
                Err(e)
            }
        }
    }

    /// Encodes and seals. Nothing of the writer changes: if the write fails, nothing has happened.
    fn gather(&self, jobs: Vec<Job>) -> Group {
        let mut group = Group {
            bytes: Vec::new(),
            tree: self.tree.clone(),
            last_time: self.last_time,
            receipts: Vec::with_capacity(jobs.len()),
        };
        if self.segment.as_ref().is_some_and(|s| s.bytes == 0) {
            group.bytes.extend_from_slice(&MAGIC);
        }
        for Job { entry, cover, sealed, reply } in jobs {
            let index = group.tree.size();
            match self.encode(index, entry, sealed, &mut group) {
                Ok((id, leaf, sealed)) => {
                    group.tree.push(leaf);
                    group.receipts.push((reply, Receipt::new(index, &id, leaf, sealed, cover)));
                }
                Err(Unencodable) => reply.send(Err(Unavailable::Refused)),
            }
        }
        group
    }

    fn encode(
        &self,
        index: u64,
        entry: Entry,
        sealed: Option<Sealed>,
        group: &mut Group,
    ) -> Result<([u8; 16], Hash, Option<Hash>), Unencodable> {
        let sealer = &self.segment.as_ref().ok_or(Unencodable)?.sealer;
        let sealed = match (&entry.content, sealed) {
            (Some(content), _) if content.len() > MAX_CONTENT => return Err(Unencodable),
            (Some(_), Some(sealed)) if sealer.has(&sealed) => Some(sealed),
            (Some(content), _) => Some(sealer.seal(&entry.holders, content)),
            (None, _) => None,
        };
        let id = sealed.as_ref().map_or_else(random::bytes::<16>, |sealed| sealed.id);
        let content = match &sealed {
            Some(s) => {
                let length = u32::try_from(s.bytes.len()).map_err(|_| Unencodable)?;
                Some(ContentRef { length, sha256: s.sha256 })
            }
            None => None,
        };
        let time = self.clock.now();
        let record = Record {
            index,
            time,
            clock_back_ms: clock_back_ms(group.last_time, time),
            id,
            kind: entry.kind,
            outcome: entry.outcome,
            actor: entry.actor,
            request: entry.request,
            facts: entry.facts,
            content,
        };
        let bytes = record.encode()?;
        frame::put(&mut group.bytes, Type::Entry, &bytes);
        if let Some(sealed) = &sealed {
            frame::put(&mut group.bytes, Type::Blob, &sealed.bytes);
        }
        group.last_time = Some(time);
        Ok((id, leaf_hash(&bytes), content.map(|c| c.sha256)))
    }

    /// A crash before `sync` returns leaves a tail that recovery sets aside; after it, the group
    /// counts whether or not anybody was told.
    fn write(&mut self, group: &mut Group) -> io::Result<String> {
        let checkpoint = Checkpoint { size: group.tree.size(), root: group.tree.root() };
        let previous = self.signing.previous.as_ref().map(|(key, _)| key);
        let keys: Vec<&SigningKey> = std::iter::once(&self.signing.current).chain(previous).collect();
        let note = checkpoint.sign(&self.name, &keys);
        let body = frame::put_checkpoint(&mut group.bytes, self.tree.size(), &note);
        if let Some(notes) = &mut self.notes {
            notes.update(&body);
        }
        let segment = self.segment.as_mut().ok_or_else(|| io::Error::other("no segment is open"))?;
        segment.file.append(&group.bytes)?;
        segment.file.sync()?;
        if segment.bytes == 0 {
            // The file's name must be durable too before anything in it counts.
            self.medium.sync_dir(SEGMENTS)?;
        }
        segment.bytes += group.bytes.len() as u64;
        tracing::trace!(segment = segment.sealer.segment, size = checkpoint.size, "audit group durable");
        Ok(note)
    }
}

/// Whatever ends the thread, a panic included, nobody is left waiting.
struct OnExit(Arc<Shared>);

impl Drop for OnExit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.fail();
        }
        *self.0.sealer.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.written();
    }
}

/// The entry that tells what a crash had left unfinished.
pub(crate) fn recovery_entry(torn: &crate::scan::Torn) -> Entry {
    Entry::new(Kind::Recovery, Actor::Server)
        .outcome(Outcome::Aborted)
        .int("segment", signed(torn.segment))
        .int("offset", signed(torn.offset))
        .int("bytes", signed(torn.bytes))
        .digest("sha256", torn.sha256)
}

/// Tells reading keys apart.
pub(crate) fn reading_key_id(reading: &ReadingPublic) -> Hash {
    sha256(&[reading.to_text().as_bytes()])
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
