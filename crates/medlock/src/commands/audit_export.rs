//! `medlock audit export`.

use super::Context;
use super::audit::directory;
use crate::cli::AuditExport;
use crate::failure::{Doing, Failure};
use medlock_audit::read::{Follow, Position};
use medlock_keys::file::{read_private, write_private};
use medlock_keys::random;
use medlock_review::export::{Exporter, Format};
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub(crate) fn run(args: &AuditExport, context: &Context) -> Result<(), Failure> {
    let format = Format::ALL.into_iter().find(|f| f.as_str() == args.format);
    let format = format.ok_or_else(|| {
        Failure::error(format!("there is no such format; there are {}", Format::ALL.map(Format::as_str).join(", ")))
    })?;
    let dir = directory(args.dir.clone(), context)?;
    let key = match &args.sink_key {
        Some(file) => sink_key(file)?,
        None => {
            context.terminal.note(
                "ids are tokens of this run alone: name a file with --sink-key, and the same receiver gets the same \
                 tokens next time",
            );
            random::bytes()
        }
    };
    let mut log = Follow::from(&dir, Position::START).doing("reading the log")?;
    let exporter = Exporter::new(format, key, log.origin(), env!("CARGO_PKG_VERSION"));
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(BufWriter::new(io::stdout().lock())),
        Some(file) => {
            let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
            Box::new(BufWriter::new(made.map_err(|e| match e.kind() {
                io::ErrorKind::AlreadyExists => {
                    Failure::error(format!("{} is there already; name another file", file.display()))
                }
                _ => Failure::error(format!("making {}: {e}", file.display())),
            })?))
        }
    };
    let mut written = 0u64;
    let result = (|| -> Result<(), Failure> {
        loop {
            let batch = log.next(1000).doing("reading the log")?;
            if batch.is_empty() {
                return Ok(());
            }
            for (_, entry) in batch {
                if args.to.is_some_and(|to| entry.index >= to) {
                    return Ok(());
                }
                if entry.index >= args.from {
                    writeln!(out, "{}", exporter.line(&entry)).map_err(Stop)?;
                    written += 1;
                }
            }
        }
    })();
    let flushed = out.flush().map_err(|e| Failure::from(Stop(e)));
    match result.and(flushed) {
        // Whoever reads has seen enough, as with `head`.
        Err(Failure::Interrupted(_)) => Ok(()),
        Err(e) => Err(e),
        Ok(()) => {
            if let Some(file) = &args.out {
                context.terminal.note(format!("{written} entries in {}", file.display()));
            }
            Ok(())
        }
    }
}

/// Writing stopped.
struct Stop(io::Error);

impl From<Stop> for Failure {
    fn from(Stop(error): Stop) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Interrupted("nobody reads any more".to_owned()),
            _ => Failure::error(format!("writing the export: {error}")),
        }
    }
}

/// The key of a receiver's tokens, made when the file is not there yet.
fn sink_key(file: &Path) -> Result<[u8; 32], Failure> {
    if !file.exists() {
        let key: [u8; 32] = random::bytes();
        write_private(file, &key).doing(format!("writing {}", file.display()))?;
    }
    let key = read_private(file).doing("reading the receiver's key")?;
    (&key[..]).try_into().map_err(|_| Failure::error(format!("{} is no key of a receiver: 32 bytes", file.display())))
}
