//! What a document has said so far, so that no stand-in is drawn that says the same.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use super::fold::fold;

/// Words of a document by their hashes. A collision forbids a stand-in that would do, no more.
#[derive(Default)]
pub(crate) struct Seen(HashSet<u64>);

impl Seen {
    /// Takes in every word of `text`, and every run without a blank as a whole.
    pub(crate) fn read(&mut self, text: &str) {
        for run in text.split_whitespace() {
            self.0.insert(hash(&fold(run)));
            for word in run.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
                self.0.insert(hash(&fold(word)));
            }
        }
    }

    /// Takes in a value as a whole.
    pub(crate) fn value(&mut self, value: &str) {
        self.0.insert(hash(&fold(value)));
    }

    pub(crate) fn has(&self, folded: &str) -> bool {
        self.0.contains(&hash(folded))
    }

    pub(crate) fn clear(&mut self) {
        self.0 = HashSet::new();
    }
}

fn hash(folded: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(folded.as_bytes());
    hasher.finish()
}
