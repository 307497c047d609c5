//! Reading tiles: the edge to go on from, and proofs. What is read is believed only as far as a signed
//! root bears it out.

use super::edge::{Edge, subtree};
use super::{HEIGHT, Row, WIDTH, entry_at, path, rows};
use crate::error::Error;
use crate::format::{CHECKPOINT, MAX_TILE, VKEY};
use crate::medium::{Disk, Medium};
use crate::note::{Checkpoint, LogName};
use crate::proof::{ConsistencyProof, InclusionProof};
use crate::tree::{Frontier, Hash, Nodes};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The tiles of a tree of `size` entries.
pub(crate) struct Tiles<'a> {
    medium: &'a dyn Medium,
    size: u64,
    seen: RefCell<HashMap<(u32, u64), Vec<Hash>>>,
}

impl<'a> Tiles<'a> {
    pub(crate) fn of(medium: &'a dyn Medium, size: u64) -> Self {
        Self { medium, size, seen: RefCell::default() }
    }

    /// The bytes of a tile as wide as this size makes it, or of the full one that has taken its place.
    fn bytes(&self, row: Row, index: u64) -> Result<(Vec<u8>, u64), Error> {
        let width = (row.length(self.size) - index * WIDTH).min(WIDTH);
        let read = |width| {
            let path = path(row, index, width);
            self.medium.read(&path, MAX_TILE).map_err(|e| Error::io("read", &path, e))
        };
        match read(width) {
            Err(Error::Io { source, .. }) if width < WIDTH && source.kind() == io::ErrorKind::NotFound => read(WIDTH),
            other => other,
        }
        .map(|bytes| (bytes, width))
    }

    fn hashes(&self, level: u32, index: u64) -> Result<Vec<Hash>, Error> {
        if let Some(hashes) = self.seen.borrow().get(&(level, index)) {
            return Ok(hashes.clone());
        }
        let row = Row::Hashes(level);
        let (bytes, width) = self.bytes(row, index)?;
        let hashes: Vec<Hash> = bytes.chunks_exact(32).take(width as usize).filter_map(|h| h.try_into().ok()).collect();
        if hashes.len() as u64 != width {
            return Err(Error::damaged(&path(row, index, width), bytes.len(), "the tile is cut short"));
        }
        self.seen.borrow_mut().insert((level, index), hashes.clone());
        Ok(hashes)
    }

    /// The right edge, to go on from.
    pub(crate) fn edge(&self) -> Result<Edge, Error> {
        let (mut bundle, mut levels) = (Vec::new(), Vec::new());
        for row in rows(self.size) {
            let (index, width) = (row.length(self.size) / WIDTH, row.length(self.size) % WIDTH);
            match row {
                Row::Entries if width > 0 => {
                    let (mut bytes, width) = self.bytes(row, index)?;
                    let end = (0..width).try_fold(0, |at, _| entry_at(&bytes, at).map(|(_, end)| end));
                    bytes.truncate(end.unwrap_or(0));
                    bundle = bytes;
                }
                Row::Entries => {}
                Row::Hashes(level) => {
                    levels.push(if width > 0 { self.hashes(level, index)? } else { Vec::new() });
                }
            }
        }
        let last = path(Row::Entries, self.size / WIDTH, (self.size % WIDTH).max(1));
        Edge::of(self.size, bundle, levels).ok_or_else(|| Error::damaged(&last, 0, "the tile is cut short"))
    }

    /// The tree as it was when it held `size` entries.
    pub(crate) fn frontier(&self, size: u64) -> Result<Frontier, Error> {
        let (mut start, mut peaks) = (0, Vec::new());
        for bit in (0..u64::BITS).rev().filter(|bit| size >> bit & 1 == 1) {
            peaks.push(self.range(start, start + (1 << bit))?);
            start += 1 << bit;
        }
        Ok(Frontier::of(size, peaks))
    }

