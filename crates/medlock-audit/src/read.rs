//! Reading what was recorded. This believes the files; [`crate::verify`] is what checks them, and
//! tells an end that was damaged from one that was never finished.

use crate::entry::{Entry, Kind, Outcome};
use crate::erasable::{HolderRole, Share};
use crate::error::Error;
use crate::facts::Facts;
use crate::format::frame::{self, Frame, MAGIC, MAX_ENTRY, Type};
use crate::format::record::{Record, RecordId};
use crate::format::{MAX_VKEY, SEGMENTS, VKEY, segment_path};
use crate::medium::{Disk, Medium};
use crate::note::LogName;
use crate::receipt::receipt_id;
use crate::scan;
use crate::seal::SegmentKey;
use base64::Engine as _;
use medlock_domain::{Actor, HolderId, RequestId, Timestamp};
use medlock_keys::digest::sha256;
use medlock_keys::hpke::ReadingKey;
use medlock_keys::random;
use medlock_keys::seal::DataKey;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// An entry as it lies in the log.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Its place.
    pub index: u64,
    /// When, by the server's clock. Order is the index's alone.
    pub time: Timestamp,
    /// By how much the clock stood behind the entry before; 0 when it did not.
    pub clock_back_ms: u64,
    /// What happened.
    pub kind: Kind,
    /// Who did it.
    pub actor: Actor,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// How it ended.
    pub outcome: Outcome,
    /// Numbers, words and digests about it.
    pub facts: Facts,
    /// What was sealed with it, where the segment was read as well.
    pub content: Option<SealedContent>,
    sealed: Option<u32>,
    id: RecordId,
    leaf: Vec<u8>,
}

impl StoredEntry {
    /// An entry from its stored bytes alone, without what is sealed with it.
    pub fn from_leaf(leaf: &[u8]) -> Result<Self, Error> {
        let record = Record::decode(leaf).map_err(|what| Error::damaged("", 0, what))?;
        let Record { index, time, clock_back_ms, id, kind, outcome, actor, request, facts, content } = record;
        let (leaf, sealed) = (leaf.to_vec(), content.map(|c| c.length));
        Ok(Self { index, time, clock_back_ms, kind, actor, request, outcome, facts, content: None, sealed, id, leaf })
    }

    /// An entry that could not be recorded, under a name of its own: to be told of where the log itself cannot tell.
    pub fn unrecorded(entry: Entry, time: Timestamp) -> Self {
        let Entry { kind, actor, request, outcome, facts, .. } = entry;
        let (id, leaf) = (random::bytes(), Vec::new());
        Self {
            index: 0,
            time,
            clock_back_ms: 0,
            kind,
            actor,
            request,
            outcome,
            facts,
            content: None,
            sealed: None,
            id,
            leaf,
        }
    }

    /// Which entry of the log it is; `None` for one that is in no log.
    pub fn recorded_index(&self) -> Option<u64> {
        (!self.leaf.is_empty()).then_some(self.index)
    }

    /// The name that its receipt had.
    pub fn receipt_id(&self) -> String {
        receipt_id(&self.id)
    }

    /// How many bytes were sealed with it.
    pub fn sealed_bytes(&self) -> Option<u32> {
        self.sealed
    }

    /// Its stored bytes: the leaf that an inclusion proof is about.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The facts.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Content that only the reading key opens.
#[derive(Clone)]
pub struct SealedContent {
    segment: Arc<SegmentHead>,
    sealed: Vec<u8>,
}

struct SegmentHead {
    origin: String,
    number: u64,
    enc: Vec<u8>,
    reading_key: Option<[u8; 32]>,
    period: Option<String>,
}

impl SealedContent {
    /// How many bytes, sealed.
    pub fn len(&self) -> usize {
        self.sealed.len()
    }

    /// Never: sealing adds a tag.
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty()
    }
}

impl std::fmt::Debug for SealedContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedContent({} bytes)", self.sealed.len())
    }
}

/// The names of the erasable keys that an entry's content is sealed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The day's.
    pub period: Option<String>,
    /// The holders', in order.
    pub holders: Vec<(HolderRole, HolderId)>,
}

/// Content on its way to whoever holds the reading key: an entry with what is sealed, its segment's
/// description, and nothing that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The entry's stored bytes.
    pub leaf: Vec<u8>,
    /// What is sealed.
    pub sealed: Vec<u8>,
    /// Which log.
    pub origin: String,
    /// Which segment.
    pub segment: u64,
    /// Its encapsulated key.
    pub enc: Vec<u8>,
    /// Tells which reading key it is sealed to.
    pub reading_key: Option<[u8; 32]>,
}

