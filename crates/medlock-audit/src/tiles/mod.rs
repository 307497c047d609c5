//! The log as others read it: C2SP tlog-tiles, files that can be served as they lie.
//!
//! Tiles are a view of the segments: [`publish`] makes them, in the background, from what is durable;
//! [`check`] makes them again while the log is verified, and compares. If they are lost they are made
//! anew. The `checkpoint` file covers what has been published, never more.

pub(crate) mod check;
pub(crate) mod edge;
pub(crate) mod publish;
pub(crate) mod read;

/// The directory of tiles.
pub(crate) const TILES: &str = "tile";
/// So many hashes, or entries, make a full tile.
pub(crate) const WIDTH: u64 = 256;
/// Bits of an index that one level of tiles stands for.
pub(crate) const HEIGHT: u32 = 8;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// Entries, each behind its length.
    Entries,
    /// Hashes of this level: of leaves at 0, of full tiles of the level below elsewhere.
    Hashes(u32),
}

impl Row {
    fn level(self) -> u32 {
        match self {
            Row::Entries => 0,
            Row::Hashes(level) => level,
        }
    }

    /// How many hashes or entries stand in this row of a tree of so many entries.
    pub(crate) fn length(self, size: u64) -> u64 {
        size.checked_shr(HEIGHT * self.level()).unwrap_or(0)
    }
}

/// The rows of a tree of so many entries.
pub(crate) fn rows(size: u64) -> impl Iterator<Item = Row> {
    let levels = (0..u64::BITS / HEIGHT).map(Row::Hashes);
    std::iter::once(Row::Entries).chain(levels).take_while(move |row| row.length(size) > 0)
}

/// A tile, full or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) row: Row,
    pub(crate) index: u64,
    pub(crate) width: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Tile {
    pub(crate) fn path(&self) -> String {
        path(self.row, self.index, self.width)
    }

    /// Its first `width` hashes or entries.
    pub(crate) fn prefix(&self, width: u64) -> &[u8] {
        let end = match self.row {
            Row::Hashes(_) => Some(32 * width as usize),
            Row::Entries => (0..width).try_fold(0, |at, _| entry_at(&self.bytes, at).map(|(_, end)| end)),
        };
        end.and_then(|end| self.bytes.get(..end)).unwrap_or(&self.bytes)
    }
}

/// The entry that begins at `at` in a bundle, and where the next one does.
pub(crate) fn entry_at(bundle: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, rest) = bundle.get(at..)?.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((rest.get(..length)?, at + 2 + length))
}

/// The file of a tile, relative to the log directory.
pub(crate) fn path(row: Row, index: u64, width: u64) -> String {
    let row = match row {
        Row::Entries => "entries".to_owned(),
        Row::Hashes(level) => level.to_string(),
    };
    let (mut above, mut name) = (index / 1000, format!("{:03}", index % 1000));
    while above > 0 {
        name = format!("x{:03}/{name}", above % 1000);
        above /= 1000;
    }
    let full = format!("{TILES}/{row}/{name}");
    if width == WIDTH { full } else { format!("{}/{width}", partials(&full)) }
}

/// The directory of the partial tiles that come before this full one.
pub(crate) fn partials(full: &str) -> String {
    format!("{full}.p")
}

/// The width that the name of a partial tile says, if it is the one name that this width has.
pub(crate) fn width(name: &str) -> Option<u64> {
    let width: u64 = name.parse().ok()?;
    ((1..WIDTH).contains(&width) && width.to_string() == name).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification.
    #[test]
    fn paths_and_rows_are_those_of_the_specification() {
        assert_eq!(path(Row::Hashes(0), 1_234_067, WIDTH), "tile/0/x001/x234/067");
        assert_eq!(path(Row::Entries, 273, 112), "tile/entries/273.p/112");
        assert_eq!(path(Row::Hashes(2), 0, 1), "tile/2/000.p/1");
        let partial = |size, row: Row| row.length(size) % WIDTH;
        let levels: Vec<_> = rows(70_000).map(|row| (row.length(70_000) / WIDTH, partial(70_000, row))).collect();
        assert_eq!(levels, [(273, 112), (273, 112), (1, 17), (0, 1)]);
        assert_eq!(rows(256).map(|row| row.length(256)).collect::<Vec<_>>(), [256, 256, 1]);
        assert_eq!(rows(0).count(), 0);
        assert_eq!(rows(u64::MAX).count(), 9);
    }

    #[test]
    fn widths_have_one_name() {
        assert_eq!((width("1"), width("255")), (Some(1), Some(255)));
        for bad in ["0", "256", "01", "+1", "", "1.new", "-1"] {
            assert_eq!(width(bad), None, "{bad}");
        }
    }
}
