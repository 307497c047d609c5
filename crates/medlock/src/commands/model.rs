//! `medlock model`.

use super::Context;
use crate::admin::Office;
use crate::cli::Model;
use crate::config::{self, Settings};
use crate::failure::{Doing, Failure};
use crate::progress::Bar;
use crate::server;
use crate::signers;
use medlock_domain::ModelName;
use medlock_keys::digest::hex;
use medlock_model::{Manifest, ModelError, Registry, State, VerifiedModel, Version};
use medlock_pipeline::admin::ModelChange;
use serde_json::json;
use std::path::Path;

pub(crate) async fn run(verb: Model, context: &Context) -> Result<(), Failure> {
    let settings = config::load(&context.whereabouts)?;
    match verb {
        Model::Pull { name } => pull(name, &settings, context).await,
        Model::Verify { name } => verify(name, &settings, context).await,
        Model::List => list(&settings, context),
        Model::Import { file, name, licence, source, intended_use, note, key } => {
            let described = Described { name, licence, source, intended_use, note };
            import(&file, described, &key, &settings, context)
        }
        Model::Sign { name, digest, key } => sign(&name, digest.as_deref(), &key, &settings, context),
        Model::Promote { name, digest } => {
            change(ModelChange::Promote, &name, digest.as_deref(), &settings, context).await
        }
        Model::Rollback { name } => change(ModelChange::RollBack, &name, None, &settings, context).await,
        Model::Quarantine { name, digest } => {
            change(ModelChange::Quarantine, &name, digest.as_deref(), &settings, context).await
        }
    }
}

async fn pull(name: Option<ModelName>, settings: &Settings, context: &Context) -> Result<(), Failure> {
    let name = name.unwrap_or_else(|| settings.model.name.clone());
    let registry = server::registry(&settings.model)?;
    if let Some(entry) = registry.catalogue().get(&name) {
        context.terminal.note(format!("{} ({}): {}", entry.name, entry.licence, entry.note));
    }
    let model = registry.pull(&name, &Bar::new(context.terminal)).await.map_err(|e| refused(&e))?;
    shown(&model, context);
    Ok(())
}

async fn verify(name: Option<ModelName>, settings: &Settings, context: &Context) -> Result<(), Failure> {
    let name = name.unwrap_or_else(|| settings.model.name.clone());
    let registry = server::registry(&settings.model)?;
    let model = registry.verify_with(&name, &Bar::new(context.terminal)).await.map_err(|e| refused(&e))?;
    shown(&model, context);
    Ok(())
}

fn list(settings: &Settings, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    let registry = server::registry(&settings.model)?;
    let (listed, versions) = (registry.list(), registry.versions().map_err(|e| refused(&e))?);
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
        let own: Vec<_> = versions
            .iter()
            .map(|v| {
                let m = &v.manifest;
                json!({
                    "name": m.name.as_str(), "sha256": m.version(), "size": m.size, "licence": m.licence,
                    "source": m.source, "use": m.intended_use, "note": m.note, "template": hex(&m.template),
                    "promoted": v.promoted, "unsigned": v.unsigned, "configured": m.name == settings.model.name,
                })
            })
            .collect();
        terminal.json(json!({"models": models, "own": own}));
        return Ok(());
    }
    let own = versions.iter().map(|v| {
        let (m, size) = (&v.manifest, format!("{:.0} MB", v.manifest.size as f64 / 1e6));
        let state = match (&v.unsigned, v.promoted) {
            (Some(why), _) => format!("not signed: {why}"),
            (None, true) => "promoted".to_owned(),
            (None, false) => "signed".to_owned(),
        };
        vec![m.name.to_string(), state, size, m.licence.clone(), m.version()]
    });
    let rows: Vec<_> = listed
        .iter()
        .map(|l| {
            let size = format!("{:.0} MB", l.entry.size as f64 / 1e6);
            let entry = &l.entry;
            vec![entry.name.to_string(), state(l.state).to_owned(), size, entry.licence.to_string(), entry.sha256_hex()]
        })
        .chain(own)
        .collect();
    terminal.table(&["MODEL", "STATE", "SIZE", "LICENCE", "SHA-256"], &rows);
    Ok(())
}

/// What people say of a model.
struct Described {
    name: ModelName,
    licence: String,
    source: String,
    intended_use: String,
    note: String,
}