impl StoredEntry {
    /// The erasable keys that its content is sealed under; none where there is no content.
    pub fn needs(&self) -> Option<Needs> {
        let content = self.content.as_ref()?;
        let holder = |role: HolderRole| Some((role, self.facts.word(role.fact())?.parse().ok()?));
        let holders = HolderRole::ALL.into_iter().filter_map(holder).collect();
        Some(Needs { period: content.segment.period.clone(), holders })
    }

    /// The share of its content, from the keys that [`StoredEntry::needs`] names, in that order.
    pub fn share(&self, period: Option<&DataKey>, holders: &[&DataKey]) -> Share {
        Share::of(&self.id, period, holders)
    }

    /// Its content, still sealed, to be handed over.
    pub fn parcel(&self) -> Option<Parcel> {
        let SealedContent { segment, sealed } = self.content.as_ref()?;
        let SegmentHead { origin, number, enc, reading_key, .. } = &**segment;
        let (origin, enc) = (origin.clone(), enc.clone());
        let (leaf, sealed) = (self.leaf.clone(), sealed.clone());
        Some(Parcel { leaf, sealed, origin, segment: *number, enc, reading_key: *reading_key })
    }
}

impl Parcel {
    /// The entry with its content, if what is sealed is what the entry recorded.
    pub fn entry(self) -> Result<StoredEntry, Error> {
        let Parcel { leaf, sealed, origin, segment, enc, reading_key } = self;
        let damaged = |what| Error::damaged("", 0, what);
        let expected = Record::decode(&leaf).map_err(damaged)?.content;
        if expected.is_none_or(|content| content.sha256 != sha256(&[&sealed])) {
            return Err(damaged("content that is not what its entry recorded"));
        }
        let segment = Arc::new(SegmentHead { origin, number: segment, enc, reading_key, period: None });
        let entry = StoredEntry::from_leaf(&leaf)?;
        Ok(StoredEntry { content: Some(SealedContent { segment, sealed }), ..entry })
    }
}

/// Why content stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The entry has none.
    #[error("the entry has no content")]
    NoContent,
    /// It was sealed to another reading key.
    #[error("sealed to another reading key")]
    OtherKey,
    /// It is not what was sealed, or the share is another record's.
    #[error("the content has been altered")]
    Altered,
}

/// Opens the content of an entry with the reading key and the record's share. Callers record that they did
/// ([`Kind::ContentRead`]).
pub fn open_content(entry: &StoredEntry, key: &ReadingKey, share: &Share) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let content = entry.content.as_ref().ok_or(ReadError::NoContent)?;
    let SegmentHead { origin, number, enc, reading_key, .. } = &*content.segment;
    if reading_key.is_some_and(|id| id != crate::writer::reading_key_id(&key.public())) {
        return Err(ReadError::OtherKey);
    }
    let segment = SegmentKey::recover(enc, key, origin, *number).ok_or(ReadError::OtherKey)?;
    segment.open(&entry.id, share, &content.sealed).ok_or(ReadError::Altered)
}

/// Follows a log while it grows, without the content: gives what has been acknowledged and not been given
/// yet. Memory: a group and a chunk of a segment.
pub struct Follow {
    medium: Box<dyn Medium>,
    origin: String,
    at: Position,
}

/// A place in the segments between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which segment.
    pub segment: u64,
    /// Where in it, in bytes.
    pub offset: u64,
}

impl Position {
    /// Before the first entry.
    pub const START: Self = Self { segment: 0, offset: MAGIC.len() as u64 };
}

impl Follow {
    /// Goes on from `at` in the log in `dir`, also while a server writes it.
    pub fn from(dir: &Path, at: Position) -> Result<Self, Error> {
        Self::from_on(Box::new(Disk::at(dir)), at)
    }

    /// The same on any medium.
    pub fn from_on(medium: Box<dyn Medium>, at: Position) -> Result<Self, Error> {
        let origin = log_name(&*medium)?.origin().to_owned();
        Ok(Self { medium, origin, at })
    }

    /// The segment that is written now, or was last.
    pub fn newest(dir: &Path) -> Result<u64, Error> {
        let (numbers, _) = scan::segments(&Disk::at(dir)).map_err(|e| Error::io("list", SEGMENTS, e))?;
        Ok(numbers.last().copied().unwrap_or(0))
    }

    /// Which log it is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where it goes on.
    pub fn position(&self) -> Position {
        self.at
    }

