//! Reports about what the log says: reconstruction, the accounting of disclosures, review packs.

use super::content::NAMES;
use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use medlock_domain::PatientRef;
use medlock_keys::digest::unhex;
use medlock_pipeline::admin::{Day, Verdict};
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/audit/reconstruct`: filters as in a search, and `states`, lines of patient and state.
pub(crate) async fn reconstruct(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let mut filters = Vec::new();
    for name in NAMES.into_iter().filter(|name| !matches!(*name, "order" | "limit" | "cursor")) {
        if let Some(value) = object.text(name)? {
            filters.push((name.to_owned(), value));
        }
    }
    let states = states(&object.text("states")?.unwrap_or_default())?;
    object.end()?;
    Ok(Json(app.admin.reconstruct(caller.by(), &filters, &states).await?))
}

/// Lines of patient, comma, state.
fn states(text: &str) -> Result<Vec<(PatientRef, String)>, Fault> {
    let line = |line: &str| {
        let (patient, state) = line.rsplit_once(',')?;
        let state = state.trim();
        let word = (1..=32).contains(&state.len()) && state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        Some((patient.trim().parse().ok()?, word.then(|| state.to_owned())?))
    };
    let bad = || Fault::invalid("states", "lines of patient, comma, state");
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| line(l).ok_or_else(bad)).collect()
}

/// `POST /admin/v1/audit/disclosures`.
pub(crate) async fn disclosures(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let patient = object.need_text("patient")?.parse::<PatientRef>();
    let patient = patient.map_err(|_| Fault::invalid("patient", "a record number or FHIR reference"))?;
    let all = object.text("all")?.is_some();
    object.end()?;
    Ok(Json(app.admin.disclosures(caller.by(), &patient, all).await?))
}

/// `POST /admin/v1/audit/reviews`: makes a pack.
pub(crate) async fn pack(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let day = |name, text: String| Day::new(&text).ok_or_else(|| Fault::invalid(name, "a day such as 2026-11-23"));
    let from = day("from_day", object.need_text("from_day")?)?;
    let to = day("to_day", object.need_text("to_day")?)?;
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
    let verdict = Verdict::of(&object.need_text("verdict")?);
    let verdict = verdict.ok_or_else(|| Fault::invalid("verdict", "clean or follow-up"))?;
    object.end()?;
    to_the_end(async move {
        let record = app.admin.sign_review(caller.by(), number, digest, verdict).await?;
        Ok(Json(json!({ "record": record })))
    })
    .await
}
