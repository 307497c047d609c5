//! `/admin/v1`: log-in and the administrative verbs, as JSON. The deciding and recording is
//! `medlock_pipeline::admin`'s; here are the shapes.

pub(crate) mod approval;
pub(crate) mod content;
pub(crate) mod emergency;
pub(crate) mod key;
pub(crate) mod model;
pub(crate) mod passkey;
pub(crate) mod recertify;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod user;

use crate::app::App;
use crate::body;
use crate::error::Fault;
use crate::front::{Asked, Caller};
use crate::wire::{self, Fields, Place};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use hyper::StatusCode;
use medlock_keys::password::Secret;
use medlock_pipeline::admin::By;
use serde_json::{Value, json};
use std::str::FromStr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of an administrative request.
const BODY: usize = 64 << 10;

impl Caller {
    /// As the administrative verbs name them.
    pub(crate) fn by(&self) -> By<'_> {
        By::Caller(&self.principal, &self.asked.request)
    }
}

/// The JSON object of a request. No body at all is an empty object.
pub(crate) struct Object(Fields);

impl FromRequest<Arc<App>> for Object {
    type Rejection = Fault;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Fault> {
        let (parts, rest): (_, Body) = request.into_parts();
        let bytes = body::read(&parts.headers, rest, BODY, app.limits.body_timeout).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = wire::parse(bytes, 1024).map_err(|_| Fault::not_json())?;
        Ok(Self(Fields::of(value, Place::root()).map_err(unrecorded)?))
    }
}

impl Object {
    fn text(&mut self, name: &'static str) -> Result<Option<String>, Fault> {
        self.0.word(name).map_err(unrecorded)
    }

    fn need_text(&mut self, name: &'static str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| Fault::invalid(name, "a string"))
    }

    fn secret(&mut self, name: &'static str) -> Result<Option<Secret>, Fault> {
        Ok(self.text(name)?.map(Secret::new))
    }

    fn need<T: FromStr<Err: Into<&'static str>>>(&mut self, name: &'static str) -> Result<T, Fault> {
        self.maybe(name)?.ok_or_else(|| Fault::invalid(name, "a string"))
    }

    fn maybe<T: FromStr<Err: Into<&'static str>>>(&mut self, name: &'static str) -> Result<Option<T>, Fault> {
        let text = self.text(name)?.map(Zeroizing::new);
        text.map(|t| t.parse().map_err(|e: T::Err| Fault::invalid(name, e.into()))).transpose()
    }

    /// A list of names; absent is empty.
    fn names<T: FromStr<Err: Into<&'static str>>>(&mut self, name: &'static str) -> Result<Vec<T>, Fault> {
        let items = self.0.list(name).map_err(unrecorded)?.unwrap_or_default();
        items
            .iter()
            .map(|v| v.as_str().ok_or("a list of strings").and_then(|s| s.parse().map_err(|e: T::Err| e.into())))
            .collect::<Result<_, _>>()
            .map_err(|expected| Fault::invalid(name, expected))
    }

    fn value(&mut self, name: &'static str) -> Result<Value, Fault> {
        self.0.need(name).map_err(unrecorded)
    }

    fn number(&mut self, name: &'static str) -> Result<Option<i64>, Fault> {
        self.0.number(name, "an integer", |n| n.as_i64()).map_err(unrecorded)
    }

    /// Nothing else may be there.
    fn end(self) -> Result<(), Fault> {
        self.0.finish().map_err(unrecorded)
    }
}

/// A refusal of the shared reader of JSON: here the guarded path has not recorded it.
fn unrecorded(refusal: medlock_pipeline::Refusal) -> Fault {
    Fault { recorded: false, ..refusal.into() }
}

/// The id in the path.
fn id<T: FromStr>(text: &str, what: &'static str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::not_found(what))
}

/// Runs a verb to its end, even when the client hangs up: a change that was begun must not be
/// left without its outcome.
pub(crate) async fn to_the_end<T: Send + 'static>(
    verb: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    tokio::spawn(verb).await.unwrap_or_else(|_| Err(Fault::internal()))
}

fn data(items: Vec<Value>) -> Json<Value> {
    Json(json!({ "data": items }))
}

const DONE: StatusCode = StatusCode::NO_CONTENT;
