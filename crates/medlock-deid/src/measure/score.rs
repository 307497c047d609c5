//! The counts.

use super::Excuse;
use super::corpus::{Corpus, Document, Label};
use super::unicode::alphanumeric;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Gold labels that need not be found; finding them is no mistake either. `OTHER` by default.
    pub ignore: BTreeSet<String>,
    /// The same for ages under 90, dates that are only a year, and states and countries
    /// (45 CFR 164.514(b)(2)(i)(B) and (C)).
    pub safe_harbor: bool,
    /// Keep the misses and false finds, which quote the texts, for looking at.
    pub errors: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { ignore: BTreeSet::from(["OTHER".to_owned()]), safe_harbor: false, errors: false }
    }
}

/// What was counted over a corpus. Characters are letters and digits, as code points.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Gold documents.
    pub documents: usize,
    /// Gold documents without a prediction: scored as if nothing had been found in them.
    pub unpredicted: usize,
    /// Predictions whose id no gold document has: not scored.
    pub unmatched: usize,
    /// All characters.
    pub chars: u64,
    /// Characters of PHI.
    pub gold_chars: u64,
    /// Of these, covered by a prediction.
    pub covered_chars: u64,
    /// Covered characters, without those that need not be found.
    pub predicted_chars: u64,
    /// Characters that are not PHI and may not be covered.
    pub other_chars: u64,
    /// Of these, covered.
    pub false_chars: u64,
    /// Gold spans.
    pub gold_spans: u64,
    /// Predicted spans, without those that need not be found.
    pub predicted_spans: u64,
    /// Gold spans of which a character is covered.
    pub touched_spans: u64,
    /// Gold spans of which every character is covered.
    pub covered_spans: u64,
    /// Gold spans predicted with the same bounds.
    pub exact_spans: u64,
    /// The same with the same label.
    pub exact_label_spans: u64,
    /// Documents with PHI.
    pub phi_documents: u64,
    /// Of these, with every character of it covered.
    pub clean_documents: u64,
    /// Documents without PHI.
    pub free_documents: u64,
    /// Of these, with a character covered.
    pub touched_documents: u64,
    /// By gold label, in the order of their first appearance.
    pub labels: Vec<LabelScores>,
    /// Per document: covered and all PHI characters, false and all other characters. Documents are
    /// what is independent.
    pub(super) clusters: Vec<[u64; 4]>,
    /// Gold spans not covered whole; only with [`Options::errors`].
    pub misses: Vec<Miss>,
    /// Predictions without PHI, each with how often; only with [`Options::errors`].
    pub false_finds: Vec<(FalseFind, u64)>,
}

/// What was counted of one label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelScores {
    /// Which.
    pub label: String,
    /// Gold spans.
    pub spans: u64,
    /// Of these, touched, covered whole, and predicted with the same bounds.
    pub touched: u64,
    /// See `touched`.
    pub covered: u64,
    /// See `touched`.
    pub exact: u64,
    /// Gold characters, and those covered.
    pub chars: u64,
    /// See `chars`.
    pub covered_chars: u64,
    /// Characters predicted as this label, those that are PHI, and those of this very label.
    pub predicted_chars: u64,
    /// See `predicted_chars`.
    pub predicted_phi: u64,
    /// See `predicted_chars`.
    pub predicted_right: u64,
}

/// A gold span that was not covered whole. It quotes the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Miss {
    /// The gold label.
    pub label: String,
    /// What stands there.
    pub value: String,
    /// With what stands around it.
    pub context: String,
}

/// A prediction without PHI. It quotes the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FalseFind {
    /// The predicted label.
    pub label: String,
    /// What stands there.
    pub value: String,
}

impl fmt::Debug for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Miss({})", self.label)
    }
}

impl fmt::Debug for FalseFind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FalseFind({})", self.label)
    }
}

/// Counts `predicted` against `gold`, joined by id.
pub fn score(gold: &Corpus, predicted: &Corpus, options: &Options) -> Scores {
    let mut count = Count::new(options);
    for document in gold.documents() {
        let prediction = predicted.get(&document.id);
        count.scores.unpredicted += usize::from(prediction.is_none());
        count.document(document, prediction.map_or(&[], |p| &p.spans));
    }
    let mut scores = count.finish();
    scores.documents = gold.documents().len();
    scores.unmatched = predicted.documents().iter().filter(|d| gold.get(&d.id).is_none()).count();
    scores
}

struct Count<'a> {
    options: &'a Options,
    scores: Scores,
    /// Counts by label, gold or predicted, and where each label's stand.
    labels: Vec<LabelScores>,
    places: HashMap<String, usize>,
    /// The gold labels as they first appear.
    order: Vec<usize>,
    finds: HashMap<FalseFind, usize>,
}

impl<'a> Count<'a> {
    fn new(options: &'a Options) -> Self {
        let (scores, labels, places) = (Scores::default(), Vec::new(), HashMap::new());
        Self { options, scores, labels, places, order: Vec::new(), finds: HashMap::new() }
    }

