//! What a run did, file by file, in numbers, digests and words: no value of any input is in it.

use crate::failure::{Doing, Failure};
use medlock_keys::digest::{Digest, hex, sha256};
use medlock_keys::file::write_private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

use super::inputs::shown;
use super::terms::Terms;

/// Its name in a directory.
pub(super) const NAME: &str = "medlock-deid-manifest.json";
const KIND: &str = "medlock de-identification manifest";

pub(super) type Counts = BTreeMap<String, u64>;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    kind: String,
    schema: u32,
    #[serde(flatten)]
    pub(super) made_by: MadeBy,
    pub(super) started: String,
    pub(super) finished: Option<String>,
    /// Inputs are named by their digests alone.
    pub(super) renamed: bool,
    pub(super) totals: Totals,
    pub(super) files: Vec<Entry>,
}

/// What an output depends on beside its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MadeBy {
    tool: String,
    pub(super) profile: Named,
    pub(super) detector: Named,
    preset: String,
    /// `sealed`, or `none`: replacements are then the same within one run only.
    pub(super) vault: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) sha256: String,
}

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// Not begun, or not finished.
    Pending,
    /// The output is there.
    Done,
    /// It cannot be inspected: there is no output.
    NotInspected,
    /// It could not be read: there is no output.
    Failed,
}

/// Bytes, and what they are called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) status: Status,
    pub(super) input: Stored,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Stored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    /// Why it was not inspected, or could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    #[serde(default)]
    pub(super) documents: u64,
    /// Identifiers by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) classes: Counts,
    /// Identifiers by what was done with them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) actions: Counts,
    /// Ids of resources that were replaced, and references to them.
    #[serde(default)]
    pub(super) ids_renamed: u64,
    /// Parts that could not be inspected and are not in the output, by reason and place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) left_out: Counts,
    /// Parts that the format's tables do not know, by place; searched as free text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) searched_as_text: Counts,
    /// Of an earlier run, whose input is none of the last run's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) earlier: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) done: u64,
    pub(super) pending: u64,
    pub(super) not_inspected: u64,
    pub(super) failed: u64,
    pub(super) documents: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) classes: Counts,
    pub(super) actions: Counts,
    pub(super) ids_renamed: u64,
    pub(super) left_out: u64,
    pub(super) searched_as_text: u64,
}

impl MadeBy {
    pub(super) fn new(terms: &Terms, sealed: bool) -> Self {
        let named = |name: &str, digest: &Digest| Named { name: name.to_owned(), sha256: hex(digest) };
        Self {
            tool: concat!("medlock ", env!("CARGO_PKG_VERSION")).to_owned(),
            profile: named(terms.profile.name(), &terms.profile_digest),
            detector: named(terms.detector.version(), &terms.detector_digest),
            preset: terms.detector.chosen().name().to_owned(),
            vault: if sealed { "sealed" } else { "none" }.to_owned(),
        }
    }
}

impl Entry {
    pub(super) fn pending(input: Stored) -> Self {
        Self {
            status: Status::Pending,
            input,
            output: None,
            format: None,
            why: None,
            documents: 0,
            classes: Counts::new(),
            actions: Counts::new(),
            ids_renamed: 0,
            left_out: Counts::new(),
            searched_as_text: Counts::new(),
            earlier: false,
        }
    }

    pub(super) fn output_name(&self) -> Option<&str> {
        self.output.as_ref()?.name.as_deref()
    }
}

impl Manifest {
    pub(super) fn new(made_by: MadeBy, started: String, renamed: bool) -> Self {
        let (kind, files) = (KIND.to_owned(), Vec::new());
        Self { kind, schema: 1, made_by, started, finished: None, renamed, totals: Totals::default(), files }
    }

    /// The one in `path`; none where there is no file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Failure::error(format!("reading {}: {e}", shown(path)))),
        };
        let manifest: Option<Self> = serde_json::from_slice(&text).ok();
        let known = manifest.filter(|m| m.kind == KIND && m.schema == 1);
        known
            .map(Some)
            .ok_or_else(|| Failure::error(format!("{} is no manifest of this version: move it away", shown(path))))
    }

    /// Counts anew.
    pub(super) fn count(&mut self) {
        let mut totals = Totals::default();
        for file in &self.files {
            totals.files += 1;
            *match file.status {
                Status::Pending => &mut totals.pending,
                Status::Done => &mut totals.done,
                Status::NotInspected => &mut totals.not_inspected,
                Status::Failed => &mut totals.failed,
            } += 1;
            if file.status != Status::Done {
                continue;
            }
            totals.documents += file.documents;
            totals.bytes_in += file.input.bytes.unwrap_or_default();
            totals.bytes_out += file.output.as_ref().and_then(|o| o.bytes).unwrap_or_default();
            totals.ids_renamed += file.ids_renamed;
            totals.left_out += file.left_out.values().sum::<u64>();
            totals.searched_as_text += file.searched_as_text.values().sum::<u64>();
            for (mine, theirs) in [(&mut totals.classes, &file.classes), (&mut totals.actions, &file.actions)] {
                theirs.iter().for_each(|(name, n)| *mine.entry(name.clone()).or_default() += n);
            }
        }
        self.totals = totals;
    }

    fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("keys are strings");
        text.push(b'\n');
        text
    }

    /// Writes it, whole or not at all, over the one that is there.
    pub(super) fn write(&mut self, path: &Path) -> Result<Digest, Failure> {
        self.count();
        let text = self.text();
        write_private(path, &text).doing(format!("writing the manifest {}", shown(path)))?;
        Ok(sha256(&[&text]))
    }
}
