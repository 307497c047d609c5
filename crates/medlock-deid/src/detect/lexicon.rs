//! What is known of a word: name and place lists, English, medical and drug words, merged into one
//! finite-state map that ships inside the program (see `data/LICENCES.md`).

use fst::{Map, Streamer};

use super::cue;

/// The packed lists.
pub(super) const BYTES: &[u8] = include_bytes!("../data/lexicon.fst");

/// Which lists a word or phrase is on; the bits agree with `data/build_lexicons.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tags(u32);

impl Tags {
    pub(super) const NONE: Tags = Tags(0);
    pub(super) const SURNAME: Tags = Tags(1);
    pub(super) const FIRST: Tags = Tags(1 << 1);
    pub(super) const TOP_SURNAME: Tags = Tags(1 << 2);
    pub(super) const TOP_FIRST: Tags = Tags(1 << 3);
    pub(super) const CITY: Tags = Tags(1 << 4);
    pub(super) const CITY_PHRASE: Tags = Tags(1 << 5);
    pub(super) const STATE: Tags = Tags(1 << 6);
    pub(super) const HOSPITAL: Tags = Tags(1 << 7);
    pub(super) const SMALL: Tags = Tags(1 << 8);
    pub(super) const MEDIUM: Tags = Tags(1 << 9);
    pub(super) const HUGE: Tags = Tags(1 << 10);
    pub(super) const MEDICAL: Tags = Tags(1 << 11);
    pub(super) const DRUG: Tags = Tags(1 << 12);
    pub(super) const STARTS_PHRASE: Tags = Tags(1 << 13);

    /// On any list of person names.
    pub(super) const A_NAME: Tags = Tags(0b1111);
    /// Common English.
    pub(super) const COMMON: Tags = Tags(Self::SMALL.0 | Self::MEDIUM.0);
    /// A word that is not by itself somebody's.
    pub(super) const ORDINARY: Tags = Tags(Self::COMMON.0 | Self::HUGE.0 | Self::MEDICAL.0 | Self::DRUG.0);

    pub(super) const fn or_tags(self, other: Tags) -> Tags {
        Tags(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Tags) -> Tags {
        Tags(self.0 & !other.0)
    }

    pub(super) const fn any(self, of: Tags) -> bool {
        self.0 & of.0 != 0
    }
}

/// The lists, unpacked into a table of hashes: a look-up in the packed map costs ten times as much,
/// and unpacking takes about a tenth of a second, once.
pub(super) struct Lexicon {
    /// The upper bits of the hash and, below them, the tags; zero is an empty slot.
    slots: Vec<u64>,
}

/// So many bits of a slot are tags.
const TAG_BITS: u64 = (1 << 14) - 1;

impl Lexicon {
    pub(super) fn open() -> Self {
        let map = Map::new(BYTES).expect("the map is packed with this crate and opened by its tests");
        let mut slots = vec![0; (map.len() * 4 / 3).next_power_of_two()];
        let mask = slots.len() - 1;
        let mut words = map.stream();
        while let Some((word, tags)) = words.next() {
            let hash = cue::hash_bytes(word);
            let mut at = hash as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = hash & !TAG_BITS | tags & TAG_BITS;
        }
        Self { slots }
    }

    /// The tags of a lower-case word or phrase.
    pub(super) fn tags(&self, lower: &str) -> Tags {
        self.tags_hashed(cue::hash(lower))
    }

    /// The same by the word's [`cue::hash`].
    pub(super) fn tags_hashed(&self, hash: u64) -> Tags {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                0 => return Tags::NONE,
                slot if slot & !TAG_BITS == hash & !TAG_BITS => {
                    return Tags((slot & TAG_BITS) as u32);
                }
                _ => at = (at + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_map_says() {
        let (map, lexicon) = (Map::new(BYTES).expect("packed"), Lexicon::open());
        let mut words = map.stream();
        let mut n = 0;
        while let Some((word, tags)) = words.next() {
            assert_eq!(lexicon.tags_hashed(cue::hash_bytes(word)).0, tags as u32);
            n += 1;
        }
        assert!(n > 300_000);
        for unknown in ["", "qqqzzz", "mary smith jones", "0"] {
            assert_eq!(lexicon.tags(unknown), Tags::NONE, "{unknown}");
        }
    }
}
