//! Walking through the segments and believing nothing: the one function behind recovery and
//! `audit verify`.

use crate::entry::Kind;
use crate::error::Error;
use crate::facts::Facts;
use crate::format::frame::{self, Frame, MAGIC, MAX_ENTRY, Type};
use crate::format::record::{ContentRef, Record};
use crate::format::{RECOVERED, SEGMENTS, segment_number, segment_path};
use crate::medium::Medium;
use crate::note::{Checkpoint, LogName};
use crate::tree::{Frontier, Hash, leaf_hash};
use medlock_domain::Timestamp;
use medlock_keys::digest::{Sha256, hex, sha256};
use medlock_keys::sign::VerifyingKey;
use std::collections::BTreeMap;
use std::ops::Range;
use std::slice;

/// No segment that we write is near this; more is not read into memory.
pub(crate) const MAX_SEGMENT: u64 = 1 << 30;

/// Something wrong in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) entry: Option<u64>,
    pub(crate) what: String,
}

/// How far a segment could be followed.
#[derive(Debug)]
pub(crate) struct Walked {
    /// One past the last checkpoint that holds.
    pub(crate) good: usize,
    /// What stopped the walk, if it did not reach the end.
    pub(crate) fault: Option<Fault>,
}

/// Bytes that a recovery set aside, as its entry names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

impl Torn {
    pub(crate) fn of(segment: u64, offset: usize, bytes: &[u8]) -> Self {
        Self { segment, offset: offset as u64, bytes: bytes.len() as u64, sha256: sha256(&[bytes]) }
    }

    /// Named by content, so that the same place can be torn twice.
    pub(crate) fn name(&self) -> String {
        format!("{:08}-{}-{}.torn", self.segment, self.offset, hex(&self.sha256[..8]))
    }

    pub(crate) fn path(&self) -> String {
        format!("{RECOVERED}/{}", self.name())
    }

    fn from_facts(facts: &Facts) -> Option<Self> {
        let number = |key| facts.int(key).and_then(|n| u64::try_from(n).ok());
        Some(Self {
            segment: number("segment")?,
            offset: number("offset")?,
            bytes: number("bytes")?,
            sha256: facts.digest("sha256")?,
        })
    }
}

/// The numbers of the segments that are there, and the names in that directory that are none.
pub(crate) fn segments(medium: &dyn Medium) -> std::io::Result<(Vec<u64>, Vec<String>)> {
    let (mut numbers, mut strays) = (Vec::new(), Vec::new());
    for name in medium.list(SEGMENTS)? {
        match segment_number(&name) {
            Some(number) => numbers.push(number),
            None => strays.push(name),
        }
    }
    numbers.sort_unstable();
    Ok((numbers, strays))
}

/// The first number that is missing before the last one that is there.
pub(crate) fn gap(numbers: &[u64]) -> Option<u64> {
    numbers.iter().zip(0..).find(|(have, want)| **have != *want).map(|(_, want)| want)
}

/// The segment that a log of `size` entries goes on in, the last one that begins at or before it; and
/// how many entries stand before that segment.
pub(crate) fn segment_of(medium: &dyn Medium, size: u64) -> Result<(u64, u64), Error> {
    let (numbers, _) = segments(medium).map_err(|e| Error::io("list", SEGMENTS, e))?;
    let mut damaged = None;
    let at = numbers.partition_point(|number| match begins_at(medium, *number) {
        Ok(begins) => begins <= size,
        // The last one may be unfinished; any other that cannot be read is damage.
        Err(e) => {
            damaged = (Some(number) != numbers.last()).then_some(e);
            false
        }
    });
    match damaged {
        Some(e) => Err(e),
        None => match at.checked_sub(1) {
            Some(at) => Ok((numbers[at], begins_at(medium, numbers[at])?)),
            None => Ok((0, 0)),
        },
    }
}

