//! `medlock audit export`.

use super::Context;
use super::audit::directory;
use crate::cli::AuditExport;
use crate::config;
use crate::failure::{Doing, Failure};
use crate::sinks::{state, token_key};
use medlock_audit::read::{Follow, Position};
use medlock_keys::random;
use medlock_review::delivery::Place;
use medlock_review::export::{Exporter, Format};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;

pub(crate) fn run(args: &AuditExport, context: &Context) -> Result<(), Failure> {
    let format = Format::ALL.into_iter().find(|f| f.as_str() == args.format);
    let format = format.ok_or_else(|| {
        Failure::error(format!("there is no such format; there are {}", Format::ALL.map(Format::as_str).join(", ")))
    })?;
    let dir = directory(args.dir.clone(), context)?;
    let key = match &args.sink_key {
        Some(file) => token_key(file)?,
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

/// How far each receiver is: what the server has written down, and how long the log is.
pub(crate) fn sinks(context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts)?;
    let terminal = context.terminal;
    if settings.sinks.is_empty() {
        terminal.note("no receiver is set up ([audit.sink.NAME] in the configuration)");
    }
    for sink in &settings.sinks {
        let doing = || format!("reading how far {} is", sink.name);
        let place = Place::read(&state(&settings, sink.name)).doing(doing())?;
        let mut log = Follow::from(&settings.layout.audit(), place.at).doing(doing())?;
        let mut behind = 0;
        loop {
            match log.next(1000).doing(doing())?.len() {
                0 => break,
                n => behind += n,
            }
        }
        let Place { delivered, .. } = place;
        if terminal.json {
            terminal.json(json!({ "sink": sink.name, "format": sink.format.as_str(), "delivered": delivered,
                "behind": behind, "agreement": sink.agreement }));
        } else {
            let agreement = sink.agreement.as_deref().unwrap_or("none needed");
            terminal.out(format!(
                "{:<16} {:<7} {delivered} delivered, {behind} behind, agreement {agreement}",
                sink.name,
                sink.format.as_str()
            ));
        }
    }
    Ok(())
}
