//! What the trainer of the tagger (`deid-train`) needs of it: the same tokens, features and decoder as
//! in use, so that nothing is learned that is not looked at.

use medlock_domain::PhiClass;

use super::Detector;
use super::lexicon::Tags;
use super::tagger::decode::{Path, Transitions};
use super::tagger::feature::{Evidence, Features};
use super::tagger::weights::{BITS, LANES, Plain, Weights};
use super::tagger::{Kind, Tagger, first};
use super::token::{self, Case};

/// Tags there are: 0 is nobody's; see [`tag`].
pub const TAGS: usize = super::tagger::TAGS;
/// Rows of weights there are.
pub const ROWS: usize = 1 << BITS;
/// Scores of one token.
pub type Scores = [i32; LANES];

/// The tag of the first token of an identifier; one more is the tag of the others.
pub fn tag(class: PhiClass) -> u8 {
    first(Kind::of(class))
}

/// Tokens that are decoded together.
#[derive(Debug)]
pub struct Stretch {
    /// Where they stand, in bytes.
    pub tokens: Vec<(usize, usize)>,
    /// The rows of each one's features.
    pub rows: Vec<Vec<u32>>,
}

/// Words that are never looked at in lower case, by hash.
pub struct PlainWords(Plain);

impl PlainWords {
    /// From hashes that [`lower_words`] gave.
    pub fn new(hashes: Vec<u64>) -> Self {
        Self(Plain::new(hashes))
    }
}

/// The words in lower case of a text: hash, start, end. Words that are names or towns as well are left out.
pub fn lower_words(text: &str) -> Vec<(u64, usize, usize)> {
    let tokens = Detector::shared().tokens(text);
    let person = Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME);
    (0..tokens.list.len())
        .filter(|i| tokens.list[*i].kind == token::Kind::Word && tokens.list[*i].case == Case::Lower)
        .filter(|i| {
            let tags = tokens.tags(*i);
            let ordinary = tags.any(Tags::COMMON.or_tags(Tags::MEDICAL).or_tags(Tags::DRUG));
            ordinary
                && !tags.any(Tags::STATE)
                && (tags.any(Tags::SMALL) && tokens.at(*i).len() <= 3 || !tags.any(person))
        })
        .map(|i| (tokens.list[i].hash, tokens.list[i].start as usize, tokens.list[i].end as usize))
        .collect()
}

/// What would be decoded of a text, with features. `dropout`: a salt that hides half of the listed
/// names and places.
pub fn stretches(text: &str, plain: &PlainWords, dropout: Option<u64>) -> Vec<Stretch> {
    let tokens = Detector::shared().tokens(text);
    let evidence = Evidence::of(&tokens, &plain.0, dropout);
    let mut features = Features::new(&evidence);
    evidence
        .stretches()
        .map(|(start, end)| Stretch {
            tokens: tokens.list[start..end].iter().map(|t| (t.start as usize, t.end as usize)).collect(),
            rows: (start..end)
                .map(|i| {
                    let mut rows = Vec::with_capacity(60);
                    features.most(i, &mut rows);
                    let mut rest = Vec::with_capacity(40);
                    features.rest(i, &mut rest);
                    rows.append(&mut rest);
                    rows
                })
                .collect(),
        })
        .collect()
}

/// Finds the best path; keeps its working memory.
#[derive(Default)]
pub struct Decoder(Path);

impl Decoder {
    /// The tags of the best path.
    pub fn decode(&mut self, scores: &[Scores], transitions: &Transitions) -> &[u8] {
        super::tagger::decode::decode(scores, transitions, &mut self.0);
        &self.0.tags
    }
}

/// Weights as they ship.
pub struct Packed(Weights);

impl Packed {
    /// From full-precision weights (`[row * TAGS + tag]`, `[from * TAGS + to]`) and plain words.
    pub fn new(weights: &[f32], transitions: &[f32], plain: Vec<u64>) -> Self {
        Self(Weights::quantised(weights, transitions, plain))
    }

    /// Sets the logistic curve from margin to confidence.
    pub fn calibrate(&mut self, slope: f32, shift: f32) {
        self.0.curve = (slope, shift);
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.pack()
    }

    /// What these weights find by themselves in each text.
    pub fn tagged(self, texts: &[&str], bias: f32) -> (Self, Vec<Vec<Tagging>>) {
        let tagger = Tagger::of(self.0);
        let found = texts
            .iter()
            .map(|text| {
                let tokens = Detector::shared().tokens(text);
                let span = |t: &super::tagger::Tagged| {
                    (tokens.list[t.first].start as usize, tokens.list[t.last].end as usize, first(t.kind), t.margin)
                };
                tagger.tag(&tokens, bias).tagged.iter().map(span).collect()
            })
            .collect();
        (Self(tagger.into_weights()), found)
    }
}

/// A stretch that weights tagged: start, end, tag of the first token, margin.
pub type Tagging = (usize, usize, u8, f32);

/// Whether a word in lower case is among the most frequent given names, and surnames.
pub fn is_common_name(lower: &str) -> (bool, bool) {
    let tags = Detector::shared().parts.lexicon.tags(lower);
    (tags.any(Tags::TOP_FIRST), tags.any(Tags::TOP_SURNAME))
}
