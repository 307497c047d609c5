//! Plain text of any length: searched window by window, written back in its own encoding.

use std::io::{Read, Write};

use crate::error::{Place, RecordError};
use crate::stream::{Input, Output};
use crate::work::Work;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big: bool },
}

pub(crate) fn rewrite<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
) -> Result<(), RecordError> {
    work.document(None);
    let mut bytes = Vec::new();
    fill(input, &mut bytes, 4)?;
    let (encoding, mark) = match bytes[..] {
        [0xEF, 0xBB, 0xBF, ..] => (Encoding::Utf8, 3),
        [0xFF, 0xFE, ..] => (Encoding::Utf16 { big: false }, 2),
        [0xFE, 0xFF, ..] => (Encoding::Utf16 { big: true }, 2),
        _ => (Encoding::Utf8, 0),
    };
    output.put(&bytes[..mark])?;
    bytes.drain(..mark);
    let window = work.options.text_window.max(16);
    let mut text = String::new();
    loop {
        // At most half a window is left from before, so each round takes in a good deal.
        let more = fill(input, &mut bytes, window)?;
        let base = input.offset - bytes.len() as u64;
        let used = decode(encoding, &bytes, !more, &mut text).map_err(|e| e.within(1, base))?;
        bytes.drain(..used);
        if !more {
            put(output, encoding, &work.text("", &text, "text")?)?;
            return Ok(());
        }
        let rest = text.split_off(cut(&text));
        put(output, encoding, &work.text("", &text, "text")?)?;
        text = rest;
    }
}

/// Reads until `bytes` has `n` of them; `false` when the input ended.
fn fill<R: Read>(input: &mut Input<R>, bytes: &mut Vec<u8>, n: usize) -> Result<bool, RecordError> {
    while bytes.len() < n {
        let at_hand = input.peek()?;
        let take = at_hand.len().min(n - bytes.len());
        if take == 0 {
            return Ok(false);
        }
        bytes.extend_from_slice(&at_hand[..take]);
        input.consume(take);
    }
    Ok(true)
}

/// Appends what can be decoded and says how many bytes that were. A character that is cut off may
/// wait for the next bytes unless these are the `last`.
fn decode(encoding: Encoding, bytes: &[u8], last: bool, text: &mut String) -> Result<usize, RecordError> {
    let start = text.len();
    let used = match encoding {
        Encoding::Utf8 => match std::str::from_utf8(bytes) {
            Ok(all) => {
                text.push_str(all);
                bytes.len()
            }
            Err(e) if e.error_len().is_none() && !last => {
                let valid = e.valid_up_to();
                text.push_str(std::str::from_utf8(&bytes[..valid]).expect("valid up to here"));
                valid
            }
            Err(e) => return Err(not_text("bytes that are not UTF-8", e.valid_up_to())),
        },
        Encoding::Utf16 { big } => decode_utf16(big, bytes, last, text)?,
    };
    match text[start..].find('\0') {
        // Where exactly does not matter: no text has one.
        Some(at) => Err(not_text("binary data", if encoding == Encoding::Utf8 { at } else { 0 })),
        None => Ok(used),
    }
}

fn decode_utf16(big: bool, bytes: &[u8], last: bool, text: &mut String) -> Result<usize, RecordError> {
    let unit = |at: usize| {
        let pair = [bytes[at], bytes[at + 1]];
        if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    let mut at = 0;
    while at + 1 < bytes.len() {
        let first = unit(at);
        let high = (0xD800..0xDC00).contains(&first);
        if high && at + 3 >= bytes.len() {
            break;
        }
        let units = if high { vec![first, unit(at + 2)] } else { vec![first] };
        match char::decode_utf16(units.iter().copied()).next() {
            Some(Ok(c)) => text.push(c),
            _ => return Err(not_text("bytes that are not UTF-16", at)),
        }
        at += 2 * units.len();
    }
    if last && at < bytes.len() { Err(not_text("bytes that are not UTF-16", at)) } else { Ok(at) }
}

fn not_text(what: &'static str, at: usize) -> RecordError {
    RecordError::Refused { what, at: Place::byte(at as u64) }
}

fn put<W: Write>(output: &mut Output<W>, encoding: Encoding, text: &str) -> Result<(), RecordError> {
    match encoding {
        Encoding::Utf8 => output.put(text.as_bytes()),
        Encoding::Utf16 { big } => {
            let bytes: Vec<u8> =
                text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            output.put(&bytes)
        }
    }
}

/// Where a window may end without going through an identifier, as far as can be told without reading
/// on: after an empty line, a line, a sentence, between two words in lower case, at any white space;
/// in the second half, so that the window stays large. Without any of these, at the end.
fn cut(text: &str) -> usize {
    let mut half = text.len() / 2;
    while !text.is_char_boundary(half) {
        half += 1;
    }
    let (head, tail) = text.split_at(half);
    let after = |mark: &str| tail.rfind(mark).map(|at| at + mark.len());
    let lower = || {
        let bytes = tail.as_bytes();
        (1..bytes.len().saturating_sub(1))
            .rev()
            .find(|&i| bytes[i] == b' ' && bytes[i - 1].is_ascii_lowercase() && bytes[i + 1].is_ascii_lowercase())
    };
    let found = ["\r\n\r\n", "\n\n", "\r\r", "\n"]
        .iter()
        .find_map(|mark| after(mark))
        .or_else(|| {
            tail[..tail.len() - tail.chars().next_back().map_or(0, char::len_utf8)].rfind('\r').map(|at| at + 1)
        })
        .or_else(|| after(". "))
        .or_else(|| lower().map(|at| at + 1))
        .or_else(|| tail.rfind(char::is_whitespace))
        .or_else(|| tail.rfind(|c: char| !c.is_alphanumeric()))
        .unwrap_or(tail.len());
    head.len() + found
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn windows_end_where_no_identifier_does() {
        for (text, left) in [
            ("one long line stands here\nJohn Smith came. He sa", "John Smith came. He sa"),
            ("aaaaaaaaaaaaaaaaaa\n\nline\nJohn Sm", "line\nJohn Sm"),
            ("one line\nJohn Smith came. He sat down", "He sat down"),
            ("aaaaaaaaaaaa aaaaaaaaa. John Smith", "John Smith"),
            ("aaaaaaaaaaaaaaaaaaa and then John Smith", "then John Smith"),
            ("aaaaaaaaaaaaaaaaa", ""),
        ] {
            assert_eq!(&text[cut(text)..], left, "{text:?}");
        }
    }
}
