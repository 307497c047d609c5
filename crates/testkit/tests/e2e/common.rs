//! What the tests share.

use medlock_audit::read::{StoredEntry, open_content};
use medlock_audit::verify::{Report, verify_dir, verify_on};
use medlock_keys::hpke::ReadingKey;
use medlock_keys::keyring::load_reading_key;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Answer, MODEL, ORIGIN, Server, eventually};

/// A request of one user message.
pub(crate) fn ask(content: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": content}]})
}

/// The same, or any other, to be answered piece by piece.
pub(crate) fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body
}

/// The events of a stream, comments left out. What is not whole yet is left out too.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    let data = whole.split("\n\n").filter_map(|e| e.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
    data.map(|d| serde_json::from_str(d).unwrap()).collect()
}

/// What the assistant says in these events, choice 0.
pub(crate) fn said(text: &str) -> String {
    events(text).iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect()
}

/// What the assistant says in an answer, streamed or not.
pub(crate) fn content(answer: &Answer) -> String {
    if answer.header("content-type").starts_with("text/event-stream") {
        return said(&answer.text);
    }
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_string()
}

/// The error of a stream that broke off.
pub(crate) fn stream_error(text: &str) -> String {
    let last = events(text).pop().unwrap_or_default();
    last["error"]["code"].as_str().unwrap_or_default().to_string()
}

/// The records that belong to one request, in order.
pub(crate) fn of_request(server: &Server, request: &str) -> Vec<StoredEntry> {
    let mine = |e: &StoredEntry| e.request.as_ref().is_some_and(|r| r.as_str() == request);
    server.entries().into_iter().filter(mine).collect()
}

/// The records of every request, in order.
pub(crate) fn by_request(entries: Vec<StoredEntry>) -> BTreeMap<String, Vec<StoredEntry>> {
    let mut requests: BTreeMap<String, Vec<StoredEntry>> = BTreeMap::new();
    for entry in entries {
        if let Some(request) = &entry.request {
            requests.entry(request.as_str().to_string()).or_default().push(entry);
        }
    }
    requests
}

/// Whether this record ends a request.
pub(crate) fn closes(entry: &StoredEntry) -> bool {
    matches!(entry.kind.as_str(), "close" | "denied")
}

/// Waits until this request is closed; its closing record.
pub(crate) async fn closed(server: &Server, request: &str) -> StoredEntry {
    eventually("the request's record is closed", || async { of_request(server, request).iter().any(closes) }).await;
    of_request(server, request).into_iter().find(closes).unwrap()
}

/// The private half of the key that content is sealed to, which no server loads.
pub(crate) fn reading_key(server: &Server) -> ReadingKey {
    load_reading_key(&server.dir().join("keys/audit-reading.key")).unwrap()
}

/// What was sealed with a record.
pub(crate) fn opened(server: &Server, entry: &StoredEntry, key: &ReadingKey) -> Vec<u8> {
    let keys = server.content_keys().clone();
    let of = entry.clone();
    // On a thread of its own: this is called from within runtimes.
    let share = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(keys.share(&of)).unwrap()
    });
    open_content(entry, key, &share.join().unwrap()).unwrap().to_vec()
}

/// All that these records authorised, one after the other.
pub(crate) fn authorised(server: &Server, entries: &[StoredEntry], key: &ReadingKey) -> Vec<u8> {
    let releases = entries.iter().filter(|e| e.kind.as_str() == "release");
    releases.flat_map(|e| opened(server, e, key)).collect()
}

/// Checks the whole log, as an auditor would who has only the files and the public key.
pub(crate) fn verified(server: &Server) -> Report {
    let key = server.keys().audit_signing().public();
    let since = server.log().checkpoint();
    match server.disk() {
        Some(disk) => verify_on(disk, &key, ORIGIN, Some(&since)),
        None => verify_dir(&server.dir().join("audit"), &key, ORIGIN, Some(&since)),
    }
    .unwrap()
}
