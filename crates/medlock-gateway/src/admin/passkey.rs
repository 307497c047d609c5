//! Passkeys: logging in with one, and a person's own.

use super::session::{SameOrigin, begun, wanted};
use super::{Asked, DONE, Object, data, id, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use medlock_auth::{Assertion, Attestation, Ceremony, PasskeyInfo};
use medlock_domain::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/login/passkey/options`.
pub(crate) async fn log_in_options(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<Value>, Fault> {
    Ok(ceremony(app.admin.begin_passkey_log_in(asked.from)?))
}

/// `POST /admin/v1/login/passkey`.
pub(crate) async fn log_in(
    State(app): State<Arc<App>>,
    asked: Asked,
    SameOrigin(same_origin): SameOrigin,
    mut body: Object,
) -> Result<Response, Fault> {
    let (ceremony, answer) = (body.need("ceremony")?, assertion(&mut body)?);
    let carrier = wanted(&mut body, same_origin)?;
    body.end()?;
    to_the_end(async move {
        // Nobody guesses a passkey: what others tried at passwords from the same network does not count.
        let made = app.admin.log_in_with_passkey(&ceremony, &answer, asked.peer(), &asked.request).await;
        begun(&app, &asked, made, carrier)
    })
    .await
}

/// `POST /admin/v1/passkeys/options`: of the caller.
pub(crate) async fn options(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    Ok(ceremony(app.admin.begin_passkey(caller.by()).await?))
}

/// `POST /admin/v1/passkeys`: of the caller.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut body: Object,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let (ceremony, name) = (body.need("ceremony")?, body.need_text("name")?);
    let answer = Attestation::from_json(body.value("credential")?).ok_or_else(not_a_credential)?;
    body.end()?;
    to_the_end(async move {
        let added = app.admin.add_passkey(caller.by(), &ceremony, &answer, &name).await?;
        Ok((StatusCode::CREATED, Json(shown(&added))))
    })
    .await
}

/// `GET /admin/v1/passkeys`: of the caller.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    let theirs = app.admin.list_passkeys(caller.by()).await?;
    Ok(data(theirs.iter().map(shown).collect()))
}

/// `DELETE /admin/v1/passkeys/{id}`: of the caller.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(passkey): Path<String>,
) -> Result<StatusCode, Fault> {
    let passkey = id(&passkey, "passkey")?;
    to_the_end(async move {
        app.admin.remove_passkey(caller.by(), &passkey).await?;
        Ok(DONE)
    })
    .await
}

pub(super) fn ceremony(ceremony: Ceremony) -> Json<Value> {
    Json(json!({"ceremony": ceremony.id.as_str(), "public_key": ceremony.options}))
}

pub(super) fn assertion(body: &mut Object) -> Result<Assertion, Fault> {
    Assertion::from_json(body.value("credential")?).ok_or_else(not_a_credential)
}

fn not_a_credential() -> Fault {
    Fault::invalid("credential", "a PublicKeyCredential as JSON")
}

fn shown(passkey: &PasskeyInfo) -> Value {
    json!({
        "id": passkey.id.as_str(),
        "name": passkey.name.as_str(),
        "created": passkey.created.rfc3339(),
        "last_used": passkey.last_used.map(Timestamp::rfc3339),
    })
}
