//! `medlock user leavers`: how fast people who left were shut out (45 CFR 164.308(a)(3)(ii)(C); the rule proposed in January
//! 2025 wants it within an hour).

use super::audit_search::time;
use crate::admin::Office;
use crate::failure::Failure;
use crate::terminal::Terminal;
use serde_json::{Value, json};

const HOUR_MS: i64 = 60 * 60 * 1000;
const VERBS: &str = "disable_user,leave,change_provisioned";

pub(super) async fn run(since: &str, office: &Office, terminal: Terminal) -> Result<(), Failure> {
    let since = time(since, "--since")?.rfc3339();
    let mut leavers = Vec::new();
    let shut_out = [("action", VERBS), ("kind", "admin_outcome"), ("outcome", "ok"), ("since", since.as_str())];
    office
        .each_entry(&shut_out, |entry| {
            let (text, facts) = (|name: &str| entry[name].as_str().unwrap_or_default(), &entry["facts"]);
            let number = |name: &str| facts.get(name).and_then(Value::as_str).and_then(|n| n.parse::<i64>().ok());
            // What else changed about somebody is no leaving.
            if facts["verb"] == "change_provisioned" && number("enabled") != Some(0) {
                return;
            }
            leavers.push(json!({
                "user": facts["user"], "time": text("time"), "by": text("actor"), "how": facts["verb"],
                "took_ms": number("ms"), "after_leaving_ms": number("late_ms"),
            }));
        })
        .await?;
    let late = leavers.iter().filter(|l| l["after_leaving_ms"].as_i64().is_some_and(|ms| ms > HOUR_MS)).count();
    if terminal.json {
        terminal.json(json!({ "since": since, "goal_ms": HOUR_MS, "late": late, "leavers": leavers }));
    } else {
        let row = |l: &Value| {
            let text = |name: &str| l[name].as_str().unwrap_or_default().to_owned();
            let after =
                l["after_leaving_ms"].as_i64().map_or("not said".to_owned(), |ms| format!("{} min", ms / 60_000));
            let took = l["took_ms"].as_i64().map_or(String::new(), |ms| format!("{ms} ms"));
            vec![text("user"), text("time"), text("by"), text("how"), took, after]
        };
        let rows: Vec<Vec<String>> = leavers.iter().map(row).collect();
        terminal.table(&["WHO", "SHUT OUT", "BY", "HOW", "TOOK", "AFTER LEAVING"], &rows);
    }
    match late {
        0 => Ok(()),
        n => Err(Failure::denied(format!("{n} of {} were shut out over an hour after they had left", leavers.len()))),
    }
}
