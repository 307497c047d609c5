//! Looking for words in bytes, in every form in which a program would write them by mistake.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::collections::BTreeSet;
use std::path::Path;

/// A hunt for some words.
pub(crate) struct Hunt {
    words: Vec<String>,
    forms: AhoCorasick,
    word_of_form: Vec<usize>,
}

impl Hunt {
    /// For these words.
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words: Vec<String> = words.into_iter().collect();
        let (mut all, mut word_of_form) = (Vec::new(), Vec::new());
        for (i, word) in words.iter().enumerate() {
            for form in forms(word) {
                all.push(form);
                word_of_form.push(i);
            }
        }
        let forms = AhoCorasick::builder().ascii_case_insensitive(true).build(all).unwrap();
        Self { words, forms, word_of_form }
    }

    /// The words that are in `bytes` in some form.
    pub(crate) fn found(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let hits = self.forms.find_overlapping_iter(bytes).map(|m| self.word_of_form[m.pattern().as_usize()]);
        hits.map(|i| self.words[i].as_str()).collect()
    }

    /// Looks through every file under `dir`: (files, bytes, what was found where).
    pub(crate) fn through(&self, dir: &Path) -> (usize, usize, Vec<String>) {
        let (mut files, mut size, mut found) = (0, 0, Vec::new());
        let mut dirs = vec![dir.to_path_buf()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let bytes = std::fs::read(&path).unwrap();
                files += 1;
                size += bytes.len();
                let name = path.to_string_lossy().into_owned();
                let hits = self.found(&bytes).into_iter().chain(self.found(name.as_bytes()));
                found.extend(hits.map(|word| format!("{word} in {name}")));
            }
        }
        (files, size, found)
    }
}

/// As it is, in base 64 at each of its three alignments, in hexadecimal, in UTF-16 of both orders.
fn forms(word: &str) -> Vec<Vec<u8>> {
    let bytes = word.as_bytes();
    let mut forms = vec![bytes.to_vec(), bytes.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect()];
    forms.push(word.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(word.encode_utf16().flat_map(u16::to_be_bytes).collect());
    for ahead in 0..3 {
        // The digits that the neighbours have a part in are left out.
        let padded = [&b"\0\0\0"[..ahead], bytes].concat();
        let (from, to) = ((ahead * 8).div_ceil(6), padded.len() * 8 / 6);
        for alphabet in [&STANDARD, &URL_SAFE] {
            forms.push(alphabet.encode(&padded).as_bytes()[from..to].to_vec());
        }
    }
    forms
}

#[test]
fn the_hunt_finds_every_form_wherever_it_stands() {
    const WORD: &str = "Quackenbush-0417";
    let hunt = Hunt::new([WORD.to_string(), "somebody else".into()]);
    for ahead in 0..4 {
        let text = format!("{}{WORD} and more", "x".repeat(ahead));
        let mut written = vec![text.clone().into_bytes(), text.to_uppercase().into_bytes()];
        written.push(STANDARD.encode(&text).into_bytes());
        written.push(URL_SAFE.encode(&text).into_bytes());
        written.push(text.bytes().map(|b| format!("{b:02X}")).collect::<String>().into_bytes());
        written.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        written.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        for bytes in written {
            assert_eq!(hunt.found(&bytes), BTreeSet::from([WORD]), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
    assert!(hunt.found(b"Quackenbush-0418 somebodyelse").is_empty());
}
