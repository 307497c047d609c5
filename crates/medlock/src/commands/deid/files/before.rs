//! What an earlier run into the same place did, and whether that still holds.

use crate::failure::Failure;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::inputs::Source;
use super::manifest::{Entry, Manifest, Status, Stored};
use super::place::Place;
use super::plan::DigestOf;

/// What an earlier run did.
pub(super) struct Before {
    entries: Vec<Option<Entry>>,
    /// Where in `entries` an input is: by its name, or by its digest where it has none.
    places: HashMap<String, Vec<usize>>,
    /// The same profile, detector and vault.
    same: bool,
    /// What its outputs are called.
    names: HashSet<String>,
}

impl Before {
    /// # Errors
    /// When the two runs do not go together: one names its inputs and the other does not.
    pub(super) fn new(old: Option<Manifest>, new: &Manifest, renames: bool) -> Result<Self, Failure> {
        if let Some(old) = old.as_ref().filter(|old| old.renamed != renames) {
            let how = if old.renamed { "with" } else { "without" };
            return Err(Failure::error(format!(
                "the earlier run was made {how} --rename: go on like that, or name another --out"
            )));
        }
        let same = old.as_ref().is_some_and(|old| old.made_by == new.made_by);
        let entries = old.map(|old| old.files).unwrap_or_default();
        let names = entries.iter().filter_map(|e| e.output_name().map(str::to_owned)).collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        // From the end, since they are taken from there.
        for (at, entry) in entries.iter().enumerate().rev() {
            if let Some(key) = entry.input.name.as_ref().or(entry.input.sha256.as_ref()) {
                places.entry(key.clone()).or_default().push(at);
            }
        }
        Ok(Self { entries: entries.into_iter().map(Some).collect(), places, same, names })
    }

    /// The numbers of outputs that are finished: they keep them.
    pub(super) fn numbers(&self) -> HashSet<u64> {
        let finished = self.entries.iter().flatten().filter(|e| self.same && e.status == Status::Done);
        let number = |e: &Entry| e.output_name()?.strip_prefix("document-")?.split('.').next()?.parse().ok();
        finished.filter_map(number).collect()
    }

    /// Whether an output of this name was that run's, or was to be.
    pub(super) fn made(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// What was done of this input, if nothing has changed since.
    pub(super) fn take(
        &mut self,
        source: &Source,
        name: Option<&str>,
        place: &Place,
        digest: DigestOf<'_>,
    ) -> Option<Entry> {
        let (Source::File(path), false) = (source, self.entries.is_empty()) else { return None };
        let own = digest(path).ok();
        // Where inputs have no names they are found by their digests alone.
        let key = name.or(own.as_ref().map(|d| d.0.as_str()))?;
        let at = self.places.get_mut(key).and_then(Vec::pop);
        let mut old = at.and_then(|at| self.entries[at].take())?;
        if !self.same || old.status != Status::Done {
            return None;
        }
        let output = output_path(&old, place).and_then(|p| digest(&p).ok());
        let holds = own.is_some_and(|d| is(&old.input, &d))
            && output.is_some_and(|d| old.output.as_ref().is_some_and(|o| is(o, &d)));
        old.earlier = false;
        holds.then_some(old)
    }

    /// What belongs to no input of this run, as far as it is there and was made in the same way.
    pub(super) fn rest(self, place: &Place) -> Vec<Entry> {
        if !matches!(place, Place::Directory(_)) {
            return Vec::new();
        }
        let done = self.entries.into_iter().flatten().filter(|e| e.status == Status::Done && self.same);
        let there = done.filter(|e| output_path(e, place).is_some_and(|p| p.is_file()));
        there.map(|e| Entry { earlier: true, ..e }).collect()
    }
}

fn is(stored: &Stored, (sha256, bytes): &(String, u64)) -> bool {
    stored.sha256.as_ref() == Some(sha256) && stored.bytes == Some(*bytes)
}

/// Where the output of an entry is. Only a plain name below the directory is believed.
fn output_path(entry: &Entry, place: &Place) -> Option<PathBuf> {
    let name = Path::new(entry.output_name()?);
    let plain = name.components().all(|c| matches!(c, Component::Normal(_)));
    match place {
        Place::Directory(directory) if plain => Some(directory.join(name)),
        Place::File(path) => Some(path.clone()),
        _ => None,
    }
}
