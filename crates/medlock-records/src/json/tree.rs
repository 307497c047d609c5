//! A JSON value that remembers its bytes: what is not replaced is written back as it was read, white
//! space, key order and the spelling of numbers included.

use std::collections::HashSet;
use std::ops::Range;

use crate::Format;
use crate::error::{Place, RecordError};

/// How deep values may be nested.
pub(crate) const MAX_DEPTH: usize = 128;

#[derive(Debug)]
pub(crate) struct Value {
    span: Range<usize>,
    pub(crate) kind: Kind,
    /// What is written in its place: JSON.
    new: Option<String>,
    /// Left out, with its key.
    pub(crate) removed: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool,
    /// As it is spelled.
    Number(String),
    String(String),
    Array(Vec<Value>),
    Object(Vec<Member>),
}

#[derive(Debug)]
pub(crate) struct Member {
    key_span: Range<usize>,
    pub(crate) key: String,
    new_key: Option<String>,
    pub(crate) value: Value,
}

impl Value {
    /// Reads the one value that `source` is.
    pub(crate) fn parse(source: &str) -> Result<Value, RecordError> {
        let mut parser = Parser { source, at: 0 };
        parser.space();
        let value = parser.value(0)?;
        parser.space();
        if parser.at < source.len() { Err(parser.invalid("more after the value")) } else { Ok(value) }
    }

    /// The value with its replacements, and what stood around it in `source`.
    pub(crate) fn write(&self, source: &str) -> String {
        let mut out = String::with_capacity(source.len() + 64);
        out.push_str(&source[..self.span.start]);
        self.emit(source, &mut out);
        out.push_str(&source[self.span.end..]);
        out
    }

    pub(crate) fn replace_with_string(&mut self, text: &str) {
        self.new = Some(quoted(text));
    }