/// How many entries stand before a segment, as its first entry says.
fn begins_at(medium: &dyn Medium, number: u64) -> Result<u64, Error> {
    let path = segment_path(number);
    let head = medium.read_at(&path, 0, MAGIC.len() + MAX_ENTRY).map_err(|e| Error::io("read", &path, e))?;
    let damaged = |what| Error::damaged(&path, 0, what);
    let first = frame::step(&head, MAGIC.len()).map_err(damaged)?.and_then(|step| step.body);
    let record = Record::decode(first.ok_or_else(|| damaged("it is cut short"))?).map_err(damaged)?;
    let begins = record.facts.int("prev_size").and_then(|n| u64::try_from(n).ok());
    begins.filter(|b| *b == record.index).ok_or_else(|| damaged("it does not say where it begins"))
}

/// A segment with what is costly about it. It needs nothing of what stands before, so several can be made at once;
/// and says nothing of what is right.
pub(crate) struct Hashed {
    pub(crate) bytes: Vec<u8>,
    /// Of every entry as a leaf and of every content, in their order, as far as the frames can be followed.
    hashes: Vec<Hash>,
    /// The digest of its checkpoints, as the next segment's first entry has it: over the bodies of its `C` frames.
    pub(crate) notes: Hash,
}

impl Hashed {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let (mut hashes, mut notes, mut at) = (Vec::new(), Sha256::new(), MAGIC.len());
        while let Ok(Some(frame)) = frame::at(&bytes, at) {
            at = frame.end;
            match frame.kind {
                Type::Entry => hashes.push(leaf_hash(frame.body)),
                Type::Blob => hashes.push(sha256(&[frame.body])),
                Type::Checkpoint => notes.update(frame.body),
            }
        }
        Self { bytes, hashes, notes: notes.finish() }
    }
}

/// The digest of a segment's checkpoints, to be gone on with.
pub(crate) fn notes_so_far(segment: &[u8]) -> Sha256 {
    let (mut notes, mut at) = (Sha256::new(), MAGIC.len());
    while let Ok(Some(frame)) = frame::at(segment, at) {
        at = frame.end;
        if frame.kind == Type::Checkpoint {
            notes.update(frame.body);
        }
    }
    notes
}

/// What a segment says of the checkpoints of the one before it.
pub(crate) fn notes_stated(medium: &dyn Medium, number: u64) -> Option<Hash> {
    let head = medium.read_at(&segment_path(number), 0, MAGIC.len() + MAX_ENTRY + 16).ok()?;
    let body = frame::step(&head, MAGIC.len()).ok()??.body?;
    Record::decode(body).ok()?.facts.digest("prev_notes")
}

/// The recoveries that a segment tells of.
pub(crate) fn torn_in(medium: &dyn Medium, number: u64) -> Result<Vec<Torn>, Error> {
    let path = segment_path(number);
    let bytes = read_segment(medium, number).map_err(|e| Error::io("read", &path, e))?;
    let (mut at, mut torn) = (MAGIC.len(), Vec::new());
    while let Some(frame) = frame::at(&bytes, at).map_err(|what| Error::damaged(&path, at, what))? {
        at = frame.end;
        if frame.kind == Type::Entry {
            let record = Record::decode(frame.body).map_err(|what| Error::damaged(&path, frame.offset, what))?;
            torn.extend((record.kind == Kind::Recovery).then(|| Torn::from_facts(&record.facts)).flatten());
        }
    }
    Ok(torn)
}

/// What is told of every entry once a checkpoint holds over it: its bytes and its hash.
pub(crate) type Told<'a> = &'a mut dyn FnMut(&[u8], Hash);

/// What has been read and holds so far, over all segments.
pub(crate) struct Walker {
    /// With every key that was vouched for so far.
    pub(crate) name: LogName,
    /// The key that signs now; `None` before the first segment of a walk from the middle.
    key: Option<VerifyingKey>,
    /// The checkpoints of this segment are those that the next one names by digest, and that one is closed as well: a
    /// signature further on in the chain, which is checked, covers them.
    pub(crate) noted: bool,
    pub(crate) tree: Frontier,
    /// Sizes at which the root is wanted, and the roots that were found.
    wanted: Vec<u64>,
    pub(crate) roots: BTreeMap<u64, Hash>,
    pub(crate) torn: Vec<Torn>,
    pub(crate) first_time: Option<Timestamp>,
    pub(crate) last_time: Option<Timestamp>,
    pub(crate) checkpoints: u64,
    pub(crate) contents: u64,
    pub(crate) last_note: Option<String>,
}

