//! Opening a log: everything that was acknowledged is kept, everything that was not is set aside,
//! and anything else refuses to open without having changed a byte.

use crate::erasable::Sealing;
use crate::error::Error;
use crate::format::record::Record;
use crate::format::{CHECKPOINT, CHECKPOINT_NEW, MAX_VKEY, RECOVERED, SEGMENTS, VKEY, VKEY_NEW, segment_path};
use crate::log::{Limits, Shared, Signers};
use crate::medium::{Medium, replace};
use crate::note::{BadNote, Checkpoint, LogName, MAX_NOTE};
use crate::scan::{self, Hashed, Torn, Walker};
use crate::tiles::TILES;
use crate::tiles::publish::Publisher;
use crate::tiles::read::Tiles;
use crate::tree::Frontier;
use crate::witness::{self, Witnesses};
use crate::writer::{Writer, recovery_entry};
use medlock_domain::{Clock, Timestamp};
use medlock_keys::digest::Sha256;
use std::io;
use std::sync::Arc;

/// Bytes at the end of the last segment that were never acknowledged.
struct Tail {
    segment: u64,
    good: usize,
    bytes: Vec<u8>,
}

/// Checks the log, sets its unfinished tail aside, and gives a writer with a new segment, and who
/// publishes what it writes.
///
/// What is checked is the segment that the `checkpoint` file's size falls into and all after it: for
/// what stands before, the tiles' root is the signed one. `verify` checks every byte.
pub(crate) fn open(
    medium: Arc<dyn Medium>,
    signing: Signers,
    sealing: Sealing,
    clock: Arc<dyn Clock>,
    limits: Limits,
    witnesses: Option<Witnesses>,
) -> Result<(Writer, Publisher), Error> {
    let lock = medium.lock().map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => Error::InUse,
        _ => Error::io("lock", "lock", e),
    })?;
    let mut name = log_name(&*medium)?;
    let current = signing.current.public();
    let rotated = match &signing.previous {
        _ if name.is_key(&current) => false,
        Some((previous, _)) if name.is_key(&previous.public()) && !name.knows(&current) => true,
        _ => return Err(Error::WrongKey),
    };
    let (note, mark) = high_water_mark(&*medium, &name)?;
    // Tiles that do not hold are made anew, from segments that do.
    let start = start_at(&*medium, mark).ok();
    let published = if start.is_some() { mark.size } else { 0 };
    let Start { segment: first, tree, last_time } = start.unwrap_or_default();
    let mut walker = Walker::from(&name, tree, last_time, &[mark.size]);
    let Walked { next: mut next_segment, tail, mut notes } = walk(&*medium, &mut walker, first)?;
    // Before anything is cut: if the tail held what the mark covers, it was acknowledged.
    match walker.roots.get(&mark.size) {
        None => return Err(rolled_back(&walker, tail.as_ref(), mark.size)),
        Some(root) if *root != mark.root => return Err(Error::Forked { size: mark.size }),
        Some(_) => {}
    }
    // Before anything is changed that counts: a witness may know of more, or of something else.
    let note = walker.last_note.clone().unwrap_or_else(|| Checkpoint::own(&note, &name));
    let mut publisher = Publisher::new(medium.clone(), name.clone(), published, witnesses);
    publisher.publish_or_warn(walker.tree.size(), &note)?;
    if let Some(tail) = tail {
        set_aside(&*medium, &tail)?;
        if tail.good == 0 {
            next_segment = tail.segment;
            // The one before it is the last again.
            notes = match tail.segment.checked_sub(1) {
                Some(before) => Some(notes_in(&*medium, before)?),
                None => None,
            };
        }
    }
    let recoveries = unrecorded(&*medium, &walker.torn, first)?;
    if rotated {
        // Before anything is signed with it: a crash in between leaves a key that is known and has signed nothing.
        name = name.followed_by(current);
        replace(&*medium, VKEY, VKEY_NEW, name.vkey().as_bytes()).map_err(|e| Error::io("write", VKEY, e))?;
        publisher.rename(name.clone());
    }
    let Walker { tree, last_time, .. } = walker;
    let shared = Arc::new(Shared::new(&limits, tree.size(), note, publisher.grace_ms(), clock.now(), lock));
    let mut writer = Writer {
        medium,
        name,
        signing,
        sealing,
        clock,
        limits,
        shared,
        tree,
        last_time,
        next_segment,
        segment: None,
        notes,
    };
    for torn in &recoveries {
        tracing::warn!(
            segment = torn.segment,
            offset = torn.offset,
            bytes = torn.bytes,
            "unacknowledged bytes set aside"
        );
    }
    let path = segment_path(next_segment);
    writer.begin_segment(recoveries.iter().map(recovery_entry).collect()).map_err(|e| Error::io("write", &path, e))?;
    let (size, note) = writer.shared.latest();
    publisher.publish_or_warn(size, &note)?;
    match publisher.lacking() {
        Some(why) if publisher.grace_ms().is_some() => Err(Error::Unwitnessed { why: why.to_owned() }),
        _ => Ok((writer, publisher)),
    }
}

