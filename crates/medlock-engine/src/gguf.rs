//! Checks the header, the metadata and the tensor table of a GGUF file before the model code sees
//! it: every count and length against the bytes that are really there, and every tensor inside the
//! file. Runs in the parent, in Rust, reads forward only, and allocates nothing whose size a file
//! decides beyond small fixed bounds.
//!
//! Stricter than the format where the model code does not need the freedom: no nested arrays, no
//! duplicate names, tensors in file order without gaps or overlap.

mod source;
mod types;

use source::Source;
use std::collections::BTreeSet;
use std::io::Read;
use types::{MetaType, tensor_layout};

/// More metadata entries or tensors than any model has.
const MAX_ENTRIES: u64 = 65_536;
/// Keys and tensor names are short; the model code keeps 64 bytes of a tensor name, its end
/// included.
const MAX_KEY: u64 = 256;
const MAX_TENSOR_NAME: u64 = 63;
const MAX_DIMENSIONS: u32 = 4;
/// A single string that is kept.
const MAX_KEPT: u64 = 256 << 10;

/// Why a file is not given to the engine. Carries offsets and our own words, no text of the file.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Not a GGUF file at all, or of a version that is not supported.
    #[error("is not a GGUF file of version 2 or 3")]
    NotGguf,
    /// The file ends before what it announces.
    #[error("ends early: byte {at} announces more than the file holds")]
    Truncated {
        /// Where the announcement stands.
        at: u64,
    },
    /// Something no model needs, or that contradicts itself.
    #[error("{what} (at byte {at})")]
    Bad {
        /// What.
        what: &'static str,
        /// Where.
        at: u64,
    },
}

/// What a sound header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `general.architecture`.
    pub architecture: String,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
    /// `ARCHITECTURE.context_length`.
    pub context_length: Option<u32>,
    /// Tensors in the file.
    pub tensors: u64,
    /// Numbers in all tensors together.
    pub parameters: u64,
    /// Whether the model code repacks these weights at load, so that they are better read than
    /// mapped.
    pub repacked: bool,
}

/// Checks a file of `len` bytes from its beginning.
pub fn check(file: impl Read, len: u64) -> Result<Header, GgufError> {
    let mut src = Source::new(file, len);
    if src.array()? != *b"GGUF" || !matches!(src.u32()?, 2 | 3) {
        return Err(GgufError::NotGguf);
    }
    let tensors = src.u64()?;
    let entries = src.u64()?;
    if tensors == 0 || tensors > MAX_ENTRIES || entries > MAX_ENTRIES {
        return Err(src.bad("an impossible number of tensors or metadata entries"));
    }
    let mut header = Header { tensors, ..Header::default() };
    let alignment = metadata(&mut src, entries, &mut header)?;
    tensor_table(&mut src, alignment, &mut header)?;
    Ok(header)
}

/// Reads the metadata into `header`; returns the alignment of tensor data.
fn metadata<R: Read>(src: &mut Source<R>, entries: u64, header: &mut Header) -> Result<u64, GgufError> {
    let mut seen = BTreeSet::new();
    let mut lengths = Vec::new();
    let mut alignment = 32;
    for _ in 0..entries {
        let key = src.string(MAX_KEY)?;
        let kind = MetaType::from_id(src.u32()?).ok_or_else(|| src.bad("an unknown type of metadata"))?;
        match (key.as_str(), kind) {
            ("general.architecture", MetaType::String) => header.architecture = src.string(64)?,
            ("tokenizer.chat_template", MetaType::String) => header.chat_template = Some(src.string(MAX_KEPT)?),
            ("general.alignment", MetaType::Fixed(4)) => alignment = u64::from(src.u32()?),
            ("general.architecture" | "tokenizer.chat_template" | "general.alignment", _) => {
                return Err(src.bad("a metadata entry of the wrong type"));
            }
            (k, MetaType::Fixed(4)) if k.ends_with(".context_length") => lengths.push((key.clone(), src.u32()?)),
            (_, kind) => skip(src, kind)?,
        }
        if !seen.insert(key) {
            return Err(src.bad("a metadata key that occurs twice"));
        }
    }
    if header.architecture.is_empty() {
        return Err(src.bad("no architecture"));
    }
    if !alignment.is_power_of_two() || !(8..=4096).contains(&alignment) {
        return Err(src.bad("an impossible alignment"));
    }
    let key = format!("{}.context_length", header.architecture);
    header.context_length = lengths.into_iter().find(|(k, _)| *k == key).map(|(_, n)| n);
    Ok(alignment)
}

fn skip<R: Read>(src: &mut Source<R>, kind: MetaType) -> Result<(), GgufError> {
    match kind {
        MetaType::Fixed(size) => src.skip(size),
        MetaType::String => src.skip_string(),
        MetaType::Array => {
            let of = MetaType::from_id(src.u32()?).ok_or_else(|| src.bad("an array of an unknown type"))?;
            let count = src.u64()?;
            match of {
                MetaType::Fixed(size) => {
                    let bytes = count.checked_mul(size).ok_or_else(|| src.truncated())?;
                    src.skip(bytes)
                }
                // Each takes 8 bytes at least, so that a count cannot outlast the file.
                MetaType::String if count > src.remaining() / 8 => Err(src.truncated()),
                MetaType::String => (0..count).try_for_each(|_| src.skip_string()),
                MetaType::Array => Err(src.bad("an array of arrays")),
            }
        }
    }
}

fn tensor_table<R: Read>(src: &mut Source<R>, alignment: u64, header: &mut Header) -> Result<(), GgufError> {
    let mut seen = BTreeSet::new();
    // Where the last tensor ends, and where the next one has to begin.
    let (mut end, mut next) = (0u64, 0u64);
    for _ in 0..header.tensors {
        if !seen.insert(src.string(MAX_TENSOR_NAME)?) {
            return Err(src.bad("a tensor name that occurs twice"));
        }
        let dimensions = src.u32()?;
        if dimensions == 0 || dimensions > MAX_DIMENSIONS {
            return Err(src.bad("a tensor with an impossible number of dimensions"));
        }
        let mut numbers = 1u64;
        let mut row = 0;
        for i in 0..dimensions {
            let n = src.u64()?;
            if i == 0 {
                row = n;
            }
            numbers = numbers
                .checked_mul(n)
                .filter(|n| *n > 0 && i64::try_from(*n).is_ok())
                .ok_or_else(|| src.bad("a tensor of impossible size"))?;
        }
        let layout = tensor_layout(src.u32()?).ok_or_else(|| src.bad("a tensor of an unknown type"))?;
        if row % layout.block != 0 {
            return Err(src.bad("a tensor whose rows are not whole blocks"));
        }
        let bytes =
            (numbers / layout.block).checked_mul(layout.bytes).ok_or_else(|| src.bad("a tensor of impossible size"))?;
        if src.u64()? != next {
            return Err(src.bad("a tensor that overlaps another or leaves a gap"));
        }
        end = next.checked_add(bytes).ok_or_else(|| src.bad("a tensor of impossible size"))?;
        next = end.checked_next_multiple_of(alignment).ok_or_else(|| src.bad("a tensor of impossible size"))?;
        header.parameters = header.parameters.saturating_add(numbers);
        header.repacked |= layout.repacked;
    }
    let data = src.position().checked_next_multiple_of(alignment).ok_or_else(|| src.truncated())?;
    if data.checked_add(end).is_none_or(|end| end > src.len()) {
        return Err(src.truncated());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