/// Entries that no checkpoint covers yet.
#[derive(Default)]
struct Group {
    start: usize,
    /// Each entry's hash, and where in the segment the entry stands.
    leaves: Vec<(Hash, Range<usize>)>,
    torn: Vec<Torn>,
    first_time: Option<Timestamp>,
    last_time: Option<Timestamp>,
    contents: u64,
    /// The key that its segment is signed with, where it begins one.
    key: Option<Signing>,
}

/// The key that a segment says it is signed with. Nothing is believed of it before a checkpoint holds.
#[derive(Clone, Copy)]
struct Signing {
    key: VerifyingKey,
    /// The key before, which has to vouch for that one in the next checkpoint.
    vouching: Option<VerifyingKey>,
}

impl Walker {
    /// From the log's beginning.
    pub(crate) fn new(name: &LogName, wanted: &[u64]) -> Self {
        let key = Some(name.first_key());
        Self { key, ..Self::from(name, Frontier::default(), None, wanted) }
    }

    /// From a segment's beginning, before which this tree and this time stand.
    pub(crate) fn from(name: &LogName, tree: Frontier, last_time: Option<Timestamp>, wanted: &[u64]) -> Self {
        let (size, root) = (tree.size(), tree.root());
        Self {
            name: name.clone(),
            key: None,
            noted: false,
            tree,
            wanted: wanted.to_vec(),
            roots: wanted.contains(&size).then_some((size, root)).into_iter().collect(),
            torn: Vec::new(),
            first_time: None,
            last_time,
            checkpoints: 0,
            contents: 0,
            last_note: None,
        }
    }

    /// The key that signs now, if any segment was read.
    pub(crate) fn key(&self) -> Option<VerifyingKey> {
        self.key
    }

    /// Follows the next segment. Only whole groups count: what follows the last checkpoint that
    /// holds leaves no trace here.
    pub(crate) fn segment(&mut self, number: u64, segment: &Hashed, told: Told<'_>) -> Walked {
        let mut good = 0;
        let fault = self.follow(number, segment, &mut good, told).err();
        Walked { good, fault }
    }

    fn follow(&mut self, number: u64, segment: &Hashed, good: &mut usize, told: Told<'_>) -> Result<(), Fault> {
        let (bytes, mut hashes) = (&segment.bytes[..], segment.hashes.iter());
        if !bytes.starts_with(&MAGIC) {
            return Err(fault(0, None, "not a segment of an audit log"));
        }
        let mut group = Group { start: MAGIC.len(), ..Group::default() };
        let mut at = MAGIC.len();
        loop {
            let next = self.tree.size() + group.leaves.len() as u64;
            let frame = frame::at(bytes, at).map_err(|what| fault(at, Some(next), what))?;
            let Some(frame) = frame else { break };
            at = match frame.kind {
                Type::Entry => self.entry(number, bytes, &frame, &mut hashes, &mut group)?,
                Type::Blob => return Err(fault(at, Some(next), "content that belongs to no entry")),
                Type::Checkpoint => {
                    self.checkpoint(bytes, &frame, std::mem::take(&mut group), told)?;
                    group.start = frame.end;
                    *good = frame.end;
                    frame.end
                }
            };
        }
        if *good == at {
            return Ok(());
        }
        Err(fault(group.start, Some(self.tree.size()), "entries without the checkpoint that would make them count"))
    }

