//! Makes tiles of what is durable, in the background, and then moves the `checkpoint` file on.
//!
//! It reads the segments behind the writer, so that nothing waits for it and its memory does not grow
//! with the load; and it goes on from any point, so that tiles which were lost are made anew.

use super::edge::Edge;
use super::read::Tiles;
use super::{Row, TILES, Tile, WIDTH, partials, path, width};
use crate::error::Error;
use crate::format::frame::{self, MAGIC, Step, Type};
use crate::format::{CHECKPOINT, CHECKPOINT_NEW, WITNESSES, WITNESSES_NEW, segment_path};
use crate::medium::{Medium, replace};
use crate::note::{Checkpoint, LogName};
use crate::scan;
use crate::tree::leaf_hash;
use crate::witness::{self, CosignerName, Witnesses};
use std::io;
use std::sync::Arc;

/// So much of a segment is read at once.
const CHUNK: usize = 1 << 20;

/// Makes tiles and the `checkpoint` file.
pub(crate) struct Publisher {
    medium: Arc<dyn Medium>,
    name: LogName,
    /// What the `checkpoint` file covers.
    size: u64,
    /// Where to go on; none after a failure, when what is on disk says.
    state: Option<State>,
    witnesses: Option<Witnesses>,
    /// Why too few witnesses have signed what is published, if they have not.
    lacking: Option<String>,
}

struct State {
    edge: Edge,
    at: Place,
    /// The directory made last.
    dir: String,
}

/// A place in the segments.
struct Place {
    segment: u64,
    offset: u64,
}

impl Publisher {
    /// The log has another key from now on.
    pub(crate) fn rename(&mut self, name: LogName) {
        self.name = name;
    }

    /// `size`: what the `checkpoint` file covers, for which the tiles hold, or 0 to make all anew.
    pub(crate) fn new(medium: Arc<dyn Medium>, name: LogName, size: u64, witnesses: Option<Witnesses>) -> Self {
        // What is published was perhaps signed, but not in answer to us.
        let lacking = witnesses.as_ref().map(|_| "none was asked yet".to_owned());
        Self { medium, name, size, state: None, witnesses, lacking }
    }

    /// Why too few witnesses have signed what is published, if they have not.
    pub(crate) fn lacking(&self) -> Option<&str> {
        self.lacking.as_deref()
    }

    /// How long entries are recorded although too few have signed; none if nobody need sign.
    pub(crate) fn grace_ms(&self) -> Option<u64> {
        self.witnesses.as_ref().filter(|w| w.policy().demands()).map(Witnesses::grace_ms)
    }

