//! The last step: text leaves only against the receipt of the record that holds it.

use crate::chat::Json;
use medlock_audit::Receipt;
use medlock_deid::RestoredText;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Text that may be written to the client: filtered, restored, and durable in the audit log.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Released(String);

impl Released {
    /// The text, for the socket.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Released({} bytes)", self.0.len())
    }
}

/// Texts on their way out, as one record holds them.
#[derive(Default)]
pub(crate) struct Window(Vec<Item>);

enum Item {
    Text(RestoredText),
    /// One JSON string made of these texts, quoted and escaped.
    JsonString(Vec<RestoredText>),
    /// Brackets, commas, `null`: ours, not the model's.
    Syntax(&'static str),
}

impl Window {
    pub(crate) fn push(&mut self, text: impl IntoIterator<Item = RestoredText>) {
        self.0.extend(text.into_iter().filter(|t| !t.expose().is_empty()).map(Item::Text));
    }

    /// Adds JSON whose leaves and keys have been through filter and restorer one by one, so that a
    /// restored value cannot break out of its string.
    pub(crate) fn push_json(&mut self, json: Json<Vec<RestoredText>>) {
        match json {
            Json::Null => self.0.push(Item::Syntax("null")),
            Json::Bool(b) => self.0.push(Item::Syntax(if b { "true" } else { "false" })),
            Json::Number(texts) => {
                let number: Zeroizing<String> = Zeroizing::new(texts.iter().map(RestoredText::expose).collect());
                if number.parse::<serde_json::Number>().is_ok() {
                    self.0.extend(texts.into_iter().map(Item::Text));
                } else {
                    self.0.push(Item::JsonString(texts));
                }
            }
            Json::String(texts) => self.0.push(Item::JsonString(texts)),
            Json::Array(items) => {
                self.0.push(Item::Syntax("["));
                for (i, item) in items.into_iter().enumerate() {
                    if i > 0 {
                        self.0.push(Item::Syntax(","));
                    }
                    self.push_json(item);
                }
                self.0.push(Item::Syntax("]"));
            }
            Json::Object(fields) => {
                self.0.push(Item::Syntax("{"));
                for (i, (key, value)) in fields.into_iter().enumerate() {
                    if i > 0 {
                        self.0.push(Item::Syntax(","));
                    }
                    self.0.push(Item::JsonString(key));
                    self.0.push(Item::Syntax(":"));
                    self.push_json(value);
                }
                self.0.push(Item::Syntax("}"));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the record is to hold.
    pub(crate) fn content(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.text().into_bytes())
    }

    /// Gives the text out, if `receipt` is of a record that holds just this.
    pub(crate) fn release(self, receipt: &Receipt) -> Option<Released> {
        let released = Released(self.text());
        receipt.covers(released.0.as_bytes()).then_some(released)
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for item in &self.0 {
            match item {
                Item::Text(t) => out.push_str(t.expose()),
                Item::Syntax(s) => out.push_str(s),
                Item::JsonString(texts) => {
                    let whole: Zeroizing<String> = Zeroizing::new(texts.iter().map(RestoredText::expose).collect());
                    out.push_str(&serde_json::Value::from(whole.as_str()).to_string());
                }
            }
        }
        out
    }
}