    fn document(&mut self, gold: &Document, predicted: &[Label]) {
        let text: Vec<char> = gold.text.chars().collect();
        let quote = |from: usize, to: usize| text[from..to].iter().collect::<String>();
        let counts = alphanumeric(&gold.text);
        let mut free = vec![false; text.len()];
        let mut required = Vec::new();
        for span in &gold.spans {
            if Excuse(self.options).covers(span, &quote(span.start, span.end)) {
                free[span.start..span.end].fill(true);
            } else {
                required.push(span);
            }
        }
        // Predictions that were read for another gold could reach beyond this text.
        let within = |s: &Label| Label { end: s.end.min(text.len()), ..s.clone() };
        let predicted: Vec<Label> = predicted.iter().filter(|s| s.label != "IGNORE").map(within).collect();
        let predicted: Vec<&Label> = predicted.iter().filter(|s| s.start < s.end).collect();
        let gold_map = self.map(&required, text.len());
        let predicted_map = self.map(&predicted, text.len());
        self.chars(&counts, &free, &gold_map, &predicted_map);

        // Where two spans have the same bounds, the later one's label stands.
        let asked = distinct(required.iter().copied());
        let given = distinct(predicted.into_iter().filter(|s| !free[s.start..s.end].iter().all(|f| *f)));
        self.scores.gold_spans += asked.len() as u64;
        self.scores.predicted_spans += given.len() as u64;
        let places: HashMap<(usize, usize), &str> = given.iter().map(|s| ((s.start, s.end), &*s.label)).collect();
        for span in &asked {
            let counted = (span.start..span.end).filter(|k| counts[*k]);
            let (mut all, mut covered) = (0, 0);
            for k in counted {
                all += 1;
                covered += usize::from(predicted_map[k].is_some());
            }
            let exact = places.get(&(span.start, span.end));
            let label = self.gold_label(&span.label);
            let (touched, whole) = (covered > 0 || all == 0, covered == all);
            let of = &mut self.labels[label];
            of.spans += 1;
            of.touched += u64::from(touched);
            of.covered += u64::from(whole);
            of.exact += u64::from(exact.is_some());
            self.scores.touched_spans += u64::from(touched);
            self.scores.covered_spans += u64::from(whole);
            self.scores.exact_spans += u64::from(exact.is_some());
            self.scores.exact_label_spans += u64::from(exact.is_some_and(|l| *l == span.label));
            if self.options.errors && !whole {
                let around = quote(span.start.saturating_sub(30), text.len().min(span.end + 20));
                let context = around.replace('\n', " ");
                let value = quote(span.start, span.end);
                self.scores.misses.push(Miss { label: span.label.clone(), value, context });
            }
        }
        if self.options.errors {
            for span in given.iter().filter(|s| gold_map[s.start..s.end].iter().all(Option::is_none)) {
                let find = FalseFind { label: span.label.clone(), value: quote(span.start, span.end) };
                let finds = &mut self.scores.false_finds;
                let at = *self.finds.entry(find.clone()).or_insert_with(|| {
                    finds.push((find, 0));
                    finds.len() - 1
                });
                finds[at].1 += 1;
            }
        }
        self.whole(!required.is_empty());
    }

    /// The label at each code point; a later span's where two overlap.
    fn map(&mut self, spans: &[&Label], length: usize) -> Vec<Option<usize>> {
        let mut map = vec![None; length];
        for span in spans {
            let label = self.label(&span.label);
            map[span.start..span.end].fill(Some(label));
        }
        map
    }

    fn chars(&mut self, counts: &[bool], free: &[bool], gold: &[Option<usize>], predicted: &[Option<usize>]) {
        let mut cluster = [0; 4];
        let [covered, phi, wrong, other] = &mut cluster;
        for k in (0..counts.len()).filter(|k| counts[*k]) {
            self.scores.chars += 1;
            if let Some(label) = gold[k] {
                if self.labels[label].chars == 0 {
                    self.first(label);
                }
                *phi += 1;
                *covered += u64::from(predicted[k].is_some());
                self.labels[label].chars += 1;
                self.labels[label].covered_chars += u64::from(predicted[k].is_some());
            } else if !free[k] {
                *other += 1;
            }
            if let Some(label) = predicted[k].filter(|_| gold[k].is_some() || !free[k]) {
                self.scores.predicted_chars += 1;
                let of = &mut self.labels[label];
                of.predicted_chars += 1;
                of.predicted_phi += u64::from(gold[k].is_some());
                of.predicted_right += u64::from(gold[k] == Some(label));
                *wrong += u64::from(gold[k].is_none());
            }
        }
        self.scores.covered_chars += *covered;
        self.scores.gold_chars += *phi;
        self.scores.false_chars += *wrong;
        self.scores.other_chars += *other;
        self.scores.clusters.push(cluster);
    }

    /// Counts the document that was looked at last.
    fn whole(&mut self, has_phi: bool) {
        let Some([covered, phi, wrong, _]) = self.scores.clusters.last() else { return };
        if has_phi {
            self.scores.phi_documents += 1;
            self.scores.clean_documents += u64::from(covered == phi);
        } else {
            self.scores.free_documents += 1;
            self.scores.touched_documents += u64::from(*wrong > 0);
        }
    }

    fn label(&mut self, label: &str) -> usize {
        if let Some(place) = self.places.get(label) {
            return *place;
        }
        self.labels.push(LabelScores { label: label.to_owned(), ..LabelScores::default() });
        self.places.insert(label.to_owned(), self.labels.len() - 1);
        self.labels.len() - 1
    }

    fn gold_label(&mut self, label: &str) -> usize {
        let label = self.label(label);
        self.first(label);
        label
    }

    fn first(&mut self, label: usize) {
        if !self.order.contains(&label) {
            self.order.push(label);
        }
    }

    fn finish(mut self) -> Scores {
        self.scores.labels = self.order.iter().map(|at| std::mem::take(&mut self.labels[*at])).collect();
        self.scores
    }
}

/// The spans by their bounds: each once, where it first stood, as it last was.
fn distinct<'s>(spans: impl Iterator<Item = &'s Label>) -> Vec<&'s Label> {
    let mut places = HashMap::new();
    let mut distinct = Vec::new();
    for span in spans {
        match places.get(&(span.start, span.end)) {
            Some(at) => distinct[*at] = span,
            None => {
                places.insert((span.start, span.end), distinct.len());
                distinct.push(span);
            }
        }
    }
    distinct
}
