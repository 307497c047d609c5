//! `audit verify`: the files and a public key, nothing else.

use crate::format::{CHECKPOINT, MAX_VKEY, RECOVERED, SEGMENTS, VKEY, WITNESSES, segment_path};
use crate::medium::{Disk, Medium};
use crate::note::{Checkpoint, LogName, MAX_NOTE};
use crate::scan::{self, Hashed, MAX_SEGMENT, Walker};
use crate::tiles;
use crate::tree::Hash;
use crate::witness::{self, CosignerName, Policy};
use medlock_domain::Timestamp;
use medlock_keys::digest::sha256;
use medlock_keys::sign::VerifyingKey;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// Segments that are made ready at once, at most: each is up to 64 MB.
const AHEAD: usize = 2;

/// What a log that holds together holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// How many segments.
    pub segments: u64,
    /// How many signed checkpoints stand in them.
    pub checkpoints: u64,
    /// How many entries have sealed content, all of which is what was recorded.
    pub contents: u64,
    /// How many times unfinished bytes were set aside after a crash.
    pub recoveries: u64,
    /// Bytes in the segments.
    pub bytes: u64,
    /// When the first entry was made, by the server's clock.
    pub first: Option<Timestamp>,
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// The latest checkpoint, a signed note: keep it elsewhere, and give it as `since` next time.
    pub checkpoint: String,
    /// Bytes of a group that a running server had not finished when they were read.
    pub in_flight: u64,
    /// Which witnesses signed the published checkpoint, and when, by their clocks. They are those that the
    /// directory lists: whether they are the right ones is for who knows their keys.
    pub witnessed: Vec<(String, Timestamp)>,
}

/// What sort of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The file cannot be read.
    Unreadable,
    /// The file is not what was written.
    Altered,
    /// The file is not there.
    Missing,
    /// The file does not belong there.
    Stray,
    /// The last group was never finished: a crash, or an end that was cut or altered.
    Unfinished,
    /// Entries that a checkpoint covers are gone from the end.
    CutShort,
    /// The log holds other entries than a checkpoint covers.
    Forked,
    /// Too few of the policy's witnesses have signed.
    Unwitnessed,
    /// The checkpoint, name or key given to verify against cannot be used.
    BadQuestion,
}

impl Trouble {
    /// What it means for whoever relies on the log.
    pub fn meaning(self) -> &'static str {
        match self {
            Trouble::Unreadable => "nothing can be said about this file",
            Trouble::Altered => "what is recorded from here on cannot be relied on",
            Trouble::Missing => "it has been removed or lost; what it held cannot be shown",
            Trouble::Stray => "the log did not write this; look who did",
            Trouble::Unfinished => {
                "after a crash this is harmless, since it was never acknowledged: start the server, which sets it aside; \
                 without one, the end of the log has been tampered with"
            }
            Trouble::CutShort => "the newest entries have been removed, or an older copy of the log put back",
            Trouble::Unwitnessed => "nobody else vouches for it that this is the only history",
            Trouble::Forked => "history has been rewritten since that checkpoint",
            Trouble::BadQuestion => "check what you gave; the log itself was not judged by it",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which file, relative to the log directory.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// Which entry is the first that is in doubt.
    pub entry: Option<u64>,
    /// What sort of thing.
    pub trouble: Trouble,
    /// What was found.
    pub what: String,
}

impl Problem {
    pub(crate) fn new(file: impl Into<String>, trouble: Trouble, what: impl Into<String>) -> Self {
        Self { file: file.into(), offset: 0, entry: None, trouble, what: what.into() }
    }

