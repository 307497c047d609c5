//! The open log: what the rest of the server appends to.

use crate::entry::Entry;
use crate::erasable::Sealing;
use crate::error::{Error, Unavailable};
use crate::format::{CHECKPOINT, RECOVERED, SEGMENTS, VKEY};
use crate::medium::{Disk, Medium, replace};
use crate::noise::Noise;
use crate::note::{Checkpoint, LogName};
use crate::proof::{ConsistencyProof, InclusionProof};
use crate::queue::{Job, Queue, Reply};
use crate::receipt::{Cover, CoverKey, Receipt};
use crate::recover;
use crate::seal::Sealer;
use crate::tiles::TILES;
use crate::tiles::publish::Publisher;
use crate::tiles::read::Published;
use crate::tree::empty_root;
use crate::witness::Witnesses;
use medlock_domain::{Clock, NetworkSource, Timestamp};
use medlock_keys::sign::SigningKey;
use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How large things may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A segment that has reached this is followed by a new one, with a new key.
    pub segment_bytes: u64,
    /// So is one that is this old.
    pub segment_ms: u64,
    /// How many entries may wait for the disk.
    pub waiting_entries: usize,
    /// How many bytes may wait for the disk.
    pub waiting_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, segment_ms: 24 * 3600 * 1000, waiting_entries: 4096, waiting_bytes: 64 << 20 }
    }
}

/// What checkpoints are signed with.
pub struct Signers {
    /// The log's key.
    pub current: SigningKey,
    /// The one before, which signs as well until this time; the first group that the new key signs in any case,
    /// which is how it vouches for it.
    pub previous: Option<(SigningKey, Timestamp)>,
}

impl From<SigningKey> for Signers {
    fn from(current: SigningKey) -> Self {
        Self { current, previous: None }
    }
}

/// An open log. Clones are the same log; when the last one goes, it is closed as by [`Log::close`].
#[derive(Clone)]
pub struct Log(Arc<Open>);

struct Open {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    cover_key: CoverKey,
    medium: Arc<dyn Medium>,
    name: LogName,
    /// Whether content is kept.
    keep: bool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the writer and those who append share.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) noise: Noise,
    ended: watch::Sender<bool>,
    durable: Mutex<Durable>,
    changed: Condvar,
    grace_ms: Option<u64>,
    /// Of the segment that is written now.
    pub(crate) sealer: RwLock<Option<Arc<Sealer>>>,
    _lock: Box<dyn Any + Send + Sync>,
}

/// What is durable, no more and no less.
struct Durable {
    size: u64,
    note: String,
    /// Somebody waits for it to be published.
    asked: bool,
    /// The writer has ended.
    written: bool,
    /// How far the tiles and the `checkpoint` file are, and how often it was tried to bring them here.
    published: u64,
    tries: u64,
    ended: bool,
    /// When enough witnesses last signed.
    witnessed: Timestamp,
}

/// How long may pass before what is durable is published.
const PUBLISH_EVERY_MS: u64 = 10_000;
/// Longer content is sealed by the writer.
const SEALED_HERE: usize = 64 << 10;
/// How long the publisher sleeps at most before it looks at the clock.
const TICK: Duration = Duration::from_millis(500);

impl Shared {
    /// `grace_ms`: how long the log may go without enough witnesses, where the policy demands any.
    pub(crate) fn new(
        limits: &Limits,
        size: u64,
        note: String,
        grace_ms: Option<u64>,
        now: Timestamp,
        lock: Box<dyn Any + Send + Sync>,
    ) -> Self {
        Self {
            queue: Queue::new(limits.waiting_entries, limits.waiting_bytes),
            noise: Noise::default(),
            ended: watch::Sender::new(false),
            durable: Mutex::new(Durable {
                size,
                note,
                asked: false,
                written: false,
                published: 0,
                tries: 0,
                ended: false,
                witnessed: now,
            }),
            grace_ms,
            sealer: RwLock::new(None),
            changed: Condvar::new(),
            _lock: lock,
        }
    }

    pub(crate) fn durable(&self, size: u64, note: String) {
        let mut durable = self.lock();
        (durable.size, durable.note) = (size, note);
    }

    /// The writer has ended: what is durable now is all there will be.
    pub(crate) fn written(&self) {
        self.lock().written = true;
        self.changed.notify_all();
    }

    pub(crate) fn latest(&self) -> (u64, String) {
        let durable = self.lock();
        (durable.size, durable.note.clone())
    }

    /// Whether a policy demands witnesses at all.
    fn wants_witnesses(&self) -> bool {
        self.grace_ms.is_some()
    }

    /// Whether the policy's witnesses have been missing for too long.
    fn is_unwitnessed(&self, now: Timestamp) -> bool {
        self.grace_ms.is_some_and(|grace| now.0.abs_diff(self.lock().witnessed.0) > grace)
    }