    /// At least `least` of the next entries if there are as many, in whole groups; none when all has
    /// been given.
    pub fn next(&mut self, least: usize) -> Result<Vec<(Position, StoredEntry)>, Error> {
        let mut done = Vec::new();
        while done.len() < least {
            let before = done.len();
            self.groups(&mut done)?;
            if done.len() > before {
                continue;
            }
            let next = Position { segment: self.at.segment + 1, ..Position::START };
            let there = self.medium.read_at(&segment_path(next.segment), 0, 1);
            if !there.is_ok_and(|byte| !byte.is_empty()) {
                break;
            }
            // A segment is begun when the one before is whole: what came to it last has been read by now.
            self.groups(&mut done)?;
            if done.len() == before {
                self.at = next;
            }
        }
        Ok(done)
    }

    /// The whole groups in one chunk of the segment.
    fn groups(&mut self, done: &mut Vec<(Position, StoredEntry)>) -> Result<(), Error> {
        let path = segment_path(self.at.segment);
        let (mut start, mut group, mut end) = (self.at.offset, Vec::new(), self.at.offset);
        let given = done.len();
        while done.len() == given {
            let chunk = match self.medium.read_at(&path, start, CHUNK) {
                // Not begun yet.
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                chunk => chunk.map_err(|e| Error::io("read", &path, e))?,
            };
            let mut at = 0;
            while let Some(step) =
                frame::step(&chunk, at).map_err(|what| Error::damaged(&path, start as usize + at, what))?
            {
                match (step.kind, step.body) {
                    (Type::Blob, _) => {}
                    (_, None) => break,
                    (Type::Entry, Some(body)) => {
                        let place = Position { segment: self.at.segment, offset: start + at as u64 };
                        group.push((place, StoredEntry::from_leaf(body)?));
                    }
                    (Type::Checkpoint, Some(_)) => {
                        done.append(&mut group);
                        end = start + step.end as u64;
                    }
                }
                at = step.end;
            }
            if at == 0 {
                break;
            }
            start += at as u64;
        }
        self.at.offset = end;
        Ok(())
    }
}

/// The entry that begins at `at`, which [`Follow::next`] gave with it.
pub fn entry_at(dir: &Path, at: Position) -> Result<StoredEntry, Error> {
    let path = segment_path(at.segment);
    let part = Disk::at(dir).read_at(&path, at.offset, MAX_ENTRY + 16).map_err(|e| Error::io("read", &path, e))?;
    let damaged = |what| Error::damaged(&path, at.offset as usize, what);
    let step = frame::step(&part, 0).map_err(damaged)?.filter(|step| step.kind == Type::Entry);
    let body = step.and_then(|step| step.body).ok_or_else(|| damaged("no entry begins here"))?;
    StoredEntry::from_leaf(body)
}

/// The same with its content.
pub fn entry_with_content_at(dir: &Path, at: Position) -> Result<StoredEntry, Error> {
    let path = segment_path(at.segment);
    let damaged = |what| Error::damaged(&path, at.offset as usize, what);
    let read = |offset, length| Disk::at(dir).read_at(&path, offset, length).map_err(|e| Error::io("read", &path, e));
    let origin = log_name(&Disk::at(dir))?.origin().to_owned();
    let start = read(Position::START.offset, MAX_ENTRY + 16)?;
    let first = frame::at(&start, 0).map_err(damaged)?.ok_or_else(|| damaged("a segment without its key"))?;
    let mut head = None;
    entry(&origin, at.segment, &start, &first, &mut head).map_err(damaged)?;
    let sealed = entry_at(dir, at)?.sealed_bytes().map_or(0, |n| n as usize);
    let bytes = read(at.offset, MAX_ENTRY + sealed + 32)?;
    let wanted = frame::at(&bytes, 0).map_err(damaged)?.filter(|frame| frame.kind == Type::Entry);
    let wanted = wanted.ok_or_else(|| damaged("no entry begins here"))?;
    Ok(entry(&origin, at.segment, &bytes, &wanted, &mut head).map_err(damaged)?.0)
}

fn log_name(medium: &dyn Medium) -> Result<LogName, Error> {
    let vkey = medium.read(VKEY, MAX_VKEY).map_err(|e| Error::io("read", VKEY, e))?;
    LogName::parse(&String::from_utf8_lossy(&vkey)).map_err(|e| Error::damaged(VKEY, 0, e.to_string()))
}

/// So much of a segment is read at once.
const CHUNK: usize = 1 << 20;

