//! Logging in and out, and whose sessions there are.

use super::{Asked, DONE, Object, data, id, passkey, to_the_end};
use crate::app::App;
use crate::cookie;
use crate::credential::Carrier;
use crate::error::{Fault, HttpFault};
use crate::front::Caller;
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::SET_COOKIE;
use hyper::http::request::Parts;
use medlock_auth::{NewSession, Proof};
use medlock_domain::{Actor, Purpose, RoleName};
use medlock_keys::password::Secret;
use medlock_pipeline::admin::LoginError;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /admin/v1/login`.
pub(crate) async fn log_in(
    State(app): State<Arc<App>>,
    asked: Asked,
    SameOrigin(same_origin): SameOrigin,
    mut body: Object,
) -> Result<Response, Fault> {
    let (username, password) = (body.need_text("username")?, Secret::new(body.need_text("password")?));
    let otp = body.secret("otp")?;
    let carrier = wanted(&mut body, same_origin)?;
    body.end()?;
    to_the_end(async move {
        // Before the password is hashed, which costs us more than it costs a guesser.
        if let Some(retry_after_s) = app.throttle.blocked(asked.from, app.clock.now()) {
            app.noise(asked.from, "login_throttled");
            return Err(HttpFault::TooManyAttempts { retry_after_s }.into());
        }
        let made = app.admin.log_in(&username, password, otp, asked.peer(), &asked.request).await;
        begun(&app, &asked, made, carrier)
    })
    .await
}

/// Whether a page of this server sent the request.
pub(crate) struct SameOrigin(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Fault;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Ok(Self(cookie::same_origin(&parts.headers)))
    }
}

/// In what a new session's token is wanted. A browser gets a cookie on a page of this server only, or other sites could log
/// somebody in as somebody else.
pub(super) fn wanted(body: &mut Object, same_origin: bool) -> Result<Carrier, Fault> {
    match body.text("session")?.as_deref() {
        None | Some("token") => Ok(Carrier::Header),
        Some("cookie") if same_origin => Ok(Carrier::Cookie),
        Some("cookie") => Err(HttpFault::CrossSite.into()),
        Some(_) => Err(Fault::invalid("session", "token or cookie")),
    }
}

/// What comes of a log-in.
pub(super) fn begun(
    app: &App,
    asked: &Asked,
    made: Result<NewSession, LoginError>,
    carrier: Carrier,
) -> Result<Response, Fault> {
    let new = made.map_err(|error| {
        app.metrics.unauthenticated("login");
        let _counted = app.throttle.failed(asked.from, app.clock.now());
        Fault::from(error)
    })?;
    let body = json!({
        "session": new.session.as_str(),
        "user": new.principal.user().as_str(),
        "idle_expires": new.idle_expires.rfc3339(),
        "absolute_expires": new.absolute_expires.rfc3339(),
    });
    with_token(body, &new.token, carrier)
}

/// An answer with a token, in the body for a program and in a cookie for a browser, whose scripts never see it.
fn with_token(mut body: Value, token: &Secret, carrier: Carrier) -> Result<Response, Fault> {
    match carrier {
        Carrier::Header => {
            body["token"] = token.expose().into();
            Ok(Json(body).into_response())
        }
        Carrier::Cookie => {
            let cookie = cookie::give(token).ok_or_else(Fault::internal)?;
            Ok(([(SET_COOKIE, cookie)], Json(body)).into_response())
        }
    }
}

/// `POST /admin/v1/step-up`. The session goes on under the new token only.
pub(crate) async fn step_up(State(app): State<Arc<App>>, caller: Caller, mut body: Object) -> Result<Response, Fault> {
    let proof = proof(&mut body)?.ok_or_else(|| Fault::invalid("otp", "a string"))?;
    body.end()?;
    to_the_end(async move {
        let renewed = app.admin.step_up(&caller.principal, &proof, &caller.asked.request).await?;
        let body = json!({
            "fresh_until": renewed.fresh_until.rfc3339(),
            "idle_expires": renewed.idle_expires.rfc3339(),
        });
        with_token(body, &renewed.token, caller.carrier)
    })
    .await
}

/// A second factor: `otp`, or a passkey's `ceremony` and `credential`.
pub(super) fn proof(body: &mut Object) -> Result<Option<Proof>, Fault> {
    Ok(match body.maybe("ceremony")? {
        Some(ceremony) => Some(Proof::Passkey(ceremony, Box::new(passkey::assertion(body)?))),
        None => body.secret("otp")?.map(Proof::Code),
    })
}

/// `POST /admin/v1/step-up/options`.
pub(crate) async fn step_up_options(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    Ok(passkey::ceremony(app.admin.begin_passkey_step_up(&caller.principal).await?))
}

/// `POST /admin/v1/logout`.
pub(crate) async fn log_out(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Fault> {
    to_the_end(async move {
        app.admin.log_out(&caller.principal, &caller.asked.request).await?;
        Ok(match caller.carrier {
            Carrier::Header => DONE.into_response(),
            Carrier::Cookie => (DONE, [(SET_COOKIE, cookie::take_back())]).into_response(),
        })
    })
    .await
}

/// `GET /admin/v1/whoami`.
pub(crate) async fn who_am_i(caller: Caller) -> Json<Value> {
    let who = &caller.principal;
    let session = match who.actor() {
        Actor::Person { session, .. } => Some(session.as_str()),
        _ => None,
    };
    Json(json!({
        "actor": who.actor().to_string(),
        "session": session,
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
