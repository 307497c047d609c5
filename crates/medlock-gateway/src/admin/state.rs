//! The policies in force, the state of the log, and what is in it.

use super::to_the_end;
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{RawQuery, State};
use medlock_domain::HolderId;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/policy/reload`.
pub(crate) async fn reload_policy(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    to_the_end(async move {
        let reloaded = app.admin.reload_policy(caller.by()).await?;
        Ok(Json(json!({
            "policy_digest": medlock_keys::digest::hex(&reloaded.digest),
            "epoch": reloaded.epoch,
        })))
    })
    .await
}

/// `GET /admin/v1/audit/checkpoint`: a signed note, to be kept where this server cannot reach it.
pub(crate) async fn checkpoint(State(app): State<Arc<App>>, caller: Caller) -> Result<String, Fault> {
    Ok(app.admin.checkpoint(caller.by()).await?)
}

/// `GET /admin/v1/audit?who=…&class=…`: entries of the log, without what is sealed with them.
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Fault> {
    let query = query.unwrap_or_default();
    let filters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let plain = |(name, value): &(String, String)| {
        name == "patient" && value.split(',').any(|id| id.parse::<HolderId>().is_err())
    };
    if filters.iter().any(plain) {
        return Err(Fault::invalid(
            "patient",
            "an id of the log (hld_…) here: a patient's own belongs in the body of POST /admin/v1/audit/search",
        ));
    }
    let found = app.admin.search(caller.by(), &filters).await?;
    Ok(Json(json!({ "data": found.entries, "next": found.next })))
}