    fn lock(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes now and then, whenever somebody asks, and at the end.
    fn publish(&self, mut publisher: Publisher, clock: &dyn Clock) {
        let _end = OnExit(self);
        let mut last = clock.now();
        loop {
            let mut durable = self.lock();
            if !durable.asked && !durable.written {
                durable = self.changed.wait_timeout(durable, TICK).unwrap_or_else(PoisonError::into_inner).0;
            }
            let now = clock.now();
            let due = now.0.abs_diff(last.0) >= PUBLISH_EVERY_MS;
            let asked = std::mem::take(&mut durable.asked);
            let written = durable.written;
            let (size, note) = (durable.size, durable.note.clone());
            drop(durable);
            if due || asked || written {
                if let Err(e) = publisher.publish_or_warn(size, &note) {
                    tracing::error!(error = %e, "nothing more is recorded");
                    self.queue.fail();
                }
                last = now;
                let mut durable = self.lock();
                if publisher.lacking().is_none() {
                    durable.witnessed = now;
                }
                (durable.published, durable.tries) = (publisher.size(), durable.tries + 1);
                drop(durable);
                self.changed.notify_all();
            }
            if written {
                return;
            }
        }
    }
}

/// Whatever ends the publisher, nobody is left waiting.
struct OnExit<'a>(&'a Shared);

impl Drop for OnExit<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
        self.0.ended.send_replace(true);
    }
}

impl Log {
    /// Makes an empty log in `dir`, which must hold none: its name, its key, its first checkpoint.
    pub fn create(dir: &Path, origin: &str, signing: &SigningKey) -> Result<(), Error> {
        Self::create_on(&Disk::at(dir), origin, signing)
    }

    /// The same on any medium.
    pub fn create_on(medium: &dyn Medium, origin: &str, signing: &SigningKey) -> Result<(), Error> {
        let name = LogName::new(origin, signing.public()).map_err(|_| Error::BadOrigin)?;
        for dir in ["", SEGMENTS, RECOVERED, TILES] {
            medium.make_dir(dir).map_err(|e| Error::io("make", dir, e))?;
        }
        // `log.vkey` comes last: a crash before it leaves something that can be created again.
        let there = medium.list("").map_err(|e| Error::io("list", "", e))?.contains(&VKEY.to_owned());
        let segments = medium.list(SEGMENTS).map_err(|e| Error::io("list", SEGMENTS, e))?;
        if there || !segments.is_empty() {
            let file = if there { VKEY } else { SEGMENTS };
            return Err(Error::Exists { file: file.to_owned() });
        }
        let note = Checkpoint { size: 0, root: empty_root() }.sign(&name, &[signing]);
        for (file, temporary, text) in [(CHECKPOINT, "checkpoint.new", note), (VKEY, "log.vkey.new", name.vkey())] {
            replace(medium, file, temporary, text.as_bytes()).map_err(|e| Error::io("write", file, e))?;
        }
        Ok(())
    }

    /// Opens the log in `dir`: takes its lock, sets aside what a crash left unfinished, refuses
    /// what is damaged or has been cut short, starts a new segment and the writer.
    pub fn open(
        dir: &Path,
        signing: impl Into<Signers>,
        sealing: impl Into<Sealing>,
        clock: Arc<dyn Clock>,
    ) -> Result<Log, Error> {
        Self::open_on(Box::new(Disk::at(dir)), signing, sealing, clock)
    }

    /// The same on any medium.
    pub fn open_on(
        medium: Box<dyn Medium>,
        signing: impl Into<Signers>,
        sealing: impl Into<Sealing>,
        clock: Arc<dyn Clock>,
    ) -> Result<Log, Error> {
        Self::open_with(medium, signing, sealing, clock, Limits::default(), None)
    }

