//! Logging in and out, and whose sessions there are.

use super::{Asked, DONE, Object, data, id, to_the_end};
use crate::app::App;
use crate::error::{Fault, HttpFault};
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use medlock_domain::{Purpose, RoleName};
use medlock_keys::password::Secret;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/login`.
pub(crate) async fn log_in(State(app): State<Arc<App>>, asked: Asked, mut body: Object) -> Result<Json<Value>, Fault> {
    let (username, password) = (body.need_text("username")?, Secret::new(body.need_text("password")?));
    let otp = body.secret("otp")?;
    body.end()?;
    to_the_end(async move {
        // Before the password is hashed, which costs us more than it costs a guesser.
        if let Some(retry_after_s) = app.throttle.blocked(asked.from, app.clock.now()) {
            app.noise(asked.from, "login_throttled");
            return Err(HttpFault::TooManyAttempts { retry_after_s }.into());
        }
        match app.admin.log_in(&username, password, otp, asked.from, &asked.request).await {
            Ok(new) => Ok(Json(json!({
                "token": new.token.expose(),
                "session": new.session.as_str(),
                "user": new.principal.user().as_str(),
                "idle_expires": new.idle_expires.rfc3339(),
                "absolute_expires": new.absolute_expires.rfc3339(),
            }))),
            Err(error) => {
                app.metrics.unauthenticated("login");
                let _counted = app.throttle.failed(asked.from, app.clock.now());
                Err(error.into())
            }
        }
    })
    .await
}

/// `POST /admin/v1/step-up`. The session goes on under the new token only.
pub(crate) async fn step_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut body: Object,
) -> Result<Json<Value>, Fault> {
    let code = Secret::new(body.need_text("otp")?);
    body.end()?;
    to_the_end(async move {
        let renewed = app.admin.step_up(&caller.principal, &code, &caller.asked.request).await?;
        Ok(Json(json!({
            "token": renewed.token.expose(),
            "fresh_until": renewed.fresh_until.rfc3339(),
            "idle_expires": renewed.idle_expires.rfc3339(),
        })))
    })
    .await
}

/// `POST /admin/v1/logout`.
pub(crate) async fn log_out(State(app): State<Arc<App>>, caller: Caller) -> Result<StatusCode, Fault> {
    to_the_end(async move {
        app.admin.log_out(&caller.principal, &caller.asked.request).await?;
        Ok(DONE)
    })
    .await
}

/// `GET /admin/v1/whoami`.
pub(crate) async fn who_am_i(caller: Caller) -> Json<Value> {
    let who = &caller.principal;
    Json(json!({
        "actor": who.actor().to_string(),
        "user": who.user().as_str(),
        "username": who.username().as_str(),
        "roles": who.roles().iter().map(RoleName::as_str).collect::<Vec<_>>(),
        "purposes": who.purposes().iter().map(|p: &Purpose| p.as_str()).collect::<Vec<_>>(),
        "second_factor": who.mfa(),
        "second_factor_fresh": who.fresh(),
        "expires": who.expires().rfc3339(),
    }))
}

/// `GET /admin/v1/sessions`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    let sessions = app.admin.list_sessions(caller.by()).await?;
    Ok(data(
        sessions
            .iter()
            .map(|s| {
                json!({
                    "id": s.id.as_str(),
                    "user": s.user.as_str(),
                    "created": s.created.rfc3339(),
                    "last_seen": s.last_seen.rfc3339(),
                    "expires": s.expires.rfc3339(),
                    "second_factor": s.mfa,
                })
            })
            .collect(),
    ))
}

/// `DELETE /admin/v1/sessions/{id}`.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<StatusCode, Fault> {
    let session = id(&session, "session")?;
    to_the_end(async move {
        app.admin.end_session(caller.by(), &session).await?;
        Ok(DONE)
    })
    .await
}
