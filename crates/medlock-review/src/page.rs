//! Tables for people who have no program for JSON: CSV, and a page to print.

use serde_json::Value;
use std::fmt::Write as _;

/// The columns of a table of requests.
pub const REQUESTS: &[&str] = &[
    "time",
    "request",
    "actor",
    "person",
    "purpose",
    "model",
    "model_local",
    "protection",
    "classes",
    "individuals",
    "individuals_left_out",
    "patients",
    "outcome",
    "code",
    "delivered",
    "bytes_written",
];

/// Rows as CSV (RFC 4180), with a line of column names. Nothing in it is taken for a formula by a spreadsheet.
pub fn csv(columns: &[&str], rows: &[Value]) -> String {
    let mut out = columns.join(",") + "\r\n";
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(&text(&row[*column]))).collect();
        out += &(cells.join(",") + "\r\n");
    }
    out
}

fn cell(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A value as people read it: `DATE 2, NAME 1`.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            let one = |(key, value): (&String, &Value)| match value {
                Value::Object(_) => format!("{key} ({})", text(value)),
                value => format!("{key} {}", text(value)),
            };
            // In order, whatever order the JSON had.
            let map: std::collections::BTreeMap<_, _> = map.iter().collect();
            map.into_iter().map(one).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A page to print, with nothing in it that a browser would fetch or run.
pub fn html(title: &str, summary: &Value, sections: &[(&str, &[&str], &[Value])]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <style>body{{font:10pt sans-serif;margin:2em;color:#111}}table{{border-collapse:collapse;width:100%;margin:.5em 0 \
         2em}}th,td{{border:1px solid #999;padding:2px 5px;text-align:left;vertical-align:top;overflow-wrap:anywhere}}\
         th{{background:#eee}}thead{{display:table-header-group}}tr{{break-inside:avoid}}@page{{size:A4 \
         landscape;margin:12mm}}</style></head><body>\n<h1>{title}</h1>\n<table>\n",
        title = escape(title)
    );
    for (key, value) in summary.as_object().into_iter().flatten() {
        let _infallible =
            writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", escape(&key.replace('_', " ")), escape(&text(value)));
    }
    out += "</table>\n";
    for (head, columns, rows) in sections {
        let _infallible = writeln!(out, "<h2>{} ({})</h2>", escape(head), rows.len());
        if rows.is_empty() {
            out += "<p>None.</p>\n";
            continue;
        }
        let heads: String = columns.iter().map(|c| format!("<th>{}</th>", escape(&c.replace('_', " ")))).collect();
        let _infallible = writeln!(out, "<table><thead><tr>{heads}</tr></thead><tbody>");
        for row in *rows {
            let cells: String = columns.iter().map(|c| format!("<td>{}</td>", escape(&text(&row[*c])))).collect();
            let _infallible = writeln!(out, "<tr>{cells}</tr>");
        }
        out += "</tbody></table>\n";
    }
    out + "</body></html>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let rows = [json!({"a": "x,\"y\"", "b": {"NAME": 2, "DATE": 1}, "c": "=1+1", "d": null})];
        assert_eq!(csv(&["a", "b", "c", "d"], &rows), "a,b,c,d\r\n\"x,\"\"y\"\"\",\"DATE 1, NAME 2\",'=1+1,\r\n");
    }

    #[test]
    fn pages_hold_text_and_not_markup() {
        let page =
            html("A <b>", &json!({"k": "<script>"}), &[("None", &["a"], &[]), ("One", &["a"], &[json!({"a": "&"})])]);
        assert!(page.contains("A &lt;b&gt;") && page.contains("&lt;script&gt;") && page.contains("<td>&amp;</td>"));
        assert!(!page.contains("<script>") && page.contains("None."));
    }
}
