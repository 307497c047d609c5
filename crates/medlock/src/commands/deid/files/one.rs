//! One file, from its bytes to its output.

use crate::failure::Failure;
use medlock_domain::ClassCounts;
use medlock_keys::digest::{Sha256, hex};
use medlock_records::{Format, RecordError, Report, Rewrite, rewrite};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::bar::Bar;
use super::halt::Halt;
use super::inputs::Source;
use super::kept::Kept;
use super::manifest::{Entry, Status, Stored};
use super::partial::{self, Partial};
use super::plan::{Job, Target, Way};
use super::rewriter::Rewriter;
use super::terms::Terms;

/// What all files share.
pub(super) struct Work<'a> {
    pub(super) terms: &'a Terms,
    pub(super) kept: &'a Kept,
    pub(super) halt: &'a Halt,
    pub(super) bar: &'a Bar,
}

/// Why nothing more can be done, for this file and the others.
#[derive(Debug)]
pub(super) enum Ended {
    /// Somebody wants it to end.
    Halted,
    /// The output or the vault.
    Failed(Failure),
}

impl Work<'_> {
    /// Does a job and fills in its entry. Whatever is wrong with the input is said there.
    pub(super) fn file(&self, job: &Job, entry: &mut Entry) -> Result<(), Ended> {
        let format = match &job.way {
            Way::Rewrite(format) => *format,
            Way::Refuse { why, digest } => {
                entry.status = Status::NotInspected;
                entry.why = Some((*why).to_owned());
                return if *digest { self.digest(job, entry) } else { Ok(()) };
            }
            Way::Unreadable(why) => {
                entry.status = Status::Failed;
                entry.why = Some(format!("reading: {why}"));
                return Ok(());
            }
        };
        entry.format = Some(format.to_string());
        match &job.target {
            Target::Stdout => {
                let mut out = Counted { inner: io::stdout().lock(), hash: Sha256::new(), length: 0 };
                if let Some(report) = self.rewritten(job, format, &mut out, Path::new("stdout"), entry)? {
                    self.kept.settle().map_err(vault)?;
                    let stored = Stored { name: None, sha256: Some(hex(&out.hash.finish())), bytes: Some(out.length) };
                    done(entry, stored, report);
                }
            }
            Target::File { path, over } => {
                let mut out = Partial::create(path).map_err(Ended::Failed)?;
                if let Some(report) = self.rewritten(job, format, &mut out, path, entry)? {
                    // Before the output is there, so that there is none that cannot be turned back.
                    self.kept.settle().map_err(vault)?;
                    let (digest, bytes) = out.publish(*over).map_err(Ended::Failed)?;
                    let name = entry.output_name().map(str::to_owned);
                    done(entry, Stored { name, sha256: Some(hex(&digest)), bytes: Some(bytes) }, report);
                }
            }
        }
        Ok(())
    }

    /// What was written to `out`; none where the entry says why it is not to be used.
    fn rewritten(
        &self,
        job: &Job,
        format: Format,
        out: &mut dyn Write,
        to: &Path,
        entry: &mut Entry,
    ) -> Result<Option<Report>, Ended> {
        let mut rewriter = Rewriter::new(self.terms, self.kept, self.halt);
        let (report, seen) = match self.pass(job, format, out, &mut rewriter) {
            Ok(passed) => passed,
            Err(_) if self.halt.wanted() => return Err(Ended::Halted),
            Err(e) => {
                entry.status = Status::Failed;
                entry.why = Some(format!("reading: {e}"));
                return Ok(None);
            }
        };
        entry.input.sha256 = seen.as_ref().map(|s| s.0.clone());
        entry.input.bytes = seen.map(|s| s.1);
        match report {
            Ok(report) => {
                self.count(entry, rewriter.counts());
                return Ok(Some(report));
            }
            Err(_) if self.halt.wanted() => return Err(Ended::Halted),
            Err(RecordError::Write(e)) if matches!(job.target, Target::Stdout) => {
                let why = format!("writing stdout: {e}; what was written is not whole: throw it away");
                return Err(Ended::Failed(Failure::error(why)));
            }
            Err(RecordError::Write(e)) => return Err(Ended::Failed(partial::failure(to, &e))),
            Err(RecordError::Rewrite { source, .. }) => return Err(vault(source)),
            Err(e @ RecordError::Read(_)) => {
                entry.status = Status::Failed;
                entry.why = Some(e.to_string());
            }
            Err(e) => {
                entry.status = Status::NotInspected;
                entry.why = Some(e.to_string());
            }
        }
        Ok(None)
    }

    /// Reads the input once, and says what it was: digest and length.
    #[expect(clippy::type_complexity, reason = "two results, of which one is inside")]
    fn pass(
        &self,
        job: &Job,
        format: Format,
        out: &mut dyn Write,
        rewriter: &mut Rewriter<'_>,
    ) -> io::Result<(Result<Report, RecordError>, Option<(String, u64)>)> {
        let options = &self.terms.options;
        match &job.source {
            Source::Stdin => {
                let mut input = self.tap(job.head.chain(io::stdin().lock()));
                let report = rewrite(&mut input, out, format, rewriter, options);
                let seen = report.is_ok().then(|| input.seen());
                Ok((report, seen))
            }
            #[cfg(feature = "parquet")]
            Source::File(path) if format == Format::Parquet => {
                // Read from any place, a row group at a time: the digest needs a reading of its own.
                let mut file = self.tap(File::open(path)?);
                file.drain()?;
                let report = medlock_records::rewrite_parquet(File::open(path)?, out, rewriter, options);
                Ok((report, Some(file.seen())))
            }
            Source::File(path) => {
                let mut input = self.tap(File::open(path)?);
                let report = rewrite(&mut input, out, format, rewriter, options);
                // What was not read because of what came before it belongs to the digest.
                let unread = matches!(report, Err(RecordError::Read(_)));
                if report.is_err() && !unread {
                    input.drain()?;
                }
                Ok((report, (!unread).then(|| input.seen())))
            }
        }
    }

    /// Digest and length of an input of which nothing else is known.
    fn digest(&self, job: &Job, entry: &mut Entry) -> Result<(), Ended> {
        let Source::File(path) = &job.source else { return Ok(()) };
        match self.digest_of(path) {
            Ok((digest, bytes)) => {
                entry.input.sha256 = Some(digest);
                entry.input.bytes = Some(bytes);
                Ok(())
            }
            Err(_) if self.halt.wanted() => Err(Ended::Halted),
            Err(e) => {
                entry.status = Status::Failed;
                entry.why = Some(format!("reading: {e}"));
                Ok(())
            }
        }
    }

    /// SHA-256 and length of a file.
    pub(super) fn digest_of(&self, path: &Path) -> io::Result<(String, u64)> {
        let mut input = self.tap(File::open(path)?);
        input.drain()?;
        Ok(input.seen())
    }

    fn tap<R: Read>(&self, inner: R) -> Tap<'_, R> {
        Tap { inner, work: self, hash: Sha256::new(), length: 0 }
    }

    fn count(&self, entry: &mut Entry, counts: &ClassCounts) {
        for (class, n) in counts.iter() {
            entry.classes.insert(class.label().to_owned(), n.into());
            let action = self.terms.profile.action(class).as_str().to_owned();
            *entry.actions.entry(action).or_default() += u64::from(n);
        }
    }
}

fn done(entry: &mut Entry, output: Stored, report: Report) {
    entry.status = Status::Done;
    entry.output = Some(output);
    entry.documents = report.documents;
    entry.ids_renamed = report.renamed;
    entry.left_out = report.removed;
    entry.searched_as_text = report.unknown;
}

fn vault(error: impl std::fmt::Display) -> Ended {
    Ended::Failed(Failure::error(format!("{error}; nothing was lost: go on with --resume when that is mended")))
}

/// Counts and digests what is read, and ends when that is wanted.
struct Tap<'a, R> {
    inner: R,
    work: &'a Work<'a>,
    hash: Sha256,
    length: u64,
}

impl<R: Read> Tap<'_, R> {
    fn drain(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(|_| ())
    }

    fn seen(&self) -> (String, u64) {
        (hex(&self.hash.clone().finish()), self.length)
    }
}

impl<R: Read> Read for Tap<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.work.halt.wanted() {
            return Err(io::Error::other("interrupted"));
        }
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        self.length += n as u64;
        self.work.bar.bytes(n as u64);
        Ok(n)
    }
}

/// Counts and digests what is written.
struct Counted<W> {
    inner: W,
    hash: Sha256,
    length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.length += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
