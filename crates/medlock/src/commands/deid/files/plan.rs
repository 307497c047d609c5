//! What becomes of each input, settled before anything is written: where its output goes, whether
//! that is there already, and what an earlier run has done of it.

use crate::cli::DeidFiles;
use crate::failure::Failure;
use medlock_records::Format;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::inputs::{Input, Inputs, Source, identity, shown, written};
use super::manifest::{self, Entry, Manifest, Status, Stored};
use super::place::Place;

/// So many bytes tell a format.
const HEAD: u64 = 4096;

/// Digest and length of a file.
pub(super) type DigestOf<'a> = &'a dyn Fn(&Path) -> io::Result<(String, u64)>;

/// One file to be worked on.
pub(super) struct Job {
    pub(super) source: Source,
    /// What has been read of stdin.
    pub(super) head: Vec<u8>,
    pub(super) way: Way,
    pub(super) target: Target,
    /// Its place in the manifest.
    pub(super) entry: usize,
}

/// What is done with it.
pub(super) enum Way {
    Rewrite(Format),
    /// It cannot be inspected. Not all that is so can be read for its digest.
    Refuse {
        why: &'static str,
        digest: bool,
    },
    Unreadable(String),
}

/// Where it goes.
#[derive(Clone)]
pub(super) enum Target {
    Stdout,
    File { path: PathBuf, over: bool },
}

/// All of it.
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    pub(super) jobs: Vec<Job>,
    /// Done by an earlier run, and still as it was.
    pub(super) kept: usize,
    /// Outputs of an earlier run that belong to no input of this one.
    pub(super) earlier: usize,
}

/// What an earlier run did.
struct Before {
    entries: Vec<Option<Entry>>,
    /// Where in `entries` an input is: by its name, or by its digest where it has none.
    places: HashMap<String, Vec<usize>>,
    /// The same profile, detector and vault.
    same: bool,
    names: HashSet<String>,
}

pub(super) fn plan(
    inputs: Inputs,
    place: &Place,
    args: &DeidFiles,
    mut manifest: Manifest,
    before: Option<Manifest>,
    digest: DigestOf<'_>,
) -> Result<Plan, Failure> {
    if let Some(old) = before.as_ref().filter(|old| old.renamed != args.rename) {
        let how = if old.renamed { "with" } else { "without" };
        return Err(Failure::error(format!(
            "the earlier run was made {how} --rename: go on like that, or name another --out"
        )));
    }
    let mut before = Before::new(before, &manifest);
    let protected = protected(&inputs);
    let mut plan = Plan { manifest: manifest.clone(), jobs: Vec::new(), kept: 0, earlier: 0 };
    let mut wanted: HashMap<PathBuf, String> = HashMap::new();
    let mut exist = Vec::new();
    let mut numbers = before.numbers();
    for input in inputs.all {
        let (way, head) = look(&input, args.format);
        let name = (!args.rename).then(|| written(&input.name));
        if let Some(old) = before.take(&input, name.as_deref(), place, digest) {
            plan.kept += 1;
            manifest.files.push(old);
            continue;
        }
        let mut entry = Entry::pending(Stored { name, ..Stored::default() });
        let mut target = Target::Stdout;
        if let (Way::Rewrite(format), Some((path, output))) =
            (&way, output(&input, place, args.rename, &way, &mut numbers))
        {
            entry.format = Some(format.to_string());
            let ours = args.resume && before.names.contains(&output);
            if let Some(other) = wanted.insert(path.clone(), shown(&input.name)) {
                return Err(Failure::error(format!(
                    "two inputs would both be written to {} ({other} and {}): name the directory above both, or --rename",
                    shown(&path),
                    shown(&input.name)
                )));
            }
            if let Ok(meta) = path.symlink_metadata() {
                if protected.contains(&identity(&meta))
                    || path.metadata().is_ok_and(|m| protected.contains(&identity(&m)))
                {
                    return Err(Failure::error(format!("{} is an input: inputs are never written over", shown(&path))));
                }
                if meta.is_dir() {
                    return Err(Failure::error(format!("{} is a directory", shown(&path))));
                }
                if !(args.force || ours) {
                    exist.push(path.clone());
                }
            }
            entry.output = Some(Stored { name: Some(output), ..Stored::default() });
            target = Target::File { path, over: args.force || ours };
        }
        plan.jobs.push(Job { source: input.source, head, way, target, entry: manifest.files.len() });
        manifest.files.push(entry);
    }
    if let Some(path) = place.manifest()
        && (wanted.contains_key(&path) || path.metadata().is_ok_and(|m| protected.contains(&identity(&m))))
    {
        return Err(Failure::error(format!(
            "{} would be an output and the manifest: --rename, or move it",
            manifest::NAME
        )));
    }
    refuse_existing(&exist, args)?;
    let earlier = before.rest(place);
    plan.earlier = earlier.len();
    manifest.files.extend(earlier);
    plan.manifest = manifest;
    Ok(plan)
}

