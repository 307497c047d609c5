use std::fmt;
use std::io;

use crate::{Format, RewriteError};

/// Why a stream was not rewritten. What was written until then is to be thrown away: it is
/// de-identified, but not whole. No variant carries a value of the input.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The input could not be read.
    #[error("reading: {0}")]
    Read(#[source] io::Error),
    /// The output could not be written.
    #[error("writing: {0}")]
    Write(#[source] io::Error),
    /// The input is not what its format asks for.
    #[error("not valid {format}: {what} ({at})")]
    Invalid {
        /// The format it was read as.
        format: Format,
        /// What is wrong, from a closed set of words.
        what: &'static str,
        /// Where.
        at: Place,
    },
    /// The input holds what cannot be inspected, and would have to be copied unseen.
    #[error("refused: {what} ({at})")]
    Refused {
        /// What it is, from a closed set of words.
        what: &'static str,
        /// Where.
        at: Place,
    },
    /// One unit (a line, a message, a document) is longer than may be held in memory.
    #[error("{unit} of more than {limit} bytes ({at})")]
    TooLarge {
        /// What is too long.
        unit: &'static str,
        /// How many bytes it may have ([`crate::Options::max_unit`]).
        limit: usize,
        /// Where it begins.
        at: Place,
    },
    /// A value could not be rewritten.
    #[error("{source} ({at})")]
    Rewrite {
        /// Why.
        source: RewriteError,
        /// Where.
        at: Place,
    },
}

/// Where something stands: names of fields and offsets, never a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: Option<u64>,
    /// Byte of the input, counted from 0.
    pub byte: Option<u64>,
    /// Names of elements, fields or columns (`Patient.birthDate`, `PID-5`, `column 3`).
    pub path: Option<String>,
}

impl Place {
    pub(crate) fn line(line: u64) -> Self {
        Self { line: Some(line), ..Self::default() }
    }

    pub(crate) fn byte(byte: u64) -> Self {
        Self { byte: Some(byte), ..Self::default() }
    }

    pub(crate) fn path(path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..Self::default() }
    }

    /// The same place, seen from a stream in which its unit begins at `line` and `byte`.
    pub(crate) fn within(mut self, line: u64, byte: u64) -> Self {
        self.line = Some(self.line.map_or(line, |own| line + own - 1));
        self.byte = self.byte.map(|own| byte + own);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            before = ", ";
        }
        if let Some(byte) = self.byte {
            write!(f, "{before}byte {byte}")?;
            before = ", ";
        }
        match &self.path {
            Some(path) => write!(f, "{before}{path}"),
            None if before.is_empty() => f.write_str("place unknown"),
            None => Ok(()),
        }
    }
}

impl RecordError {
    /// Moves the place of an error in one unit to where the unit stands in the stream.
    pub(crate) fn within(mut self, line: u64, byte: u64) -> Self {
        if let Self::Invalid { at, .. }
        | Self::Refused { at, .. }
        | Self::TooLarge { at, .. }
        | Self::Rewrite { at, .. } = &mut self
        {
            *at = std::mem::take(at).within(line, byte);
        }
        self
    }
}
