#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A key, the id of its type, and its value's bytes.
fn entry(key: &str, kind: u32, value: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, key);
    out.extend(kind.to_le_bytes());
    value(&mut out);
    out
}

fn tensor(name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, name);
    out.extend((dimensions.len() as u32).to_le_bytes());
    dimensions.iter().for_each(|d| out.extend(d.to_le_bytes()));
    out.extend(kind.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}

fn file(entries: &[Vec<u8>], tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((entries.len() as u64).to_le_bytes());
    out.extend(entries.concat());
    out.extend(tensors.concat());
    out.resize(out.len().next_multiple_of(32) + data, 0);
    out
}

fn architecture() -> Vec<u8> {
    entry("general.architecture", 8, |o| string(o, "llama"))
}

fn sound() -> Vec<u8> {
    let entries = [
        architecture(),
        entry("llama.context_length", 4, |o| o.extend(2048u32.to_le_bytes())),
        entry("tokenizer.chat_template", 8, |o| string(o, "{{ x }}")),
        entry("tokenizer.ggml.tokens", 9, |o| {
            o.extend(8u32.to_le_bytes());
            o.extend(2u64.to_le_bytes());
            string(o, "a");
            string(o, "b");
        }),
        entry("tokenizer.ggml.scores", 9, |o| {
            o.extend(6u32.to_le_bytes());
            o.extend(2u64.to_le_bytes());
            o.extend([0; 8]);
        }),
    ];
    file(&entries, &[tensor("a", &[32, 2], 3, 0), tensor("b", &[3], 0, 64)], 64 + 12)
}

fn run(bytes: &[u8]) -> Result<Header, GgufError> {
    check(bytes, bytes.len() as u64)
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let said = run(bytes).unwrap_err().to_string();
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_sound_file_is_summarised() {
    let header = run(&sound()).unwrap();
    let expected = Header {
        architecture: "llama".into(),
        chat_template: Some("{{ x }}".into()),
        context_length: Some(2048),
        tensors: 2,
        parameters: 67,
        repacked: false,
    };
    assert_eq!(header, expected);
}

#[test]
fn cut_short_anywhere_it_is_refused() {
    let whole = sound();
    for len in 0..whole.len() {
        assert!(run(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
        // Also when the length that was announced is not what the reader gives.
        if len + 76 + 32 < whole.len() {
            assert!(check(&whole[..len], whole.len() as u64).is_err(), "{len} bytes, announced more");
        }
    }
}

#[test]
fn no_change_of_a_byte_makes_it_panic_or_allocate() {
    let whole = sound();
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let _ = run(&bytes);
        }
        for wide in [u64::MAX, u64::MAX / 2, 1 << 62, 1 << 40] {
            let mut bytes = whole.clone();
            let end = (at + 8).min(bytes.len());
            bytes[at..end].copy_from_slice(&wide.to_le_bytes()[..end - at]);
            let _ = run(&bytes);
        }
    }
}

#[test]
fn another_format_or_version_is_refused() {
    refused(b"GGML\x03\0\0\0", "not a GGUF");
    refused(b"GGUF\x01\0\0\0", "not a GGUF");
    refused(b"GGUF\0\0\0\x03", "not a GGUF"); // big-endian
}

#[test]
fn counts_that_no_file_holds_are_refused() {
    for at in [8, 16] {
        for count in [u64::MAX, 1 << 40, MAX_ENTRIES + 1] {
            let mut bytes = sound();
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            refused(&bytes, "impossible number");
        }
    }
    refused(&file(&[architecture()], &[], 0), "impossible number");
}

#[test]
fn giant_strings_and_arrays_are_refused() {
    let giant = |kind: u32, head: Vec<u8>| {
        file(&[architecture(), entry("k", kind, |o| o.extend(head))], &[tensor("a", &[1], 0, 0)], 32)
    };
    for len in [u64::MAX, 1 << 63, 1 << 33, 4096] {
        refused(&giant(8, len.to_le_bytes().into()), "ends early");
        for of in [0u32, 8, 12] {
            let head = [&of.to_le_bytes()[..], &len.to_le_bytes()].concat();
            refused(&giant(9, head), "ends early");
        }
    }
    refused(&file(&[entry(&"k".repeat(257), 7, |o| o.push(0))], &[tensor("a", &[1], 0, 0)], 32), "longer text");
}

#[test]
fn nested_arrays_and_unknown_types_are_refused() {
    let with = |e: Vec<u8>| file(&[architecture(), e], &[tensor("a", &[1], 0, 0)], 32);
    let nested = |o: &mut Vec<u8>| {
        o.extend(9u32.to_le_bytes());
        o.extend(1u64.to_le_bytes());
        o.extend([0; 64]);
    };
    refused(&with(entry("k", 9, nested)), "array of arrays");
    refused(&with(entry("k", 13, |o| o.extend([0; 8]))), "unknown type");
    refused(&with(entry("general.alignment", 8, |o| string(o, "32"))), "wrong type");
    refused(&with(entry("general.alignment", 4, |o| o.extend(0u32.to_le_bytes()))), "alignment");
    refused(&with(entry("general.alignment", 4, |o| o.extend(48u32.to_le_bytes()))), "alignment");
    refused(&with(architecture()), "occurs twice");
    refused(
        &with(entry("\u{1}", 8, |o| {
            o.extend(1u64.to_le_bytes());
            o.push(0xff)
        }))
        .replace_key(),
        "not UTF-8",
    );
    refused(&file(&[], &[tensor("a", &[1], 0, 0)], 32), "no architecture");
}

trait ReplaceKey {
    fn replace_key(self) -> Vec<u8>;
}

impl ReplaceKey for Vec<u8> {
    /// Makes the one-byte key `\u{1}` a byte that is not UTF-8.
    fn replace_key(mut self) -> Vec<u8> {
        let at = self.windows(9).position(|w| w == b"\x01\0\0\0\0\0\0\0\x01").unwrap();
        self[at + 8] = 0xff;
        self
    }
}

#[test]
fn tensors_outside_the_file_or_on_top_of_each_other_are_refused() {
    let with = |tensors: &[Vec<u8>], data| file(&[architecture()], tensors, data);
    refused(&with(&[tensor("a", &[32], 0, 0)], 96), "ends early");
    refused(&with(&[tensor("a", &[8], 0, 0), tensor("b", &[8], 0, 0)], 64), "overlaps");
    refused(&with(&[tensor("a", &[8], 0, 32)], 64), "gap");
    refused(&with(&[tensor("a", &[8], 0, 0), tensor("a", &[8], 0, 32)], 64), "occurs twice");
    refused(&with(&[tensor("a", &[], 0, 0)], 64), "dimensions");
    refused(&with(&[tensor("a", &[1; 5], 0, 0)], 64), "dimensions");
    refused(&with(&[tensor("a", &[0], 0, 0)], 64), "impossible size");
    refused(&with(&[tensor("a", &[1 << 40, 1 << 40], 0, 0)], 64), "impossible size");
    refused(&with(&[tensor("a", &[1 << 62], 0, 0)], 64), "impossible size");
    refused(&with(&[tensor("a", &[31], 3, 0)], 64), "whole blocks");
    refused(&with(&[tensor("a", &[32], 4, 0)], 64), "unknown type");
    refused(&with(&[tensor(&"a".repeat(64), &[8], 0, 0)], 64), "longer text");
}
