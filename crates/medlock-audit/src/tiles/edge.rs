//! The right edge of the tiles: what has not filled a tile yet. Memory: less than 256 entries and 256
//! hashes a level, however long the log is.

use super::{Row, Tile, WIDTH};
use crate::tree::{Frontier, Hash, node_hash};

/// Grows entry by entry and gives each tile when it is full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    bundle: Vec<u8>,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` entries, from its partial tiles: the last bundle, and the hashes
    /// of each level, lowest first. None if they are not that many.
    pub(crate) fn of(size: u64, bundle: Vec<u8>, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let mut entries = (0, 0);
        while let Some((_, end)) = super::entry_at(&bundle, entries.1) {
            entries = (entries.0 + 1, end);
        }
        let wide = |(level, hashes): (u32, &Vec<Hash>)| hashes.len() as u64 == Row::Hashes(level).length(size) % WIDTH;
        let right = entries == (size % WIDTH, bundle.len()) && (0..).zip(&levels).all(wide);
        (right && levels.len() + 1 == super::rows(size).count().max(1)).then_some(Self { size, bundle, levels })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next entry; gives the tiles that it has filled.
    pub(crate) fn push(&mut self, entry: &[u8], leaf: Hash) -> Vec<Tile> {
        let length = u16::try_from(entry.len()).expect("an entry is at most 65,535 bytes");
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        self.size += 1;
        let mut full = Vec::new();
        if self.size.is_multiple_of(WIDTH) {
            let (index, bytes) = (self.size / WIDTH - 1, std::mem::take(&mut self.bundle));
            full.push(Tile { row: Row::Entries, index, width: WIDTH, bytes });
        }
        let (mut hash, mut level) = (leaf, 0);
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if (hashes.len() as u64) < WIDTH {
                return full;
            }
            let row = Row::Hashes(level as u32);
            full.push(Tile { row, index: row.length(self.size) / WIDTH - 1, width: WIDTH, bytes: hashes.concat() });
            hash = subtree(hashes);
            hashes.clear();
            level += 1;
        }
    }

    /// The partial tiles.
    pub(crate) fn partial(&self) -> Vec<Tile> {
        let bytes = |row: Row| match row {
            Row::Entries => self.bundle.clone(),
            Row::Hashes(level) => self.levels[level as usize].concat(),
        };
        let rows = super::rows(self.size).map(|row| (row, row.length(self.size)));
        rows.filter(|(_, length)| length % WIDTH > 0)
            .map(|(row, length)| Tile { row, index: length / WIDTH, width: length % WIDTH, bytes: bytes(row) })
            .collect()
    }

    /// The roots of the complete subtrees.
    pub(crate) fn frontier(&self) -> Frontier {
        let mut peaks = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = &hashes[..];
            for bit in (0..super::HEIGHT).rev().filter(|bit| hashes.len() >> bit & 1 == 1) {
                let (subtree_of, after) = rest.split_at(1 << bit);
                peaks.push(subtree(subtree_of));
                rest = after;
            }
        }
        Frontier::of(self.size, peaks)
    }
}

/// The root over a power of two of hashes.
pub(crate) fn subtree(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&subtree(left), &subtree(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;

    fn entry(n: u64) -> Vec<u8> {
        vec![b'x'; (n % 7) as usize]
    }

    #[test]
    fn grows_like_the_tree_and_goes_on_from_its_partial_tiles() {
        let (mut edge, mut frontier, mut full) = (Edge::default(), Frontier::default(), Vec::new());
        for n in 0..66_000 {
            let leaf = leaf_hash(&entry(n));
            frontier.push(leaf);
            full.extend(edge.push(&entry(n), leaf));
            if !(1000..=65_500).contains(&n) {
                assert_eq!(edge.frontier().root(), frontier.root(), "{n}");
                let partial = edge.partial();
                let of = |row| partial.iter().find(|t| t.row == row).map(|t| t.bytes.clone()).unwrap_or_default();
                let levels = super::super::rows(n + 1).skip(1);
                let hashes = |row| of(row).chunks_exact(32).map(|h| h.try_into().expect("32")).collect();
                let again = Edge::of(n + 1, of(Row::Entries), levels.map(hashes).collect());
                assert_eq!(again.as_ref(), Some(&edge), "{n}");
            }
        }
        let count = |row| full.iter().filter(|t| t.row == row).count();
        assert_eq!((count(Row::Entries), count(Row::Hashes(0)), count(Row::Hashes(1))), (257, 257, 1));
        assert_eq!(Edge::of(0, vec![], vec![]), Some(Edge::default()));
        assert_eq!(Edge::of(2, vec![0, 0], vec![vec![[0; 32]; 2]]), None, "one entry is missing");
    }
}
