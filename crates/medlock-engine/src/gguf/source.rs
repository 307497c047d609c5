//! Bytes in order, with their position, never past the announced end.

use super::GgufError;
use std::io::{self, Read};

pub(super) struct Source<R> {
    file: R,
    at: u64,
    len: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(file: R, len: u64) -> Self {
        Self { file, at: 0, len }
    }

    pub(super) fn position(&self) -> u64 {
        self.at
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn remaining(&self) -> u64 {
        self.len - self.at
    }

    pub(super) fn truncated(&self) -> GgufError {
        GgufError::Truncated { at: self.at }
    }

    pub(super) fn bad(&self, what: &'static str) -> GgufError {
        GgufError::Bad { what, at: self.at }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A string of at most `max` bytes.
    pub(super) fn string(&mut self, max: u64) -> Result<String, GgufError> {
        let len = self.u64()?;
        if len > self.remaining() {
            return Err(self.truncated());
        }
        if len > max {
            return Err(self.bad("a longer text than belongs here"));
        }
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| self.bad("text that is not UTF-8"))
    }

    pub(super) fn skip_string(&mut self) -> Result<(), GgufError> {
        let len = self.u64()?;
        self.skip(len)
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), GgufError> {
        if bytes > self.remaining() {
            return Err(self.truncated());
        }
        if io::copy(&mut self.file.by_ref().take(bytes), &mut io::sink())? != bytes {
            return Err(self.truncated()); // shorter than it was said to be
        }
        self.at += bytes;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufError> {
        if bytes.len() as u64 > self.remaining() {
            return Err(self.truncated());
        }
        self.file.read_exact(bytes).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(),
            _ => e.into(),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
