//! What is printed: first exactly what the reference scorer prints, then the intervals.

use super::python::{self, shuffle};
use super::rates::{CONFIDENCE, Unit};
use super::score::{LabelScores, Scores};
use serde_json::{Map, Value, json};
use std::cmp::Reverse;

/// Precision, recall and the F-measures of both.
struct Measures {
    precision: f64,
    recall: f64,
    f1: f64,
    f2: f64,
}

impl Measures {
    /// Nothing predicted is never wrong; nothing to find is all found.
    fn new(hits: u64, predicted: u64, gold: u64) -> Self {
        let (precision, recall) = (share(hits, predicted).unwrap_or(1.0), share(hits, gold).unwrap_or(1.0));
        Self { precision, recall, f1: f_measure(precision, recall, 1.0), f2: f_measure(precision, recall, 2.0) }
    }

    fn json(&self) -> Value {
        json!({"P": self.precision, "R": self.recall, "F1": self.f1, "F2": self.f2})
    }
}

/// Recall weighs `beta` times as much as precision.
fn f_measure(precision: f64, recall: f64, beta: f64) -> f64 {
    let square = beta * beta;
    let both = precision + recall;
    if both == 0.0 { 0.0 } else { (1.0 + square) * precision * recall / (square * precision + recall) }
}

fn share(of: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| of as f64 / all as f64)
}

impl LabelScores {
    fn recall(&self) -> f64 {
        share(self.covered_chars, self.chars).unwrap_or(1.0)
    }

    fn precision(&self) -> Option<f64> {
        share(self.predicted_phi, self.predicted_chars)
    }

    fn json(&self) -> Value {
        json!({
            "n": self.spans, "char_R": self.recall(), "strict_R": share(self.exact, self.spans),
            "overlap_R": share(self.touched, self.spans), "covered_R": share(self.covered, self.spans),
            "char_P": self.precision(), "char_P_label": share(self.predicted_right, self.predicted_chars),
        })
    }

    fn row(&self) -> String {
        let cell = |x: Option<f64>| x.map_or("   -   ".to_owned(), |x| format!("{x:7.4}"));
        let of = |hits| share(hits, self.spans).unwrap_or(1.0);
        let f2 = self.precision().map(|p| f_measure(p, self.recall(), 2.0));
        let label = share(self.predicted_right, self.predicted_chars);
        let (exact, touched, covered) = (of(self.exact), of(self.touched), of(self.covered));
        format!(
            "{:12} {:6} {:7.4} {} {exact:8.4} {touched:7.4} {covered:7.4} {} {}\n",
            self.label,
            self.spans,
            self.recall(),
            cell(f2),
            cell(self.precision()),
            cell(label)
        )
    }
}

