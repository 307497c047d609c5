//! The witness's side: sign what continues what was signed before, and nothing else.

use super::Cosigner;
use crate::error::Error;
use crate::medium::{Disk, Medium, replace};
use crate::note::{BadNote, Checkpoint, LogName, MAX_NOTE};
use crate::proof::{decimal, hash, verify_consistency};
use medlock_domain::Clock;
use medlock_keys::digest::{hex, sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const SEEN: &str = "seen";
const REFUSED: &str = "refused";
/// More hashes no proof has (C2SP tlog-witness).
const MAX_PROOF: usize = 63;
/// So many refused checkpoints are kept as evidence.
const MAX_REFUSED: usize = 1000;

/// What a witness answers (C2SP tlog-witness).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: its signature line.
    Signed(String),
    /// 409: the size of the last checkpoint that it signed.
    Conflict(u64),
    /// 409: this size with another root, a fork. What it signed and what it was shown are kept.
    Forked(u64),
    /// 422: the proof does not hold.
    Unproved,
    /// 404: not a log that it watches.
    UnknownLog,
    /// 403: not signed by the log.
    Unsigned,
    /// 400: not a request.
    Malformed(&'static str),
    /// 500: it could not keep what it would sign, so it does not.
    Unkept,
}

impl Answer {
    /// The HTTP status, and the body.
    pub fn to_http(&self) -> (u16, String) {
        match self {
            Answer::Signed(line) => (200, line.clone()),
            Answer::Conflict(size) | Answer::Forked(size) => (409, format!("{size}\n")),
            Answer::Unproved => (422, "the consistency proof does not hold\n".to_owned()),
            Answer::UnknownLog => (404, "not a log that this witness watches\n".to_owned()),
            Answer::Unsigned => (403, "not signed by the log's key\n".to_owned()),
            Answer::Malformed(what) => (400, format!("{what}\n")),
            Answer::Unkept => (500, "the witness cannot keep what it would sign\n".to_owned()),
        }
    }
}

/// A witness over some logs. Clones of the state are never made: one process, one lock.
pub struct Watch {
    cosigner: Cosigner,
    logs: BTreeMap<String, LogName>,
    medium: Arc<dyn Medium>,
    clock: Arc<dyn Clock>,
    seen: Mutex<BTreeMap<String, Checkpoint>>,
    _lock: Box<dyn std::any::Any + Send + Sync>,
}

impl Watch {
    /// Watches `logs`, with its state in `dir`.
    pub fn open(dir: &Path, cosigner: Cosigner, logs: Vec<LogName>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::open_on(Arc::new(Disk::at(dir)), cosigner, logs, clock)
    }

    /// The same on any medium.
    pub fn open_on(
        medium: Arc<dyn Medium>,
        cosigner: Cosigner,
        logs: Vec<LogName>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        for dir in ["", SEEN, REFUSED] {
            medium.make_dir(dir).map_err(|e| Error::io("make", dir, e))?;
        }
        let lock = medium.lock().map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => Error::InUse,
            _ => Error::io("lock", "lock", e),
        })?;
        let (mut by_origin, mut seen) = (BTreeMap::new(), BTreeMap::new());
        for log in logs {
            seen.extend(last(&*medium, &log)?.map(|checkpoint| (log.origin().to_owned(), checkpoint)));
            by_origin.insert(log.origin().to_owned(), log);
        }
        Ok(Self { cosigner, logs: by_origin, medium, clock, seen: Mutex::new(seen), _lock: lock })
    }

    /// How much of `log` has been signed, from the state in `dir`; also while a witness works on it.
    pub fn signed(dir: &Path, log: &LogName) -> Result<u64, Error> {
        Ok(last(&Disk::at(dir), log)?.map_or(0, |checkpoint| checkpoint.size))
    }

    /// What its signatures are checked with.
    pub fn name(&self) -> &super::CosignerName {
        self.cosigner.name()
    }

    /// The logs that it watches, with the last size that it signed of each.
    pub fn logs(&self) -> Vec<(String, u64)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.logs.keys().map(|origin| (origin.clone(), seen.get(origin).map_or(0, |c| c.size))).collect()
    }

    /// Answers the body of an `add-checkpoint` request. Waits for the disk.
    pub fn add_checkpoint(&self, body: &str) -> Answer {
        self.judge(body).unwrap_or_else(|answer| answer)
    }

    fn judge(&self, body: &str) -> Result<Answer, Answer> {
        let (head, note) = body.split_once("\n\n").ok_or(Answer::Malformed("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|l| l.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(Answer::Malformed("the first line is \"old\" and a size"))?;
        let proof = lines.map(hash).collect::<Option<Vec<_>>>();
        let proof = proof.filter(|p| p.len() <= MAX_PROOF).ok_or(Answer::Malformed("the lines of the proof"))?;
        let origin = note.split('\n').next().unwrap_or_default();
        let log = self.logs.get(origin).ok_or(Answer::UnknownLog)?;
        let new = Checkpoint::verify(note, log).map_err(|e| match e {
            BadNote::Unsigned => Answer::Unsigned,
            BadNote::Malformed(what) => Answer::Malformed(what),
            BadNote::OtherLog => Answer::UnknownLog,
        })?;
        if old > new.size {
            return Err(Answer::Malformed("the old size is larger than the checkpoint's"));
        }
        // One at a time: what is compared must still be so when it is replaced.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.get(origin).copied();
        let last_size = last.map_or(0, |c| c.size);
        if old != last_size {
            return Err(Answer::Conflict(last_size));
        }
        match last {
            Some(last) if last.size == new.size => {
                if last.root != new.root {
                    self.keep_refused(note);
                    return Err(Answer::Forked(last.size));
                }
            }
            Some(last) => {
                if !verify_consistency(last.size, &last.root, new.size, &new.root, &proof) {
                    self.keep_refused(note);
                    return Err(Answer::Unproved);
                }
            }
            // Never seen: anything that the log signs is a beginning.
            None if proof.is_empty() => {}
            None => return Err(Answer::Malformed("a proof from nothing is empty")),
        }
        let file = seen_file(origin);
        replace(&*self.medium, &file, &format!("{file}.new"), note.as_bytes()).map_err(|_| Answer::Unkept)?;
        seen.insert(origin.to_owned(), new);
        let (text, _) = crate::note::split(note).map_err(|_| Answer::Malformed("no signatures"))?;
        Ok(Answer::Signed(self.cosigner.sign(text, self.clock.now())))
    }

    /// A checkpoint that the log signed and that does not continue what it signed before proves that it
    /// was rewritten; it is kept, as far as there is room.
    fn keep_refused(&self, note: &str) {
        let name = format!("{REFUSED}/{}.checkpoint", hex(&sha256(&[note.as_bytes()])[..16]));
        let room = self.medium.list(REFUSED).is_ok_and(|names| names.len() < MAX_REFUSED);
        if room && let Err(e) = replace(&*self.medium, &name, &format!("{name}.new"), note.as_bytes()) {
            tracing::warn!(error = %e, "a refused checkpoint could not be kept");
        }
    }
}

/// The last checkpoint of `log` that was signed.
fn last(medium: &dyn Medium, log: &LogName) -> Result<Option<Checkpoint>, Error> {
    let file = seen_file(log.origin());
    match medium.read(&file, MAX_NOTE) {
        Ok(note) => {
            let note = String::from_utf8_lossy(&note).into_owned();
            Checkpoint::verify(&note, log).map(Some).map_err(|e| Error::damaged(&file, 0, e.to_string()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", &file, e)),
    }
}

fn seen_file(origin: &str) -> String {
    format!("{SEEN}/{}.checkpoint", hex(&sha256(&[origin.as_bytes()])[..16]))
}
