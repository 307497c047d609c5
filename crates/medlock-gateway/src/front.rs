//! The outermost layer: every request gets an id, then a name or a refusal; every answer its
//! headers. Nothing is routed before somebody is known, but for the paths of the public list.

use crate::app::App;
use crate::credential::{self, Carrier};
use crate::error::{Fault, HttpFault};
use crate::routes::{self, Marked};
use crate::{body, cookie};
use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use medlock_audit::{Entry, Kind, Outcome};
use medlock_auth::{AuthFailure, Certificate, Credential, Misused, Peer, Principal, Refused};
use medlock_domain::{Actor, NetworkSource, RequestId};
use medlock_keys::digest::Digest;
use medlock_keys::random;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tower::ServiceExt;

/// What is known of a request, whoever sent it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) request: RequestId,
    pub(crate) from: NetworkSource,
    pub(crate) certificate: Option<Digest>,
    pub(crate) at: Instant,
}

impl Asked {
    /// The other end of its connection.
    pub(crate) fn peer(&self) -> Peer {
        Peer { from: self.from, certificate: self.certificate }
    }
}

/// Who sent a request. A handler that takes this cannot be reached by anybody else.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) asked: Asked,
    pub(crate) carrier: Carrier,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Fault;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Fault::internal)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Fault;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Fault::internal)
    }
}

/// Answers one request.
pub(crate) async fn answer(front: Front, request: Request) -> Response {
    let Front { app, router, from, certificate } = front;
    let request_id = RequestId::from_random(random::bytes());
    let digest = certificate.as_ref().map(|shown| shown.sha256);
    let asked = Asked { request: request_id, from, certificate: digest, at: Instant::now() };
    let (mut parts, body) = request.into_parts();
    let correlation = correlation(&parts.headers);
    let scim = parts.uri.path().starts_with("/scim/");
    let mut known = None;
    let mut response = match admit(&app, &asked, certificate.as_deref(), &parts).await {
        Err(fault) => {
            body::waste(&parts.headers, body).await;
            fault.into_response()
        }
        Ok(somebody) => {
            parts.extensions.insert(asked.clone());
            if let Some((principal, carrier)) = somebody {
                known = Some(principal.clone());
                parts.extensions.insert(Caller { principal, asked: asked.clone(), carrier });
            }
            route_to(router, Request::from_parts(parts, body)).await
        }
    };
    let route = response.extensions_mut().remove::<Marked>().map_or("unmatched", |m| m.0);
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        let fault = record(&app, &asked, known.as_ref(), route, fault).await;
        response = if scim { fault.render_scim() } else { fault.render(&asked.request) };
    }
    headers(response.headers_mut(), &asked.request, correlation);
    app.metrics.answered(route, response.status().as_u16(), asked.at.elapsed());
    response
}

/// Into the handlers, and back out of them even if one panics.
async fn route_to(router: Router, request: Request) -> Response {
    if request.method() == Method::HEAD {
        return Fault::from(HttpFault::NoSuchMethod).into_response(); // it would be answered as GET is
    }
    match AssertUnwindSafe(router.oneshot(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_panic) => Fault::internal().into_response(),
    }
}

/// Who is it? `None` only on a path of the public list.
async fn admit(
    app: &App,
    asked: &Asked,
    certificate: Option<&Certificate>,
    parts: &Parts,
) -> Result<Option<(Principal, Carrier)>, Fault> {
    if routes::is_public(parts.method.as_str(), parts.uri.path()) {
        return Ok(None);
    }
    let failure = match credential::from_headers(&parts.headers) {
        Ok((_, Carrier::Cookie)) if !cookie::usable(&parts.method, &parts.headers) => {
            app.noise(asked.from, "cross_site");
            return Err(HttpFault::CrossSite.into());
        }
        Ok((credential, carrier)) => {
            let credential = match (credential, certificate) {
                (Credential::None, Some(shown)) => Credential::Certificate(shown.clone()),
                (credential, _) => credential,
            };
            match app.auth.known_by(credential, asked.peer()).await {
                Ok(principal) => return Ok(Some((principal, carrier))),
                Err(Refused { failure, whose }) => {
                    if let Some(whose) = whose {
                        misused(app, asked, failure, &whose).await?;
                    }
                    failure
                }
            }
        }
        Err(credential::Malformed) => AuthFailure::Unknown,
    };
    if failure == AuthFailure::Unavailable {
        return Err(failure.into());
    }
    app.noise(asked.from, failure.as_str());
    match app.throttle.failed(asked.from, app.clock.now()) {
        Some(retry_after_s) => Err(HttpFault::TooManyAttempts { retry_after_s }.into()),
        None => Err(failure.into()),
    }
}

/// Somebody has a key, or a session, that is to be used elsewhere: perhaps it was stolen. A record, which is an alert.
async fn misused(app: &App, asked: &Asked, failure: AuthFailure, whose: &Misused) -> Result<(), Fault> {
    let (what, id) = match whose {
        Misused::Key(key) => ("key", key.as_str()),
        Misused::Session(user) => ("user", user.as_str()),
    };
    if !app.misused.first(id, app.clock.now()) {
        return Ok(());
    }
    let entry = Entry::new(Kind::Denied, Actor::Unauthenticated)
        .request(asked.request.clone())
        .outcome(Outcome::Denied)
        .word("code", failure.as_str())
        .word(what, id)
        .word("from", &asked.from.0.to_string());
    app.log.append(entry).await.map(drop).map_err(|_| Fault::audit_unavailable())
}

/// A refusal of somebody who is known is a record, if nobody else made one.
async fn record(app: &App, asked: &Asked, known: Option<&Principal>, route: &'static str, fault: Fault) -> Fault {
    let Some(principal) = known.filter(|_| !fault.recorded) else { return fault };
    let entry = Entry::new(Kind::Denied, principal.actor().clone())
        .request(asked.request.clone())
        .outcome(if fault.status.is_server_error() { Outcome::Failed } else { Outcome::Denied })
        .word("code", fault.code)
        .word("route", route)
        .int("status", i64::from(fault.status.as_u16()));
    match app.log.append(entry).await {
        Ok(_) => fault,
        Err(_) => Fault::audit_unavailable(),
    }
}

/// The caller's own word for its request, to be given back: strict, and never kept.
fn correlation(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get("x-request-id")?;
    let ok = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=64).contains(&value.len()) && value.as_bytes().iter().all(ok)).then(|| value.clone())
}

fn headers(headers: &mut HeaderMap, request: &RequestId, correlation: Option<HeaderValue>) {
    if let Ok(id) = HeaderValue::from_str(request.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Some(correlation) = correlation {
        headers.insert(HeaderName::from_static("x-client-request-id"), correlation);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The front door of one connection.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) from: NetworkSource,
    pub(crate) certificate: Option<Arc<Certificate>>,
}

impl hyper::service::Service<hyper::Request<hyper::body::Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<hyper::body::Incoming>) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { Ok(answer(front, request.map(axum::body::Body::new)).await) })
    }
}
