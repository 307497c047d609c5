//! CEF 0: seven fields between bars, then keys and values.

use super::{Exporter, Seen, Severity};
use serde_json::Value;

pub(super) fn line(exporter: &Exporter, seen: &Seen<'_>) -> String {
    let entry = seen.entry;
    let severity = match seen.severity() {
        Severity::Information => 1,
        Severity::Low => 3,
        Severity::Medium => 6,
        Severity::High => 9,
    };
    let kind = header(entry.kind.as_str());
    let mut line = format!("CEF:0|medlock|medlock|{}|{kind}|{kind}|{severity}|", header(exporter.version));
    let mut put = |key: &str, value: &str| {
        if !line.ends_with('|') {
            line.push(' ');
        }
        line.push_str(&format!("{key}={}", extension(value)));
    };
    put("rt", &entry.time.0.to_string());
    put("externalId", &entry.receipt_id());
    put("outcome", entry.outcome.as_str());
    if let Some(index) = entry.recorded_index() {
        put("cn1Label", "index");
        put("cn1", &index.to_string());
    }
    for (key, value) in [("suid", &seen.user), ("duid", &seen.about), ("src", &seen.from)] {
        if let Some(value) = value {
            put(key, value);
        }
    }
    let labelled = [
        ("cs1", "log", Some(exporter.origin.as_str())),
        ("cs2", "request", entry.request.as_ref().map(|r| r.as_str())),
        ("cs3", "session", seen.session.as_deref()),
    ];
    for (key, label, value) in labelled {
        if let Some(value) = value {
            put(&format!("{key}Label"), label);
            put(key, value);
        }
    }
    // The rest in one field: CEF has no room for names that it does not know.
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let facts: Vec<String> = seen.facts.iter().map(|(key, value)| format!("{key}:{}", text(value))).collect();
    if !facts.is_empty() {
        put("msg", &facts.join(" "));
    }
    line
}

fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|")
}

fn extension(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_parts_fields_is_escaped() {
        assert_eq!(super::header(r"a|b\c"), r"a\|b\\c");
        assert_eq!(super::extension("a=b\\c\nd"), r"a\=b\\c\nd");
    }
}
