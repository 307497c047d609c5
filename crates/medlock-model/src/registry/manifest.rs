//! What is signed of a model that a site brings: which file it is, where it comes from, and what it is for.

use crate::Entry;
use medlock_domain::ModelName;
use medlock_keys::digest::{hex, unhex};
use std::fmt;

const TITLE: &str = "medlock model";
const MOST: usize = 1000;

/// Whose signatures a model of the site needs before it is loaded.
pub trait ModelSeal: fmt::Debug + Send + Sync {
    /// The text of a note that enough of them have signed.
    ///
    /// # Errors
    /// What is missing, in words.
    fn opened(&self, note: &str) -> Result<String, String>;
}

/// All that is signed. Text values are of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What requests call it.
    pub name: ModelName,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// SHA-256 of the chat template in it; 0 when it has none.
    pub template: [u8; 32],
    /// SPDX expression.
    pub licence: String,
    /// Where it came from.
    pub source: String,
    /// What it is meant for.
    pub intended_use: String,
    /// What a person should know before relying on its answers, such as how it was evaluated.
    pub note: String,
}

/// A value of a manifest that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is one line of 1 to 1000 characters")]
pub struct BadValue(&'static str);

impl Manifest {
    fn fields(&self) -> [(&'static str, String); 8] {
        [
            ("name", self.name.to_string()),
            ("size", self.size.to_string()),
            ("sha256", hex(&self.sha256)),
            ("template", hex(&self.template)),
            ("licence", self.licence.clone()),
            ("source", self.source.clone()),
            ("use", self.intended_use.clone()),
            ("note", self.note.clone()),
        ]
    }

    /// The text that is signed.
    ///
    /// # Errors
    /// When a value is of more than one line, empty, or too long.
    pub fn text(&self) -> Result<String, BadValue> {
        let mut text = format!("{TITLE}\n");
        for (key, value) in self.fields() {
            let good = !value.trim().is_empty() && value.len() <= MOST && !value.chars().any(char::is_control);
            if !good {
                return Err(BadValue(key));
            }
            text += &format!("{key} {value}\n");
        }
        Ok(text)
    }

    /// From such a text; `None` of any other.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ').map(str::to_owned);
        let read = Self {
            name: value("name")?.parse().ok()?,
            size: value("size")?.parse().ok()?,
            sha256: unhex(&value("sha256")?)?.try_into().ok()?,
            template: unhex(&value("template")?)?.try_into().ok()?,
            licence: value("licence")?,
            source: value("source")?,
            intended_use: value("use")?,
            note: value("note")?,
        };
        // One spelling only, and nothing after it.
        (read.text().as_deref() == Ok(text)).then_some(read)
    }

    /// The version's name: the file's digest.
    pub fn version(&self) -> String {
        hex(&self.sha256)
    }

    /// As the catalogue has it.
    pub fn entry(&self) -> Entry {
        Entry {
            name: self.name.clone(),
            summary: self.intended_use.clone().into(),
            licence: self.licence.clone().into(),
            licence_url: self.source.clone().into(),
            size: self.size,
            sha256: self.sha256,
            file: format!("versions/{}.gguf", self.version()).into(),
            sources: Vec::new(),
            note: self.note.clone().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            name: "acme-3b".parse().unwrap(),
            size: 7,
            sha256: [1; 32],
            template: [0; 32],
            licence: "Apache-2.0".into(),
            source: "our share, ticket 17".into(),
            intended_use: "summaries of notes".into(),
            note: "not evaluated".into(),
        }
    }

    #[test]
    fn a_manifest_has_one_spelling() {
        let text = manifest().text().unwrap();
        assert_eq!(Manifest::parse(&text), Some(manifest()));
        for wrong in [
            text.replace("size 7", "size 07"),
            text.replace("acme-3b", "acme 3b"),
            text.replace("licence ", "license "),
            format!("{text}more\n"),
            text.replace("medlock model", "medlock policies"),
            text.trim_end().to_owned(),
            text.replace("our share", "our\tshare"),
        ] {
            assert_eq!(Manifest::parse(&wrong), None, "{wrong}");
        }
        for note in ["", " ", "two\nlines", &"x".repeat(1001)] {
            assert!(Manifest { note: note.into(), ..manifest() }.text().is_err(), "{note}");
        }
    }
}
