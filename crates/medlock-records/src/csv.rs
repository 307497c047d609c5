//! CSV and TSV (RFC 4180): row by row. Fields that are not changed keep their bytes, quotes and all;
//! row ends and empty lines stay.

use std::io::{Read, Write};
use std::ops::Range;

use crate::Format;
use crate::error::{Place, RecordError};
use crate::stream::{Input, Output, utf8};
use crate::value::{is_date, is_schema_name};
use crate::words::{Label, Meaning};
use crate::work::Work;

pub(crate) fn rewrite<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
    delimiter: Option<u8>,
) -> Result<(), RecordError> {
    let mut bytes = Vec::new();
    let mut table: Option<Table> = None;
    let mut line = 1;
    let mut first = true;
    loop {
        let start = input.offset;
        let fixed = table.as_ref().map(|t| t.delimiter).or(delimiter).or(work.options.csv_delimiter);
        let more = row(input, &mut bytes, work.options.max_unit, fixed).map_err(|e| e.within(line, 0))?;
        let mark = if first && bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        first = false;
        output.put(&bytes[..mark])?;
        let end = bytes.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(mark, |at| at + 1).max(mark);
        let text = utf8(&bytes[mark..end]).map_err(|e| e.within(line, start + mark as u64))?;
        if text.contains('\0') {
            return Err(RecordError::Refused { what: "binary data", at: Place::line(line) });
        }
        if !text.is_empty() {
            let rewritten = match &mut table {
                Some(table) => table.row(text, work),
                None => {
                    let delimiter = fixed.unwrap_or_else(|| guess(text));
                    Table::begin(text, delimiter, work).map(|(new, text)| {
                        table = Some(new);
                        text
                    })
                }
            };
            output.put(rewritten.map_err(|e| e.within(line, start))?.as_bytes())?;
        }
        output.put(&bytes[end..])?;
        line += bytes.iter().filter(|b| **b == b'\n').count() as u64;
        if !more {
            return Ok(());
        }
    }
}

/// Reads a row with its line end: up to a line end outside of quotes.
fn row<R: Read>(
    input: &mut Input<R>,
    bytes: &mut Vec<u8>,
    limit: usize,
    delimiter: Option<u8>,
) -> Result<bool, RecordError> {
    bytes.clear();
    let (mut quoted, mut fresh, mut seen) = (false, true, 0);
    let more = input.until(bytes, limit, "a row", |b| {
        seen += 1;
        // A quote opens only at the beginning of a field; two in quotes close and open again.
        match b {
            b'"' if fresh || quoted => (quoted, fresh) = (!quoted, quoted),
            b'\n' if !quoted => return true,
            _ if quoted => {}
            0xEF | 0xBB | 0xBF if seen <= 3 => {}
            _ => fresh = delimiter.map_or(DELIMITERS.contains(&b), |d| d == b),
        }
        false
    })?;
    if quoted {
        return Err(invalid("a quote that is not closed"));
    }
    Ok(more)
}

const DELIMITERS: &[u8] = b",;\t|";

fn invalid(what: &'static str) -> RecordError {
    RecordError::Invalid { format: Format::Csv, what, at: Place::line(1) }
}

/// The delimiter that the first row has most of, outside of quotes.
fn guess(text: &str) -> u8 {
    let mut counts = [0; DELIMITERS.len()];
    let mut quoted = false;
    for b in text.bytes() {
        quoted ^= b == b'"';
        if let Some(at) = DELIMITERS.iter().position(|d| *d == b && !quoted) {
            counts[at] += 1;
        }
    }
    let most = (0..counts.len()).rev().max_by_key(|at| counts[*at]).unwrap_or(0);
    DELIMITERS[most]
}

struct Table {
    delimiter: u8,
    columns: Vec<Label>,
    /// The column that tells patients apart.
    patient: Option<usize>,
}

