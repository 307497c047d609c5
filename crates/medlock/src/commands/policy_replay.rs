//! `medlock policy replay`: what other policies would have decided of the requests of the past. The log has what policies
//! saw of each.

use super::Context;
use super::audit_search::time;
use crate::admin::Office;
use crate::failure::Failure;
use medlock_auth::{Asked, Trial, given_in_words};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Requests that are alike, decided otherwise.
#[derive(Default)]
struct Change {
    requests: u64,
    /// One of them, to be looked at.
    example: String,
}

pub(super) async fn run(then: &Trial, since: &str, context: &Context) -> Result<(), Failure> {
    let since = time(since, "--since")?.rfc3339();
    let (mut compared, mut untold, mut changes) = (0u64, 0u64, BTreeMap::<(bool, String), Change>::new());
    let take = |entry: &Map<String, Value>| match told(entry) {
        Told::Nothing => {}
        Told::Old => untold += 1,
        Told::Request(asked, was) => {
            compared += 1;
            let is = then.again(&asked);
            if is != was {
                let key = (then.permits(&asked), format!("{}: {was} -> {is}", asked.who()));
                let change = changes.entry(key).or_default();
                change.requests += 1;
                entry["request"].as_str().unwrap_or_default().clone_into(&mut change.example);
            }
        }
    };
    let decisions = [("kind", "permit,denied"), ("since", since.as_str())];
    Office::with(&context.whereabouts, async |office| office.each_entry(&decisions, take).await).await?;

    let terminal = context.terminal;
    let differ: u64 = changes.values().map(|c| c.requests).sum();
    if terminal.json {
        let of = |((permits, what), c): (&(bool, String), &Change)| json!({ "permits": permits, "what": what, "requests": c.requests, "example": c.example });
        terminal.json(json!({
            "since": since, "compared": compared, "left_out": untold, "differ": differ,
            "changes": changes.iter().map(of).collect::<Vec<_>>(),
        }));
    } else {
        for ((permits, what), change) in &changes {
            let sign = if *permits { '+' } else { '-' };
            let s = if change.requests == 1 { "" } else { "s" };
            terminal.out(format!("{sign} {what}: {} request{s}, such as {}", change.requests, change.example));
        }
        terminal.note(format!("{compared} requests since {since} were compared"));
        if untold > 0 {
            terminal.note(format!(
                "{untold} were left out: their records are from before medlock wrote down what is needed"
            ));
        }
    }
    match differ {
        0 => Ok(()),
        n => Err(Failure::denied(format!("{n} requests would have been decided otherwise"))),
    }
}

enum Told {
    /// It tells of no decision about a request to a model.
    Nothing,
    /// It does, but not what policies saw.
    Old,
    /// What they saw, and what came of it.
    Request(Asked, String),
}

/// Refusals that policies made; others came before them or after.
const BY_POLICY: [&str; 5] =
    ["policy_denied", "mfa_required", "patient_scope_required", "break_glass_required", "purpose_required"];

fn told(entry: &Map<String, Value>) -> Told {
    let fact = |name: &str| entry["facts"].get(name).and_then(Value::as_str);
    let was = match (entry["kind"].as_str(), fact("code")) {
        (Some("permit"), _) => {
            let (mode, purpose) = (fact("mode").unwrap_or_default(), fact("purpose").unwrap_or_default());
            let classes = |name| fact(name).map(str::to_owned);
            let restored = (fact("restores") == Some("1")).then(|| classes("restored_classes"));
            given_in_words(mode, purpose, classes("identified_classes"), restored)
        }
        // Administrative verbs are refused with the word for what was done, and no code of a request.
        (Some("denied"), Some(code)) if BY_POLICY.contains(&code) && fact("route").is_none() => code.to_owned(),
        _ => return Told::Nothing,
    };
    match Asked::from_facts(fact) {
        Some(asked) => Told::Request(asked, was),
        None => Told::Old,
    }
}
