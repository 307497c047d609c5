//! What becomes of each input, settled before anything is written: where its output goes, whether
//! that is there already, and what an earlier run has done of it.

use crate::cli::DeidFiles;
use crate::failure::Failure;
use medlock_records::Format;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::before::Before;
use super::inputs::{Input, Inputs, Source, identity, shown, written};
use super::manifest::{Entry, Manifest, Stored};
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
    /// How long it is, where that is known.
    pub(super) bytes: u64,
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
pub(super) enum Target {
    Stdout,
    File { path: PathBuf, over: bool },
}

/// All of it.
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    pub(super) jobs: Vec<Job>,
    /// Done by an earlier run, and still as it was.
    pub(super) skipped: usize,
    /// Outputs of an earlier run that belong to no input of this one.
    pub(super) earlier: usize,
}

/// Settles it. `before` is what an earlier run left, if this one goes on with it.
pub(super) fn plan(
    inputs: Inputs,
    place: &Place,
    args: &DeidFiles,
    mut manifest: Manifest,
    before: Option<Manifest>,
    digest: DigestOf<'_>,
) -> Result<Plan, Failure> {
    let before = Before::new(before, &manifest, args.rename)?;
    let protected = protected(&inputs);
    let numbers = Numbers { taken: before.numbers(), last: 0 };
    let mut planner = Planner { place, args, before, protected, numbers, wanted: HashMap::new(), exist: Vec::new() };
    let (mut jobs, mut skipped) = (Vec::new(), 0);
    for input in inputs.all {
        let (way, head) = look(&input, args.format);
        let name = (!args.rename).then(|| written(&input.name));
        let mut entry = Entry::pending(Stored { name: name.clone(), ..Stored::default() });
        let mut target = Target::Stdout;
        if let Way::Rewrite(format) = way {
            if let Some(old) = planner.before.take(&input.source, name.as_deref(), place, digest) {
                skipped += 1;
                manifest.files.push(old);
                continue;
            }
            entry.format = Some(format.to_string());
            if let Some((path, name)) = planner.output(&input, format) {
                target = planner.target(&input, path, &name)?;
                entry.output = Some(Stored { name: Some(name), ..Stored::default() });
            }
        }
        let Input { source, bytes, .. } = input;
        jobs.push(Job { source, head, bytes, way, target, entry: manifest.files.len() });
        manifest.files.push(entry);
    }
    planner.check_manifest()?;
    refuse_existing(&planner.exist, args)?;
    let earlier = planner.before.rest(place);
    let count = earlier.len();
    manifest.files.extend(earlier);
    Ok(Plan { manifest, jobs, skipped, earlier: count })
}

struct Planner<'a> {
    place: &'a Place,
    args: &'a DeidFiles,
    before: Before,
    /// What must not be written to.
    protected: HashSet<(u64, u64)>,
    numbers: Numbers,
    /// Where something goes, and which input.
    wanted: HashMap<PathBuf, String>,
    /// Outputs that are there and not ours.
    exist: Vec<PathBuf>,
}

impl Planner<'_> {
    /// The output's path, and its name in the manifest.
    fn output(&mut self, input: &Input, format: Format) -> Option<(PathBuf, String)> {
        match self.place {
            Place::Stdout => None,
            Place::File(path) => Some((path.clone(), written(Path::new(path.file_name()?)))),
            Place::Directory(directory) if self.args.rename => {
                let name = format!("document-{:06}.{}", self.numbers.next(), extension(format));
                Some((directory.join(&name), name))
            }
            Place::Directory(directory) => Some((directory.join(&input.name), written(&input.name))),
        }
    }

    /// Whether it may go there.
    fn target(&mut self, input: &Input, path: PathBuf, name: &str) -> Result<Target, Failure> {
        if let Some(other) = self.wanted.insert(path.clone(), shown(&input.name)) {
            return Err(Failure::error(format!(
                "two inputs would both be written to {} ({other} and {}): name the directory above both, or --rename",
                shown(&path),
                shown(&input.name)
            )));
        }
        let over = self.args.force || self.before.made(name);
        if let Ok(meta) = path.symlink_metadata() {
            if self.is_input(&path) {
                return Err(Failure::error(format!("{} is an input: inputs are never written over", shown(&path))));
            }
            if meta.is_dir() {
                return Err(Failure::error(format!("{} is a directory", shown(&path))));
            }
            if !over {
                self.exist.push(path.clone());
            }
        }
        Ok(Target::File { path, over })
    }

    fn check_manifest(&self) -> Result<(), Failure> {
        match self.place.manifest() {
            Some(path) if self.wanted.contains_key(&path) || self.is_input(&path) => Err(Failure::error(format!(
                "{} would be the manifest and an input or its output: move it, or --rename",
                shown(&path)
            ))),
            _ => Ok(()),
        }
    }

    /// Under whatever name.
    fn is_input(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|m| self.protected.contains(&identity(&m)))
    }
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