fn refuse_existing(exist: &[PathBuf], args: &DeidFiles) -> Result<(), Failure> {
    let Some(first) = exist.first() else { return Ok(()) };
    let more = if exist.len() > 1 { format!(" and {} more", exist.len() - 1) } else { String::new() };
    let resume = if args.resume { "no earlier run made it; " } else { "--resume goes on with an earlier run, " };
    Err(Failure::error(format!("{}{more} exists already: {resume}--force writes over it", shown(first))))
}

/// What must not be written to.
fn protected(inputs: &Inputs) -> HashSet<(u64, u64)> {
    let files = inputs.all.iter().filter_map(|i| match &i.source {
        Source::File(path) => fs::metadata(path).ok(),
        Source::Stdin => None,
    });
    files.map(|m| identity(&m)).collect()
}

/// What an input is, by its name and its first bytes.
fn look(input: &Input, told: Option<Format>) -> (Way, Vec<u8>) {
    if let Some(why) = input.refused {
        return (Way::Refuse { why, digest: false }, Vec::new());
    }
    let mut head = Vec::new();
    let (read, name) = match &input.source {
        Source::Stdin => (io::stdin().lock().take(HEAD).read_to_end(&mut head), None),
        Source::File(path) => (File::open(path).and_then(|f| f.take(HEAD).read_to_end(&mut head)), input.name.to_str()),
    };
    if let Err(e) = read {
        return (Way::Unreadable(e.to_string()), Vec::new());
    }
    let way = match told.map_or_else(|| Format::detect(name, &head), Ok) {
        Ok(format) => Way::Rewrite(format),
        Err(unsupported) => Way::Refuse { why: unsupported.0, digest: true },
    };
    if input.source != Source::Stdin {
        head.clear();
    }
    (way, head)
}

/// The output's path, and its name in the manifest.
fn output(input: &Input, place: &Place, rename: bool, way: &Way, numbers: &mut Numbers) -> Option<(PathBuf, String)> {
    let Way::Rewrite(format) = way else { return None };
    match place {
        Place::Stdout => None,
        Place::File(path) => Some((path.clone(), written(Path::new(path.file_name()?)))),
        Place::Directory(directory) if rename => {
            let number = numbers.next();
            let name = format!("document-{number:06}.{}", extension(*format));
            Some((directory.join(&name), name))
        }
        Place::Directory(directory) => Some((directory.join(&input.name), written(&input.name))),
    }
}

/// What outputs are called, where not by name.
struct Numbers {
    taken: HashSet<u64>,
    last: u64,
}

impl Numbers {
    fn next(&mut self) -> u64 {
        loop {
            self.last += 1;
            if !self.taken.contains(&self.last) {
                return self.last;
            }
        }
    }
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Text => "txt",
        Format::Json | Format::Fhir => "json",
        Format::JsonLines => "jsonl",
        Format::FhirLines => "ndjson",
        Format::Hl7v2 => "hl7",
        Format::Xml => "xml",
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Parquet => "parquet",
    }
}

impl Before {
    fn new(old: Option<Manifest>, new: &Manifest) -> Self {
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
        Self { entries: entries.into_iter().map(Some).collect(), places, same, names }
    }

    /// The numbers of outputs that are finished: they keep them.
    fn numbers(&self) -> Numbers {
        let finished = self.entries.iter().flatten().filter(|e| self.same && e.status == Status::Done);
        let number = |e: &Entry| e.output_name()?.strip_prefix("document-")?.split('.').next()?.parse().ok();
        Numbers { taken: finished.filter_map(number).collect(), last: 0 }
    }

    /// What was done of this input, if nothing has changed since.
    fn take(&mut self, input: &Input, name: Option<&str>, place: &Place, digest: DigestOf<'_>) -> Option<Entry> {
        let (Source::File(path), false) = (&input.source, self.entries.is_empty()) else { return None };
        if input.refused.is_some() {
            return None;
        }
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
    fn rest(self, place: &Place) -> Vec<Entry> {
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
    let plain = name.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    match place {
        Place::Directory(directory) if plain => Some(directory.join(name)),
        Place::File(path) => Some(path.clone()),
        _ => None,
    }
}