    /// Puts `text` where a number stood: as a number if it is one, or as a string.
    pub(crate) fn replace_number(&mut self, text: &str) {
        let number = matches!(Value::parse(text), Ok(Value { kind: Kind::Number(_), .. }));
        self.new = Some(if number { text.to_owned() } else { quoted(text) });
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(s) => Some(s),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match &self.kind {
            Kind::Object(members) => members.iter().find(|m| m.key == key).map(|m| &m.value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        match &mut self.kind {
            Kind::Object(members) => members.iter_mut().find(|m| m.key == key).map(|m| &mut m.value),
            _ => None,
        }
    }

    /// The string under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// The values in it, if it is an array; itself otherwise.
    pub(crate) fn items(&self) -> &[Value] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    fn emit(&self, source: &str, out: &mut String) {
        if let Some(new) = &self.new {
            return out.push_str(new);
        }
        match &self.kind {
            Kind::Array(items) => {
                let parts: Vec<_> = items.iter().map(|v| (v.span.start, v)).collect();
                emit_list(source, &self.span, &parts, out, |_, out, value| value.emit(source, out));
            }
            Kind::Object(members) => {
                let parts: Vec<_> = members.iter().map(|m| (m.key_span.start, &m.value)).collect();
                emit_list(source, &self.span, &parts, out, |i, out, value| {
                    match &members[i].new_key {
                        Some(key) => out.push_str(&quoted(key)),
                        None => out.push_str(&source[members[i].key_span.clone()]),
                    }
                    out.push_str(&source[members[i].key_span.end..value.span.start]);
                    value.emit(source, out);
                });
            }
            _ => out.push_str(&source[self.span.clone()]),
        }
    }
}

impl Member {
    pub(crate) fn rename(&mut self, key: String) {
        self.new_key = Some(key);
    }
}

/// What stands between brackets, without what was removed and the comma that went with it.
fn emit_list(
    source: &str,
    span: &Range<usize>,
    parts: &[(usize, &Value)],
    out: &mut String,
    mut one: impl FnMut(usize, &mut String, &Value),
) {
    let Some((first, _)) = parts.first() else { return out.push_str(&source[span.clone()]) };
    out.push_str(&source[span.start..*first]);
    let mut any = false;
    for (i, (start, value)) in parts.iter().enumerate() {
        if value.removed {
            continue;
        }
        if any {
            // With the first ones gone there is no comma to be had before the next.
            out.push_str(&source[parts[i - 1].1.span.end..*start]);
        }
        one(i, out, value);
        any = true;
    }
    out.push_str(&source[parts[parts.len() - 1].1.span.end..span.end]);
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn invalid(&self, what: &'static str) -> RecordError {
        let line = 1 + self.source.as_bytes()[..self.at].iter().filter(|b| **b == b'\n').count() as u64;
        let at = Place { line: Some(line), byte: Some(self.at as u64), path: None };
        RecordError::Invalid { format: Format::Json, what, at }
    }

    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8, what: &'static str) -> Result<(), RecordError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.invalid(what))
    }

    fn value(&mut self, depth: usize) -> Result<Value, RecordError> {
        if depth > MAX_DEPTH {
            return Err(self.invalid("values nested too deep"));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Kind::Bool)?,
            Some(b'f') => self.word("false", Kind::Bool)?,
            Some(b'n') => self.word("null", Kind::Null)?,
            Some(_) => return Err(self.invalid("no value where one is due")),
            None => return Err(self.invalid("ends too early")),
        };
        Ok(Value { span: start..self.at, kind, new: None, removed: false })
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, RecordError> {
        if !self.source[self.at..].starts_with(word) {
            return Err(self.invalid("no value where one is due"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn array(&mut self, depth: usize) -> Result<Kind, RecordError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
            } else {
                self.eat(b']', "an array that is not closed")?;
                return Ok(Kind::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind, RecordError> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut keys = HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.invalid("no key where one is due"));
            }
            let key = self.string()?;
            let key_span = start..self.at;
            // Of two values under one key, a reader may take either.
            if !keys.insert(key.clone()) {
                return Err(self.invalid("a key that stands twice in its object"));
            }
            self.space();
            self.eat(b':', "no colon after a key")?;
            self.space();
            let value = self.value(depth + 1)?;
            members.push(Member { key_span, key, new_key: None, value });
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
            } else {
                self.eat(b'}', "an object that is not closed")?;
                return Ok(Kind::Object(members));
            }
        }
    }

    fn number(&mut self) -> Result<Kind, RecordError> {
        let start = self.at;
        let digits = |p: &mut Self| {
            let from = p.at;
            while matches!(p.peek(), Some(b'0'..=b'9')) {
                p.at += 1;
            }
            if p.at == from { Err(p.invalid("not a number")) } else { Ok(()) }
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            digits(self)?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits(self)?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        Ok(Kind::Number(self.source[start..self.at].to_owned()))
    }

    fn string(&mut self) -> Result<String, RecordError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            out.push_str(&self.source[plain..self.at]);
            match self.peek() {
                None => return Err(self.invalid("a string that is not closed")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.invalid("a control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, RecordError> {
        self.at += 1;
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.invalid("an escape that is none")),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, RecordError> {
        let first = self.hex()?;
        let units = if (0xD800..0xDC00).contains(&first) {
            if !self.source[self.at..].starts_with("\\u") {
                return Err(self.invalid("half a surrogate pair"));
            }
            self.at += 1;
            vec![first, self.hex()?]
        } else {
            vec![first]
        };
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err(self.invalid("half a surrogate pair")),
        }
    }

    /// Reads `uXXXX`.
    fn hex(&mut self) -> Result<u16, RecordError> {
        let digits = self.source.get(self.at + 1..self.at + 5).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u16::from_str_radix(d, 16).ok()) {
            Some(unit) => {
                self.at += 5;
                Ok(unit)
            }
            None => Err(self.invalid("an escape that is none")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_not_touched_is_written_as_it_was() {
        let source = " {\"b\" : 1.50e+3 , \"a\":[ ],\n\t\"c\":\"\\u00e9\\/\\ud83d\\ude00\"} \n";
        let mut value = Value::parse(source).unwrap();
        assert_eq!(value.write(source), source);
        assert_eq!(value.text("c"), Some("é/😀"));
        value.get_mut("c").unwrap().replace_with_string("x\"\u{1}");
        value.get_mut("b").unwrap().replace_number("[MRN]");
        assert_eq!(value.write(source), " {\"b\" : \"[MRN]\" , \"a\":[ ],\n\t\"c\":\"x\\\"\\u0001\"} \n");
    }

    #[test]
    fn what_is_removed_takes_its_comma_along() {
        let source = r#"{"a": 1, "b": 2, "c": 3}"#;
        for (gone, left) in [
            ("a", r#"{"b": 2, "c": 3}"#),
            ("b", r#"{"a": 1, "c": 3}"#),
            ("c", r#"{"a": 1, "b": 2}"#),
            ("ab", r#"{"c": 3}"#),
            ("bc", r#"{"a": 1}"#),
            ("ac", r#"{"b": 2}"#),
            ("abc", "{}"),
        ] {
            let mut value = Value::parse(source).unwrap();
            gone.chars().for_each(|key| value.get_mut(&key.to_string()).unwrap().removed = true);
            assert_eq!(value.write(source), left, "{gone}");
        }
    }

    #[test]
    fn agrees_with_another_parser_about_what_is_json() {
        for source in [
            "",
            " ",
            "{",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "01",
            "-",
            "1.",
            "1e",
            ".5",
            "+1",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\t\"",
            "tru",
            "nul",
            "[1 2]",
            "{\"a\" 1}",
            "{a:1}",
            "1 1",
            "NaN",
            "0",
            "-0",
            "1e5",
            "[]",
            "{}",
            "\"\"",
            "null",
            "true",
            "[[[]]]",
            "\"\\u0000\"",
            "-1.5E-3",
            "{\"\":0}",
        ] {
            let other = serde_json::from_str::<serde_json::Value>(source).is_ok();
            assert_eq!(Value::parse(source).is_ok(), other, "{source:?}");
        }
    }

    #[test]
    fn a_key_may_not_stand_twice_and_nesting_ends() {
        assert!(Value::parse(r#"{"a":1,"\u0061":2}"#).is_err());
        assert!(Value::parse(&"[".repeat(100_000)).is_err());
        assert!(Value::parse(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
    }
}
