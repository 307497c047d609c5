//! An entry as JSON, the same wherever it is shown.

use medlock_audit::read::StoredEntry;
use serde_json::{Map, Value, json};

/// What is recorded of an entry, without what is sealed with it.
pub fn to_json(entry: &StoredEntry) -> Map<String, Value> {
    let facts: Map<String, Value> = entry.facts.iter().map(|(k, v)| (k.to_owned(), v.to_string().into())).collect();
    let value = json!({
        "index": entry.index, "id": entry.receipt_id(), "time": entry.time.rfc3339(), "kind": entry.kind.as_str(),
        "actor": entry.actor.to_string(), "request": entry.request.as_ref().map(ToString::to_string),
        "outcome": entry.outcome.as_str(), "facts": facts, "sealed_bytes": entry.sealed_bytes(),
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
