//! Finds identifiers by rule: a token layer, producers that propose candidates, and a resolver that
//! makes findings of them. Beside the rules a statistical tagger is heard ([`verdict`]).
//!
//! Linear in the text: each producer looks a bounded number of tokens around the one it stands on.
//! A text is worked on in blocks, so that memory does not grow with it beyond the findings.

mod address;
mod age;
mod candidate;
mod check;
mod code;
mod cue;
mod date;
mod facility;
mod field;
mod fold;
mod known;
mod lexicon;
mod name;
mod net;
mod number;
mod place;
mod recognize;
mod resolve;
mod run;
mod tagger;
pub(crate) mod title;
mod token;
#[cfg(feature = "train")]
pub mod train;
mod verdict;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::OnceLock;

use medlock_domain::{Finding, PhiClass, Span};

use self::candidate::Scan;
use self::cue::CueTable;
use self::fold::Folded;
use self::known::Known;
use self::lexicon::Lexicon;
use self::tagger::Tagger;
use self::token::Tokens;

pub use self::recognize::{Guess, Recognizer, RecognizerError};

/// Finds the identifiers of the Safe Harbor (45 CFR 164.514(b)(2)(i)) in a text.
pub struct Detector {
    parts: &'static Parts,
    preset: Preset,
    recognizers: Vec<Box<dyn Recognizer>>,
    version: String,
    digest: OnceLock<String>,
}

/// How a detector weighs what it misses against what it takes wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Preset {
    /// Rules alone, with reverse logic for names and places, and no tagger: the fallback, and the fastest.
    Rules,
    /// Rules and tagger: the best of both errors together.
    #[default]
    Balanced,
    /// The tagger is believed sooner: fewer misses, more taken that is nobody's.
    Strict,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 3] = [Self::Rules, Self::Balanced, Self::Strict];

    /// The name, as in configuration and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Balanced => "balanced",
            Self::Strict => "strict",
        }
    }

    /// The preset of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// What is added to every token's score for being nobody's.
    fn bias(self) -> f32 {
        match self {
            Self::Rules | Self::Balanced => 1.0,
            Self::Strict => -1.0,
        }
    }
}

/// What all detectors share; it holds no state between texts.
struct Parts {
    cues: CueTable,
    lexicon: Lexicon,
    tagger: OnceLock<Tagger>,
}

impl Parts {
    fn shared() -> &'static Self {
        static PARTS: OnceLock<Parts> = OnceLock::new();
        PARTS.get_or_init(|| Self { cues: CueTable::new(), lexicon: Lexicon::open(), tagger: OnceLock::new() })
    }
}

/// A finding with all that spoke for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// What was found.
    pub finding: Finding,
    /// The rules that said so, each with the class it said and its confidence; the surest first.
    pub because: Vec<(&'static str, PhiClass, f32)>,
}

/// A text longer than this is worked on in blocks of about this many bytes.
const BLOCK: usize = 1 << 17;
/// How far back a block begins before the end of the one before it, so that nothing falls between.
const OVERLAP: usize = 512;

