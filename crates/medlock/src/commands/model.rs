//! `medlock model`.

use super::Context;
use crate::cli::Model;
use crate::config::{self, Settings};
use crate::failure::Failure;
use crate::progress::Bar;
use crate::server;
use medlock_domain::ModelName;
use medlock_keys::digest::hex;
use medlock_model::{ModelError, State, VerifiedModel};
use serde_json::json;

pub(crate) async fn run(verb: Model, context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts)?;
    match verb {
        Model::Pull { name } => pull(name, &settings, context).await,
        Model::Verify { name } => verify(name, &settings, context).await,
        Model::List => list(&settings, context),
    }
}

async fn pull(name: Option<ModelName>, settings: &Settings, context: &Context) -> Result<(), Failure> {
    let name = name.unwrap_or_else(|| settings.model.name.clone());
    let registry = server::registry(&settings.model.dir)?;
    if let Some(entry) = registry.catalogue().get(&name) {
        context.terminal.note(format!("{} ({}): {}", entry.name, entry.licence, entry.note));
    }
    let model = registry.pull(&name, &Bar::new(context.terminal)).await.map_err(|e| refused(&e))?;
    shown(&model, context);
    Ok(())
}

async fn verify(name: Option<ModelName>, settings: &Settings, context: &Context) -> Result<(), Failure> {
    let name = name.unwrap_or_else(|| settings.model.name.clone());
    let registry = server::registry(&settings.model.dir)?;
    let model = registry.verify_with(&name, &Bar::new(context.terminal)).await.map_err(|e| refused(&e))?;
    shown(&model, context);
    Ok(())
}

fn list(settings: &Settings, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    let listed = server::registry(&settings.model.dir)?.list();
    let state = |s| match s {
        State::Missing => "not pulled",
        State::Present => "present",
        State::WrongSize => "wrong size",
    };
    if terminal.json {
        let models: Vec<_> = listed
            .iter()
            .map(|l| {
                json!({
                    "name": l.entry.name.as_str(), "licence": l.entry.licence, "licence_url": l.entry.licence_url,
                    "size": l.entry.size, "sha256": l.entry.sha256_hex(), "state": state(l.state),
                    "summary": l.entry.summary, "note": l.entry.note,
                    "configured": l.entry.name == settings.model.name,
                })
            })
            .collect();
        terminal.json(json!({"models": models}));
        return Ok(());
    }
    let rows: Vec<_> = listed
        .iter()
        .map(|l| {
            let size = format!("{:.0} MB", l.entry.size as f64 / 1e6);
            let entry = &l.entry;
            vec![entry.name.to_string(), state(l.state).to_owned(), size, entry.licence.to_string(), entry.sha256_hex()]
        })
        .collect();
    terminal.table(&["MODEL", "STATE", "SIZE", "LICENCE", "SHA-256"], &rows);
    Ok(())
}

fn shown(model: &VerifiedModel, context: &Context) {
    let (path, digest) = (model.path().display().to_string(), hex(model.sha256()));
    if context.terminal.json {
        let value = json!({"name": model.name().as_str(), "path": path, "size": model.size(), "sha256": digest});
        context.terminal.json(value);
    } else {
        context.terminal.out(format!("{} is the catalogued file\n  {path}\n  sha256 {digest}", model.name()));
    }
}

/// A file that is not the catalogued one is a finding, anything else an error.
fn refused(error: &ModelError) -> Failure {
    match error {
        ModelError::Refused { .. } => Failure::Denied(error.to_string()),
        _ => Failure::Error(error.to_string()),
    }
}
