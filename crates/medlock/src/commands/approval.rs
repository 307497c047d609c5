//! `medlock approval`.

use super::Context;
use crate::admin::Office;
use crate::cli::Approval;
use crate::failure::Failure;
use serde_json::{Value, json};

pub(crate) async fn run(verb: Approval, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    Office::with(&context.whereabouts, async |office| match verb {
        Approval::List => {
            let all = office.approvals().await?;
            if terminal.json {
                terminal.json(Value::Array(all));
                return Ok(());
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let row = |a: &Value| {
                let role = a["role"].as_str().map(|role| format!("role={role} ")).unwrap_or_default();
                let about = a["about_name"].as_str().map(|name| format!(" ({name})")).unwrap_or_default();
                let what = format!("{role}{}{about}", text(&a["detail"]));
                let who = a["asker_name"].as_str().map_or_else(|| text(&a["asker"]), str::to_owned);
                vec![text(&a["id"]), who, text(&a["wants"]), what, text(&a["state"]), text(&a["until"])]
            };
            let rows: Vec<Vec<String>> = all.iter().map(row).collect();
            terminal.table(&["ID", "WHO", "WANTS", "WHAT", "STATE", "UNTIL"], &rows);
            Ok(())
        }
        Approval::Request { role, hours, reason } => {
            let id = office.ask_role(&role, hours, reason).await?;
            if terminal.json {
                terminal.json(json!({ "id": id }));
            } else {
                terminal.out(id);
                terminal.note("somebody else decides within a day: medlock approval list shows whether they have");
            }
            Ok(())
        }
        Approval::Approve { id } => {
            office.decide_approval(&id, true).await?;
            terminal.note("approved; a verb can be done once within a day, by who asked for it");
            Ok(())
        }
        Approval::Refuse { id } => {
            office.decide_approval(&id, false).await?;
            terminal.note("refused");
            Ok(())
        }
        Approval::End { id } => {
            office.end_approval(&id).await?;
            terminal.note("ended; what ran under it was cut");
            Ok(())
        }
    })
    .await
}
