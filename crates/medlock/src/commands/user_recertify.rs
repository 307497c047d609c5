//! `medlock user recertify`.

use crate::admin::Office;
use crate::cli::Recertify;
use crate::failure::Failure;
use crate::terminal::Terminal;
use medlock_pipeline::admin::AccessOf;
use serde_json::{Value, json};

pub(super) async fn run(verb: Recertify, office: &Office, terminal: Terminal) -> Result<(), Failure> {
    match verb {
        Recertify::Begin { days } => {
            let number = office.recertify(days).await?;
            if terminal.json {
                terminal.json(json!({ "campaign": number }));
            } else {
                terminal.note(format!("recertification {number} has begun: medlock user recertify status"));
            }
            Ok(())
        }
        Recertify::Keep { who } => {
            let holder = match who.parse() {
                Ok(key) => AccessOf::Key(key),
                Err(_) => AccessOf::Person(office.find(&who).await?),
            };
            let record = office.keep_access(&holder).await?;
            terminal.note(format!("kept, which is record {record}"));
            Ok(())
        }
        Recertify::Status => {
            let status = office.recertification().await?;
            let open = status["open"].as_u64().unwrap_or(0);
            let overdue = if status["overdue"] == true { ", overdue" } else { "" };
            let due = status["due"].as_str().unwrap_or_default().to_owned();
            if terminal.json {
                terminal.json(status);
            } else {
                let row = |item: &Value| {
                    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
                    let record = item["record"].as_u64().map_or(String::new(), |n| n.to_string());
                    vec![text("id"), text("name"), text("roles"), text("state"), text("by"), text("at"), record]
                };
                let rows: Vec<Vec<String>> = status["items"].as_array().into_iter().flatten().map(row).collect();
                terminal.table(&["ID", "NAME", "ROLES", "STATE", "BY", "AT", "RECORD"], &rows);
            }
            match open {
                0 => Ok(()),
                n => Err(Failure::denied(format!("{n} are open, until {due}{overdue}"))),
            }
        }
    }
}
