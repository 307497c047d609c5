//! Single sign-on, as browsers walk through it: there and back. What goes wrong is said on the sign-in page, in words that
//! tell nobody who exists; the log knows more.

use crate::app::App;
use crate::body;
use crate::cookie;
use crate::error::Fault;
use crate::front::Asked;
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, RawQuery, Request, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use hyper::StatusCode;
use hyper::header::SET_COOKIE;
use medlock_keys::password::Secret;
use medlock_pipeline::admin::LoginError;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of a logout token's form.
const FORM: usize = 32 << 10;

/// `GET /login/methods`: which ways in there are.
pub(crate) async fn methods(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"passkey": true, "password": true, "sso": app.admin.has_sso()}))
}

/// `GET /login/sso`: to the identity provider. With `?again`, it asks for the person's factors in any case.
pub(crate) async fn depart(State(app): State<Arc<App>>, asked: Asked, RawQuery(query): RawQuery) -> Response {
    let again = query.as_deref() == Some("again");
    match app.admin.begin_sso(again, asked.from).await {
        Ok(departure) => {
            let keep = cookie::give_for_sso(&departure.browser);
            (AppendHeaders(keep.map(|value| (SET_COOKIE, value))), Redirect::to(&departure.url)).into_response()
        }
        Err(error) => refused(&error),
    }
}

/// `GET /login/sso/callback`: back from there.
pub(crate) async fn come_back(
    State(app): State<Arc<App>>,
    asked: Asked,
    RawQuery(query): RawQuery,
    headers: hyper::HeaderMap,
) -> Result<Response, Fault> {
    let said = once_each(query.unwrap_or_default().as_bytes());
    let said = |name: &str| said.as_ref()?.get(name).filter(|text| !text.is_empty()).cloned();
    let (state, code) = (said("state").and_then(|state| state.parse().ok()), said("code"));
    let browser = cookie::sso(&headers).ok().flatten().map(Secret::new);
    let (Some(state), Some(code), Some(browser)) = (state, code, browser) else {
        app.noise(asked.from, "sso_incomplete");
        return Ok(Redirect::to("/login#sso").into_response());
    };
    crate::admin::to_the_end(async move {
        Ok(match app.admin.log_in_by_sso(&state, &browser, &code, asked.peer(), &asked.request).await {
            Ok(session) => {
                let session = cookie::give(&session.token).ok_or_else(Fault::internal)?;
                let cookies = [(SET_COOKIE, session), (SET_COOKIE, cookie::take_back_from_sso())];
                (AppendHeaders(cookies), Redirect::to("/account")).into_response()
            }
            Err(error) => {
                app.metrics.unauthenticated("login");
                refused(&error)
            }
        })
    })
    .await
}

fn refused(error: &LoginError) -> Response {
    tracing::debug!(%error, "single sign-on");
    Redirect::to("/login#sso").into_response()
}

/// `POST /login/sso/logout`: the identity provider says that somebody has logged out there.
pub(crate) async fn log_out(
    State(app): State<Arc<App>>,
    asked: Asked,
    Form(mut form): Form,
) -> Result<StatusCode, Fault> {
    let token = form.remove("logout_token").ok_or_else(|| Fault::invalid("logout_token", "given"))?;
    crate::admin::to_the_end(async move {
        app.admin.log_out_by_sso(&token, asked.from, &asked.request).await?;
        Ok(StatusCode::OK)
    })
    .await
}

/// The fields of a form, each once.
pub(crate) struct Form(HashMap<String, String>);

impl FromRequest<Arc<App>> for Form {
    type Rejection = Fault;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Fault> {
        let (parts, rest): (_, Body) = request.into_parts();
        let bytes = body::read(&parts.headers, rest, FORM, app.limits.body_timeout).await?;
        once_each(&bytes).map(Self).ok_or_else(|| Fault::invalid("the body", "a form with each field once"))
    }
}

fn once_each(text: &[u8]) -> Option<HashMap<String, String>> {
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(text) {
        if fields.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(fields)
}
