//! `medlock deid INPUT…`: de-identifies files.

mod bar;
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
use bar::Bar;
use halt::Halt;
use inputs::{Inputs, Source};
use kept::Kept;
use manifest::{MadeBy, Manifest, Status};
use medlock_audit::Outcome;
use medlock_domain::Clock;
use one::{Ended, Work};
use place::Place;
use plan::{Job, Plan};
use record::Recorded;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use terms::Terms;
use tokio::runtime::Runtime;

/// How long what is done may be missing in the manifest, and how many times what writing it takes.
const SAVE: Duration = Duration::from_secs(2);
const SAVE_SHARE: u32 = 20;

pub(crate) fn run(args: &DeidFiles, context: &Context) -> Result<(), Failure> {
    if let Some(name) = &args.print_profile {
        context.terminal.write(&terms::profile(name)?.to_string());
        return Ok(());
    }
    if args.inputs.is_empty() {
        return Err(Failure::error("nothing to do: name files, directories, or `-`; see `medlock deid --help`"));
    }
    let terms = Terms::new(args)?;
    let inputs = inputs::gather(&args.inputs, args.out.as_deref(), &context.whereabouts.data_dir())?;
    let place = Place::of(args, &inputs)?;
    if matches!(place, Place::Stdout) && context.terminal.json {
        return Err(Failure::error("stdout cannot take the output and --json: name a file with --out"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.doing("starting the runtime")?;
    let recorded = if args.no_vault { None } else { Some(Recorded::open(context, &runtime)?) };
    let done = recorded_run(args, context, &terms, inputs, &place, recorded.as_ref(), &runtime);
    let closed = recorded.map_or(Ok(()), |r| r.close(&runtime));
    runtime.shutdown_timeout(Duration::from_secs(5));
    done.and(closed)
}

fn recorded_run(
    args: &DeidFiles,
    context: &Context,
    terms: &Terms,
    inputs: Inputs,
    place: &Place,
    recorded: Option<&Recorded>,
    runtime: &Runtime,
) -> Result<(), Failure> {
    let terminal = context.terminal;
    let waits = inputs.all.iter().any(|i| i.source == Source::Stdin);
    let halt = Halt::listen(runtime, waits, terminal)?;
    let kept = Kept::new(recorded.map(|r| r.vault(runtime)));
    let _ours = place.take()?;
    let path = place.manifest();
    let before = before(path.as_deref(), args)?;
    let manifest = Manifest::new(MadeBy::new(terms, recorded.is_some()), SystemClock.now().rfc3339(), args.rename);
    let (twice, passed, bytes) = (inputs.twice, inputs.passed, inputs.all.iter().map(|i| i.bytes).sum());
    let quiet = Bar::hidden();
    let looking = Work { terms, kept: &kept, halt: &halt, bar: &quiet };
    let plan = plan::plan(inputs, place, args, manifest, before, &|path| looking.digest_of(path))?;
    let Plan { mut manifest, jobs, kept: skipped, earlier } = plan;
    if recorded.is_none() {
        terminal.note("--no-vault: replacements are kept nowhere, and this run is in no audit log");
    }
    summary::beforehand(terminal, twice, passed, skipped, earlier);
    let intent = recorded.map(|r| r.begin(terms, jobs.len(), runtime)).transpose()?;
    if let Some(path) = &path {
        manifest.write(path)?;
    }
    let bar = Bar::new(terminal, jobs.len(), bytes);
    let work = Work { terms, kept: &kept, halt: &halt, bar: &bar };
    let board = Board { manifest, path, due: Instant::now() + SAVE, failure: None };
    let mut board =
        all(&work, &jobs, threads(args, terms), board, |job, entry| summary::file(terminal, &bar, job, entry));
    drop(bar);
    board.manifest.finished =
        (board.manifest.files.iter().all(|f| f.status != Status::Pending)).then(|| SystemClock.now().rfc3339());
    let digest = board.save();
    let ended = summary::ended(&board.manifest, board.failure.take(), halt.interrupted(), place);
    let mut was_recorded = Ok(());
    if let (Some(recorded), Some(intent)) = (recorded, intent) {
        let outcome = match &ended {
            _ if halt.interrupted() => Outcome::Aborted,
            Err(Failure::Error(_)) => Outcome::Failed,
            _ => Outcome::Ok,
        };
        let digest = digest.as_ref().ok().copied().flatten();
        was_recorded = recorded.end(intent, terms, (&board.manifest, digest), outcome, runtime).map(drop);
    }
    summary::print(terminal, &board.manifest, skipped);
    digest?;
    was_recorded?;
    ended
}

/// What an earlier run left, if this one is to go on with it.
fn before(path: Option<&Path>, args: &DeidFiles) -> Result<Option<Manifest>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let there = path.symlink_metadata().is_ok();
    match (there, args.resume, args.force) {
        (true, true, _) => Manifest::read(path),
        (true, false, false) => Err(Failure::error(format!(
            "an earlier run left {}: --resume goes on with it, --force begins anew",
            inputs::shown(path)
        ))),
        _ => Ok(None),
    }
}

/// One where two could draw the same stand-in.
fn threads(args: &DeidFiles, terms: &Terms) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if terms.keeps() { 1 } else { args.jobs.map_or_else(cores, NonZeroUsize::get) }
}

/// What is known of all files so far.
struct Board {
    manifest: Manifest,
    path: Option<PathBuf>,
    /// When to write the manifest again.
    due: Instant,
    failure: Option<Failure>,
}

impl Board {
    fn save(&mut self) -> Result<Option<medlock_keys::digest::Digest>, Failure> {
        let begun = Instant::now();
        let written = match &self.path {
            Some(path) => self.manifest.write(path).map(Some),
            None => {
                self.manifest.count();
                Ok(None)
            }
        };
        self.due = Instant::now() + SAVE.max(begun.elapsed() * SAVE_SHARE);
        written
    }
}

/// Does the jobs, so many at a time.
fn all(
    work: &Work<'_>,
    jobs: &[Job],
    threads: usize,
    board: Board,
    say: impl Fn(&Job, &manifest::Entry) + Sync,
) -> Board {
    let board = Mutex::new(board);
    let lock = || board.lock().unwrap_or_else(PoisonError::into_inner);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
            if work.halt.wanted() {
                return;
            }
            let mut entry = lock().manifest.files[job.entry].clone();
            let ended = work.file(job, &mut entry);
            let mut board = lock();
            match ended {
                Ok(()) => {
                    say(job, &entry);
                    board.manifest.files[job.entry] = entry;
                    work.bar.file();
                    if Instant::now() >= board.due
                        && let Err(failure) = board.save()
                    {
                        board.failure.get_or_insert(failure);
                        work.halt.end();
                    }
                }
                Err(Ended::Halted) => {}
                Err(Ended::Failed(failure)) => {
                    board.failure.get_or_insert(failure);
                    work.halt.end();
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(worker);
        }
    });
    board.into_inner().unwrap_or_else(PoisonError::into_inner)
}