fn import(
    file: &Path,
    described: Described,
    key: &Path,
    settings: &Settings,
    context: &Context,
) -> Result<(), Failure> {
    let Described { name, licence, source, intended_use, note } = described;
    // Before the file is read: a long wait for a refusal helps nobody.
    let (signer, key) = signers::key(key)?;
    let registry = server::registry(&settings.model)?;
    let brought = registry.bring(file, &Bar::new(context.terminal)).map_err(|e| refused(&e))?;
    let (size, sha256, template) = (brought.size(), brought.sha256(), brought.template());
    let manifest = Manifest { name, size, sha256, template, licence, source, intended_use, note };
    let text = manifest.text().doing("describing the model")?;
    let known = registry.note_of(&manifest.name, &manifest.version()).ok();
    let signed = signers::sign(known.as_deref(), &text, &signer, &key)?;
    registry.keep(&brought, &manifest, &signed).map_err(|e| refused(&e))?;
    let version = manifest.version();
    if context.terminal.json {
        context.terminal.json(json!({ "name": manifest.name.as_str(), "sha256": version }));
    } else {
        context.terminal.out(format!("{} {version}", manifest.name));
        context.terminal.note(format!("it is loaded when it is promoted: medlock model promote {}", manifest.name));
    }
    Ok(())
}

fn sign(
    name: &ModelName,
    version: Option<&str>,
    key: &Path,
    settings: &Settings,
    context: &Context,
) -> Result<(), Failure> {
    let (signer, key) = signers::key(key)?;
    let registry = server::registry(&settings.model)?;
    let manifest = found(&registry, name, version)?.manifest;
    let text = manifest.text().doing("reading the manifest")?;
    let note = registry.note_of(name, &manifest.version()).map_err(|e| refused(&e))?;
    let signed = signers::sign(Some(&note), &text, &signer, &key)?;
    registry.write_note(&manifest, &signed).map_err(|e| refused(&e))?;
    let by = signers::count(&signed);
    if context.terminal.json {
        context.terminal.json(json!({ "name": name.as_str(), "sha256": manifest.version(), "signatures": by }));
    } else {
        context.terminal.out(text.trim_end());
        context.terminal.note(format!("signed, with {by} signatures"));
    }
    Ok(())
}

async fn change(
    change: ModelChange,
    name: &ModelName,
    digest: Option<&str>,
    settings: &Settings,
    context: &Context,
) -> Result<(), Failure> {
    let done = Office::with(&context.whereabouts, async |office| {
        Ok((office.change_model(change, name, digest).await?, office.is_remote()))
    });
    let (version, live) = done.await?;
    if context.terminal.json {
        context.terminal.json(json!({ "name": name.as_str(), "sha256": version }));
        return Ok(());
    }
    let what = match (change, live && *name == settings.model.name) {
        (ModelChange::Quarantine, _) => "was moved aside: nothing loads it any more",
        (_, true) => "serves from now on",
        (_, false) => "is loaded at the next start",
    };
    context.terminal.out(format!("{name} {version} {what}"));
    if change == ModelChange::Promote && *name != settings.model.name {
        context.terminal.note(format!("set [model] name = \"{name}\" as well"));
    }
    Ok(())
}

fn found(registry: &Registry, name: &ModelName, version: Option<&str>) -> Result<Version, Failure> {
    registry.find(name, version).map_err(|_| {
        Failure::denied(format!("there is no such version of {name}, or several: medlock model list shows which"))
    })
}

fn shown(model: &VerifiedModel, context: &Context) {
    let (path, digest) = (model.path().display().to_string(), hex(model.sha256()));
    if context.terminal.json {
        let value = json!({"name": model.name().as_str(), "path": path, "size": model.size(), "sha256": digest});
        context.terminal.json(value);
    } else {
        context
            .terminal
            .out(format!("{} is what was signed, or catalogued\n  {path}\n  sha256 {digest}", model.name()));
    }
}

/// A file that is not the catalogued one is a finding, anything else an error.
fn refused(error: &ModelError) -> Failure {
    match error {
        ModelError::Refused { .. } | ModelError::Unsigned { .. } | ModelError::NothingBefore => {
            Failure::Denied(error.to_string())
        }
        _ => Failure::Error(error.to_string()),
    }
}
