//! Every rate with its 95% interval.

use super::binomial::{Interval, clustered, interval};
use super::score::Scores;

/// The confidence of the intervals.
pub(super) const CONFIDENCE: f64 = 0.95;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Spans, each of which counts once.
    Spans,
    /// Documents, each of which counts once.
    Documents,
    /// Letters and digits.
    Characters,
}

/// How the interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exact (Clopper and Pearson), which holds where the units are independent: documents drawn at
    /// random are; spans are as far as an error in one place makes none likelier elsewhere.
    ClopperPearson,
    /// By document (Korn and Graubard): characters are found or missed together.
    KornGraubard,
}

/// A rate and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// What happened, of what.
    pub name: &'static str,
    /// Of this label only.
    pub label: Option<String>,
    /// What was counted.
    pub unit: Unit,
    /// How often it happened.
    pub hits: u64,
    /// How often it could have.
    pub trials: u64,
    /// Where the rate lies with a confidence of 95%.
    pub interval: Interval,
    /// How that was found.
    pub method: Method,
}

impl Rate {
    /// The rate that was seen; none where nothing could be.
    pub fn seen(&self) -> Option<f64> {
        (self.trials > 0).then(|| self.hits as f64 / self.trials as f64)
    }
}

impl Unit {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Spans => "spans",
            Unit::Documents => "documents",
            Unit::Characters => "characters",
        }
    }
}

impl Method {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Method::ClopperPearson => "Clopper-Pearson",
            Method::KornGraubard => "Korn-Graubard",
        }
    }
}

impl Scores {
    /// Every rate of these scores with its 95% interval: over all, then by label. F-measures are no
    /// rates and have none.
    pub fn rates(&self) -> Vec<Rate> {
        let left: Vec<(u64, u64)> = self.clusters.iter().map(|[covered, phi, ..]| (phi - covered, *phi)).collect();
        let lost: Vec<(u64, u64)> = self.clusters.iter().map(|[.., wrong, other]| (*wrong, *other)).collect();
        let right: Vec<(u64, u64)> =
            self.clusters.iter().map(|[covered, _, wrong, _]| (*covered, covered + wrong)).collect();
        let spans = |name, hits, trials| exact(name, None, Unit::Spans, hits, trials);
        let documents = |name, hits, trials| exact(name, None, Unit::Documents, hits, trials);
        let mut rates = vec![
            by_document("leak: PHI left", &left),
            by_document("precision: of what is covered", &right),
            by_document("over-redaction: other text covered", &lost),
            spans("spans touched", self.touched_spans, self.gold_spans),
            spans("spans covered whole", self.covered_spans, self.gold_spans),
            spans("strict recall", self.exact_spans, self.gold_spans),
            spans("strict precision", self.exact_spans, self.predicted_spans),
            spans("strict+label recall", self.exact_label_spans, self.gold_spans),
            spans("strict+label precision", self.exact_label_spans, self.predicted_spans),
            documents("documents with PHI clean", self.clean_documents, self.phi_documents),
            documents("PHI-free documents touched", self.touched_documents, self.free_documents),
        ];
        for l in &self.labels {
            let of = |name, hits| exact(name, Some(l.label.clone()), Unit::Spans, hits, l.spans);
            rates.extend([of("touched", l.touched), of("covered whole", l.covered), of("strict recall", l.exact)]);
        }
        rates
    }
}

fn exact(name: &'static str, label: Option<String>, unit: Unit, hits: u64, trials: u64) -> Rate {
    Rate {
        name,
        label,
        unit,
        hits,
        trials,
        interval: interval(hits, trials, CONFIDENCE),
        method: Method::ClopperPearson,
    }
}

fn by_document(name: &'static str, clusters: &[(u64, u64)]) -> Rate {
    let (hits, trials) = clusters.iter().fold((0, 0), |(h, t), c| (h + c.0, t + c.1));
    let interval = clustered(clusters, CONFIDENCE);
    Rate { name, label: None, unit: Unit::Characters, hits, trials, interval, method: Method::KornGraubard }
}