/// Where checking begins.
#[derive(Default)]
struct Start {
    segment: u64,
    tree: Frontier,
    last_time: Option<Timestamp>,
}

/// The segment that `mark` falls into, if the tiles are those that it signs.
fn start_at(medium: &dyn Medium, mark: Checkpoint) -> Result<Start, Error> {
    let tiles = Tiles::of(medium, mark.size);
    if tiles.edge()?.frontier().root() != mark.root {
        return Err(Error::Forked { size: mark.size });
    }
    let (segment, before) = scan::segment_of(medium, mark.size)?;
    let last_time = match before.checked_sub(1) {
        None => None,
        Some(last) => {
            let record = Record::decode(&tiles.entry(last)?).map_err(|what| Error::damaged(TILES, 0, what))?;
            Some(record.time)
        }
    };
    Ok(Start { segment, tree: tiles.frontier(before)?, last_time })
}

fn log_name(medium: &dyn Medium) -> Result<LogName, Error> {
    let text = medium.read(VKEY, MAX_VKEY).map_err(|e| Error::io("read", VKEY, e))?;
    let text = String::from_utf8(text).map_err(|_| Error::damaged(VKEY, 0, "not UTF-8"))?;
    LogName::parse(&text).map_err(|e| Error::damaged(VKEY, 0, e.to_string()))
}

fn high_water_mark(medium: &dyn Medium, name: &LogName) -> Result<(String, Checkpoint), Error> {
    let note = medium.read(CHECKPOINT, MAX_NOTE).map_err(|e| Error::io("read", CHECKPOINT, e))?;
    let note = String::from_utf8(note).map_err(|_| Error::damaged(CHECKPOINT, 0, "not UTF-8"))?;
    let bad = |e: BadNote| Error::damaged(CHECKPOINT, 0, e.to_string());
    let mark = Checkpoint::verify(&note, name).map_err(bad)?;
    witness::signers(&note, name.origin(), &witness::listed(medium)?).map_err(bad)?;
    Ok((note, mark))
}

/// What following the segments came to.
struct Walked {
    /// The next segment's number.
    next: u64,
    /// What is to be set aside.
    tail: Option<Tail>,
    /// Of the checkpoints of the last segment.
    notes: Option<Sha256>,
}

/// Follows the segments from `first` on.
fn walk(medium: &dyn Medium, walker: &mut Walker, first: u64) -> Result<Walked, Error> {
    let (numbers, strays) = scan::segments(medium).map_err(|e| Error::io("list", SEGMENTS, e))?;
    if let Some(stray) = strays.first() {
        return Err(Error::damaged(&format!("{SEGMENTS}/{stray}"), 0, "a file that is no segment"));
    }
    if let Some(missing) = scan::gap(&numbers) {
        return Err(Error::damaged(&segment_path(missing), 0, "the file is missing"));
    }
    let next = numbers.len() as u64;
    let mut notes = None;
    for number in numbers.into_iter().filter(|number| *number >= first) {
        let path = segment_path(number);
        let bytes = scan::read_segment(medium, number).map_err(|e| Error::io("read", &path, e))?;
        let segment = Hashed::of(bytes);
        let (walked, bytes) = (walker.segment(number, &segment, &mut |_, _| {}), &segment.bytes);
        notes = Some(scan::notes_so_far(&bytes[..walked.good]));
        let Some(fault) = walked.fault else { continue };
        // A segment is only begun when the one before is whole and durable.
        if number + 1 < next || !walker.may_be_torn(bytes, walked.good) {
            return Err(Error::damaged(&path, fault.offset, fault.what));
        }
        let tail = Tail { segment: number, good: walked.good, bytes: bytes[walked.good..].to_vec() };
        return Ok(Walked { next, tail: Some(tail), notes });
    }
    Ok(Walked { next, tail: None, notes })
}

