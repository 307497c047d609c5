//! JSON in one spelling, as RFC 8785 asks: members sorted, no white space. Fractions have at most six
//! decimals, where that specification's numbers are written out; bounds are rounded up to them.

use serde_json::Value;

/// The one spelling of `value`.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    append(value, &mut out);
    out
}

/// A bound or p-value, rounded up to what is written.
pub(super) fn up(x: f64) -> f64 {
    ((x * 1e6 - 1e-9).ceil() / 1e6).clamp(0.0, 1.0)
}

fn append(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            // By UTF-16, in which ours, being ASCII, sort as they do here.
            keys.sort();
            for (at, key) in keys.into_iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                append(&Value::String(key.clone()), out);
                out.push(':');
                append(&members[key], out);
            }
            out.push_str(if members.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                append(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => out.push_str(&whole.to_string()),
            (None, Some(fraction)) => {
                out.push_str(format!("{fraction:.6}").trim_end_matches('0').trim_end_matches('.'))
            }
            (None, None) => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn one_spelling() {
        let value = json!({"b": [1, 0.5, 1.0, 0.000_012, 1e-9, {}], "a": {"z": null, "y": "é\n\""}, "c": []});
        assert_eq!(write(&value), r#"{"a":{"y":"é\n\"","z":null},"b":[1,0.5,1,0.000012,0,{}],"c":[]}"#);
        let shuffled: Value =
            serde_json::from_str(r#"{"c":[],"a":{"y":"é\n\"","z":null},"b":[1,0.5,1.0,0.000012,0,{}]}"#).unwrap();
        assert_eq!(write(&shuffled), write(&value));
    }

    #[test]
    fn bounds_are_never_rounded_down() {
        for (x, want) in [(0.0, 0.0), (0.05, 0.05), (0.123_456_01, 0.123_457), (1e-12, 1e-6), (2e-9, 1e-6), (1.0, 1.0)]
        {
            assert_eq!(up(x), want, "{x}");
        }
    }
}
