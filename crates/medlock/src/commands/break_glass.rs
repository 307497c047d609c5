//! `medlock break-glass`.

use super::Context;
use crate::admin::Office;
use crate::cli::BreakGlass;
use crate::failure::Failure;
use crate::prompt;
use crate::terminal::Terminal;
use medlock_pipeline::admin::Declared;
use serde_json::Value;

pub(crate) async fn run(verb: BreakGlass, context: &Context) -> Result<(), Failure> {
    Office::with(&context.whereabouts, async |office| act(verb, office, context.terminal).await).await
}

async fn act(verb: BreakGlass, office: &Office, terminal: Terminal) -> Result<(), Failure> {
    match verb {
        BreakGlass::Open { patient, minutes, why } => {
            let patient = patient.as_deref().map(prompt::patient).transpose()?;
            let made = office.break_glass(Declared { patient, minutes }, &office.because(&why)?).await?;
            if terminal.json {
                terminal.json(made);
                return Ok(());
            }
            terminal.out(format!("{} until {}", text(&made, "id"), text(&made, "until")));
            if made["shortened"] == true {
                terminal.note("shorter than asked for: an earlier one of yours was not reviewed in time");
            }
            terminal.note("set x-medlock-purpose: emergency on your requests; each is recorded, and all are reviewed");
        }
        BreakGlass::List => {
            let all = office.emergencies().await?;
            if terminal.json {
                terminal.json(Value::Array(all));
                return Ok(());
            }
            let row = |e: &Value| {
                let state = match &e["review"] {
                    _ if e["active"] == true => "active".to_owned(),
                    Value::Null if e["overdue"] == true => "review overdue".to_owned(),
                    Value::Null => format!("review by {}", text(e, "review_due")),
                    review => format!("{} by {}", text(review, "verdict"), text(review, "by")),
                };
                let patient = e["patient"].as_str().unwrap_or("any").to_owned();
                ["id", "user", "reason", "since", "until"]
                    .map(|key| text(e, key))
                    .into_iter()
                    .chain([patient, state])
                    .collect()
            };
            let rows: Vec<Vec<String>> = all.iter().map(row).collect();
            terminal.table(&["ID", "WHO", "REASON", "SINCE", "UNTIL", "PATIENT", "STATE"], &rows);
        }
        BreakGlass::End { id } => {
            office.end_emergency(&id).await?;
            terminal.note("ended; what ran under it was cut");
        }
        BreakGlass::Review { id, verdict, note } => {
            office.review_emergency(&id, verdict, note.as_deref()).await?;
            terminal.note(format!("{id} is reviewed: {}", verdict.as_str()));
        }
        BreakGlass::Drill { why } => {
            let done = office.drill(&office.because(&why)?).await?;
            let (passed, note) = (done["passed"] == true, text(&done, "note"));
            if terminal.json {
                terminal.json(done);
            } else {
                for receiver in done["receivers"].as_array().into_iter().flatten() {
                    let told = receiver["told_after_ms"].as_i64();
                    let told = told.map_or("not told".to_owned(), |ms| format!("told after {ms} ms"));
                    terminal.out(format!("{}: {told}", text(receiver, "name")));
                }
            }
            if !passed {
                return Err(Failure::denied(format!("the drill failed: {note}")));
            }
            terminal.note(format!("the drill passed: {note}"));
        }
    }
    Ok(())
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
