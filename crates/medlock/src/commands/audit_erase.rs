//! `medlock audit erase` and `medlock audit hold`.

use super::Context;
use crate::admin::Office;
use crate::cli::{self, AuditHold, Why};
use crate::failure::{Doing, Failure};
use crate::prompt;
use medlock_pipeline::admin::Scope;
use serde_json::{Value, json};
use std::io::IsTerminal;

pub(crate) async fn erase(scope: &cli::Scope, why: &Why, yes: bool, context: &Context) -> Result<(), Failure> {
    let scope = asked(scope, false)?;
    if !yes {
        sure()?;
    }
    let verb = async |office: &Office| office.erase(scope, &office.because(why)?).await;
    let certificate = Office::with(&context.whereabouts, verb).await?;
    print(&certificate, context)?;
    context.terminal.note(
        "erased. Keep this certificate; `medlock audit verify --proof` checks its proof, and erase the backups that it \
         names",
    );
    Ok(())
}

pub(crate) async fn certificate(number: u64, context: &Context) -> Result<(), Failure> {
    let verb = async |office: &Office| office.certificate(number).await;
    print(&Office::with(&context.whereabouts, verb).await?, context)
}

/// Whatever the terminal: it is a document, to be kept.
fn print(certificate: &Value, context: &Context) -> Result<(), Failure> {
    context.terminal.out(serde_json::to_string_pretty(certificate).doing("writing the certificate")?);
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
    let done = async |office: &Office| {
        match verb {
            AuditHold::Add { scope, all, why } => {
                let number = office.hold(asked(&scope, all)?, &office.because(&why)?).await?;
                if terminal.json {
                    terminal.json(json!({ "hold": number }));
                } else {
                    terminal.out(format!("hold {number}: nothing of it is erased until it is lifted"));
                }
            }
            AuditHold::Lift { number, why } => {
                office.lift_hold(number, &office.because(&why)?).await?;
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
    Office::with(&context.whereabouts, done).await
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

fn asked(scope: &cli::Scope, all: bool) -> Result<Scope, Failure> {
    let cli::Scope { from_day, to_day, patient, owner } = scope;
    match (from_day.clone().zip(to_day.clone()), patient, owner) {
        (Some((from, to)), None, None) => Ok(Scope::Days(from, to)),
        (None, Some(patient), None) => Ok(Scope::Patient(prompt::patient(patient)?)),
        (None, None, Some(owner)) => Ok(Scope::Owner(owner.clone())),
        (None, None, None) if all => Ok(Scope::All),
        _ => Err(Failure::error("say what: --from-day with --to-day, --patient or --owner")),
    }
}