    /// One entry and its content; gives where the next frame starts.
    fn entry(
        &self,
        number: u64,
        bytes: &[u8],
        frame: &Frame<'_>,
        hashes: &mut slice::Iter<'_, Hash>,
        group: &mut Group,
    ) -> Result<usize, Fault> {
        let index = self.tree.size() + group.leaves.len() as u64;
        let bad = |what: &str| fault(frame.offset, Some(index), what);
        let leaf = *hashes.next().ok_or_else(|| bad("an entry that was not hashed"))?;
        let record = Record::decode(frame.body).map_err(bad)?;
        if record.index != index {
            return Err(bad(&format!("entry {} where entry {index} belongs", record.index)));
        }
        let before = group.last_time.or(self.last_time);
        if record.clock_back_ms != clock_back_ms(before, record.time) {
            return Err(bad("its note on the clock does not fit the entry before"));
        }
        if let Some(key) = self.chain(number, group, &record).map_err(bad)? {
            group.key = Some(key);
        }
        let end = match &record.content {
            None => frame.end,
            Some(content) => content_end(bytes, frame, index, content, hashes.next())?,
        };
        if record.kind == Kind::Recovery {
            group
                .torn
                .push(Torn::from_facts(&record.facts).ok_or_else(|| bad("a recovery that does not say of what"))?);
        }
        group.contents += u64::from(record.content.is_some());
        group.first_time.get_or_insert(record.time);
        group.last_time = Some(record.time);
        group.leaves.push((leaf, frame.end - frame.body.len()..frame.end));
        Ok(end)
    }

    /// The first entry of a segment, and only it, says where in the chain the segment stands.
    fn chain(&self, number: u64, group: &Group, record: &Record) -> Result<Option<Signing>, &'static str> {
        let first = group.start == MAGIC.len() && group.leaves.is_empty();
        match (first, record.kind == Kind::SegmentStart) {
            (false, false) => return Ok(None),
            (true, false) => return Err("a segment that does not begin with its own description"),
            (false, true) => return Err("the description of a segment in the middle of one"),
            (true, true) => {}
        }
        let says = |key: &str, value: u64| record.facts.int(key) == i64::try_from(value).ok();
        if !says("number", number) || !says("prev_size", self.tree.size()) {
            return Err("a segment that belongs elsewhere in the log");
        }
        if record.facts.digest("prev_root") != Some(self.tree.root()) {
            return Err("a segment that continues another log");
        }
        self.signed_with(record).map(Some)
    }

    /// The key that a segment is signed with: that of the one before, or one that follows it.
    fn signed_with(&self, record: &Record) -> Result<Signing, &'static str> {
        let stated = record.facts.word("signing_vkey").and_then(|vkey| LogName::parse(vkey).ok());
        let stated = stated.filter(|name| name.origin() == self.name.origin()).ok_or("a segment without its key")?;
        let stated = stated.newest_key();
        let later = |key: &VerifyingKey| self.name.position(&stated) < self.name.position(key);
        let vouching = match self.key {
            Some(key) if key == stated => None,
            None if self.name.knows(&stated) => None,
            None => return Err("a segment that is signed with a key of nobody's"),
            // Learnt from the log, or listed: the next checkpoint has to bear the signatures of both.
            Some(key) if !self.name.knows(&stated) || later(&key) => Some(key),
            Some(_) => return Err("a segment that is signed with a key which was followed by another"),
        };
        Ok(Signing { key: stated, vouching })
    }

    fn checkpoint(&mut self, bytes: &[u8], frame: &Frame<'_>, group: Group, told: Told<'_>) -> Result<(), Fault> {
        let first = self.tree.size();
        let bad = |what: String| fault(frame.offset, Some(first), what);
        let (before, note) = frame::checkpoint(frame.body).map_err(|what| bad(what.to_owned()))?;
        let key = group.key.map(|signing| signing.key).or(self.key);
        let vouching = group.key.and_then(|signing| signing.vouching);
        let learnt = key.filter(|key| !self.name.knows(key)).map(|key| self.name.followed_by(key));
        let name = learnt.as_ref().unwrap_or(&self.name);
        let signed = if self.noted && vouching.is_none() {
            Checkpoint::read_own(note, name).map_err(|e| bad(format!("a checkpoint that is {e}")))?
        } else {
            let verified = Checkpoint::verify_own(note, name);
            let (signed, by) = verified.map_err(|e| bad(format!("a checkpoint that is {e}")))?;
            if key.is_some_and(|key| !by.contains(&key)) {
                return Err(bad("a checkpoint that is not signed by the key of its segment".to_owned()));
            }
            if vouching.is_some_and(|key| !by.contains(&key)) {
                return Err(bad("a new key that the key before does not vouch for".to_owned()));
            }
            signed
        };
        if before != first {
            return Err(bad(format!(
                "a checkpoint whose group begins at entry {before} where entry {first} begins one"
            )));
        }
        let size = first + group.leaves.len() as u64;
        if group.leaves.is_empty() || signed.size != size {
            return Err(bad(format!("a checkpoint over {} entries where {size} stand", signed.size)));
        }
        let (mut grown, mut roots) = (self.tree.clone(), Vec::new());
        for (leaf, _) in &group.leaves {
            grown.push(*leaf);
            if self.wanted.contains(&grown.size()) {
                roots.push((grown.size(), grown.root()));
            }
        }
        if grown.root() != signed.root {
            let what = format!(
                "entries {first} to {} (bytes {} to {}) are not those that their checkpoint signs",
                size - 1,
                group.start,
                frame.offset
            );
            return Err(fault(group.start, Some(first), what));
        }
        if let Some(learnt) = learnt {
            self.name = learnt;
        }
        self.key = key;
        self.tree = grown;
        self.roots.extend(roots);
        group.leaves.into_iter().for_each(|(leaf, entry)| told(&bytes[entry], leaf));
        self.torn.extend(group.torn);
        self.first_time = self.first_time.or(group.first_time);
        self.last_time = group.last_time;
        self.contents += group.contents;
        self.checkpoints += 1;
        self.last_note = Some(String::from_utf8_lossy(note).into_owned());
        Ok(())
    }

    /// Whether what follows `good` in the **last** segment can be a group that was being written
    /// when the power went, and so was never acknowledged.
    ///
    /// One group is in flight at a time, and a disk may keep any of its sectors and lose the
    /// others; so its own checkpoint may stand at the very end of the file, over entries that did
    /// not make it. A checkpoint after `good` that something follows, or whose group does not begin
    /// where what holds ends, is of a group that came after an acknowledged one: this is damage.
    pub(crate) fn may_be_torn(&self, bytes: &[u8], good: usize) -> bool {
        self.later_checkpoints(bytes, good).all(|(before, end)| before == self.tree.size() && end == bytes.len())
    }

    /// The checkpoints that this log signed over more entries than hold: where the group of each
    /// begins in the log, and where it ends in the file.
    fn later_checkpoints(&self, bytes: &[u8], good: usize) -> impl Iterator<Item = (u64, usize)> {
        let origin = self.name.origin().as_bytes();
        (good..bytes.len()).filter(|at| bytes[*at] == b'C').filter_map(move |at| {
            if !bytes.get(at + frame::NOTE_OFFSET..)?.starts_with(origin) {
                return None;
            }
            let frame = frame::at(bytes, at).ok()??;
            let (before, note) = frame::checkpoint(frame.body).ok()?;
            let (signed, _) = Checkpoint::verify_own(note, &self.name).ok()?;
            (signed.size > self.tree.size()).then_some((before, frame.end))
        })
    }
}

