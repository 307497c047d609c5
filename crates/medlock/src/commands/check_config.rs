//! `medlock check-config`.

use super::Context;
use crate::config;
use crate::failure::Failure;
use medlock_gateway::{Access, ROUTES};
use serde_json::json;

/// Prints what the configuration comes to, and what protects each route.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts).map_err(|failure| match failure {
        // Mistakes are what this looks for.
        Failure::Mistakes { .. } => Failure::Denied(failure.to_string()),
        other => other,
    })?;
    let terminal = context.terminal;
    let guard = |access: Access| match access {
        Access::Public(why) => ("public", why),
        Access::Caller => ("authenticated", "API key or session; policy decides what it gives"),
        Access::Admin => ("administrator", "session with a second factor, and a policy that allows the action"),
    };
    if terminal.json {
        let resolved = settings.resolved.iter();
        let routes = ROUTES.iter().map(|r| {
            let (access, why) = guard(r.access);
            json!({"method": r.method, "path": r.path, "access": access, "why": why})
        });
        terminal.json(json!({
            "file": context.whereabouts.config_file().display().to_string(),
            "settings": resolved
                .map(|r| json!({"key": r.key, "value": r.value, "from": r.origin.to_string()}))
                .collect::<Vec<_>>(),
            "routes": routes.collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    terminal.note(format!("{} is right", context.whereabouts.config_file().display()));
    let rows: Vec<_> =
        settings.resolved.iter().map(|r| vec![r.key.to_owned(), r.value.clone(), r.origin.to_string()]).collect();
    terminal.table(&["SETTING", "VALUE", "FROM"], &rows);
    terminal.out("");
    let rows: Vec<_> = ROUTES
        .iter()
        .map(|r| {
            let (access, why) = guard(r.access);
            vec![r.method.to_owned(), r.path.to_owned(), access.to_owned(), why.to_owned()]
        })
        .collect();
    terminal.table(&["METHOD", "ROUTE", "WHO", "WHY"], &rows);
    Ok(())
}
