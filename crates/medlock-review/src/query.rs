//! What is looked for, and a page of what was found.

use crate::terms::Field;
use medlock_audit::read::StoredEntry;
use medlock_domain::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Everything in it must hold of an entry; of several values for one field, one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub(crate) terms: BTreeMap<Field, Vec<String>>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) order: Order,
}

/// Which comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
}

/// A query that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// No field of this name.
    #[error("there is no such filter; there are {}, since, until", names())]
    NoSuchField,
    /// A value that no entry has.
    #[error("{0}: a value is 1 to 256 of A-Z a-z 0-9 . _ : / @ = + -")]
    Value(&'static str),
    /// More values than are looked for at once.
    #[error("{0}: at most 100 values at once")]
    TooMany(&'static str),
    /// Not a cursor that a page gave.
    #[error("this is no cursor of an earlier page")]
    Cursor,
}

fn names() -> String {
    Field::ALL.map(Field::as_str).join(", ")
}

impl Query {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one of these values, separated by commas.
    pub fn with(mut self, field: Field, values: &str) -> Result<Self, BadQuery> {
        let all = self.terms.entry(field).or_default();
        for value in values.split(',') {
            let ok = |b: u8| b.is_ascii_alphanumeric() || b"._:/@=+-".contains(&b);
            if value.is_empty() || value.len() > 256 || !value.bytes().all(ok) {
                return Err(BadQuery::Value(field.as_str()));
            }
            // Classes are written in capitals in records.
            all.push(if field == Field::Class { value.to_ascii_uppercase() } else { value.to_owned() });
        }
        if all.len() > 100 { Err(BadQuery::TooMany(field.as_str())) } else { Ok(self) }
    }

    /// The same with the field's name.
    pub fn named(self, field: &str, values: &str) -> Result<Self, BadQuery> {
        let field = Field::ALL.into_iter().find(|f| f.as_str() == field).ok_or(BadQuery::NoSuchField)?;
        self.with(field, values)
    }

    /// From this time on, by the server's clock.
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Before this time.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    /// In this order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }
}

/// Where a page ended. Entries that come later do not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(crate) u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = BadQuery;

    fn from_str(text: &str) -> Result<Self, BadQuery> {
        let index = text.strip_prefix('c').and_then(|n| n.parse().ok()).map(Self);
        index.filter(|c| c.to_string() == text && i64::try_from(c.0).is_ok()).ok_or(BadQuery::Cursor)
    }
}

/// Some of what was found.
#[derive(Debug)]
pub struct Page {
    /// The entries, as the log has them.
    pub entries: Vec<StoredEntry>,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_entries_can_hold_is_looked_for() {
        assert!(Query::new().named("who", "usr_1,usr_2").is_ok());
        assert_eq!(Query::new().named("name", "x"), Err(BadQuery::NoSuchField));
        for bad in ["", "a,", "Jane Roe", "'; DROP TABLE term", &"x".repeat(257)] {
            assert_eq!(Query::new().named("who", bad), Err(BadQuery::Value("who")), "{bad}");
        }
        assert_eq!(Query::new().named("who", &["x"; 101].join(",")), Err(BadQuery::TooMany("who")));
    }

    #[test]
    fn cursors_have_one_spelling() {
        assert_eq!("c17".parse(), Ok(Cursor(17)));
        for bad in ["", "c", "17", "c017", "c-1", "c18446744073709551615", "c1 "] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadQuery::Cursor), "{bad}");
        }
    }
}
