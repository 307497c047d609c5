//! `medlock audit erase` and `medlock audit hold`.

use super::Context;
use crate::admin::{Office, justified};
use crate::cli::{AuditHold, Scope, Why};
use crate::failure::{Doing, Failure};
use crate::prompt;
use serde_json::{Map, Value, json};
use std::io::IsTerminal;

pub(crate) async fn erase(scope: &Scope, why: &Why, yes: bool, context: &Context) -> Result<(), Failure> {
    let mut ask = asked(scope, None)?;
    if !yes {
        sure()?;
    }
    let office = Office::open(&context.whereabouts).await?;
    let done = async {
        justified(&office, &mut ask, why)?;
        office.erase(ask).await
    };
    let done = done.await;
    let closed = office.close().await;
    let certificate = done?;
    closed?;
    // Whatever the terminal: it is a document, to be kept.
    let text = serde_json::to_string_pretty(&certificate).doing("writing the certificate")?;
    context.terminal.out(text);
    context.terminal.note(
        "erased. Keep this certificate; `medlock audit verify --proof` checks its proof, and erase the backups that it \
         names",
    );
    Ok(())
}

/// A script has to say `--yes`.
fn sure() -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::error("this cannot be undone: say --yes"));
    }
    let answer = prompt::secret("this cannot be undone; type erase to go on", None)?;
    if answer.expose() == "erase" { Ok(()) } else { Err(Failure::error("nothing was erased")) }
}

pub(crate) async fn hold(verb: AuditHold, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    let office = Office::open(&context.whereabouts).await?;
    let done = async {
        match verb {
            AuditHold::Add { scope, all, why } => {
                let mut ask = asked(&scope, all.then_some("true"))?;
                justified(&office, &mut ask, &why)?;
                let number = office.hold(ask).await?;
                if terminal.json {
                    terminal.json(json!({ "hold": number }));
                } else {
                    terminal.out(format!("hold {number}: nothing of it is erased until it is lifted"));
                }
            }
            AuditHold::Lift { number, why } => {
                let mut ask = Map::new();
                justified(&office, &mut ask, &why)?;
                office.lift_hold(number, ask).await?;
                terminal.note(format!("hold {number} is lifted"));
            }
            AuditHold::List => {
                let holds = office.holds().await?;
                if holds.is_empty() {
                    terminal.note("no hold is in force");
                }
                for hold in holds {
                    if terminal.json { terminal.json(hold) } else { terminal.out(line(&hold)) }
                }
            }
        }
        Ok(())
    };
    let done = done.await;
    let closed = office.close().await;
    done.and(closed)
}

fn line(hold: &Value) -> String {
    let text = |key: &str| hold.get(key).and_then(Value::as_str).unwrap_or_default();
    let what = match hold.get("from").is_some() {
        true => format!("days {} to {}", text("from"), text("to")),
        false if hold.get("patient").is_some() => format!("patient {}", text("patient")),
        false if hold.get("owner").is_some() => format!("owner {}", text("owner")),
        false => "everything".to_owned(),
    };
    format!("{:>6}  since {}  {what}", hold["hold"].as_u64().unwrap_or_default(), text("since"))
}

/// What is asked of the server, as the body has it.
fn asked(scope: &Scope, all: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let mut ask = Map::new();
    let mut set = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            ask.insert(key.to_owned(), value.into());
        }
    };
    set("from_day", scope.from_day.as_deref());
    set("to_day", scope.to_day.as_deref());
    let patient = scope.patient.as_deref().map(prompt::patient).transpose()?;
    set("patient", patient.as_deref().map(String::as_str));
    set("owner", scope.owner.as_ref().map(|owner| owner.as_str()));
    set("all", all);
    if ask.is_empty() {
        return Err(Failure::error("say what: --from-day with --to-day, --patient or --owner"));
    }
    Ok(ask)
}
