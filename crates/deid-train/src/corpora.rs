//! Labelled texts of others, as `data/corpora` holds them (see the README there for their licences).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use medlock_domain::PhiClass;
use serde_json::Value;

use crate::document::Document;

/// Documents of a `.jsonl` or `.jsonl.gz` file: `text`, and `spans` in code points.
pub(crate) fn read(path: &Path) -> Result<Vec<Document>, String> {
    let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let file = File::open(path).map_err(|e| fail(&e))?;
    let reader: Box<dyn BufRead> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(BufReader::new(GzDecoder::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    let mut out = Vec::new();
    for (n, line) in reader.lines().enumerate() {
        let line = line.map_err(|e| fail(&e))?;
        let value: Value = serde_json::from_str(&line).map_err(|e| fail(&format!("line {}: {e}", n + 1)))?;
        out.push(document(&value).ok_or_else(|| fail(&format!("line {}: no text or spans", n + 1)))?);
    }
    Ok(out)
}

/// One document from its JSON.
pub(crate) fn document(value: &Value) -> Option<Document> {
    let text = value["text"].as_str()?.to_owned();
    let bytes: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
    let mut spans = Vec::new();
    for span in value["spans"].as_array()? {
        let at = |key: &str| bytes.get(usize::try_from(span[key].as_u64()?).ok()?).copied();
        spans.push((at("start")?, at("end")?, PhiClass::from_label(span["label"].as_str()?)));
    }
    spans.sort_by_key(|(start, end, _)| (*start, *end));
    let mut end = 0;
    spans.retain(|s| {
        let apart = s.0 >= end && s.1 > s.0;
        end = if apart { s.1 } else { end };
        apart
    });
    Some(Document { text, spans })
}
