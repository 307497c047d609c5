//! Reading units of bounded size, writing, and counting both.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::ops::Range;

use crate::error::{Place, RecordError};

/// A buffered input that knows where it stands.
pub(crate) struct Input<R: Read> {
    inner: BufReader<R>,
    /// Bytes given out so far.
    pub(crate) offset: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner: BufReader::with_capacity(1 << 16, inner), offset: 0 }
    }

    /// The bytes at hand, at least one unless the input has ended. Nothing is consumed.
    pub(crate) fn peek(&mut self) -> Result<&[u8], RecordError> {
        loop {
            match self.inner.fill_buf() {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(RecordError::Read(e)),
                Ok(_) => break,
            }
        }
        Ok(self.inner.buffer())
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.offset += n as u64;
    }

    /// Appends up to and including the next byte for which `end` holds; `false` when the input ended
    /// first. `end` sees every byte once, in order.
    pub(crate) fn until(
        &mut self,
        into: &mut Vec<u8>,
        limit: usize,
        unit: &'static str,
        mut end: impl FnMut(u8) -> bool,
    ) -> Result<bool, RecordError> {
        let start = self.offset;
        loop {
            let bytes = self.peek()?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let found = bytes.iter().position(|&b| end(b));
            let n = found.map_or(bytes.len(), |i| i + 1);
            if into.len() + n > limit {
                return Err(RecordError::TooLarge { unit, limit, at: Place::byte(start) });
            }
            into.extend_from_slice(&bytes[..n]);
            self.consume(n);
            if found.is_some() {
                return Ok(true);
            }
        }
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self, limit: usize, unit: &'static str) -> Result<Vec<u8>, RecordError> {
        let mut bytes = Vec::new();
        self.until(&mut bytes, limit, unit, |_| false)?;
        Ok(bytes)
    }
}

/// A buffered output that counts.
pub(crate) struct Output<W: Write> {
    inner: BufWriter<W>,
    pub(crate) written: u64,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner: BufWriter::with_capacity(1 << 16, inner), written: 0 }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        self.inner.write_all(bytes).map_err(RecordError::Write)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), RecordError> {
        self.inner.flush().map_err(RecordError::Write)
    }
}

/// UTF-8 or an error that names the byte.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, RecordError> {
    std::str::from_utf8(bytes)
        .map_err(|e| RecordError::Refused { what: "bytes that are not UTF-8", at: Place::byte(e.valid_up_to() as u64) })
}

/// `source` with some of its ranges, none of which overlap, replaced.
pub(crate) fn spliced(source: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(source.len() + 256);
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(&source[at..range.start]);
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(&source[at..]);
    out
}