impl Detector {
    /// The detector of this build, in the preset `balanced`.
    pub fn shared() -> &'static Detector {
        Self::preset(Preset::Balanced)
    }

    /// The detector of this build in a preset. It is made once.
    pub fn preset(preset: Preset) -> &'static Detector {
        static DETECTORS: [OnceLock<Detector>; Preset::ALL.len()] = [const { OnceLock::new() }; Preset::ALL.len()];
        DETECTORS[preset as usize].get_or_init(|| Self::with(preset, Vec::new()))
    }

    /// The detector of this build, with recognizers of the caller's own beside it. What they find is
    /// found besides; where findings overlap, the surer says of which class they are.
    ///
    /// A text that a recognizer cannot search is known to nobody: [`Detector::try_detect`] says so, and
    /// [`Detector::detect`] takes all of it for an identifier.
    pub fn with(preset: Preset, recognizers: Vec<Box<dyn Recognizer>>) -> Self {
        let mut version = concat!("rules-2/", env!("CARGO_PKG_VERSION")).to_owned();
        if preset != Preset::default() {
            version.extend(["+", preset.name()]);
        }
        for r in &recognizers {
            version.extend(["+", r.name(), "@", r.digest().get(..12).unwrap_or(r.digest())]);
        }
        Self { parts: Parts::shared(), preset, recognizers, version, digest: OnceLock::new() }
    }

    /// Whether texts can fail to be searched, and searching takes long: there are recognizers.
    pub fn is_fallible(&self) -> bool {
        !self.recognizers.is_empty()
    }

    /// The identifiers in `text`: sorted, not overlapping, on character boundaries. A text that could
    /// not be searched is one identifier.
    pub fn detect(&self, text: &str) -> Vec<Finding> {
        self.try_detect(text).unwrap_or_else(|e| recognize::everything(text, e).into_iter().collect())
    }

    /// [`Detector::detect`], which can say that it failed.
    ///
    /// # Errors
    /// When a recognizer fails; never without one.
    pub fn try_detect(&self, text: &str) -> Result<Vec<Finding>, RecognizerError> {
        self.search(text, None)
    }

    /// [`Detector::detect`], and why.
    pub fn explain(&self, text: &str) -> Vec<Explained> {
        self.try_explain(text).unwrap_or_else(|e| {
            let explained = |finding| Explained { finding, because: vec![(e.name, PhiClass::Id, 1.0)] };
            recognize::everything(text, e).map(explained).into_iter().collect()
        })
    }

    /// [`Detector::explain`], which can say that it failed.
    ///
    /// # Errors
    /// As [`Detector::try_detect`].
    pub fn try_explain(&self, text: &str) -> Result<Vec<Explained>, RecognizerError> {
        let mut said = Vec::new();
        let findings = self.search(text, Some(&mut said))?;
        let because = |span: Span| {
            let mut because: Vec<_> =
                said.iter().filter(|s| s.span.overlaps(span)).map(|s| (s.detector, s.class, s.confidence)).collect();
            because.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(b.0)));
            because.dedup();
            because
        };
        Ok(findings.into_iter().map(|finding| Explained { finding, because: because(finding.span) }).collect())
    }

    /// `said` takes in every candidate that was weighed.
    fn search(&self, text: &str, mut said: Option<&mut Vec<Finding>>) -> Result<Vec<Finding>, RecognizerError> {
        let folded = Folded::new(text);
        let whole = folded.text();
        let blocks = blocks(whole);
        let mut known = Known::default();
        let mut candidates = Vec::new();
        let mut kept = None;
        for &(start, end) in &blocks {
            let tokens = self.tokens(&whole[start..end]);
            let mut scan = Scan::new(&tokens);
            producers(&mut scan);
            if self.preset != Preset::Rules {
                let tagger = self.parts.tagger.get_or_init(Tagger::open);
                verdict::hear(&mut scan, tagger, &tagger.tag(&tokens, self.preset.bias()));
            }
            let guesses = recognize::hear(&self.recognizers, &tokens, &whole[start..end])?;
            if let Some(said) = &mut said {
                said.extend(scan.candidates.iter().chain(&guesses).map(|c| c.moved(start).finding(&folded)));
            }
            let found = recognize::unite(resolve::resolve(scan.candidates), guesses);
            known.learn(&tokens, &found);
            candidates.extend(found.into_iter().map(|c| c.moved(start)));
            kept = Some(tokens);
        }
        // What was found once is found wherever it stands again, in every block.
        for &(start, end) in &blocks {
            let tokens = match kept.take().filter(|_| blocks.len() == 1) {
                Some(tokens) => tokens,
                None if known.is_empty() => break,
                None => self.tokens(&whole[start..end]),
            };
            let again = known.find(&tokens).into_iter().map(|c| c.moved(start));
            candidates.extend(again.inspect(|c| {
                if let Some(said) = &mut said {
                    said.push(c.finding(&folded));
                }
            }));
        }
        let mut found = resolve::resolve(candidates);
        title::take_in(whole, &mut found);
        Ok(found.into_iter().map(|c| c.finding(&folded)).collect())
    }

    /// Whether a lower-case word is plain English or medicine, so that it tells nobody's name by
    /// itself.
    pub(crate) fn is_ordinary(&self, lower: &str) -> bool {
        use lexicon::Tags;
        let tags = self.parts.lexicon.tags(lower);
        // The largest word list holds surnames too.
        tags.any(Tags::COMMON.or_tags(Tags::MEDICAL).or_tags(Tags::DRUG))
            || tags.any(Tags::HUGE) && !tags.any(Tags::A_NAME)
    }

    /// The preset that it works in.
    pub fn chosen(&self) -> Preset {
        self.preset
    }

    /// The version of the rules, for people, with what differs from `balanced` and the recognizers.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A fingerprint of rules and lists: 128 bits, hexadecimal. It tells builds apart and is no
    /// safeguard; whoever needs one hashes [`Detector::rule_bytes`].
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let mix = |seed: u64| {
                self.rule_bytes()
                    .flatten()
                    .fold(seed, |h, b| (h.rotate_left(5) ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
            };
            format!("{:016x}{:016x}", mix(0xcbf2_9ce4_8422_2325), mix(0x9e37_79b9_7f4a_7c15))
        })
    }

    /// Everything that decides what is found: the sources of the rules, the packed lists, the preset,
    /// and names and digests of the recognizers.
    pub fn rule_bytes(&self) -> impl Iterator<Item = &[u8]> {
        const RULES: [&[u8]; 29] = [
            include_bytes!("mod.rs"),
            include_bytes!("address.rs"),
            include_bytes!("age.rs"),
            include_bytes!("candidate.rs"),
            include_bytes!("check.rs"),
            include_bytes!("code.rs"),
            include_bytes!("cue.rs"),
            include_bytes!("date.rs"),
            include_bytes!("facility.rs"),
            include_bytes!("field.rs"),
            include_bytes!("fold.rs"),
            include_bytes!("known.rs"),
            include_bytes!("lexicon.rs"),
            include_bytes!("name.rs"),
            include_bytes!("name/run.rs"),
            include_bytes!("name/weigh.rs"),
            include_bytes!("net.rs"),
            include_bytes!("number.rs"),
            include_bytes!("place.rs"),
            include_bytes!("recognize.rs"),
            include_bytes!("resolve.rs"),
            include_bytes!("run.rs"),
            include_bytes!("tagger/decode.rs"),
            include_bytes!("tagger/feature.rs"),
            include_bytes!("tagger/mod.rs"),
            include_bytes!("tagger/weights.rs"),
            include_bytes!("title.rs"),
            include_bytes!("token.rs"),
            include_bytes!("verdict.rs"),
        ];
        let recognizers = self.recognizers.iter().flat_map(|r| [r.name().as_bytes(), r.digest().as_bytes()]);
        let own = [lexicon::BYTES, tagger::weights::BYTES, self.preset.name().as_bytes()];
        RULES.into_iter().chain(own).chain(recognizers)
    }

    fn tokens<'a>(&'a self, block: &'a str) -> Tokens<'a> {
        Tokens::new(block, &self.parts.cues, &self.parts.lexicon)
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detector({})", self.version())
    }
}

/// Every producer, once over the tokens.
fn producers(scan: &mut Scan<'_>) {
    net::produce(scan);
    number::produce(scan);
    date::produce(scan);
    age::produce(scan);
    code::produce(scan);
    address::produce(scan);
    facility::produce(scan);
    field::produce(scan);
    place::produce(scan);
    name::produce(scan);
}

/// Cuts a text where a line ends, or where a space is, or where a character ends.
fn blocks(text: &str) -> Vec<(usize, usize)> {
    let mut blocks = Vec::new();
    let mut start = 0;
    while text.len() - start > BLOCK {
        let hard = floor(text, start + BLOCK);
        let tail = floor(text, hard - OVERLAP);
        let end = text[tail..hard].rfind('\n').or_else(|| text[tail..hard].rfind(' ')).map_or(hard, |at| tail + at + 1);
        blocks.push((start, end));
        let back = floor(text, end - OVERLAP);
        start = text[back..end].find([' ', '\n']).map_or(back, |at| back + at + 1);
    }
    blocks.push((start, text.len()));
    blocks
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
