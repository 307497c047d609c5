//! Takes settings one by one and keeps account of the mistakes.

use super::raw::{Mistake, Origin, Raw, Value};
use super::settings::Resolved;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(super) struct Judge {
    raw: Raw,
    known: Vec<&'static str>,
    resolved: Vec<Resolved>,
}

impl Judge {
    pub(super) fn new(raw: Raw) -> Self {
        Self { raw, known: Vec::new(), resolved: Vec::new() }
    }

    /// A number within `range`.
    pub(super) fn number(&mut self, key: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let read = |value: &Value| match value {
            Value::Number(n) => Some(*n),
            Value::Loose(text) => text.parse().ok(),
            _ => None,
        };
        self.take(key, &expected, |v| read(v).filter(|n| range.contains(n))).unwrap_or_else(|| {
            self.default(key, default.to_string());
            default
        })
    }

    /// A number from 0 to 1; `None` when nothing was said.
    pub(super) fn share(&mut self, key: &'static str) -> Option<f64> {
        let read = |value: &Value| match value {
            Value::Decimal(n) => Some(*n),
            Value::Number(n @ 0..=1) => Some(*n as f64),
            Value::Loose(text) => text.parse().ok(),
            _ => None,
        };
        self.take(key, "a number from 0 to 1", |v| read(v).filter(|n| (0.0..=1.0).contains(n)))
    }

    /// Text that parses; `None` when nothing was said.
    pub(super) fn text<T: FromStr + Display>(&mut self, key: &'static str, expected: &str) -> Option<T> {
        self.take(key, expected, |v| text(v)?.parse().ok())
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, default: &str, words: &[(&str, T)]) -> T {
        let expected = words.iter().map(|(w, _)| format!("\"{w}\"")).collect::<Vec<_>>().join(" or ");
        let find = |text: &str| words.iter().find(|(w, _)| *w == text).map(|(w, _)| (*w).to_owned());
        let said = self.take(key, &expected, |v| find(text(v)?));
        if said.is_none() {
            self.default(key, default.to_owned());
        }
        let said = said.unwrap_or_else(|| default.to_owned());
        words.iter().find(|(w, _)| *w == said).map(|(_, t)| *t).expect("the default is one of the words")
    }

    /// A path, relative to `base`.
    pub(super) fn path(&mut self, key: &'static str, default: &str, base: &Path) -> PathBuf {
        match self.maybe_path(key, base) {
            Some(path) => path,
            None => {
                let path = join(base, default);
                self.default(key, path.display().to_string());
                path
            }
        }
    }

    /// A path that need not be given.
    pub(super) fn maybe_path(&mut self, key: &'static str, base: &Path) -> Option<PathBuf> {
        let read = |v: &Value| text(v).filter(|t| !t.is_empty() && !t.contains('\0')).map(|t| Shown(join(base, t)));
        self.take(key, "a path", read).map(|Shown(path)| path)
    }

    /// Anything else that can be shown.
    pub(super) fn take<T: Display>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let (value, origin) = self.raw.take(key)?;
        match read(&value) {
            Some(good) => {
                self.resolved.push(Resolved { key, value: good.to_string(), origin });
                Some(good)
            }
            None => {
                let found = match value {
                    Value::Other(kind) => format!("is of type {kind}"),
                    _ => "is something else".to_owned(),
                };
                self.mistake(key, origin, format!("expected {expected}; what stands there {found}"));
                None
            }
        }
    }

    /// The names of tables `prefix` + NAME that something was said about.
    pub(super) fn names_under(&self, prefix: &str) -> Vec<String> {
        self.raw.names_under(prefix)
    }

    /// Whether anything was said about `key`.
    pub(super) fn says(&self, key: &str) -> bool {
        self.raw.says(key)
    }

    /// A word that says nothing to a shell or a log.
    pub(super) fn word_of(&mut self, key: &'static str, expected: &str) -> Option<String> {
        let word = |t: &&str| {
            (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
        };
        self.take(key, expected, |v| v.as_text().filter(word).map(str::to_owned))
    }

    pub(super) fn default(&mut self, key: &'static str, value: String) {
        if self.resolved.iter().all(|r| r.key != key) {
            self.resolved.push(Resolved { key, value, origin: Origin::Default });
        }
    }

    /// A mistake that shows only when several settings are seen together.
    pub(super) fn conflict(&mut self, key: &'static str, what: &str) {
        let origin = self.resolved.iter().find(|r| r.key == key).map_or(Origin::Default, |r| r.origin.clone());
        self.mistake(key, origin, what.to_owned());
    }

    fn mistake(&mut self, key: &str, origin: Origin, what: String) {
        self.raw.mistakes.push(Mistake { key: key.to_owned(), origin, what });
    }

    /// The settings in the order in which they were taken, or every mistake.
    pub(super) fn finish(mut self) -> Result<Vec<Resolved>, Vec<Mistake>> {
        for (key, origin) in self.raw.rest().collect::<Vec<_>>() {
            let near = self.known.iter().map(|k| (distance(k, &key), *k)).min().filter(|(d, _)| *d <= 3);
            let what = match near {
                Some((_, near)) => format!("there is no such setting; did you mean {near}?"),
                None => format!("there is no such setting; there are {}", self.known.join(", ")),
            };
            self.mistake(&key, origin, what);
        }
        if self.raw.mistakes.is_empty() { Ok(self.resolved) } else { Err(self.raw.mistakes) }
    }
}

struct Shown(PathBuf);

impl Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(t) | Value::Loose(t) => Some(t),
        _ => None,
    }
}

/// `base` joined with `path`, without a `.` in the middle of it.
fn join(base: &Path, path: &str) -> PathBuf {
    match path {
        "." => base.to_owned(),
        _ => base.join(path.strip_prefix("./").unwrap_or(path)),
    }
}

/// How many letters differ (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
