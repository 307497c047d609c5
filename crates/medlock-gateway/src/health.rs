//! Whether the server runs, and whether it can serve. For load balancers, so without a credential.

use crate::app::App;
use axum::Json;
use axum::extract::State;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let ready = app.guard.ready();
    let all = ready.audit && ready.model;
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |up: bool| if up { "ok" } else { "down" };
    let notes = app.admin.notices().words();
    (status, Json(json!({"status": word(all), "audit": word(ready.audit), "model": word(ready.model), "notes": notes})))
}