fn notes_in(medium: &dyn Medium, number: u64) -> Result<Sha256, Error> {
    let bytes = scan::read_segment(medium, number).map_err(|e| Error::io("read", &segment_path(number), e))?;
    Ok(scan::notes_so_far(&bytes))
}

fn rolled_back(walker: &Walker, tail: Option<&Tail>, mark: u64) -> Error {
    match tail {
        // The bytes are there but do not hold: say where, that is more use than two numbers.
        Some(tail) if !tail.bytes.is_empty() => Error::damaged(
            &segment_path(tail.segment),
            tail.good,
            format!(
                "the {} entries from here to {mark} that the checkpoint file covers are cut short or altered",
                mark - walker.tree.size()
            ),
        ),
        _ => Error::RolledBack { checkpoint: mark, log: walker.tree.size() },
    }
}

/// Copies the tail to `recovered/`, durably, and only then cuts it off. A crash in between does it
/// all again: the copy has the name of its content.
fn set_aside(medium: &dyn Medium, tail: &Tail) -> Result<(), Error> {
    let path = segment_path(tail.segment);
    if !tail.bytes.is_empty() {
        let copy = Torn::of(tail.segment, tail.good, &tail.bytes).path();
        medium.make_dir(RECOVERED).map_err(|e| Error::io("make", RECOVERED, e))?;
        replace(medium, &copy, &format!("{RECOVERED}/new"), &tail.bytes).map_err(|e| Error::io("write", &copy, e))?;
    }
    if tail.good == 0 {
        // Not one group of this segment was finished: its number is free again.
        medium.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
        medium.sync_dir(SEGMENTS).map_err(|e| Error::io("sync", SEGMENTS, e))
    } else {
        medium.truncate(&path, tail.good as u64).map_err(|e| Error::io("truncate", &path, e))
    }
}

/// What lies in `recovered/` and no entry tells of yet: set aside now, or by an opening that
/// crashed before it could say so.
///
/// `recorded` is told of from segment `first` on; what is older is looked up.
fn unrecorded(medium: &dyn Medium, recorded: &[Torn], first: u64) -> Result<Vec<Torn>, Error> {
    let mut torn = Vec::new();
    for file in medium.list(RECOVERED).map_err(|e| Error::io("list", RECOVERED, e))? {
        let path = format!("{RECOVERED}/{file}");
        if file == "new" {
            medium.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
            continue;
        }
        if recorded.iter().any(|t| t.name() == file) {
            continue;
        }
        let bytes = medium.read(&path, scan::MAX_SEGMENT).map_err(|e| Error::io("read", &path, e))?;
        let place =
            file.split_once('-').and_then(|(s, rest)| Some((s.parse().ok()?, rest.split_once('-')?.0.parse().ok()?)));
        let found = place.map(|(segment, offset)| Torn::of(segment, offset, &bytes)).filter(|t| t.name() == file);
        let found = found.ok_or_else(|| Error::damaged(&path, 0, "not what a recovery set aside"))?;
        // Told of when the log was next opened, which began a segment.
        let mut told = false;
        for segment in found.segment..first {
            if told {
                break;
            }
            told = scan::torn_in(medium, segment)?.contains(&found);
        }
        if !told {
            torn.push(found);
        }
    }
    for file in [CHECKPOINT_NEW, VKEY_NEW] {
        remove_leftover(medium, file)?;
    }
    Ok(torn)
}

/// A crash while a file was being replaced leaves its unfinished successor.
fn remove_leftover(medium: &dyn Medium, file: &'static str) -> Result<(), Error> {
    match medium.remove(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", file, e)),
        _ => Ok(()),
    }
}