    pub(crate) fn unreadable(file: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(file, Trouble::Missing, "the file is missing"),
            _ => Self::new(file, Trouble::Unreadable, error.to_string()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.file, self.offset)?;
        if let Some(entry) = self.entry {
            write!(f, ", entry {entry}")?;
        }
        write!(f, ": {} ({})", self.what, self.trouble.meaning())
    }
}

/// Checks everything in the log directory: every frame, every entry's place, every checkpoint's
/// root and signature, every content's digest, the chain of segments, what was set aside, every tile,
/// and the `checkpoint` and `log.vkey` files. With `since`, also that the log is an extension of the one
/// which that checkpoint covers. `key` and `origin` must come from elsewhere than the directory.
pub fn verify_dir(dir: &Path, key: &VerifyingKey, origin: &str, since: Option<&str>) -> Result<Report, Vec<Problem>> {
    verify_on(&Disk::at(dir), key, origin, since)
}

/// The same on any medium.
pub fn verify_on(
    medium: &dyn Medium,
    key: &VerifyingKey,
    origin: &str,
    since: Option<&str>,
) -> Result<Report, Vec<Problem>> {
    match LogName::new(origin, *key) {
        Ok(name) => verify_log(medium, &name, since),
        Err(e) => Err(vec![Problem::new("", Trouble::BadQuestion, format!("the origin is {e}"))]),
    }
}

/// The same for a name read from a copy of `log.vkey` that was kept elsewhere.
pub fn verify_log(medium: &dyn Medium, name: &LogName, since: Option<&str>) -> Result<Report, Vec<Problem>> {
    verify_witnessed(medium, name, since, None)
}

/// The same, and that the published checkpoint bears the signatures that `policy` asks for, by its keys
/// and not by those that the directory lists.
pub fn verify_witnessed(
    medium: &dyn Medium,
    name: &LogName,
    since: Option<&str>,
    policy: Option<&Policy>,
) -> Result<Report, Vec<Problem>> {
    let mut check = Check {
        medium,
        name: name.clone(),
        problems: Vec::new(),
        in_use: medium.in_use(),
        signed: 0,
        bytes: 0,
        in_flight: 0,
        listed: Vec::new(),
        witnessed: Vec::new(),
        published: None,
        unnamed: None,
    };
    match (policy, witness::listed(medium)) {
        (Some(policy), Ok(_)) => check.listed = policy.witnesses().iter().map(|w| w.name().clone()).collect(),
        (None, Ok(listed)) => check.listed = listed,
        (_, Err(e)) => check.problems.push(Problem::new(WITNESSES, Trouble::Altered, e.to_string())),
    }
    // In this order a running server can only add to what is compared against.
    check.vkey();
    let marks =
        [(check.mark(), CHECKPOINT, "the checkpoint file"), (check.since(since), SEGMENTS, "the checkpoint given")];
    if let (Some(policy), Some(_)) = (policy, marks[0].0) {
        check.is_witnessed(policy);
    }
    check.signed = marks.iter().filter_map(|(mark, ..)| Some((*mark)?.size)).max().unwrap_or(0);
    let wanted: Vec<u64> = marks.iter().filter_map(|(mark, ..)| Some((*mark)?.size)).collect();
    let published = marks[0].0.map_or(0, |mark| mark.size);
    let (mut walker, mut tiles) =
        (Walker::new(&check.name, &wanted), tiles::check::Check::new(medium, check.in_use, published));
    let segments = check.segments(&mut walker, &mut tiles);
    // Tiles are judged by the segments; where those do not hold, so that nothing more can be said, not.
    if check.problems.is_empty() {
        check.problems.extend(tiles.end());
    }
    check.vouched(&walker, since);
    check.recovered(&walker);
    for (mark, file, which) in marks {
        if let Some(mark) = mark {
            check.extends(&walker, mark, file, which);
        }
    }
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    Ok(Report {
        size: walker.tree.size(),
        root: walker.tree.root(),
        segments,
        checkpoints: walker.checkpoints,
        contents: walker.contents,
        recoveries: walker.torn.len() as u64,
        bytes: check.bytes,
        first: walker.first_time,
        last: walker.last_time,
        checkpoint: walker.last_note.unwrap_or_default(),
        in_flight: check.in_flight,
        witnessed: check.witnessed,
    })
}

struct Check<'a> {
    medium: &'a dyn Medium,
    /// As it was given, with the keys that the directory lists beside: those count once the log has vouched for them.
    name: LogName,
    problems: Vec<Problem>,
    in_use: bool,
    /// As many entries have been acknowledged at least, so as many must be there.
    signed: u64,
    bytes: u64,
    in_flight: u64,
    listed: Vec<CosignerName>,
    witnessed: Vec<(String, Timestamp)>,
    /// The note in the `checkpoint` file, as it was when it was judged.
    published: Option<String>,
    /// A segment whose checkpoints are not those that the next one names.
    unnamed: Option<String>,
}

