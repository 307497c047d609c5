//! `GET /v1/models`: what this credential may ask.

use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use medlock_keys::digest::hex;
use medlock_pipeline::{ModelCard, Refusal, RefusalCode};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Json<Value> {
    let data: Vec<Value> = app.guard.models(&caller.principal).iter().map(model).collect();
    Json(json!({"object": "list", "data": data}))
}

pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    let models = app.guard.models(&caller.principal);
    let found = models.iter().find(|m| m.name.as_str() == id).map(|m| Json(model(m)));
    found.ok_or_else(|| {
        let message = "no model of that name can be used with this credential";
        Fault { recorded: false, ..Refusal::new(RefusalCode::ModelNotFound, message).param("model").into() }
    })
}

fn model(card: &ModelCard) -> Value {
    let mut model = json!({"id": card.name.as_str(), "object": "model", "created": 0, "owned_by": "medlock"});
    if let (Some(about), Some(digest)) = (&card.about, &card.digest) {
        model["medlock"] = json!({
            "sha256": hex(digest),
            "context": about.context,
            "licence": about.licence,
            "intended_use": about.intended_use,
            "note": about.note,
        });
    }
    model
}
