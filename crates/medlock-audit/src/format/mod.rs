//! The bytes on disk, so that somebody else can write a second verifier.
//!
//! # Segment
//! Eight bytes `mlaudit` and `01` (the version), then frames until the end of the file. A frame is a
//! type byte, the length of its body as a big-endian `u32`, and the body:
//! - `E`, an entry, at most 65,535 bytes (see below). Its body is a leaf of the Merkle tree;
//! - `B`, the sealed content of the `E` right before it, which names its length and SHA-256;
//! - `C`, a checkpoint over every entry so far: the number of entries before this group (8 bytes),
//!   then a C2SP signed note whose text is the log's origin, the number of entries and the base64
//!   root, a line each. It closes a group: what it covers was made durable by the same `fdatasync`,
//!   and only then acknowledged. Entries that no `C` follows were never acknowledged. The number
//!   before tells a group that was in flight when the power went (it joins on to what holds) from
//!   one that came after damage.
//!
//! Segments are numbered without a gap; the tree runs through all of them.
//!
//! # Entry
//! Integers are big-endian. A *text* is its length in one byte, then ASCII.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 8 | index, from 0, without a gap |
//! | 8 | time, signed milliseconds since the Unix epoch |
//! | 8 | by how many milliseconds the clock stood behind the entry before (0: it did not) |
//! | 16 | record id, random; the receipt id is its base 32 |
//! | 1, 1 | kind, outcome |
//! | 1 … | actor: 0 unauthenticated · 1 person, texts user and session · 2 machine, texts key and owner · 3 local operator · 4 server |
//! | 1 … | request id as a text; empty when there is none |
//! | 1 … | number of facts, each: key as a text; then 1 and a number (8), 2 and a word (its length in two bytes, then ASCII), or 3 and a digest (32); in ascending order of keys |
//! | 1 … | 0, or 1 and the length (4) and SHA-256 (32) of the sealed content |
//!
//! Nothing may follow, and there is exactly one encoding of an entry.
//!
//! # First entry of a segment
//! Kind `segment_start`, with the facts `number` (of the segment), `enc` (base64 of the HPKE
//! encapsulated key), `reading_key` (SHA-256 of the reading key's public text), `prev_size` and
//! `prev_root` (the tree before it), `prev_notes` (SHA-256 over the bodies of the `C` frames of the segment before, so that
//! one later signature covers them all), `signing_vkey` (the verifier key of the
//! key that signs its checkpoints) and `period` (the name of its day's key) where days have keys. A segment whose
//! `signing_vkey` differs from that of the segment before has a first checkpoint that both keys signed. While keys
//! overlap, both sign every checkpoint. `log.vkey` lists them, a line each, the newest first.
//!
//! # Sealed content
//! HPKE (RFC 9180) base mode to the reading key, with the info `medlock audit segment v1`, LF, the
//! origin, LF and the segment's number (8 bytes); exported under `medlock segment key v1`. From that,
//! HKDF-SHA256 with the record's share as the salt and the info `medlock record key v1` and the record id
//! gives an AES-256-GCM key that is used once, with the zero nonce; the associated data is the record id
//! (the entry, which says what was sealed with it, ties it to its place). The share is made from keys that can be destroyed: those of the segment's day, of the entry's
//! fact `owner_key` and of its fact `patient`, as many of them as there are. It begins as 32 zero bytes;
//! each key replaces it by its HMAC-SHA256 of `medlock record share v1`, the key's place (one byte, from
//! 0), the record id and the share so far.
//!
//! # Tiles and the checkpoint file
//! `checkpoint`, `tile/<level>/<index>`, `tile/entries/<index>` and their partial forms are C2SP tlog-tiles
//! with C2SP tlog-checkpoint: an entry in a bundle is the body of its `E` frame. They are made from the
//! segments every ten seconds and when the log is closed; a tile beyond what `checkpoint` covers counts
//! for nothing. Partial tiles stay until the full one is there.
//!
//! # Recovered bytes
//! `recovered/SSSSSSSS-OFFSET-DIGEST.torn`: bytes cut from segment `S` at `OFFSET`; an entry of kind
//! `recovery` holds `segment`, `offset`, `bytes` and `sha256`, whose first 8 bytes are `DIGEST`.

pub(crate) mod frame;
pub(crate) mod record;

pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const RECOVERED: &str = "recovered";
pub(crate) const VKEY: &str = "log.vkey";
pub(crate) const VKEY_NEW: &str = "log.vkey.new";
/// No list of verifier keys is longer.
pub(crate) const MAX_VKEY: u64 = 16 << 10;
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The verifier keys of every witness that was ever asked, a line each.
pub(crate) const WITNESSES: &str = "witness.vkeys";
pub(crate) const WITNESSES_NEW: &str = "witness.vkeys.new";
pub(crate) const CHECKPOINT_NEW: &str = "checkpoint.new";
/// No tile is longer: 256 entries of 65,535 bytes, each behind two bytes of length.
pub(crate) const MAX_TILE: u64 = 256 * (65_535 + 2);

/// The path of a segment inside the log directory.
pub(crate) fn segment_path(number: u64) -> String {
    format!("{SEGMENTS}/{number:08}.seg")
}

/// The number of the segment with this file name, if it is the one name that this number has.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".seg")?.parse().ok()?;
    (format!("{number:08}.seg") == name).then_some(number)
}
