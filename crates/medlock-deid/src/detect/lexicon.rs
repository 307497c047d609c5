//! What is known of a word: name and place lists, English, medical and drug words, merged into one
//! finite-state map that ships inside the program (see `data/LICENCES.md`).

use fst::Map;

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

    pub(super) fn any(self, of: Tags) -> bool {
        self.0 & of.0 != 0
    }
}

/// The lists, opened.
pub(super) struct Lexicon(Map<&'static [u8]>);

impl Lexicon {
    pub(super) fn open() -> Self {
        Self(Map::new(BYTES).expect("the map is packed with this crate and opened by its tests"))
    }

    /// The tags of a lower-case word or phrase.
    pub(super) fn tags(&self, lower: &str) -> Tags {
        Tags(self.0.get(lower).unwrap_or(0) as u32)
    }
}
