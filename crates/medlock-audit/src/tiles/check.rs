//! Compares the tiles on disk with those that the segments make, while the log is verified.

use super::edge::Edge;
use super::{TILES, Tile, WIDTH, partials, path, rows, width};
use crate::format::MAX_TILE;
use crate::medium::Medium;
use crate::tree::Hash;
use crate::verify::{Problem, Trouble};
use std::collections::BTreeSet;
use std::io;

/// Makes the tiles again, entry by entry.
pub(crate) struct Check<'a> {
    medium: &'a dyn Medium,
    /// A server may be writing: what it is about to publish is none of ours.
    in_use: bool,
    /// What the `checkpoint` file covers.
    mark: u64,
    /// Every file there is, and those of them that belong there.
    present: BTreeSet<String>,
    known: BTreeSet<String>,
    edge: Edge,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    /// To be made after the `checkpoint` file was read and before the segments are.
    pub(crate) fn new(medium: &'a dyn Medium, in_use: bool, mark: u64) -> Self {
        let (mut problems, mut present) = (Vec::new(), BTreeSet::new());
        match medium.walk(TILES) {
            Ok(files) => present.extend(files),
            Err(e) => problems.push(Problem::unreadable(TILES, &e)),
        }
        Self { medium, in_use, mark, present, known: BTreeSet::new(), edge: Edge::default(), problems }
    }

    pub(crate) fn entry(&mut self, entry: &[u8], leaf: Hash) {
        for tile in self.edge.push(entry, leaf) {
            self.compare(&tile);
        }
    }

    /// Once every entry that can be followed has been told.
    pub(crate) fn end(mut self) -> Vec<Problem> {
        for tile in self.edge.partial() {
            self.compare(&tile);
        }
        // What is published as a part must be there as a part, or as the whole that it has become.
        for row in rows(self.mark.min(self.edge.size())) {
            let (index, wide) = (row.length(self.mark) / WIDTH, row.length(self.mark) % WIDTH);
            let names = [path(row, index, WIDTH), path(row, index, wide.max(1))];
            if wide > 0 && !names.iter().any(|name| self.present.contains(name)) && !self.in_use {
                self.problems.push(Problem::new(&names[1], Trouble::Missing, "the file is missing"));
            }
        }
        for stray in self.present.difference(&self.known) {
            self.problems.push(Problem::new(stray, Trouble::Stray, "not a tile of this log"));
        }
        self.problems
    }

    /// Compares a tile, and the partial ones that came before it.
    fn compare(&mut self, tile: &Tile) {
        let full = path(tile.row, tile.index, WIDTH);
        if tile.width == WIDTH {
            let published = tile.row.length(self.mark) >= (tile.index + 1) * WIDTH;
            if self.present.contains(&full) {
                self.file(&full, tile, WIDTH, published);
            } else if published && !self.in_use {
                self.problems.push(Problem::new(&full, Trouble::Missing, "the file is missing"));
            }
        }
        let dir = partials(&full) + "/";
        let parts: Vec<String> =
            self.present.range(dir.clone()..).take_while(|f| f.starts_with(&dir)).cloned().collect();
        for part in parts {
            let Some(wide) = width(&part[dir.len()..]) else { continue };
            // What has not been published a crash may have left unfinished: it is written anew.
            let published = tile.row.length(self.mark) >= tile.index * WIDTH + wide;
            self.file(&part, tile, wide, published && wide <= tile.width);
        }
    }

    fn file(&mut self, path: &str, tile: &Tile, wide: u64, published: bool) {
        self.known.insert(path.to_owned());
        if !published {
            return;
        }
        match self.medium.read(path, MAX_TILE) {
            Ok(bytes) if bytes == tile.prefix(wide) => {}
            Ok(bytes) => {
                let offset = bytes.iter().zip(tile.prefix(wide)).take_while(|(a, b)| a == b).count() as u64;
                let what = "not the tile that the segments make";
                self.problems.push(Problem { offset, ..Problem::new(path, Trouble::Altered, what) });
            }
            // A server removes partial tiles once the full one is there.
            Err(e) if self.in_use && e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => self.problems.push(Problem::unreadable(path, &e)),
        }
    }
}