    /// What the `checkpoint` file covers.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// [`Publisher::publish`] for who cannot do anything about most failures: the segments are what counts,
    /// what was published stays, and it is tried again. What a witness knows better is not passed over.
    pub(crate) fn publish_or_warn(&mut self, size: u64, note: &str) -> Result<(), Error> {
        match self.publish(size, note) {
            Err(e @ (Error::PutBack { .. } | Error::OtherHistory { .. })) => Err(e),
            Err(e) => {
                tracing::warn!(error = %e, published = self.size, size, "the audit log's tiles are behind");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Publishes up to the checkpoint `note`, over `size` entries, all of which are durable. After a
    /// failure what was published before stays so, and trying again is safe.
    pub(crate) fn publish(&mut self, size: u64, note: &str) -> Result<(), Error> {
        if size == self.size && self.lacking.is_none() {
            return Ok(());
        }
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.go_on()?,
        };
        let signed = Checkpoint::verify(note, &self.name).map_err(|e| Error::damaged(CHECKPOINT, 0, e.to_string()))?;
        self.follow(&mut state, size)?;
        let root = state.edge.frontier().root();
        if (signed.size, signed.root) != (size, root) {
            return Err(Error::damaged(
                &segment_path(state.at.segment),
                0,
                "the entries are not those that were signed",
            ));
        }
        // Asked again for signatures only, nothing is touched that readers of the checkpoint rely on.
        if size > self.size {
            for tile in state.edge.partial() {
                if tile.row.length(self.size) / WIDTH != tile.index {
                    // Nothing of it was published: what lies there a crash has left.
                    self.clear(&partials(&path(tile.row, tile.index, WIDTH)))?;
                }
                self.write(&mut state.dir, &tile)?;
            }
            self.medium.sync_tree(TILES).map_err(|e| Error::io("sync", TILES, e))?;
        }
        let (lines, lacking) = match &mut self.witnesses {
            None => (String::new(), None),
            Some(witnesses) => {
                let gathered = witnesses.gather(&Tiles::of(&*self.medium, size), signed, note)?;
                (gathered.lines, gathered.lacking)
            }
        };
        if !lines.is_empty() {
            self.list_witnesses()?;
        }
        replace(&*self.medium, CHECKPOINT, CHECKPOINT_NEW, format!("{note}{lines}").as_bytes())
            .map_err(|e| Error::io("write", CHECKPOINT, e))?;
        (self.size, self.lacking) = (size, lacking);
        self.state = Some(state);
        Ok(())
    }

    /// Whoever signs is listed beside the log first, for `verify`; nobody is ever taken off.
    fn list_witnesses(&self) -> Result<(), Error> {
        let Some(witnesses) = &self.witnesses else { return Ok(()) };
        let mut listed: String = witness::listed(&*self.medium)?.iter().map(CosignerName::vkey).collect();
        let new = witnesses.policy().witnesses().iter().map(|w| w.name().vkey()).filter(|w| !listed.contains(w));
        let new: String = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        listed.push_str(&new);
        replace(&*self.medium, WITNESSES, WITNESSES_NEW, listed.as_bytes())
            .map_err(|e| Error::io("write", WITNESSES, e))
    }

    /// The edge as it was published, without what a crash may have left beyond it.
    fn go_on(&self) -> Result<State, Error> {
        let edge = Tiles::of(&*self.medium, self.size).edge()?;
        for dir in ["", "entries", "0"] {
            let dir = if dir.is_empty() { TILES.to_owned() } else { format!("{TILES}/{dir}") };
            self.medium.make_dir(&dir).map_err(|e| Error::io("make", &dir, e))?;
        }
        // Every row that there will be: a crash may have left any tile beyond what was published.
        let beyond = [Row::Entries].into_iter().chain((0..8).map(Row::Hashes));
        for row in beyond {
            let (index, published) = (row.length(self.size) / WIDTH, row.length(self.size) % WIDTH);
            let dir = partials(&path(row, index, WIDTH));
            for name in self.list(&dir)? {
                if width(&name).is_none_or(|w| w > published) {
                    self.remove(&format!("{dir}/{name}"))?;
                }
            }
        }
        let (segment, _) = scan::segment_of(&*self.medium, self.size)?;
        Ok(State { edge, at: Place { segment, offset: MAGIC.len() as u64 }, dir: String::new() })
    }

    /// Takes every entry up to `size` from the segments.
    fn follow(&self, state: &mut State, size: u64) -> Result<(), Error> {
        while state.edge.size() < size {
            let path = segment_path(state.at.segment);
            let chunk = self.medium.read_at(&path, state.at.offset, CHUNK).map_err(|e| Error::io("read", &path, e))?;
            if chunk.is_empty() {
                state.at = Place { segment: state.at.segment + 1, offset: MAGIC.len() as u64 };
                continue;
            }
            let used = self.chunk(state, &chunk, size)?;
            if used == 0 {
                return Err(Error::damaged(&path, state.at.offset as usize, "a frame that does not end"));
            }
            state.at.offset += used as u64;
        }
        Ok(())
    }

    /// Takes the whole frames of a chunk; gives how many bytes to go on after. Content is stepped over.
    fn chunk(&self, state: &mut State, chunk: &[u8], size: u64) -> Result<usize, Error> {
        let mut at = 0;
        while state.edge.size() < size {
            let place = state.at.offset as usize + at;
            let bad = |what| Error::damaged(&segment_path(state.at.segment), place, what);
            let Some(Step { kind, body, end }) = frame::step(chunk, at).map_err(bad)? else { break };
            if kind != Type::Entry {
                at = end;
                if at >= chunk.len() {
                    break;
                }
                continue;
            }
            let Some(body) = body else { break };
            at = end;
            let index = frame::index(body).ok_or_else(|| bad("an entry without an index"))?;
            if index < state.edge.size() {
                continue;
            }
            if index > state.edge.size() {
                return Err(bad("an entry is missing"));
            }
            for tile in state.edge.push(body, leaf_hash(body)) {
                self.write(&mut state.dir, &tile)?;
                self.clear(&partials(&tile.path()))?;
            }
        }
        Ok(at)
    }

    /// Writes a tile over whatever lies there: nothing that is published has this name, or it is the same.
    fn write(&self, made: &mut String, tile: &Tile) -> Result<(), Error> {
        let path = tile.path();
        let failed = |e| Error::io("write", &path, e);
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        if dir != made {
            self.medium.make_dir(dir).map_err(failed)?;
            dir.clone_into(made);
        }
        self.remove(&path)?;
        self.medium.create(&path).and_then(|mut file| file.append(&tile.bytes)).map_err(failed)
    }

    fn clear(&self, dir: &str) -> Result<(), Error> {
        for name in self.list(dir)? {
            self.remove(&format!("{dir}/{name}"))?;
        }
        self.medium.remove_dir(dir).map_err(|e| Error::io("remove", dir, e))
    }

    fn list(&self, dir: &str) -> Result<Vec<String>, Error> {
        match self.medium.list(dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(|e| Error::io("list", dir, e)),
        }
    }

    fn remove(&self, path: &str) -> Result<(), Error> {
        match self.medium.remove(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
            _ => Ok(()),
        }
    }
}
