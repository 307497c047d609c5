//! Taking a JSON object apart field by field, so that what nobody took is refused by name.

use medlock_domain::PhiText;
use medlock_pipeline::{Refusal, RefusalCode};
use serde_json::{Map, Number, Value};

/// Where in a request something stands, in its documented words: `messages[2].content[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    /// The request itself.
    pub(crate) fn root() -> Self {
        Self(String::new())
    }

    /// A field of this.
    pub(crate) fn field(&self, name: &str) -> Self {
        Self(if self.0.is_empty() { name.to_string() } else { format!("{}.{name}", self.0) })
    }

    /// An element of this.
    pub(crate) fn index(&self, i: usize) -> Self {
        Self(format!("{}[{i}]", self.0))
    }

    fn shown(&self) -> &str {
        if self.0.is_empty() { "the body" } else { &self.0 }
    }

    fn refuse(&self, code: RefusalCode, message: String) -> Refusal {
        let refusal = Refusal::new(code, message);
        if self.0.is_empty() { refusal } else { refusal.param(self.0.clone()) }
    }

    /// The value here is out of its range.
    pub(crate) fn invalid(&self, expected: &str) -> Refusal {
        self.refuse(RefusalCode::InvalidValue, format!("{} must be {expected}", self.shown()))
    }

    /// The value here is a known one that this server does not support.
    pub(crate) fn unsupported(&self, why: &str) -> Refusal {
        self.refuse(RefusalCode::UnsupportedValue, format!("{} is not supported here: {why}", self.shown()))
    }

    /// A field in here that nobody knows. Its name is the caller's own text, so only what looks
    /// like a field name is repeated.
    fn unknown(&self, name: &str) -> Refusal {
        let plain = (1..=48).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.');
        if plain {
            let place = self.field(name);
            place.refuse(
                RefusalCode::UnsupportedField,
                format!("{} is not a field that this server knows, so it cannot be guarded; leave it out", place.0),
            )
        } else {
            self.refuse(
                RefusalCode::UnsupportedField,
                format!("{} holds an unknown field, which cannot be guarded; leave it out", self.shown()),
            )
        }
    }
}

/// The fields of an object that have not been taken yet.
pub(crate) struct Fields {
    map: Map<String, Value>,
    at: Place,
}

impl Fields {
    /// The fields of `value`, which must be an object.
    pub(crate) fn of(value: Value, at: Place) -> Result<Self, Refusal> {
        match value {
            Value::Object(map) => Ok(Self { map, at }),
            _ => Err(at.invalid("an object")),
        }
    }

    /// Where a field of this object stands.
    pub(crate) fn at(&self, name: &str) -> Place {
        self.at.field(name)
    }

    /// Takes a field; `null` is as good as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|v| !v.is_null())
    }

    /// Takes a field that must be there.
    pub(crate) fn need(&mut self, name: &str) -> Result<Value, Refusal> {
        let at = self.at(name);
        self.take(name).ok_or_else(|| at.invalid("given"))
    }

    /// Takes a string that is one of our words (a type, a role): compared, never kept.
    pub(crate) fn word(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s)),
            Some(_) => Err(self.at(name).invalid("a string")),
        }
    }

    /// Takes a text of the caller's.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<PhiText>, Refusal> {
        Ok(self.word(name)?.map(PhiText::new))
    }

    /// Takes a text of the caller's that must be there.
    pub(crate) fn need_text(&mut self, name: &str) -> Result<PhiText, Refusal> {
        let at = self.at(name);
        self.text(name)?.ok_or_else(|| at.invalid("a string"))
    }

    /// Takes a truth value.
    pub(crate) fn bool(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(b)),
            Some(_) => Err(self.at(name).invalid("true or false")),
        }
    }

    /// Takes a list.
    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.at(name).invalid("a list")),
        }
    }

    /// Takes a number that `read` accepts.
    pub(crate) fn number<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Number) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Number(n)) => read(&n).map(Some).ok_or_else(|| self.at(name).invalid(expected)),
            Some(_) => Err(self.at(name).invalid(expected)),
        }
    }

    /// Takes a parameter that is accepted only at its default.
    pub(crate) fn only_default(&mut self, name: &str, is_default: fn(&Value) -> bool) -> Result<(), Refusal> {
        match self.take(name) {
            Some(v) if !is_default(&v) => Err(self.at(name).unsupported("leave it out, or at its default")),
            _ => Ok(()),
        }
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.at.unknown(name)),
        }
    }
}