    /// The same with other limits, and with witnesses, who are asked before anything is recorded.
    pub fn open_with(
        medium: Box<dyn Medium>,
        signing: impl Into<Signers>,
        sealing: impl Into<Sealing>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        witnesses: Option<Witnesses>,
    ) -> Result<Log, Error> {
        let (medium, sealing): (Arc<dyn Medium>, Sealing) = (Arc::from(medium), sealing.into());
        let keep = sealing.keep;
        let (writer, publisher) =
            recover::open(medium.clone(), signing.into(), sealing, clock.clone(), limits, witnesses)?;
        let (name, shared) = (writer.name.clone(), writer.shared.clone());
        let (behind, times) = (shared.clone(), clock.clone());
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.into()).spawn(work).map_err(Error::Thread)
        };
        let publisher = start("audit-tiles", Box::new(move || behind.publish(publisher, &*times)))?;
        let writer = start("audit", Box::new(move || writer.run()))?;
        let cover_key = Arc::new(zeroize::Zeroizing::new(medlock_keys::random::bytes()));
        let threads = Mutex::new(vec![writer, publisher]);
        Ok(Log(Arc::new(Open { shared, clock, cover_key, medium, name, keep, threads })))
    }

    /// Records an entry. Returns when it, its sealed content and a signed checkpoint over them are
    /// durable. A caller who stops waiting changes nothing: what is in line is recorded.
    pub async fn append(&self, entry: Entry) -> Result<Receipt, Unavailable> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(entry, Reply::Task(sender))?;
        receiver.await.unwrap_or(Err(Unavailable::Failed))
    }

    /// The same for a thread outside the runtime.
    pub fn append_blocking(&self, entry: Entry) -> Result<Receipt, Unavailable> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.enqueue(entry, Reply::Thread(sender))?;
        receiver.recv().unwrap_or(Err(Unavailable::Failed))
    }

    fn enqueue(&self, mut entry: Entry, reply: Reply) -> Result<(), Unavailable> {
        if entry.kind.is_internal() {
            return Err(Unavailable::Refused);
        }
        if self.0.shared.is_unwitnessed(self.0.clock.now()) {
            return Err(Unavailable::Unwitnessed);
        }
        let cover = entry.content.as_ref().map(|content| Cover::of(&self.0.cover_key, content));
        if !self.0.keep {
            entry.content = None;
        }
        // Sealed here, while the writer waits for the disk. Long content would hold up a thread of the runtime.
        let sealer = self.0.shared.sealer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let short = entry.content.as_ref().filter(|content| content.len() <= SEALED_HERE);
        let sealed = short.zip(sealer).map(|(content, sealer)| sealer.seal(&entry.holders, content));
        self.0.shared.queue.push(Job { entry, cover, sealed, reply })
    }

    /// Counts something that nobody authenticated did. Recorded as one entry per source, what and
    /// minute, when the minute is over. `what` is a word such as `bad_key`. Never waits.
    pub fn noise(&self, source: NetworkSource, what: &'static str) {
        self.0.shared.noise.count(source, what, self.0.clock.now());
    }

    /// The time by which entries are dated.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whether entries can be recorded, as far as is known.
    pub fn healthy(&self) -> bool {
        self.0.shared.queue.is_open() && !self.0.shared.is_unwitnessed(self.0.clock.now())
    }

    /// Whether the key that a segment's content is sealed with is in memory.
    #[cfg(test)]
    pub(crate) fn is_sealing(&self) -> bool {
        self.0.shared.sealer.read().is_ok_and(|sealer| sealer.is_some())
    }

    /// Whether a policy demands that witnesses sign it: without, it is tamper-evident below root only.
    pub fn is_witnessed(&self) -> bool {
        self.0.shared.wants_witnesses()
    }

    /// Its name and public key.
    pub fn name(&self) -> &LogName {
        &self.0.name
    }

    /// How many entries are durable.
    pub fn size(&self) -> u64 {
        self.0.shared.lock().size
    }

    /// The latest checkpoint, a signed note. Keep copies elsewhere: that is what shows a cut.
    pub fn checkpoint(&self) -> String {
        self.0.shared.latest().1
    }

    /// Publishes what is durable now, and gives it: tiles, and the `checkpoint` file over them. Otherwise
    /// that happens every ten seconds. Waits for the disk; not for a thread of the runtime.
    pub fn publish(&self) -> Result<Published, Error> {
        let shared = &self.0.shared;
        let mut durable = shared.lock();
        let (want, before) = (durable.size, durable.tries);
        // One try may have begun before we asked.
        while durable.published < want && !durable.ended && durable.tries <= before + 1 {
            durable.asked = true;
            shared.changed.notify_all();
            durable = shared.changed.wait(durable).unwrap_or_else(PoisonError::into_inner);
        }
        drop(durable);
        Published::open_on(self.0.medium.clone(), Some(&self.0.name))
    }

    /// Shows that entry `index` is under the latest checkpoint. Waits for the disk.
    pub fn inclusion_proof(&self, index: u64) -> Result<InclusionProof, Error> {
        Ok(self.publish()?.inclusion(index)?.1)
    }

    /// Shows that the log as it is now begins with the entries that `old` covers. Waits for the disk.
    pub fn consistency_proof(&self, old: Checkpoint) -> Result<ConsistencyProof, Error> {
        self.publish()?.consistency(old)
    }

    /// Records what is in line and the noise counted so far, wipes the segment's key, and lets go of
    /// the file. The lock goes with the last clone. A `ServerStop` entry is the caller's to append.
    pub async fn close(&self) {
        self.0.shared.queue.close();
        let mut ended = self.0.shared.ended.subscribe();
        // Only fails when the sender is gone, and then the publisher is too.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

impl Drop for Open {
    /// Waits for the group that is being written, a few milliseconds.
    fn drop(&mut self) {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the audit log panicked");
            }
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({} entries)", self.size())
    }
}
