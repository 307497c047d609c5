//! Which version of a model is loaded.

use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use medlock_keys::digest::hex;
use medlock_pipeline::admin::ModelChange;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/models/{id}/promote`.
pub(crate) async fn promote(
    app: State<Arc<App>>,
    caller: Caller,
    id: Path<String>,
    object: Object,
) -> Result<Json<Value>, Fault> {
    change(app, caller, id, object, ModelChange::Promote).await
}

/// `POST /admin/v1/models/{id}/rollback`.
pub(crate) async fn roll_back(
    app: State<Arc<App>>,
    caller: Caller,
    id: Path<String>,
    object: Object,
) -> Result<Json<Value>, Fault> {
    change(app, caller, id, object, ModelChange::RollBack).await
}

/// `POST /admin/v1/models/{id}/quarantine`.
pub(crate) async fn quarantine(
    app: State<Arc<App>>,
    caller: Caller,
    id: Path<String>,
    object: Object,
) -> Result<Json<Value>, Fault> {
    change(app, caller, id, object, ModelChange::Quarantine).await
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    mut object: Object,
    change: ModelChange,
) -> Result<Json<Value>, Fault> {
    let name = super::id(&name, "model")?;
    let digest = object.text("sha256")?;
    object.end()?;
    to_the_end(async move {
        let version = app.admin.change_model(caller.by(), change, &name, digest.as_deref()).await?;
        Ok(Json(json!({ "name": name.as_str(), "sha256": hex(&version) })))
    })
    .await
}
