//! `medlock deid INPUT…`: de-identifies files.

mod bar;
mod before;
mod crew;
mod halt;
mod inputs;
mod kept;
mod manifest;
mod one;
mod partial;
mod place;
mod plan;
mod record;
mod rewriter;
mod summary;
mod terms;

use crate::cli::DeidFiles;
use crate::clock::SystemClock;
use crate::commands::Context;
use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use bar::Bar;
use crew::Board;
use halt::Halt;
use inputs::{Inputs, Source};
use kept::Kept;
use manifest::{MadeBy, Manifest, Status};
use medlock_audit::Outcome;
use medlock_domain::Clock;
use medlock_keys::digest::Digest;
use one::Work;
use place::Place;
use plan::Plan;
use record::Recorded;
use std::path::Path;
use std::time::Duration;
use terms::Terms;
use tokio::runtime::Runtime;

pub(crate) fn run(args: &DeidFiles, context: &Context) -> Result<(), Failure> {
    if let Some(name) = &args.print_profile {
        context.terminal.write(&terms::profile(name)?.to_string());
        return Ok(());
    }
    if args.inputs.is_empty() {
        return Err(Failure::error("nothing to do: name files, directories, or `-`; see `medlock deid --help`"));
    }
    let terms = Terms::new(args, &context.whereabouts)?;
    let inputs = inputs::gather(&args.inputs, args.out.as_deref(), &context.whereabouts.data_dir())?;
    let place = Place::of(args, &inputs)?;
    if matches!(place, Place::Stdout) && context.terminal.json {
        return Err(Failure::error("stdout cannot take the output and --json: name a file with --out"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.doing("starting the runtime")?;
    let recorded = if args.no_vault { None } else { Some(Recorded::open(context, &runtime)?) };
    let run = Run {
        args,
        terminal: context.terminal,
        terms: &terms,
        place: &place,
        recorded: recorded.as_ref(),
        runtime: &runtime,
    };
    let done = run.all(inputs);
    let closed = recorded.map_or(Ok(()), |r| r.close(&runtime));
    runtime.shutdown_timeout(Duration::from_secs(5));
    done.and(closed)
}

/// One run, once it is settled what is meant.
struct Run<'a> {
    args: &'a DeidFiles,
    terminal: Terminal,
    terms: &'a Terms,
    place: &'a Place,
    /// None: nothing is kept and nothing recorded.
    recorded: Option<&'a Recorded>,
    runtime: &'a Runtime,
}

impl Run<'_> {
    fn all(&self, inputs: Inputs) -> Result<(), Failure> {
        let waits = inputs.all.iter().any(|i| i.source == Source::Stdin);
        let halt = Halt::listen(self.runtime, waits, self.terminal)?;
        let kept = Kept::new(self.recorded.map(|r| r.vault(self.runtime)));
        let _ours = self.place.take()?;
        let (twice, passed) = (inputs.twice, inputs.passed);
        let Plan { mut manifest, jobs, skipped, earlier } = self.plan(inputs, &kept, &halt)?;
        if self.recorded.is_none() {
            self.terminal.note("--no-vault: replacements are kept nowhere, and this run is in no audit log");
        }
        summary::beforehand(self.terminal, twice, passed, skipped, earlier);
        // From here on the run is in the log, whatever becomes of it.
        let intent = self.recorded.map(|r| r.begin(self.terms, jobs.len(), self.runtime)).transpose()?;
        let path = self.place.manifest();
        if let Some(path) = &path {
            // What is planned is known to be ours when a later run goes on.
            manifest.write(path)?;
        }
        let bar = Bar::new(self.terminal, jobs.len(), jobs.iter().map(|j| j.bytes).sum());
        let work = Work { terms: self.terms, kept: &kept, halt: &halt, bar: &bar };
        let say = |job: &_, entry: &_| summary::file(self.terminal, &bar, job, entry);
        let board = crew::work(&work, &jobs, self.threads(), Board::new(manifest, path), say);
        drop(bar);
        self.end(board, intent, halt.interrupted(), skipped)
    }

    /// What there is to do, and what an earlier run has done of it.
    fn plan(&self, inputs: Inputs, kept: &Kept, halt: &Halt) -> Result<Plan, Failure> {
        let before = before(self.place.manifest().as_deref(), self.args)?;
        let made_by = MadeBy::new(self.terms, self.recorded.is_some());
        let manifest = Manifest::new(made_by, SystemClock.now().rfc3339(), self.args.rename);
        let work = Work { terms: self.terms, kept, halt, bar: &Bar::hidden() };
        let plan = plan::plan(inputs, self.place, self.args, manifest, before, &|path| work.digest_of(path))?;
        match halt.interrupted() {
            true => Err(Failure::Interrupted("interrupted: nothing was begun".to_owned())),
            false => Ok(plan),
        }
    }

    /// One where two could draw the same stand-in.
    fn threads(&self) -> usize {
        let told = self.args.jobs.map(usize::from);
        if !self.terms.keeps() {
            return told.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        }
        if told.is_some_and(|n| n > 1) {
            self.terminal.note("one file at a time: the profile keeps replacements");
        }
        1
    }

    /// The manifest, the record and what people are told, in spite of each other.
    fn end(&self, mut board: Board, intent: Option<u64>, interrupted: bool, skipped: usize) -> Result<(), Failure> {
        let whole = board.manifest.files.iter().all(|f| f.status != Status::Pending);
        board.manifest.finished = whole.then(|| SystemClock.now().rfc3339());
        let written = board.save();
        let ended = summary::ended(&board.manifest, board.failure.take(), interrupted, self.place);
        let outcome = match &ended {
            Err(Failure::Interrupted(_)) => Outcome::Aborted,
            Err(Failure::Error(_)) => Outcome::Failed,
            _ => Outcome::Ok,
        };
        let digest: Option<Digest> = written.as_ref().ok().copied().flatten();
        let recorded = match (self.recorded, intent) {
            (Some(r), Some(intent)) => {
                r.end(intent, self.terms, (&board.manifest, digest), outcome, self.runtime).map(drop)
            }
            _ => Ok(()),
        };
        summary::print(self.terminal, &board.manifest, skipped);
        written?;
        recorded?;
        ended
    }
}

/// What an earlier run left, if this one is to go on with it.
fn before(path: Option<&Path>, args: &DeidFiles) -> Result<Option<Manifest>, Failure> {
    let Some(path) = path else { return Ok(None) };
    match (args.resume, args.force) {
        (true, _) => Manifest::read(path),
        (false, false) if path.symlink_metadata().is_ok() => Err(Failure::error(format!(
            "an earlier run left {}: --resume goes on with it, --force begins anew",
            inputs::shown(path)
        ))),
        _ => Ok(None),
    }
}
