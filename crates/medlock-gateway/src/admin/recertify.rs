//! Recertification: whether people and keys still need what they may.

use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::State;
use medlock_pipeline::admin::AccessOf;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/recertifications`.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let days = object.number("days")?.map(u32::try_from).and_then(Result::ok);
    let days = days.ok_or_else(|| Fault::invalid("days", "a number of days"))?;
    object.end()?;
    to_the_end(async move { Ok(Json(json!({ "campaign": app.admin.recertify(caller.by(), days).await? }))) }).await
}

/// `GET /admin/v1/recertifications/latest`.
pub(crate) async fn latest(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    Ok(Json(app.admin.recertification(caller.by()).await?))
}

/// `POST /admin/v1/recertifications/latest/keep`.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let holder = match (object.maybe("user")?, object.maybe("key")?) {
        (Some(user), None) => AccessOf::Person(user),
        (None, Some(key)) => AccessOf::Key(key),
        _ => return Err(Fault::invalid("user", "one user's id, or one key's as key")),
    };
    object.end()?;
    to_the_end(async move { Ok(Json(json!({ "record": app.admin.keep_access(caller.by(), &holder).await? }))) }).await
}
