//! `medlock deid eval`.

use super::{gold, in_file, name, options, read};
use crate::cli::Eval;
use crate::commands::Context;
use crate::detector;
use crate::failure::{Doing, Failure};
use crate::terminal::Terminal;
use medlock_deid::measure::{Corpus, Scores, score, try_predict};
use std::path::Path;

pub(crate) fn run(args: &Eval, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    let gold = gold(&args.gold, &read(&args.gold)?)?;
    let predicted = match &args.predictions {
        Some(file) => Corpus::predictions(&read(file)?, &gold).map_err(|e| in_file(file, e))?,
        None => try_predict(detector::configured(&context.whereabouts, None)?, &gold).doing("searching the notes")?,
    };
    if let Some(file) = &args.write_predictions {
        write(file, &args.gold, &predicted)?;
    }
    let scores = score(&gold, &predicted, &options(&args.required, args.errors > 0));
    if let Some(file) = &args.predictions {
        missing(&scores, file, terminal);
    }
    if terminal.json {
        let mut value = scores.json();
        if args.errors > 0 {
            value["errors"] = scores.errors_json(args.errors);
        }
        terminal.json(value);
    } else {
        terminal.write(&format!("{}{}\n{}", scores.text(), scores.errors_text(args.errors), scores.intervals_text()));
    }
    Ok(())
}

/// What could not be joined is scored as the reference scorer does, but not passed over in silence.
fn missing(scores: &Scores, file: &Path, terminal: Terminal) {
    if scores.unpredicted > 0 {
        terminal.note(format!(
            "{} of {} documents are not in {}: scored as if nothing had been found in them",
            scores.unpredicted,
            scores.documents,
            name(file)
        ));
    }
    if scores.unmatched > 0 {
        terminal.note(format!("{} predictions are for no document and were not scored", scores.unmatched));
    }
}

fn write(file: &Path, gold: &Path, predicted: &Corpus) -> Result<(), Failure> {
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    if same(file, gold) {
        return Err(Failure::error(format!("{} is the file with the labels: it is not overwritten", file.display())));
    }
    std::fs::write(file, predicted.jsonl()).doing(format!("writing {}", file.display()))
}
