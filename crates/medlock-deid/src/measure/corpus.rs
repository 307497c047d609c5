//! Labelled documents and how they are read. JSON Lines: one object a line with `id`, `text` and
//! `spans`; each span has `start`, `end`, `label` and perhaps `confidence`.

use crate::{Detector, RecognizerError};
use medlock_domain::Finding;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt;

/// A stretch of text with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// What it is: one of the classes' labels, or a word of the file's own.
    pub label: String,
    /// From 0 to 1, where a detector said so.
    pub confidence: Option<f64>,
}

/// A text and what stands in it.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// What joins predictions to gold.
    pub id: String,
    /// Empty in predictions.
    pub text: String,
    /// In the file's order.
    pub spans: Vec<Label>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes, {} spans)", self.text.len(), self.spans.len())
    }
}

/// Documents with different ids.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    documents: Vec<Document>,
    /// Where each stands in the file.
    lines: Vec<usize>,
    places: HashMap<String, usize>,
}

/// A line that cannot be used. Says where and what, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {mistake}")]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Mistake {
    #[error("not UTF-8")]
    NotUtf8,
    #[error("not JSON, from column {column} on; one object a line is expected")]
    NotJson { column: usize },
    #[error("not a JSON object")]
    NotObject,
    #[error("`{field}` is missing or no {wanted}")]
    Field { field: String, wanted: &'static str },
    #[error("the same `id` as on line {first}")]
    Duplicate { first: usize },
    #[error("`spans[{span}]` does not end after its start")]
    Empty { span: usize },
    #[error("`spans[{span}]` ends beyond the text, which has {length} code points")]
    Beyond { span: usize, length: usize },
}

impl Corpus {
    /// Reads labelled documents. A span that is empty or leaves the text is refused: a gold file
    /// whose offsets count something else than code points would measure nothing.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn gold(jsonl: &[u8]) -> Result<Self, BadLine> {
        Self::read(jsonl, None)
    }

    /// Reads predictions for `gold`, with which they share the ids; texts are not asked for. An empty
    /// span covers nothing and is left out, as the reference scorer does; one that leaves its gold
    /// document's text is refused.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn predictions(jsonl: &[u8], gold: &Corpus) -> Result<Self, BadLine> {
        Self::read(jsonl, Some(gold))
    }

    /// The documents in order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The document with this id.
    pub fn get(&self, id: &str) -> Option<&Document> {
        self.places.get(id).map(|at| &self.documents[*at])
    }

    /// The line of the file on which the document at `place` stood.
    pub(crate) fn line(&self, place: usize) -> usize {
        self.lines.get(place).copied().unwrap_or_default()
    }

    /// The documents as JSON Lines without their texts, as [`Corpus::predictions`] reads them.
    pub fn jsonl(&self) -> String {
        let span = |s: &Label| {
            let mut span = json!({"start": s.start, "end": s.end, "label": s.label});
            if let Some(confidence) = s.confidence {
                span["confidence"] = json!(confidence);
            }
            span
        };
        let line =
            |d: &Document| format!("{}\n", json!({"id": d.id, "spans": d.spans.iter().map(span).collect::<Vec<_>>()}));
        self.documents.iter().map(line).collect()
    }

    /// Reads gold, or predictions for `gold`.
    fn read(jsonl: &[u8], gold: Option<&Corpus>) -> Result<Self, BadLine> {
        let mut corpus = Self::default();
        for (line, bytes) in (1..).zip(jsonl.split(|b| *b == b'\n')) {
            let at = |mistake| BadLine { line, mistake };
            let Some(document) = document(bytes, gold).map_err(at)? else { continue };
            if let Some(first) = corpus.places.insert(document.id.clone(), corpus.documents.len()) {
                return Err(at(Mistake::Duplicate { first: corpus.lines[first] }));
            }
            corpus.lines.push(line);
            corpus.documents.push(document);
        }
        Ok(corpus)
    }
}