/// The entries of a log in order, up to the last checkpoint: what was acknowledged. Holds one
/// segment in memory at a time. After an error there is nothing more.
pub struct Reader {
    medium: Box<dyn Medium>,
    origin: String,
    segments: VecDeque<u64>,
    entries: VecDeque<StoredEntry>,
}

impl Reader {
    /// Reads the log in `dir`, also while a server writes it.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_on(Box::new(Disk::at(dir)))
    }

    /// The same on any medium.
    pub fn open_on(medium: Box<dyn Medium>) -> Result<Self, Error> {
        let name = log_name(&*medium)?;
        let (numbers, _) = scan::segments(&*medium).map_err(|e| Error::io("list", SEGMENTS, e))?;
        Ok(Self { medium, origin: name.origin().to_owned(), segments: numbers.into(), entries: VecDeque::new() })
    }

    fn load(&mut self, number: u64) -> Result<(), Error> {
        let path = segment_path(number);
        let bytes = scan::read_segment(&*self.medium, number).map_err(|e| Error::io("read", &path, e))?;
        let last = self.segments.is_empty();
        let (entries, fault) = parse(&self.origin, number, &bytes);
        self.entries = entries;
        match fault {
            // Unfinished at the end of the last segment: not acknowledged, so not there.
            Some((offset, what)) if !last => Err(Error::damaged(&path, offset, what)),
            _ => Ok(()),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<StoredEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Some(Ok(entry));
            }
            let number = self.segments.pop_front()?;
            if let Err(e) = self.load(number) {
                self.segments.clear();
                self.entries.clear();
                return Some(Err(e));
            }
        }
    }
}

type Fault = (usize, &'static str);

/// The entries up to the last checkpoint, and what stopped the reading.
fn parse(origin: &str, number: u64, bytes: &[u8]) -> (VecDeque<StoredEntry>, Option<Fault>) {
    let (mut done, mut group, mut head) = (VecDeque::new(), VecDeque::new(), None);
    if !bytes.starts_with(&MAGIC) {
        return (done, Some((0, "not a segment of an audit log")));
    }
    let mut at = MAGIC.len();
    loop {
        let step = match frame::at(bytes, at) {
            Ok(None) => break,
            Ok(Some(frame)) if frame.kind == Type::Checkpoint => {
                done.append(&mut group);
                Ok(frame.end)
            }
            Ok(Some(frame)) if frame.kind == Type::Entry => {
                entry(origin, number, bytes, &frame, &mut head).map(|(entry, end)| {
                    group.push_back(entry);
                    end
                })
            }
            Ok(Some(_)) => Err("content that belongs to no entry"),
            Err(what) => Err(what),
        };
        match step {
            Ok(end) => at = end,
            Err(what) => return (done, Some((at, what))),
        }
    }
    let fault = (!group.is_empty()).then_some((at, "entries without a checkpoint"));
    (done, fault)
}

fn entry(
    origin: &str,
    number: u64,
    bytes: &[u8],
    frame: &Frame<'_>,
    head: &mut Option<Arc<SegmentHead>>,
) -> Result<(StoredEntry, usize), &'static str> {
    let Record { index, time, clock_back_ms, id, kind, outcome, actor, request, facts, content } =
        Record::decode(frame.body)?;
    if kind == Kind::SegmentStart {
        let enc = facts.word("enc").and_then(|e| base64::engine::general_purpose::STANDARD.decode(e).ok());
        let enc = enc.ok_or("a segment without its key")?;
        *head = Some(Arc::new(SegmentHead {
            origin: origin.to_owned(),
            number,
            enc,
            reading_key: facts.digest("reading_key"),
            period: facts.word("period").map(str::to_owned),
        }));
    }
    let (content, end) = match content {
        None => (None, frame.end),
        Some(expected) => {
            let blob =
                frame::at(bytes, frame.end)?.filter(|f| f.kind == Type::Blob).ok_or("an entry without its content")?;
            if sha256(&[blob.body]) != expected.sha256 {
                return Err("content that is not what its entry recorded");
            }
            let segment = head.clone().ok_or("a segment without its key")?;
            (Some(SealedContent { segment, sealed: blob.body.to_vec() }), blob.end)
        }
    };
    let sealed = content.as_ref().and_then(|c| u32::try_from(c.sealed.len()).ok());
    let leaf = frame.body.to_vec();
    Ok((
        StoredEntry { index, time, clock_back_ms, kind, actor, request, outcome, facts, content, sealed, id, leaf },
        end,
    ))
}