/// By how much the clock stands behind the entry before. Order is the index's alone.
pub(crate) fn clock_back_ms(before: Option<Timestamp>, now: Timestamp) -> u64 {
    before.map_or(0, |before| u64::try_from(before.0.saturating_sub(now.0)).unwrap_or(0))
}

fn content_end(
    bytes: &[u8],
    entry: &Frame<'_>,
    index: u64,
    content: &ContentRef,
    hash: Option<&Hash>,
) -> Result<usize, Fault> {
    let bad = |what: &str| fault(entry.end, Some(index), what);
    let frame = frame::at(bytes, entry.end).map_err(bad)?;
    let frame = frame.filter(|f| f.kind == Type::Blob).ok_or_else(|| bad("an entry without its content"))?;
    if frame.body.len() != content.length as usize || hash != Some(&content.sha256) {
        return Err(bad("content that is not what its entry recorded"));
    }
    Ok(frame.end)
}

fn fault(offset: usize, entry: Option<u64>, what: impl Into<String>) -> Fault {
    Fault { offset, entry, what: what.into() }
}

/// Reads a segment's file.
pub(crate) fn read_segment(medium: &dyn Medium, number: u64) -> std::io::Result<Vec<u8>> {
    medium.read(&segment_path(number), MAX_SEGMENT)
}
