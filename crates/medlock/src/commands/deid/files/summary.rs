//! What people are told: on stderr, since stdout is for data.

use crate::failure::Failure;
use crate::terminal::Terminal;
use serde_json::json;

use super::bar::Bar;
use super::inputs::{Source, shown};
use super::manifest::{Entry, Manifest, Status, Totals};
use super::place::Place;
use super::plan::Job;

/// Before the work begins.
pub(super) fn beforehand(terminal: Terminal, twice: usize, passed: usize, kept: usize, earlier: usize) {
    if twice > 0 {
        terminal.note(format!("{twice} named twice, done once"));
    }
    if passed > 0 {
        terminal.note("the output or the data directory lies in an input and is not read");
    }
    if kept > 0 {
        terminal.note(format!("{kept} done by an earlier run and unchanged, skipped"));
    }
    if earlier > 0 {
        terminal.note(format!("{earlier} outputs of an earlier run belong to no input of this one; left as they are"));
    }
}

/// A file that has no output.
pub(super) fn file(terminal: Terminal, bar: &Bar, job: &Job, entry: &Entry) {
    let what = match entry.status {
        Status::NotInspected => "not inspected, not copied",
        Status::Failed => "could not be read",
        Status::Done | Status::Pending => return,
    };
    let name = match &job.source {
        Source::File(path) => shown(path),
        Source::Stdin => "stdin".to_owned(),
    };
    bar.aside(|| terminal.note(format!("{what}: {name}: {}", entry.why.as_deref().unwrap_or("no reason"))));
}

/// How the program ends.
pub(super) fn ended(
    manifest: &Manifest,
    failure: Option<Failure>,
    interrupted: bool,
    place: &Place,
) -> Result<(), Failure> {
    let on = match place {
        Place::Stdout => "what was written to stdout is not whole: throw it away",
        _ => "what is finished stays; the same command with --resume goes on",
    };
    if let Some(failure) = failure {
        return Err(failure);
    }
    if interrupted {
        return Err(Failure::Interrupted(format!("interrupted: {on}")));
    }
    let of_now = |status| manifest.files.iter().filter(|f| f.status == status && !f.earlier).count();
    let (failed, not_inspected) = (of_now(Status::Failed), of_now(Status::NotInspected));
    let thrown = if matches!(place, Place::Stdout) { format!("; {on}") } else { String::new() };
    if failed > 0 {
        return Err(Failure::error(format!("{failed} could not be read{thrown}")));
    }
    if not_inspected > 0 {
        return Err(Failure::denied(format!("{not_inspected} not inspected and not copied{thrown}")));
    }
    Ok(())
}

/// The end's figures.
pub(super) fn print(terminal: Terminal, manifest: &Manifest, kept: usize) {
    let Totals { files, done, pending, documents, bytes_in, bytes_out, .. } = manifest.totals;
    let totals = &manifest.totals;
    if terminal.json {
        let mut value = json!({
            "profile": manifest.made_by.profile, "detector": manifest.made_by.detector, "skipped": kept,
        });
        value["totals"] = serde_json::to_value(totals).unwrap_or_default();
        terminal.json(value);
        return;
    }
    terminal.note(format!(
        "{done} of {files} files de-identified ({documents} documents, {bytes_in} bytes in, {bytes_out} out), \
         profile {}",
        manifest.made_by.profile.name
    ));
    let found: Vec<String> = totals.classes.iter().map(|(class, n)| format!("{class} {n}")).collect();
    if !found.is_empty() {
        terminal.note(format!("found: {}", found.join(", ")));
    }
    for (n, what) in [
        (totals.left_out, "parts could not be inspected and were left out; the manifest says which"),
        (totals.searched_as_text, "elements are in no table of their format and were searched as text"),
        (pending, "files not begun or not finished"),
    ] {
        if n > 0 {
            terminal.note(format!("{n} {what}"));
        }
    }
}
