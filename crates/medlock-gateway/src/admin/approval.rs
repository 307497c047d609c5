//! What nobody does alone: asked for, decided, taken back.

use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /admin/v1/approvals`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    Ok(super::data(app.admin.list_approvals(caller.by()).await?))
}

/// `POST /admin/v1/approvals`: the caller asks for a role for a while.
pub(crate) async fn ask(State(app): State<Arc<App>>, caller: Caller, mut object: Object) -> Result<Json<Value>, Fault> {
    let (role, reason) = (object.need("role")?, object.need("reason")?);
    let hours = object.number("hours")?.map(u32::try_from).and_then(Result::ok);
    let hours = hours.ok_or_else(|| Fault::invalid("hours", "a number of hours"))?;
    object.end()?;
    to_the_end(async move {
        let id = app.admin.ask_role(caller.by(), role, hours, reason).await?;
        Ok(Json(json!({ "id": id.as_str() })))
    })
    .await
}

/// `POST /admin/v1/approvals/{id}/approve`.
pub(crate) async fn approve(state: State<Arc<App>>, caller: Caller, id: Path<String>) -> Result<StatusCode, Fault> {
    decide(state, caller, id, true).await
}

/// `POST /admin/v1/approvals/{id}/refuse`.
pub(crate) async fn refuse(state: State<Arc<App>>, caller: Caller, id: Path<String>) -> Result<StatusCode, Fault> {
    decide(state, caller, id, false).await
}

async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    yes: bool,
) -> Result<StatusCode, Fault> {
    let id = super::id(&id, "approval")?;
    to_the_end(async move {
        app.admin.decide_approval(caller.by(), &id, yes).await?;
        Ok(super::DONE)
    })
    .await
}

/// `POST /admin/v1/approvals/{id}/end`.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let id = super::id(&id, "approval")?;
    to_the_end(async move {
        app.admin.end_approval(caller.by(), &id).await?;
        Ok(super::DONE)
    })
    .await
}
