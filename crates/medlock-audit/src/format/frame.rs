//! Frames: how a segment is cut into entries, sealed contents and checkpoints.

pub(crate) const MAGIC: [u8; 8] = *b"mlaudit\x01";
const HEADER: usize = 5;
/// Where the note begins in a checkpoint's frame.
pub(crate) const NOTE_OFFSET: usize = HEADER + 8;
/// Most bytes of an entry: the limit of C2SP tlog-tiles, so that the entries can become tiles.
pub(crate) const MAX_ENTRY: usize = 65_535;
/// Most bytes of a content before it is sealed.
pub(crate) const MAX_CONTENT: usize = 32 << 20;
const MAX_SEALED: usize = MAX_CONTENT + 64;
pub(crate) const MAX_CHECKPOINT: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Entry,
    Blob,
    Checkpoint,
}

impl Type {
    fn byte(self) -> u8 {
        match self {
            Type::Entry => b'E',
            Type::Blob => b'B',
            Type::Checkpoint => b'C',
        }
    }

    fn of(byte: u8) -> Result<Self, &'static str> {
        match byte {
            b'E' => Ok(Type::Entry),
            b'B' => Ok(Type::Blob),
            b'C' => Ok(Type::Checkpoint),
            _ => Err("not the start of a frame"),
        }
    }

    fn limit(self) -> usize {
        match self {
            Type::Entry => MAX_ENTRY,
            Type::Blob => MAX_SEALED,
            Type::Checkpoint => MAX_CHECKPOINT,
        }
    }
}

/// A frame where it lies in its segment.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Type,
    pub(crate) offset: usize,
    pub(crate) body: &'a [u8],
    pub(crate) end: usize,
}

/// Appends a frame to `out`.
pub(crate) fn put(out: &mut Vec<u8>, kind: Type, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("bodies are limited far below 4 GiB");
    out.push(kind.byte());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}

/// Appends the frame that closes a group which began after `before` entries; gives its body.
pub(crate) fn put_checkpoint(out: &mut Vec<u8>, before: u64, note: &str) -> Vec<u8> {
    let body = [&before.to_be_bytes(), note.as_bytes()].concat();
    put(out, Type::Checkpoint, &body);
    body
}

/// The body of a checkpoint's frame: the entries before its group, and the signed note.
pub(crate) fn checkpoint(body: &[u8]) -> Result<(u64, &[u8]), &'static str> {
    let (before, note) = body.split_first_chunk().ok_or("a checkpoint that is cut short")?;
    Ok((u64::from_be_bytes(*before), note))
}

/// A frame of which perhaps only the start has been read.
pub(crate) struct Step<'a> {
    pub(crate) kind: Type,
    /// None if it goes on beyond what has been read.
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) end: usize,
}

/// The frame at `offset` of a part of a segment; none if not even its header is there.
pub(crate) fn step(part: &[u8], offset: usize) -> Result<Option<Step<'_>>, &'static str> {
    let Some([kind, a, b, c, d, after @ ..]) = part.get(offset..) else { return Ok(None) };
    let (kind, length) = (Type::of(*kind)?, u32::from_be_bytes([*a, *b, *c, *d]) as usize);
    if length > kind.limit() {
        return Err("a frame is longer than its type allows");
    }
    Ok(Some(Step { kind, body: after.get(..length), end: offset + HEADER + length }))
}

/// The index of an entry, from its body.
pub(crate) fn index(entry: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*entry.get(1..)?.first_chunk()?))
}

/// The frame at `offset`, or none at the end of the segment.
pub(crate) fn at(segment: &[u8], offset: usize) -> Result<Option<Frame<'_>>, &'static str> {
    if segment.get(offset..).ok_or("an offset past the end of the file")?.is_empty() {
        return Ok(None);
    }
    let Step { kind, body, end } = step(segment, offset)?.ok_or("a frame is cut off in its header")?;
    let body = body.ok_or("a frame is cut off in its body")?;
    Ok(Some(Frame { kind, offset, body, end }))
}