    /// An entry as it is stored.
    pub(crate) fn entry(&self, index: u64) -> Result<Vec<u8>, Error> {
        let (bundle, width) = self.bytes(Row::Entries, index / WIDTH)?;
        let at = (0..index % WIDTH).try_fold(0, |at, _| entry_at(&bundle, at).map(|(_, end)| end));
        let entry = at.and_then(|at| entry_at(&bundle, at));
        let short = || Error::damaged(&path(Row::Entries, index / WIDTH, width), bundle.len(), "the tile is cut short");
        Ok(entry.ok_or_else(short)?.0.to_vec())
    }
}

impl Nodes for Tiles<'_> {
    type Error = Error;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Error> {
        // The hashes of a tile's own level that this node covers.
        let first = index << (level % HEIGHT);
        let hashes = self.hashes(level / HEIGHT, first / WIDTH)?;
        let start = (first % WIDTH) as usize;
        let covered = hashes.get(start..start + (1 << (level % HEIGHT)));
        covered.map(subtree).ok_or(Error::NoSuchEntry { index: first, size: self.size })
    }
}

/// The published log: its tiles and its checkpoint. Needs neither keys nor a lock; a server may be
/// writing.
pub struct Published {
    medium: Arc<dyn Medium>,
    checkpoint: Checkpoint,
    note: String,
}

impl Published {
    /// What is published in `dir`. With `name` the checkpoint is checked against that key, kept
    /// elsewhere, and else against the copy in the directory.
    pub fn open(dir: &Path, name: Option<&LogName>) -> Result<Self, Error> {
        Self::open_on(Arc::new(Disk::at(dir)), name)
    }

    /// The same on any medium.
    pub fn open_on(medium: Arc<dyn Medium>, name: Option<&LogName>) -> Result<Self, Error> {
        let text = |file| {
            let bytes = medium.read(file, crate::note::MAX_NOTE).map_err(|e| Error::io("read", file, e))?;
            String::from_utf8(bytes).map_err(|_| Error::damaged(file, 0, "not UTF-8"))
        };
        let own;
        let name = match name {
            Some(name) => name,
            None => {
                own = LogName::parse(&text(VKEY)?).map_err(|e| Error::damaged(VKEY, 0, e.to_string()))?;
                &own
            }
        };
        let note = text(CHECKPOINT)?;
        let checkpoint = Checkpoint::verify(&note, name).map_err(|e| Error::damaged(CHECKPOINT, 0, e.to_string()))?;
        Ok(Self { medium, checkpoint, note })
    }

    /// How many entries, and the root over them.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// The signed checkpoint.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Entry `index` as it is stored, and the proof that it is in the log. Checked before it is given:
    /// tiles that were altered are named.
    pub fn inclusion(&self, index: u64) -> Result<(Vec<u8>, InclusionProof), Error> {
        let Checkpoint { size, root } = self.checkpoint;
        if index >= size {
            return Err(Error::NoSuchEntry { index, size });
        }
        let tiles = Tiles::of(&*self.medium, size);
        let leaf = tiles.entry(index)?;
        let path = tiles.inclusion(index, size)?;
        let proof = InclusionProof { index, size, root, path, checkpoint: self.note.clone() };
        if proof.proves(&leaf) { Ok((leaf, proof)) } else { Err(altered()) }
    }

    /// The proof that the log as published begins with the one that `old` covers. An error if it does
    /// not: history was rewritten ([`Error::Forked`]), or cut back ([`Error::RolledBack`]).
    pub fn consistency(&self, old: Checkpoint) -> Result<ConsistencyProof, Error> {
        let Checkpoint { size, root } = self.checkpoint;
        if old.size > size {
            return Err(Error::RolledBack { checkpoint: old.size, log: size });
        }
        let tiles = Tiles::of(&*self.medium, size);
        if tiles.root_at(size)? != root {
            return Err(altered());
        }
        if tiles.root_at(old.size)? != old.root {
            return Err(Error::Forked { size: old.size });
        }
        let path = tiles.consistency(old.size, size)?;
        Ok(ConsistencyProof { old, size, root, path, checkpoint: self.note.clone() })
    }
}

fn altered() -> Error {
    Error::damaged(super::TILES, 0, "the tiles are not those that the checkpoint signs")
}