impl Table {
    /// The first row: names of columns, or data.
    fn begin(text: &str, delimiter: u8, work: &mut Work<'_>) -> Result<(Self, String), RecordError> {
        let cells = cells(text, delimiter)?;
        let names: Vec<String> = cells.iter().map(|c| c.value(text)).collect();
        let header = work.options.csv_header.unwrap_or_else(|| is_header(&names));
        let columns: Vec<Label> =
            if header { names.iter().map(|n| Label::new(n)).collect() } else { vec![Label::none(); names.len()] };
        let patient = columns.iter().position(|c| c.patient);
        let mut table = Self { delimiter, columns, patient };
        if !header {
            let new = table.row(text, work)?;
            return Ok((table, new));
        }
        // Even a header may say too much (a column for each patient).
        let new = table.write(text, &cells, |at, name| {
            if is_schema_name(name) { Ok(name.to_owned()) } else { work.searched("", name, &column(at)) }
        })?;
        Ok((table, new))
    }

    fn row(&mut self, text: &str, work: &mut Work<'_>) -> Result<String, RecordError> {
        let cells = cells(text, self.delimiter)?;
        if cells.len() != self.columns.len() {
            return Err(invalid("a row of another length than the first"));
        }
        let patient = self.patient.map(|at| cells[at].value(text));
        work.document(patient.as_deref());
        self.write(text, &cells, |at, value| {
            let label = &self.columns[at];
            work.labelled(label, value, &column(at))
        })
    }

    fn write(
        &self,
        text: &str,
        cells: &[Cell],
        mut new: impl FnMut(usize, &str) -> Result<String, RecordError>,
    ) -> Result<String, RecordError> {
        // Whoever is named in a column is then looked for in texts, so texts come last.
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|at| self.columns[*at].meaning == Meaning::Text);
        let mut values = vec![(String::new(), String::new()); cells.len()];
        for at in order {
            let old = cells[at].value(text);
            values[at] = (new(at, &old)?, old);
        }
        let mut out = String::with_capacity(text.len() + 32);
        for (at, (cell, (new, old))) in cells.iter().zip(values).enumerate() {
            if at > 0 {
                out.push(self.delimiter as char);
            }
            if new == old {
                out.push_str(&text[cell.range.clone()]);
            } else if cell.quoted || self.needs_quotes(&new) {
                out.push('"');
                out.push_str(&new.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(&new);
            }
        }
        Ok(out)
    }

    fn needs_quotes(&self, value: &str) -> bool {
        value.contains([self.delimiter as char, '"', '\r', '\n'])
            || value.starts_with(char::is_whitespace)
            || value.ends_with(char::is_whitespace)
            || value.is_empty() && self.columns.len() == 1
    }
}

fn column(at: usize) -> String {
    format!("column {}", at + 1)
}

/// Where a field stands, quotes included.
struct Cell {
    range: Range<usize>,
    quoted: bool,
}

impl Cell {
    fn value(&self, text: &str) -> String {
        match self.quoted {
            true => text[self.range.start + 1..self.range.end - 1].replace("\"\"", "\""),
            false => text[self.range.clone()].to_owned(),
        }
    }
}

fn cells(text: &str, delimiter: u8) -> Result<Vec<Cell>, RecordError> {
    let bytes = text.as_bytes();
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let start = at;
        let quoted = bytes.get(at) == Some(&b'"');
        if quoted {
            at += 1;
            loop {
                match (bytes.get(at), bytes.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"'), _) => break,
                    (Some(_), _) => at += 1,
                    (None, _) => return Err(invalid("a quote that is not closed")),
                }
            }
            at += 1;
            if bytes.get(at).is_some_and(|b| *b != delimiter) {
                return Err(invalid("more after a closing quote"));
            }
        } else {
            while bytes.get(at).is_some_and(|b| *b != delimiter) {
                // Some readers end a row here, others do not.
                if matches!(bytes[at], b'\r' | b'\n') {
                    return Err(invalid("a line end inside a field without quotes"));
                }
                at += 1;
            }
        }
        cells.push(Cell { range: start..at, quoted });
        if at >= bytes.len() {
            return Ok(cells);
        }
        at += 1;
    }
}

/// Whether a first row names columns: most of its cells look like names out of a schema, no two are
/// the same, none is a value, and at least one is known.
fn is_header(names: &[String]) -> bool {
    let proper = |name: &String| is_schema_name(name.trim()) && !is_date(name.trim());
    let distinct = names.iter().enumerate().all(|(i, name)| !names[..i].contains(name));
    let known = names.iter().filter(|n| {
        let label = Label::new(n);
        label.known && label.meaning != Meaning::State
    });
    let known = known.count();
    distinct && names.iter().all(|n| n.is_empty() || proper(n)) && known > 0 && 3 * known >= names.len()
}
