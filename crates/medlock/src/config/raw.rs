//! What the file and the environment say, key by key, before any of it is judged.

use std::collections::BTreeMap;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// Variables of this prefix are settings; those of [`NOT_SETTINGS`] are for other things.
const PREFIX: &str = "MEDLOCK_";
/// Read elsewhere: where the configuration is, and what tests are told.
const NOT_SETTINGS: &[&str] = &["MEDLOCK_CONFIG"];
const TEST_PREFIX: &str = "MEDLOCK_TEST_";

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// This line of the file.
    Line(usize),
    /// This variable of the environment.
    Env(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Line(n) => write!(f, "line {n}"),
            Origin::Env(name) => f.write_str(name),
        }
    }
}

/// One mistake, and how to mend it. Never repeats a value: somebody may have pasted a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.origin, self.what),
            key => write!(f, "{}: {key}: {}", self.origin, self.what),
        }
    }
}

/// A value, as far as settings need one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Decimal(f64),
    /// From the environment: text, or a number written as text.
    Loose(String),
    /// Something that no setting is; its type's name.
    Other(&'static str),
}

impl Value {
    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Loose(text) => Some(text),
            _ => None,
        }
    }
}

/// Everything that was said.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    said: BTreeMap<String, (Value, Origin)>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Raw {
    /// Reads the file's text and lays the environment over it.
    pub(crate) fn read(text: &str, env: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut raw = Raw::default();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let what = format!("this is not TOML: {}", error.message());
            raw.mistakes.push(Mistake { key: String::new(), origin: Origin::Line(line), what });
        }
        raw.flatten("", table.get_ref(), text);
        for (name, value) in env {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if !NOT_SETTINGS.contains(&name.as_str()) && !name.starts_with(TEST_PREFIX) {
                let key = rest.replace("__", ".").to_ascii_lowercase();
                raw.said.insert(key, (Value::Loose(value), Origin::Env(name)));
            }
        }
        raw
    }

    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>, text: &str) {
        for (key, value) in table {
            let path = match prefix {
                "" => key.get_ref().to_string(),
                _ => format!("{prefix}.{}", key.get_ref()),
            };
            let found = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.flatten(&path, inner, text);
                    continue;
                }
                DeValue::String(s) => Value::Text(s.to_string()),
                DeValue::Integer(n) => match i64::from_str_radix(n.as_str(), n.radix()) {
                    Ok(n) => Value::Number(n),
                    Err(_) => Value::Other("number that is too large"),
                },
                DeValue::Float(n) => match n.as_str().parse() {
                    Ok(n) => Value::Decimal(n),
                    Err(_) => Value::Other("float"),
                },
                other => Value::Other(other.type_str()),
            };
            self.said.insert(path, (found, Origin::Line(line_of(text, key.span().start))));
        }
    }

    /// Takes what was said about `key`.
    pub(crate) fn take(&mut self, key: &str) -> Option<(Value, Origin)> {
        self.said.remove(key)
    }

    /// Whether anything was said about `key`, and was not taken yet.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.said.contains_key(key)
    }

    /// The parts of keys between `prefix` and the next dot, each once.
    pub(crate) fn names_under(&self, prefix: &str) -> Vec<String> {
        let names = self.said.keys().filter_map(|key| Some(key.strip_prefix(prefix)?.split_once('.')?.0.to_owned()));
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// What nobody has taken.
    pub(crate) fn rest(&mut self) -> impl Iterator<Item = (String, Origin)> {
        std::mem::take(&mut self.said).into_iter().map(|(key, (_, origin))| (key, origin))
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
