//! Reading what was recorded. This believes the files; [`crate::verify`] is what checks them, and
//! tells an end that was damaged from one that was never finished.

use crate::entry::{Kind, Outcome};
use crate::error::Error;
use crate::facts::Facts;
use crate::format::frame::{self, Frame, MAGIC, Type};
use crate::format::record::{Record, RecordId};
use crate::format::{SEGMENTS, VKEY, segment_path};
use crate::medium::{Disk, Medium};
use crate::note::LogName;
use crate::receipt::receipt_id;
use crate::scan;
use crate::seal::SegmentKey;
use base64::Engine as _;
use medlock_domain::{Actor, RequestId, Timestamp};
use medlock_keys::digest::sha256;
use medlock_keys::hpke::ReadingKey;
use std::collections::VecDeque;
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
    /// What was sealed with it.
    pub content: Option<SealedContent>,
    id: RecordId,
    leaf: Vec<u8>,
}

impl StoredEntry {
    /// An entry from its stored bytes alone, without what is sealed with it.
    pub fn from_leaf(leaf: &[u8]) -> Result<Self, Error> {
        let record = Record::decode(leaf).map_err(|what| Error::damaged("", 0, what))?;
        let Record { index, time, clock_back_ms, id, kind, outcome, actor, request, facts, content: _ } = record;
        let leaf = leaf.to_vec();
        Ok(Self { index, time, clock_back_ms, kind, actor, request, outcome, facts, content: None, id, leaf })
    }

    /// The name that its receipt had.
    pub fn receipt_id(&self) -> String {
        receipt_id(&self.id)
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

/// Why content stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The entry has none.
    #[error("the entry has no content")]
    NoContent,
    /// It was sealed to another reading key.
    #[error("sealed to another reading key")]
    OtherKey,
    /// It is not what was sealed.
    #[error("the content has been altered")]
    Altered,
}

/// Opens the content of an entry. Callers record that they did ([`Kind::ContentRead`]).
pub fn open_content(entry: &StoredEntry, key: &ReadingKey) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let content = entry.content.as_ref().ok_or(ReadError::NoContent)?;
    let SegmentHead { origin, number, enc, reading_key } = &*content.segment;
    if reading_key.is_some_and(|id| id != crate::writer::reading_key_id(&key.public())) {
        return Err(ReadError::OtherKey);
    }
    let segment = SegmentKey::recover(enc, key, origin, *number).ok_or(ReadError::OtherKey)?;
    segment.open(&entry.id, entry.index, &content.sealed).ok_or(ReadError::Altered)
}

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
        let vkey = medium.read(VKEY, 1024).map_err(|e| Error::io("read", VKEY, e))?;
        let name =
            LogName::parse(&String::from_utf8_lossy(&vkey)).map_err(|e| Error::damaged(VKEY, 0, e.to_string()))?;
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
    let leaf = frame.body.to_vec();
    Ok((StoredEntry { index, time, clock_back_ms, kind, actor, request, outcome, facts, content, id, leaf }, end))
}
