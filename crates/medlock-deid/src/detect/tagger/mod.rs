//! The statistical tagger: for every token a sum of learned weights over hashed features of the token
//! and what stands around it, and over a stretch of tokens the best sequence of tags (a linear model
//! decoded by the Viterbi algorithm; trained by an averaged structured perceptron with a margin,
//! Collins 2002). The weights are made by `cargo run --release -p deid-train`.

pub(crate) mod decode;
pub(crate) mod feature;
pub(crate) mod weights;

#[cfg(feature = "train")]
use medlock_domain::PhiClass;

use self::decode::{Path, decode};
use self::feature::{Evidence, Features};
use self::weights::{LANES, Weights};
use super::token::Tokens;

/// What a tag says of a token. Kinds of number are told apart afterwards, by the cue beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Name,
    Location,
    Date,
    Age,
    Phone,
    /// E-mail, URL and network addresses.
    Net,
    Id,
}

impl Kind {
    pub(crate) const ALL: [Kind; 7] =
        [Kind::Name, Kind::Location, Kind::Date, Kind::Age, Kind::Phone, Kind::Net, Kind::Id];

    /// The kind that a class is learned as.
    #[cfg(feature = "train")]
    pub(crate) fn of(class: PhiClass) -> Self {
        match class {
            PhiClass::Name => Kind::Name,
            PhiClass::Location => Kind::Location,
            PhiClass::Date => Kind::Date,
            PhiClass::Age => Kind::Age,
            PhiClass::Phone | PhiClass::Fax => Kind::Phone,
            PhiClass::Email | PhiClass::Url | PhiClass::Ip => Kind::Net,
            _ => Kind::Id,
        }
    }
}

/// Outside, and for each kind its first token and the ones after it.
pub(crate) const TAGS: usize = 1 + 2 * Kind::ALL.len();
/// So much of a perceptron's score is one unit of a margin, that margins are handy numbers.
const UNIT: f32 = 20.0;
/// What stands beside a word is looked at when the word is nobody's by less than this.
const NEAR: f32 = 4.0;
/// A word that is nobody's by more than this, by the features that say most, is not asked about further.
const CLEAR: f32 = 4.0;
/// The tag of a token that identifies nobody.
pub(crate) const OUTSIDE: u8 = 0;

/// The tag of a kind's first token.
#[cfg(feature = "train")]
pub(crate) const fn first(kind: Kind) -> u8 {
    1 + 2 * kind as u8
}

/// Whether a tag continues what an earlier token began.
pub(crate) const fn inside(tag: u8) -> bool {
    tag > 0 && tag.is_multiple_of(2)
}

/// A stretch of tokens, both ends included, that the tagger takes for an identifier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tagged {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) kind: Kind,
    /// How far its tokens are on average from being nobody's.
    pub(crate) margin: f32,
}

/// Finds what is tagged in a block.
pub(super) struct Tagger {
    weights: Weights,
}

/// What the tagger thinks of a block.
pub(super) struct Opinion {
    pub(super) tagged: Vec<Tagged>,
    /// For each token how far it is from being somebody's: above zero it is nobody's, by so much.
    pub(super) distance: Vec<f32>,
}

impl Tagger {
    pub(super) fn open() -> Self {
        Self {
            weights: Weights::unpack(weights::BYTES)
                .expect("the weights are packed with this crate and opened by its tests"),
        }
    }

    /// How sure a margin is, from 0 to 1.
    pub(super) fn confidence(&self, margin: f32) -> f32 {
        self.weights.confidence(margin)
    }

    #[cfg(feature = "train")]
    pub(super) fn of(weights: Weights) -> Self {
        Self { weights }
    }

    #[cfg(feature = "train")]
    pub(super) fn into_weights(self) -> Weights {
        self.weights
    }

    fn score(&self, features: &mut Features<'_, '_, '_>, i: usize, bias: i32, rows: &mut Vec<u32>) -> Scores {
        let mut sum = [0; LANES];
        sum[OUTSIDE as usize] = bias;
        features.most(i, rows);
        self.weights.add(rows, &mut sum);
        if distance(&sum) < (CLEAR * self.weights.scale * UNIT) as i32 {
            features.rest(i, rows);
            self.weights.add(rows, &mut sum);
        }
        sum
    }

    /// `bias` is added to every token's score for being nobody's.
    pub(super) fn tag(&self, tokens: &Tokens<'_>, bias: f32) -> Opinion {
        let evidence = Evidence::of(tokens, &self.weights.plain, None);
        // Two walks: over the words, then over what stands beside a word that may be somebody's.
        let (mut features, mut beside) = (Features::new(&evidence), Features::new(&evidence));
        let mut opinion = Opinion { tagged: Vec::new(), distance: vec![f32::MAX; tokens.list.len()] };
        let scale = 1.0 / (self.weights.scale * UNIT);
        let bias = (bias * self.weights.scale * UNIT) as i32;
        let near = (NEAR * self.weights.scale * UNIT) as i32;
        let mut nobody = [0; LANES];
        nobody[OUTSIDE as usize] = 2 * near;
        let mut rows = Vec::with_capacity(64);
        let (mut scores, mut path) = (Vec::new(), Path::default());
        for (start, end) in evidence.stretches() {
            scores.clear();
            scores.resize(end - start, nobody);
            let mut some = false;
            for i in (start..end).filter(|i| !evidence.plain(*i)) {
                let sum = self.score(&mut features, i, bias, &mut rows);
                some |= distance(&sum) < near;
                scores[i - start] = sum;
            }
            if !some {
                continue;
            }
            for i in (start..end).filter(|i| evidence.plain(*i)) {
                let by = |j: usize| scores.get(j.wrapping_sub(start)).is_some_and(|s| distance(s) < near);
                if by(i.wrapping_sub(1)) || by(i + 1) {
                    scores[i - start] = self.score(&mut beside, i, bias, &mut rows);
                }
            }
            for (i, sum) in scores.iter().enumerate() {
                opinion.distance[start + i] = distance(sum) as f32 * scale;
            }
            decode(&scores, &self.weights.transitions, &mut path);
            let mut open: Option<Tagged> = None;
            for (i, tag) in path.tags.iter().enumerate() {
                let at = start + i;
                let margin = (scores[i][*tag as usize] - scores[i][0]) as f32 * scale;
                match &mut open {
                    Some(span) if inside(*tag) => {
                        let before = (at - span.first) as f32;
                        span.last = at;
                        span.margin = (span.margin * before + margin) / (before + 1.0);
                    }
                    _ => {
                        opinion.tagged.extend(open.take());
                        if *tag != OUTSIDE {
                            let kind = Kind::ALL[(*tag as usize - 1) / 2];
                            open = Some(Tagged { first: at, last: at, kind, margin });
                        }
                    }
                }
            }
            opinion.tagged.extend(open);
        }
        opinion
    }
}

/// How far a token is from being somebody's.
fn distance(sum: &Scores) -> i32 {
    sum[OUTSIDE as usize] - sum[1..TAGS].iter().copied().max().unwrap_or(i32::MIN)
}

/// Sums of weights, one a tag, in weight units.
pub(crate) type Scores = [i32; LANES];

#[cfg(test)]
mod tests;
