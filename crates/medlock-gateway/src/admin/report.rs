//! Reports about what the log says: reconstruction, the accounting of disclosures, review packs.

use super::content::{filters, flag};
use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use medlock_keys::digest::unhex;
use medlock_pipeline::admin::States;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/audit/reconstruct`: filters as in a search, and `states`, lines of patient and state.
pub(crate) async fn reconstruct(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let filters = filters(&mut object, &["since", "until"])?;
    let states: States = object.maybe("states")?.unwrap_or_default();
    object.end()?;
    Ok(Json(app.admin.reconstruct(caller.by(), &filters, &states).await?))
}

/// `POST /admin/v1/audit/disclosures`.
pub(crate) async fn disclosures(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let (patient, all) = (object.need("patient")?, flag(&mut object, "all")?);
    object.end()?;
    Ok(Json(app.admin.disclosures(caller.by(), &patient, all).await?))
}

/// `POST /admin/v1/audit/reviews`: makes a pack.
pub(crate) async fn pack(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let (from, to) = (object.need("from_day")?, object.need("to_day")?);
    let number = |name, value: Option<i64>, default: i64, most: i64| {
        let value = value.unwrap_or(default);
        if (0..=most).contains(&value) { Ok(value) } else { Err(Fault::invalid(name, "a number from 0 on")) }
    };
    let seed = number("seed", object.number("seed")?, 0, i64::MAX)?;
    let sample = number("sample", object.number("sample")?, 20, 1000)?;
    object.end()?;
    Ok(Json(app.admin.review_pack(caller.by(), &from, &to, seed as u64, sample as usize).await?))
}

/// `POST /admin/v1/audit/reviews/{number}/sign`.
pub(crate) async fn sign(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(number): Path<String>,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let number = super::id(&number, "review pack")?;
    let digest = unhex(&object.need_text("sha256")?).and_then(|d| d.try_into().ok());
    let digest = digest.ok_or_else(|| Fault::invalid("sha256", "the pack's digest"))?;
    let verdict = object.need("verdict")?;
    object.end()?;
    to_the_end(async move {
        let record = app.admin.sign_review(caller.by(), number, digest, verdict).await?;
        Ok(Json(json!({ "record": record })))
    })
    .await
}