impl Scores {
    fn measures(&self) -> [(&'static str, Measures); 3] {
        [
            ("char", Measures::new(self.covered_chars, self.predicted_chars, self.gold_chars)),
            ("strict", Measures::new(self.exact_spans, self.predicted_spans, self.gold_spans)),
            ("strict+label", Measures::new(self.exact_label_spans, self.predicted_spans, self.gold_spans)),
        ]
    }

    /// Share of the characters of PHI that were left.
    pub fn leak(&self) -> f64 {
        1.0 - share(self.covered_chars, self.gold_chars).unwrap_or(1.0)
    }

    /// Share of the other characters that were covered.
    pub fn over_redaction(&self) -> f64 {
        share(self.false_chars, self.other_chars).unwrap_or(0.0)
    }

    /// The scores as text, line for line what the reference scorer prints.
    pub fn text(&self) -> String {
        let maybe = |x: Option<f64>| x.map_or("None".to_owned(), python::float);
        let mut out = format!(
            "docs {}  alnum chars {}  gold spans {}  predicted {}\n",
            self.documents, self.chars, self.gold_spans, self.predicted_spans
        );
        for (name, m) in self.measures() {
            let Measures { precision, recall, f1, f2 } = m;
            out += &format!("{name:13} P {precision:.4}  R {recall:.4}  F1 {f1:.4}  F2 {f2:.4}\n");
        }
        out += &format!(
            "char leak rate {:.4}%   span overlap recall {}  fully covered {}\n",
            self.leak() * 100.0,
            maybe(share(self.touched_spans, self.gold_spans)),
            maybe(share(self.covered_spans, self.gold_spans))
        );
        out += &format!(
            "documents with PHI {}, fully clean {} ({:.2}%); over-redaction {:.4}% of non-PHI; PHI-free documents \
             touched {}/{}\n",
            self.phi_documents,
            self.clean_documents,
            share(self.clean_documents, self.phi_documents).unwrap_or(0.0) * 100.0,
            self.over_redaction() * 100.0,
            self.touched_documents,
            self.free_documents
        );
        out += &format!(
            "{:12} {:>6} {:>7} {:>7} {:>8} {:>7} {:>7} {:>7} {:>8}\n",
            "label", "gold", "charR", "charF2", "strictR", "overlR", "coverR", "charP", "P(label)"
        );
        let mut labels: Vec<&LabelScores> = self.labels.iter().collect();
        labels.sort_by_key(|l| Reverse(l.spans));
        labels.iter().for_each(|l| out += &l.row());
        out
    }

    /// A sample of `most` misses, and the `most` false finds that are most frequent, line for line as
    /// the reference scorer prints them. Quotes the texts.
    pub fn errors_text(&self, most: usize) -> String {
        let mut out = String::new();
        for miss in self.sampled(most) {
            let [label, value, context] = [&miss.label, &miss.value, &miss.context].map(|t| python::string(t));
            out += &format!("MISS ({label}, {value}, {context})\n");
        }
        for (find, times) in self.frequent(most) {
            out += &format!("FP {times} ({}, {})\n", python::string(&find.label), python::string(&find.value));
        }
        out
    }

    /// The 95% intervals as text.
    pub fn intervals_text(&self) -> String {
        let mut out =
            "95% intervals: exact (Clopper-Pearson) on spans and documents, as if independent; of characters \
                       by document (Korn-Graubard)\n"
                .to_owned();
        out += &format!("{:42} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "rate", "hits", "of", "seen", "from", "to");
        for rate in self.rates() {
            let name = match &rate.label {
                Some(label) => format!("{label} {}", rate.name),
                None => rate.name.to_owned(),
            };
            let unit = match rate.unit {
                Unit::Characters => "chars",
                other => other.name(),
            };
            let percent = |x: f64| format!("{:.4}%", x * 100.0);
            out += &format!(
                "{name:42} {:9} {:9} {:>9} {:>9} {:>9} {unit}\n",
                rate.hits,
                rate.trials,
                rate.seen().map_or("-".to_owned(), percent),
                percent(rate.interval.lower),
                percent(rate.interval.upper)
            );
        }
        out
    }

    /// The scores as JSON: what the reference scorer writes, and under `intervals` those of 95%.
    pub fn json(&self) -> Value {
        let [char, strict, strict_label] = self.measures().map(|(_, m)| m.json());
        let labels: Map<String, Value> = self.labels.iter().map(|l| (l.label.clone(), l.json())).collect();
        json!({
            "docs": self.documents, "chars": self.chars, "gold_spans": self.gold_spans,
            "pred_spans": self.predicted_spans, "char": char, "leak_rate": self.leak(), "strict": strict,
            "strict_label": strict_label, "span_overlap_recall": share(self.touched_spans, self.gold_spans),
            "span_covered_recall": share(self.covered_spans, self.gold_spans), "docs_with_phi": self.phi_documents,
            "docs_clean": self.clean_documents, "docs_clean_rate": share(self.clean_documents, self.phi_documents),
            "over_redaction": self.over_redaction(), "phi_free_docs": self.free_documents,
            "phi_free_touched": self.touched_documents, "labels": labels,
            "unpredicted_docs": self.unpredicted, "unmatched_predictions": self.unmatched,
            "intervals": self.intervals_json(),
        })
    }

    /// The same errors as [`Scores::errors_text`], as JSON.
    pub fn errors_json(&self, most: usize) -> Value {
        let misses: Vec<Value> = self
            .sampled(most)
            .iter()
            .map(|m| json!({"label": m.label, "value": m.value, "context": m.context}))
            .collect();
        let finds: Vec<Value> = self
            .frequent(most)
            .iter()
            .map(|(f, times)| json!({"label": f.label, "value": f.value, "times": times}))
            .collect();
        json!({"misses": misses, "false_finds": finds})
    }

    fn intervals_json(&self) -> Value {
        let rate = |r: super::Rate| {
            json!({
                "rate": r.name, "label": r.label, "unit": r.unit.name(), "hits": r.hits, "of": r.trials,
                "seen": r.seen(), "lower": r.interval.lower, "upper": r.interval.upper, "method": r.method.name(),
            })
        };
        json!({"confidence": CONFIDENCE, "rates": self.rates().into_iter().map(rate).collect::<Vec<_>>()})
    }

    fn sampled(&self, most: usize) -> Vec<&super::Miss> {
        let mut misses: Vec<&super::Miss> = self.misses.iter().collect();
        shuffle(&mut misses);
        misses.truncate(most);
        misses
    }

    fn frequent(&self, most: usize) -> Vec<&(super::FalseFind, u64)> {
        let mut finds: Vec<&(super::FalseFind, u64)> = self.false_finds.iter().collect();
        finds.sort_by_key(|(_, times)| Reverse(*times));
        finds.truncate(most);
        finds
    }
}
