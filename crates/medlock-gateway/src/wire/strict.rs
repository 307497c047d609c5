//! JSON from a stranger: UTF-8, every key once, a bounded number of values, and no key that the
//! parser itself gives a meaning to.

use serde::de::{Deserialize, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

/// What is wrong with a text that should be JSON. Positions, never content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    NotUtf8,
    Syntax { line: usize, column: usize },
    DuplicateKey { line: usize, column: usize },
    ReservedKey,
    TooMany,
}

/// With this key `serde_json` takes a string for JSON to parse, each with a depth limit of its own.
const RAW: &str = "$serde_json::private::RawValue";

/// Parses `bytes`, which may hold at most `values` values.
pub(crate) fn parse(bytes: &[u8], values: usize) -> Result<Value, Flaw> {
    let text = std::str::from_utf8(bytes).map_err(|_| Flaw::NotUtf8)?;
    let watch = Watch { left: Cell::new(values), found: Cell::new(None) };
    let mut walk = serde_json::Deserializer::from_str(text);
    let walked = Walk(&watch).deserialize(&mut walk).and_then(|()| walk.end());
    if let Err(e) = walked {
        let (line, column) = (e.line(), e.column());
        return Err(match watch.found.get() {
            Some(Stop::Duplicate) => Flaw::DuplicateKey { line, column },
            Some(Stop::Reserved) => Flaw::ReservedKey,
            Some(Stop::TooMany) => Flaw::TooMany,
            None => Flaw::Syntax { line, column },
        });
    }
    let mut real = serde_json::Deserializer::from_str(text);
    Value::deserialize(&mut real).map_err(|e| Flaw::Syntax { line: e.line(), column: e.column() })
}

#[derive(Clone, Copy)]
enum Stop {
    Duplicate,
    Reserved,
    TooMany,
}

struct Watch {
    left: Cell<usize>,
    found: Cell<Option<Stop>>,
}

impl Watch {
    fn stop<E: Error>(&self, why: Stop) -> E {
        self.found.set(Some(why));
        E::custom("refused")
    }
}

/// Walks JSON without keeping it.
#[derive(Clone, Copy)]
struct Walk<'a>(&'a Watch);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        match self.0.left.get().checked_sub(1) {
            Some(left) => self.0.left.set(left),
            None => return Err(self.0.stop(Stop::TooMany)),
        }
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == RAW {
                return Err(self.0.stop(Stop::Reserved));
            }
            if !seen.insert(key) {
                return Err(self.0.stop(Stop::Duplicate));
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn json_passes_as_it_is() {
        for good in [r#"{"a":[1,-2.50,1e400,null,true,"x"],"b":{"a":{}}}"#, "[]", "12", "\"é\"", " {} "] {
            assert_eq!(parse(good.as_bytes(), 100).unwrap(), serde_json::from_str::<Value>(good).unwrap(), "{good}");
        }
    }

    #[test]
    fn each_flaw_is_told_from_the_others() {
        let deep = "[".repeat(200);
        let many = "[0".to_string() + &",0".repeat(999) + "]";
        for (bad, flaw) in [
            (&b"{\"a\":\"\xff\"}"[..], "NotUtf8"),
            (br#"{"a":1"#, "Syntax"),
            (br#"{"a":1} x"#, "Syntax"),
            (b"", "Syntax"),
            (br#""\ud800""#, "Syntax"),
            (deep.as_bytes(), "Syntax"),
            (br#"{"a":{"b":1,"\u0062":2}}"#, "DuplicateKey"),
            (br#"{"$serde_json::private::RawValue":"[1]"}"#, "ReservedKey"),
            (br#"{"\u0024serde_json::private::RawValue":"[1]"}"#, "ReservedKey"),
            (many.as_bytes(), "TooMany"),
        ] {
            let got = format!("{:?}", parse(bad, 500).unwrap_err());
            assert!(got.starts_with(flaw), "{} gave {got}", String::from_utf8_lossy(&bad[..bad.len().min(40)]));
        }
    }

    #[test]
    fn a_syntax_error_says_where() {
        assert_eq!(parse(b"{\n  \"a\": nope\n}", 9).unwrap_err(), Flaw::Syntax { line: 2, column: 9 });
    }
}