impl Check<'_> {
    /// The copy of the key in the directory proves nothing, but must not mislead whoever reads it.
    fn vkey(&mut self) {
        match self.medium.read(VKEY, MAX_VKEY) {
            Ok(text) if text == self.name.vkey().as_bytes() => {}
            Ok(text) => match std::str::from_utf8(&text).ok().and_then(|text| LogName::parse(text).ok()) {
                Some(listed) if listed.vkey().as_bytes() == text && listed.continues(&self.name) => self.name = listed,
                _ => self.problems.push(Problem::new(VKEY, Trouble::Altered, "not the name and key that were given")),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => self.problems.push(Problem::unreadable(VKEY, &e)),
        }
    }

    fn mark(&mut self) -> Option<Checkpoint> {
        let note = match self.medium.read(CHECKPOINT, MAX_NOTE) {
            Ok(note) => note,
            Err(e) => {
                self.problems.push(Problem::unreadable(CHECKPOINT, &e));
                return None;
            }
        };
        let judged = std::str::from_utf8(&note).map_err(|_| "not UTF-8".to_owned()).and_then(|note| {
            let mark = Checkpoint::verify(note, &self.name).map_err(|e| e.to_string())?;
            if !Checkpoint::signers_are_known(note, &self.name) {
                return Err("signed by a key that is not this log's".to_owned());
            }
            let signers = witness::signers(note, self.name.origin(), &self.listed).map_err(|e| e.to_string())?;
            Ok((mark, signers.into_iter().map(|(name, when)| (name.name().to_owned(), when)).collect()))
        });
        match judged {
            Ok((mark, witnessed)) => {
                self.witnessed = witnessed;
                self.published = String::from_utf8(note).ok();
                Some(mark)
            }
            Err(what) => {
                self.problems.push(Problem::new(CHECKPOINT, Trouble::Altered, what));
                None
            }
        }
    }

    fn is_witnessed(&mut self, policy: &Policy) {
        let signers = |name: &&CosignerName| self.witnessed.iter().any(|(signer, _)| signer == name.name());
        let signers: Vec<&CosignerName> = policy.witnesses().iter().map(|w| w.name()).filter(signers).collect();
        if !policy.is_met_by(&signers) {
            let names: Vec<&str> = signers.iter().map(|name| name.name()).collect();
            let by = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            let what = format!("signed by {by} of the witnesses, which is not what the policy asks for");
            self.problems.push(Problem::new(CHECKPOINT, Trouble::Unwitnessed, what));
        }
    }

    fn since(&mut self, note: Option<&str>) -> Option<Checkpoint> {
        match Checkpoint::verify(note?, &self.name) {
            Ok(mark) => Some(mark),
            Err(e) => {
                self.problems.push(Problem::new("", Trouble::BadQuestion, format!("the checkpoint given is {e}")));
                None
            }
        }
    }

    /// What is compared against was signed by a key that the log itself has vouched for by now.
    fn vouched(&mut self, walker: &Walker, since: Option<&str>) {
        let name = walker.key().map_or(self.name.clone(), |key| walker.name.up_to(&key));
        let what = "signed with a key that the log does not vouch for";
        if self.published.as_ref().is_some_and(|note| Checkpoint::verify(note, &name).is_err()) {
            self.problems.push(Problem::new(CHECKPOINT, Trouble::Altered, what));
        }
        if since.is_some_and(|note| Checkpoint::verify(note, &name).is_err()) {
            self.problems.push(Problem::new("", Trouble::BadQuestion, format!("the checkpoint given is {what}")));
        }
    }

    /// Follows the segments until one cannot be followed; gives how many there are.
    fn segments(&mut self, walker: &mut Walker, tiles: &mut tiles::check::Check<'_>) -> u64 {
        let (numbers, strays) = match scan::segments(self.medium) {
            Ok(found) => found,
            Err(e) => {
                self.problems.push(Problem::unreadable(SEGMENTS, &e));
                return 0;
            }
        };
        for stray in strays {
            self.problems.push(Problem::new(format!("{SEGMENTS}/{stray}"), Trouble::Stray, "not a segment"));
        }
        // Those ahead are read and hashed on other threads; the chain is followed on this one. Each waits until its
        // segment is taken, so that memory holds one more than there are threads.
        let ahead = thread::available_parallelism().map_or(1, |n| n.get()).clamp(1, AHEAD);
        let medium = self.medium;
        thread::scope(|scope| {
            let taken = |nth: usize| {
                let (give, take) = mpsc::sync_channel(0);
                let (mine, medium) = (numbers.iter().copied().skip(nth).step_by(ahead), medium);
                scope.spawn(move || {
                    for number in mine {
                        if give.send(scan::read_segment(medium, number).map(Hashed::of)).is_err() {
                            return;
                        }
                    }
                });
                take
            };
            let taken: Vec<_> = (0..ahead).map(taken).collect();
            for (number, expected) in numbers.iter().copied().zip(0..) {
                if number != expected {
                    self.problems.push(Problem::new(segment_path(expected), Trouble::Missing, "the file is missing"));
                    return;
                }
                let follow = numbers.len() - 1 - expected as usize;
                let panicked = |_| Err(io::Error::other("reading it failed"));
                let segment = taken[expected as usize % ahead].recv().unwrap_or_else(panicked);
                if !self.segment(walker, tiles, number, segment, follow) {
                    return;
                }
            }
        });
        numbers.len() as u64
    }

    /// Whether the next segment can be judged after this one; `follow`: how many there are.
    fn segment(
        &mut self,
        walker: &mut Walker,
        tiles: &mut tiles::check::Check<'_>,
        number: u64,
        segment: io::Result<Hashed>,
        follow: usize,
    ) -> bool {
        let last = follow == 0;
        let path = segment_path(number);
        let segment = match segment {
            Ok(segment) => segment,
            Err(e) => {
                self.problems.push(Problem::unreadable(&path, &e));
                return false;
            }
        };
        let bytes = &segment.bytes;
        self.bytes += bytes.len() as u64;
        // The next one must be closed as well, so that its own signatures are judged: an unfinished one may have none.
        let stated = if follow < 2 { None } else { scan::notes_stated(self.medium, number + 1) };
        walker.noted = stated.is_some_and(|stated| stated == segment.notes);
        let walked = walker.segment(number, &segment, &mut |entry, leaf| tiles.entry(entry, leaf));
        let before = self.unnamed.take();
        let Some(fault) = walked.fault else {
            // Said of the one before once this one, which names its checkpoints, holds.
            if let Some(before) = before {
                let what = "its checkpoints are not those that the next segment names";
                self.problems.push(Problem::new(before, Trouble::Altered, what));
            }
            self.unnamed = (stated.is_some() && !walker.noted).then_some(path);
            return true;
        };
        let unfinished = last && walker.tree.size() >= self.signed && walker.may_be_torn(bytes, walked.good);
        if unfinished && self.in_use {
            self.in_flight = (bytes.len() - walked.good) as u64;
            return true;
        }
        let trouble = if unfinished { Trouble::Unfinished } else { Trouble::Altered };
        let what = fault.what;
        self.problems.push(Problem { file: path, offset: fault.offset as u64, entry: fault.entry, trouble, what });
        false
    }

    /// What was set aside is evidence too: each file is what an entry says, and none is missing.
    fn recovered(&mut self, walker: &Walker) {
        let names = match self.medium.list(RECOVERED) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound && walker.torn.is_empty() => return,
            Err(e) => return self.problems.push(Problem::unreadable(RECOVERED, &e)),
        };
        for name in names.iter().filter(|n| walker.torn.iter().all(|t| t.name() != **n)) {
            let what = "no entry tells of it";
            self.problems.push(Problem::new(format!("{RECOVERED}/{name}"), Trouble::Stray, what));
        }
        for torn in &walker.torn {
            match self.medium.read(&torn.path(), MAX_SEGMENT) {
                Ok(bytes) if bytes.len() as u64 == torn.bytes && sha256(&[&bytes]) == torn.sha256 => {}
                Ok(_) => {
                    let what = "not the bytes that were set aside";
                    self.problems.push(Problem::new(torn.path(), Trouble::Altered, what));
                }
                Err(e) => self.problems.push(Problem::unreadable(&torn.path(), &e)),
            }
        }
    }

    /// The log must begin with the entries that `mark` covers.
    fn extends(&mut self, walker: &Walker, mark: Checkpoint, file: &str, which: &str) {
        let size = walker.tree.size();
        let trouble = match walker.roots.get(&mark.size) {
            Some(root) if *root == mark.root => return,
            Some(_) => Trouble::Forked,
            None => Trouble::CutShort,
        };
        let what = match trouble {
            Trouble::Forked => format!("the first {} entries are not those that {which} signs", mark.size),
            _ => format!("{which} covers {} entries; only {size} can be followed", mark.size),
        };
        self.problems.push(Problem { entry: Some(size.min(mark.size)), ..Problem::new(file, trouble, what) });
    }
}
