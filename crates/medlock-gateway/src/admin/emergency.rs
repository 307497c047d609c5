//! Emergency access: declared, ended, reviewed, exercised.

use super::content::because;
use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use medlock_pipeline::admin::Declared;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/break-glass`.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let patient = object.maybe("patient")?;
    let minutes = object.number("minutes")?.map(u32::try_from).transpose();
    let minutes = minutes.map_err(|_| Fault::invalid("minutes", "a number of minutes"))?;
    let because = because(&mut object)?;
    object.end()?;
    let declared = Declared { patient, minutes };
    to_the_end(async move { Ok(Json(app.admin.break_glass(caller.by(), declared, &because).await?)) }).await
}

/// `GET /admin/v1/break-glass`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    Ok(super::data(app.admin.list_emergencies(caller.by()).await?))
}

/// `POST /admin/v1/break-glass/{id}/end`.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let id = super::id(&id, "emergency access")?;
    to_the_end(async move {
        app.admin.end_emergency(caller.by(), &id).await?;
        Ok(super::DONE)
    })
    .await
}

/// `POST /admin/v1/break-glass/{id}/review`.
pub(crate) async fn review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let id = super::id(&id, "emergency access")?;
    let (verdict, note) = (object.need("verdict")?, object.text("note")?);
    object.end()?;
    to_the_end(async move {
        let record = app.admin.review_emergency(caller.by(), &id, verdict, note.as_deref()).await?;
        Ok(Json(json!({ "record": record })))
    })
    .await
}

/// `POST /admin/v1/break-glass/drill`.
pub(crate) async fn drill(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let because = because(&mut object)?;
    object.end()?;
    to_the_end(async move { Ok(Json(app.admin.drill(caller.by(), &because).await?)) }).await
}
