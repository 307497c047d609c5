//! The open log: what the rest of the server appends to.

use crate::entry::Entry;
use crate::error::{Error, Unavailable};
use crate::format::{CHECKPOINT, RECOVERED, SEGMENTS, VKEY};
use crate::medium::{Disk, Medium, replace};
use crate::noise::Noise;
use crate::note::{Checkpoint, LogName};
use crate::proof::InclusionProof;
use crate::queue::{Job, Queue, Reply};
use crate::receipt::{Cover, CoverKey, Receipt};
use crate::recover;
use crate::tree::{Hash, Tree, empty_root};
use medlock_domain::{Clock, NetworkSource};
use medlock_keys::hpke::ReadingPublic;
use medlock_keys::sign::SigningKey;
use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, mpsc};
use std::thread::JoinHandle;
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

/// An open log. Clones are the same log; when the last one goes, it is closed as by [`Log::close`].
#[derive(Clone)]
pub struct Log(Arc<Open>);

struct Open {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    cover_key: CoverKey,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer and those who append share.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) noise: Noise,
    pub(crate) finished: watch::Sender<bool>,
    published: RwLock<Published>,
    _lock: Box<dyn Any + Send + Sync>,
}

/// What is durable, no more and no less.
struct Published {
    tree: Tree,
    note: String,
}

impl Shared {
    pub(crate) fn new(limits: &Limits, tree: Tree, note: String, lock: Box<dyn Any + Send + Sync>) -> Self {
        Self {
            queue: Queue::new(limits.waiting_entries, limits.waiting_bytes),
            noise: Noise::default(),
            finished: watch::Sender::new(false),
            published: RwLock::new(Published { tree, note }),
            _lock: lock,
        }
    }

    pub(crate) fn publish(&self, leaves: &[Hash], note: String) {
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        leaves.iter().for_each(|leaf| published.tree.push(*leaf));
        published.note = note;
    }

    pub(crate) fn latest(&self) -> (u64, String) {
        let published = self.published();
        (published.tree.size(), published.note.clone())
    }

    fn published(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
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
        for dir in ["", SEGMENTS, RECOVERED] {
            medium.make_dir(dir).map_err(|e| Error::io("make", dir, e))?;
        }
        // `log.vkey` comes last: a crash before it leaves something that can be created again.
        let there = medium.list("").map_err(|e| Error::io("list", "", e))?.contains(&VKEY.to_owned());
        let segments = medium.list(SEGMENTS).map_err(|e| Error::io("list", SEGMENTS, e))?;
        if there || !segments.is_empty() {
            let file = if there { VKEY } else { SEGMENTS };
            return Err(Error::Exists { file: file.to_owned() });
        }
        let note = Checkpoint { size: 0, root: empty_root() }.sign(&name, signing);
        for (file, temporary, text) in [(CHECKPOINT, "checkpoint.new", note), (VKEY, "log.vkey.new", name.vkey())] {
            replace(medium, file, temporary, text.as_bytes()).map_err(|e| Error::io("write", file, e))?;
        }
        Ok(())
    }

    /// Opens the log in `dir`: takes its lock, sets aside what a crash left unfinished, refuses
    /// what is damaged or has been cut short, starts a new segment and the writer.
    pub fn open(dir: &Path, signing: SigningKey, reading: ReadingPublic, clock: Arc<dyn Clock>) -> Result<Log, Error> {
        Self::open_on(Box::new(Disk::at(dir)), signing, reading, clock)
    }

    /// The same on any medium.
    pub fn open_on(
        medium: Box<dyn Medium>,
        signing: SigningKey,
        reading: ReadingPublic,
        clock: Arc<dyn Clock>,
    ) -> Result<Log, Error> {
        Self::open_with(medium, signing, reading, clock, Limits::default())
    }

    /// The same with other limits.
    pub fn open_with(
        medium: Box<dyn Medium>,
        signing: SigningKey,
        reading: ReadingPublic,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Log, Error> {
        let writer = recover::open(medium, signing, reading, clock.clone(), limits)?;
        let shared = writer.shared.clone();
        let thread =
            std::thread::Builder::new().name("audit".into()).spawn(move || writer.run()).map_err(Error::Thread)?;
        let cover_key = Arc::new(zeroize::Zeroizing::new(medlock_keys::random::bytes()));
        Ok(Log(Arc::new(Open { shared, clock, cover_key, thread: Mutex::new(Some(thread)) })))
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

    fn enqueue(&self, entry: Entry, reply: Reply) -> Result<(), Unavailable> {
        if entry.kind.is_internal() {
            return Err(Unavailable::Refused);
        }
        let cover = entry.content.as_ref().map(|content| Cover::of(&self.0.cover_key, content));
        self.0.shared.queue.push(Job { entry, cover, reply })
    }

    /// Counts something that nobody authenticated did. Recorded as one entry per source, what and
    /// minute, when the minute is over. `what` is a word such as `bad_key`. Never waits.
    pub fn noise(&self, source: NetworkSource, what: &'static str) {
        self.0.shared.noise.count(source, what, self.0.clock.now());
    }

    /// Whether entries can be recorded, as far as is known.
    pub fn healthy(&self) -> bool {
        self.0.shared.queue.is_open()
    }

    /// How many entries are durable.
    pub fn size(&self) -> u64 {
        self.0.shared.published().tree.size()
    }

    /// The latest checkpoint, a signed note. Keep copies elsewhere: that is what shows a cut.
    pub fn checkpoint(&self) -> String {
        self.0.shared.latest().1
    }

    /// Shows that entry `index` is under the latest checkpoint.
    pub fn inclusion_proof(&self, index: u64) -> Result<InclusionProof, Error> {
        let published = self.0.shared.published();
        let size = published.tree.size();
        let path = published.tree.inclusion(index, size).ok_or(Error::NoSuchEntry { index, size })?;
        Ok(InclusionProof { index, size, root: published.tree.root(), path, checkpoint: published.note.clone() })
    }

    /// Shows that the log as it is now begins with its first `old_size` entries; to be checked with
    /// [`crate::verify_consistency`] against a checkpoint of that size.
    pub fn consistency_proof(&self, old_size: u64) -> Result<Vec<Hash>, Error> {
        let published = self.0.shared.published();
        let size = published.tree.size();
        published.tree.consistency(old_size, size).ok_or(Error::NoSuchEntry { index: old_size, size })
    }

    /// Records what is in line and the noise counted so far, wipes the segment's key, and lets go of
    /// the file. The lock goes with the last clone. A `ServerStop` entry is the caller's to append.
    pub async fn close(&self) {
        self.0.shared.queue.close();
        let mut finished = self.0.shared.finished.subscribe();
        // Only fails when the sender is gone, and then the writer is too.
        let _ = finished.wait_for(|done| *done).await;
    }
}

impl Drop for Open {
    /// Waits for the group that is being written, a few milliseconds.
    fn drop(&mut self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|t| t.join().is_err()) {
            tracing::error!("the audit writer panicked");
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({} entries)", self.size())
    }
}
