//! What the detector left of a labelled sample.

use crate::measure::{Corpus, Document, Excuse, Label, Options, alphanumeric, binomial};
use medlock_domain::PhiClass;
use std::collections::BTreeMap;

/// A sample that no statement can be made about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Uncertifiable {
    #[error("line {line}: the label of `spans[{span}]` is no class of identifier, nor one to be ignored")]
    UnknownLabel { line: usize, span: usize },
    #[error("line {line}: the detector was not run on this document")]
    Unpredicted { line: usize },
    #[error("the sample holds no identifier that has to be found")]
    NoIdentifiers,
}

/// What leaks are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeakUnit {
    /// Documents with identifiers.
    Documents,
    /// Identifiers.
    Identifiers,
}

impl LeakUnit {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            LeakUnit::Documents => "documents",
            LeakUnit::Identifiers => "identifiers",
        }
    }
}

/// How often something was left, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Left.
    pub left: u64,
    /// Of.
    pub of: u64,
}

impl Count {
    /// The bound that the rate does not exceed with this confidence: exact binomial, one side.
    pub fn upper(self, confidence: f64) -> f64 {
        binomial::upper_bound(self.left, self.of, confidence)
    }
}

/// One class's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountOf {
    /// Which.
    pub class: PhiClass,
    /// Its identifiers.
    pub identifiers: Count,
    /// The documents that hold one; left: in which one of this class was.
    pub documents: Count,
}

/// A labelled sample and how firmly each identifier in it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// By document: each identifier with its class and the highest threshold that still covers it
    /// whole.
    documents: Vec<Vec<(PhiClass, Strength)>>,
    /// The same for the letters and digits that are no identifier's and yet covered.
    lost: Vec<Strength>,
    others: u64,
    /// Documents without identifiers; in the end, those of which something was covered.
    free: u64,
    touched: Vec<Strength>,
}

/// The highest threshold of confidence at which something is still covered; none if never.
type Strength = Option<f64>;

impl Sample {
    /// Holds what was `found` against `gold`. A label that is no class is refused unless the options
    /// ignore it: it might be an identifier that the statement would then pass over.
    ///
    /// # Errors
    /// The first document that cannot be used.
    pub fn new(gold: &Corpus, found: &Corpus, options: &Options) -> Result<Self, Uncertifiable> {
        let (documents, lost, touched) = (Vec::new(), Vec::new(), Vec::new());
        let mut sample = Self { documents, lost, others: 0, free: 0, touched };
        for (place, document) in gold.documents().iter().enumerate() {
            let line = gold.line(place);
            let found = found.get(&document.id).ok_or(Uncertifiable::Unpredicted { line })?;
            sample.add(document, &found.spans, options).map_err(|span| Uncertifiable::UnknownLabel { line, span })?;
        }
        if sample.documents.iter().all(Vec::is_empty) { Err(Uncertifiable::NoIdentifiers) } else { Ok(sample) }
    }

    /// Fails with the place of a span whose label is unknown.
    fn add(&mut self, gold: &Document, found: &[Label], options: &Options) -> Result<(), usize> {
        let text: Vec<char> = gold.text.chars().collect();
        let counts = alphanumeric(&gold.text);
        let mut strengths: Vec<Strength> = vec![None; text.len()];
        for span in found {
            let confidence = span.confidence.unwrap_or(1.0);
            // Predictions that were read for another gold could reach beyond this text.
            let end = span.end.min(text.len());
            for strength in strengths.get_mut(span.start..end).into_iter().flatten() {
                *strength = Some(strength.map_or(confidence, |s| s.max(confidence)));
            }
        }
        let mut other = counts.clone();
        let mut identifiers = Vec::new();
        for (place, span) in gold.spans.iter().enumerate() {
            let excused = Excuse(options).covers(span, &text[span.start..span.end].iter().collect::<String>());
            let class = PhiClass::from_label(&span.label);
            other[span.start..span.end].fill(false);
            if !excused {
                let mut whole = (span.start..span.end).filter(|k| counts[*k]).map(|k| strengths[k]);
                // What has neither letter nor digit identifies nobody and cannot be left.
                let weakest = whole.try_fold(1.0, |weakest: f64, s| Some(weakest.min(s?)));
                identifiers.push((class.ok_or(place)?, weakest));
            }
        }
        let lost = (0..text.len()).filter(|k| other[*k]);
        let lost: Vec<Strength> = lost.clone().map(|k| strengths[k]).filter(Option::is_some).collect();
        self.others += other.iter().filter(|o| **o).count() as u64;
        if identifiers.is_empty() {
            self.free += 1;
            self.touched
                .extend(lost.iter().copied().max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)));
        }
        self.lost.extend(lost);
        self.documents.push(identifiers);
        Ok(())
    }

    /// How many documents there are, with identifiers or without.
    pub fn size(&self) -> u64 {
        self.documents.len() as u64
    }

    /// What is left when only findings of at least this confidence are used. At 0 all are.
    pub fn leaks(&self, unit: LeakUnit, threshold: f64) -> Count {
        let mut count = Count::default();
        for document in self.documents.iter().filter(|d| !d.is_empty()) {
            let left = document.iter().filter(|(_, s)| !covered(*s, threshold)).count() as u64;
            let (l, of) = match unit {
                LeakUnit::Documents => (u64::from(left > 0), 1),
                LeakUnit::Identifiers => (left, document.len() as u64),
            };
            count = Count { left: count.left + l, of: count.of + of };
        }
        count
    }

    /// What is left of each class that occurs, in the classes' order.
    pub fn classes(&self) -> Vec<CountOf> {
        let mut classes: BTreeMap<PhiClass, (Count, Count)> = BTreeMap::new();
        for document in &self.documents {
            let mut here: BTreeMap<PhiClass, Count> = BTreeMap::new();
            for (class, strength) in document {
                let count = here.entry(*class).or_default();
                count.of += 1;
                count.left += u64::from(!covered(*strength, 0.0));
            }
            for (class, count) in here {
                let (identifiers, documents) = classes.entry(class).or_default();
                *identifiers = Count { left: identifiers.left + count.left, of: identifiers.of + count.of };
                *documents = Count { left: documents.left + u64::from(count.left > 0), of: documents.of + 1 };
            }
        }
        let each = |(class, (identifiers, documents))| CountOf { class, identifiers, documents };
        classes.into_iter().map(each).collect()
    }

    /// Letters and digits covered that are no identifier's, of all such.
    pub fn over_redacted(&self, threshold: f64) -> (u64, u64) {
        (self.lost.iter().filter(|s| covered(**s, threshold)).count() as u64, self.others)
    }

    /// Documents without identifiers of which something is covered, of all such.
    pub fn free_touched(&self, threshold: f64) -> (u64, u64) {
        (self.touched.iter().filter(|s| covered(**s, threshold)).count() as u64, self.free)
    }
}

fn covered(strength: Strength, threshold: f64) -> bool {
    strength.is_some_and(|s| s >= threshold)
}
