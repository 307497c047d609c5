//! Text with markup: which elements it runs through, and what a table says about its cells.

use super::{Attribute, Walk};

/// Elements through which a text goes on: a name may begin inside one and end outside.
pub(super) fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "content"
            | "sub"
            | "sup"
            | "linkHtml"
            | "footnoteRef"
            | "b"
            | "i"
            | "u"
            | "em"
            | "strong"
            | "span"
            | "a"
            | "tt"
            | "small"
            | "big"
            | "font"
            | "q"
            | "abbr"
            | "renderMultiMedia"
            | "mark"
    )
}

/// Entities of XHTML that are found in narratives.
pub(super) fn entity(name: &str) -> Option<char> {
    Some(match name {
        "nbsp" => '\u{a0}',
        "copy" => '©',
        "reg" => '®',
        "deg" => '°',
        "micro" => 'µ',
        "plusmn" => '±',
        "frac12" => '½',
        "times" => '×',
        "middot" => '·',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "hellip" => '…',
        "bull" => '•',
        "le" => '≤',
        "ge" => '≥',
        "trade" => '™',
        _ => return None,
    })
}

/// A table that is open.
#[derive(Default)]
pub(super) struct Table {
    /// The heads of its columns.
    heads: Vec<String>,
    /// The column of the cell that is open.
    column: usize,
    /// What the first cell of the row says.
    first: String,
    /// Whether there was a cell that is no head.
    data: bool,
}

/// A head longer than this is a text, not a name for what stands below.
const MAX_HEAD: usize = 40;

impl Walk<'_, '_, '_> {
    /// An element was opened.
    pub(super) fn enter(&mut self, _attributes: &[Attribute]) {
        match self.above(0) {
            "table" => self.tables.push(Table::default()),
            "tr" => {
                if let Some(table) = self.tables.last_mut() {
                    table.column = 0;
                    table.first.clear();
                }
            }
            "td" => {
                if let Some(table) = self.tables.last_mut() {
                    table.data = true;
                }
            }
            _ => {}
        }
    }

    /// An element is about to be closed.
    pub(super) fn leave(&mut self) {
        match self.above(0) {
            "table" => {
                self.tables.pop();
            }
            "td" | "th" => {
                if let Some(table) = self.tables.last_mut() {
                    table.column += 1;
                    if !table.data && table.heads.len() < table.column {
                        table.heads.push(String::new());
                    }
                }
            }
            _ => {}
        }
    }

    /// A block of text was read: the head of a column, or of a row.
    pub(super) fn see(&mut self, text: &str) {
        let (th, cell) = (self.within("th"), self.within("td"));
        let Some(table) = self.tables.last_mut().filter(|_| th || cell) else { return };
        let head = text.trim();
        if head.len() > MAX_HEAD {
            return;
        }
        if th && !table.data && table.heads.len() == table.column {
            table.heads.push(head.to_lowercase());
        } else if table.column == 0 && table.first.is_empty() {
            table.first = head.to_lowercase();
        }
    }

    /// What the cell that is open is about.
    pub(super) fn cell_cue(&self) -> String {
        let Some(table) = self.tables.last().filter(|_| self.within("td")) else { return String::new() };
        match table.heads.get(table.column).filter(|h| !h.is_empty()) {
            Some(head) => head.clone(),
            None if table.column == 1 => table.first.clone(),
            None => String::new(),
        }
    }
}