/// The document on a line; none where it is blank.
fn document(line: &[u8], gold: Option<&Corpus>) -> Result<Option<Document>, Mistake> {
    let Some(object) = object(line)? else { return Ok(None) };
    let id = text(&object, "id")?;
    let Some(gold) = gold else {
        let text = text(&object, "text")?;
        let spans = spans(&object, text.chars().count())?;
        return match spans.iter().position(|s| s.start >= s.end) {
            Some(span) => Err(Mistake::Empty { span }),
            None => Ok(Some(Document { id, text, spans })),
        };
    };
    let length = gold.get(&id).map_or(usize::MAX, |d| d.text.chars().count());
    let mut spans = spans(&object, length)?;
    spans.retain(|s| s.start < s.end);
    Ok(Some(Document { id, text: String::new(), spans }))
}

/// What `detector` finds in the texts of `gold`, with its confidences. A recognizer that fails finds
/// everything, which measures nothing: with one, [`try_predict`].
pub fn predict(detector: &Detector, gold: &Corpus) -> Corpus {
    let found = gold.documents.iter().map(|d| prediction(d, detector.detect(&d.text)));
    Corpus { documents: found.collect(), lines: gold.lines.clone(), places: gold.places.clone() }
}

/// What `detector` finds in the texts of `gold`, with its confidences.
///
/// # Errors
/// When a recognizer fails on one of them.
pub fn try_predict(detector: &Detector, gold: &Corpus) -> Result<Corpus, RecognizerError> {
    let found = gold.documents.iter().map(|d| Ok(prediction(d, detector.try_detect(&d.text)?)));
    Ok(Corpus { documents: found.collect::<Result<_, _>>()?, lines: gold.lines.clone(), places: gold.places.clone() })
}

fn prediction(document: &Document, findings: Vec<Finding>) -> Document {
    // Offsets only grow from one finding to the next.
    let (mut byte, mut points) = (0, 0);
    let mut point = |to: usize| {
        points += document.text[byte..to].chars().count();
        byte = to;
        points
    };
    let spans = findings.into_iter().map(|f| Label {
        start: point(f.span.start),
        end: point(f.span.end),
        label: f.class.label().to_owned(),
        confidence: decimal(f.confidence),
    });
    Document { id: document.id.clone(), text: String::new(), spans: spans.collect() }
}

/// The shortest decimal number of a confidence: 0.9, not the 0.8999999761581421 of its bits.
fn decimal(confidence: f32) -> Option<f64> {
    confidence.to_string().parse().ok()
}

/// Nothing for a blank line.
fn object(line: &[u8]) -> Result<Option<Map<String, Value>>, Mistake> {
    let line = std::str::from_utf8(line).map_err(|_| Mistake::NotUtf8)?;
    if line.trim().is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        Ok(_) => Err(Mistake::NotObject),
        // The parser's own words could quote what it met.
        Err(e) => Err(Mistake::NotJson { column: e.column() }),
    }
}

fn text(object: &Map<String, Value>, field: &str) -> Result<String, Mistake> {
    let value = object.get(field).and_then(Value::as_str).map(str::to_owned);
    value.ok_or_else(|| Mistake::Field { field: field.to_owned(), wanted: "string" })
}

/// The spans of a line, each within a text of `length` code points.
fn spans(object: &Map<String, Value>, length: usize) -> Result<Vec<Label>, Mistake> {
    let missing = || Mistake::Field { field: "spans".to_owned(), wanted: "array" };
    let spans = object.get("spans").and_then(Value::as_array).ok_or_else(missing)?;
    spans.iter().enumerate().map(|(at, span)| one(span, at, length)).collect()
}

fn one(value: &Value, span: usize, length: usize) -> Result<Label, Mistake> {
    let field = |name: &str, wanted| Mistake::Field { field: format!("spans[{span}]{name}"), wanted };
    let offset = |name: &str| {
        let number = value[name].as_u64().and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| field(&format!(".{name}"), "whole number from 0 on"))
    };
    if !value.is_object() {
        return Err(field("", "object"));
    }
    let (start, end) = (offset("start")?, offset("end")?);
    let label = value["label"].as_str().ok_or_else(|| field(".label", "string"))?.to_owned();
    let confidence = match &value["confidence"] {
        Value::Null => None,
        given => match given.as_f64() {
            Some(c) if (0.0..=1.0).contains(&c) => Some(c),
            _ => return Err(field(".confidence", "number from 0 to 1")),
        },
    };
    if end < start {
        return Err(Mistake::Empty { span });
    }
    if end > length {
        return Err(Mistake::Beyond { span, length });
    }
    Ok(Label { start, end, label, confidence })
}
