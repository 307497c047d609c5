//! What is sealed in the log: opened, held, erased. And searching by what must not stand in a URL.

use super::{Object, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use medlock_pipeline::admin::{Because, Scope, Sealed};
use medlock_review::Field;
use serde_json::{Value, json};
use std::sync::Arc;
use zeroize::Zeroizing;

/// `POST /admin/v1/audit/search`: as `GET /admin/v1/audit`, with the filters in the body. A patient belongs here:
/// URLs end up in the logs of others.
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let filters = filters(&mut object, &["since", "until", "order", "limit", "cursor"])?;
    object.end()?;
    let found = app.admin.search(caller.by(), &filters).await?;
    Ok(Json(json!({ "data": found.entries, "next": found.next })))
}

/// Every field that entries are found by, and these.
pub(super) fn filters(object: &mut Object, further: &[&'static str]) -> Result<Vec<(String, String)>, Fault> {
    let mut filters = Vec::new();
    for name in Field::ALL.into_iter().map(Field::as_str).chain(further.iter().copied()) {
        if let Some(value) = object.text(name)? {
            filters.push((name.to_owned(), value));
        }
    }
    Ok(filters)
}

/// `POST /admin/v1/audit/content/{request}`.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(request): Path<String>,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let request = super::id(&request, "request")?;
    let because = because(&mut object)?;
    object.end()?;
    to_the_end(async move {
        let sealed = app.admin.open_content(caller.by(), &request, &because).await?;
        Ok(Json(json!({ "data": sealed.iter().map(Sealed::to_json).collect::<Vec<_>>() })))
    })
    .await
}

/// `POST /admin/v1/audit/erase`.
pub(crate) async fn erase(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let scope = scope(&mut object)?;
    let because = because(&mut object)?;
    object.end()?;
    to_the_end(async move { Ok(Json(app.admin.erase(caller.by(), scope, &because).await?)) }).await
}

/// `GET /admin/v1/audit/erasures/{number}`: the certificate again.
pub(crate) async fn certificate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<Value>, Fault> {
    let number = super::id(&number, "erasure")?;
    Ok(Json(app.admin.certificate_of(caller.by(), number).await?))
}

/// `GET /admin/v1/audit/holds`.
pub(crate) async fn holds(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    let holds = app.admin.holds(caller.by()).await?;
    Ok(super::data(holds.iter().map(|hold| hold.to_json()).collect()))
}

/// `POST /admin/v1/audit/holds`.
pub(crate) async fn hold(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut object: Object,
) -> Result<Json<Value>, Fault> {
    let scope = scope(&mut object)?;
    let because = because(&mut object)?;
    object.end()?;
    to_the_end(async move { Ok(Json(json!({ "hold": app.admin.hold(caller.by(), scope, &because).await? }))) }).await
}

/// `POST /admin/v1/audit/holds/{number}/lift`.
pub(crate) async fn lift(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(number): Path<String>,
    mut object: Object,
) -> Result<StatusCode, Fault> {
    let number = super::id(&number, "hold")?;
    let because = because(&mut object)?;
    object.end()?;
    to_the_end(async move {
        app.admin.lift_hold(caller.by(), number, &because).await?;
        Ok(super::DONE)
    })
    .await
}

pub(super) fn because(object: &mut Object) -> Result<Because, Fault> {
    let reason = object.need("reason")?;
    let note = object.text("note")?.map(Zeroizing::new);
    Ok(Because { reason, note, proof: super::session::proof(object)? })
}

/// Exactly one of days, a patient, an owner, all.
fn scope(object: &mut Object) -> Result<Scope, Fault> {
    let days = (object.maybe("from_day")?, object.maybe("to_day")?);
    let (patient, owner) = (object.maybe("patient")?, object.maybe("owner")?);
    match (days, patient, owner, flag(object, "all")?) {
        ((Some(from), Some(to)), None, None, false) => Ok(Scope::Days(from, to)),
        ((None, None), Some(patient), None, false) => Ok(Scope::Patient(patient)),
        ((None, None), None, Some(owner), false) => Ok(Scope::Owner(owner)),
        ((None, None), None, None, true) => Ok(Scope::All),
        _ => Err(Fault::invalid("scope", "exactly one of from_day with to_day, patient, owner, all")),
    }
}

pub(super) fn flag(object: &mut Object, name: &'static str) -> Result<bool, Fault> {
    match object.text(name)?.as_deref() {
        None => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Fault::invalid(name, "\"true\", or absent")),
    }
}
