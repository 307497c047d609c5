//! SCIM 2.0 (RFC 7643, 7644): an identity provider, or the personnel system, says who joins and who leaves. Users only:
//! what they may, their groups decide at log-in.

pub(crate) mod discovery;
mod resource;

use crate::admin::to_the_end;
use crate::app::App;
use crate::body;
use crate::error::Fault;
use crate::front::Caller;
use crate::wire;
use axum::body::Body;
use axum::extract::{FromRequest, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use medlock_auth::Provisioned;
use medlock_domain::UserId;
use medlock_pipeline::admin::AdminError;
use resource::{Filter, Said, View};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The most of a list at a time.
const MOST: usize = 200;
/// Bytes of a request.
const BODY: usize = 256 << 10;

/// An answer in SCIM's own type.
pub(crate) struct Scim(Value);

impl IntoResponse for Scim {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/scim+json");
        ([(CONTENT_TYPE, kind)], self.0.to_string()).into_response()
    }
}

/// The object that a client sends.
pub(crate) struct Resource(Map<String, Value>);

impl FromRequest<Arc<App>> for Resource {
    type Rejection = Fault;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Fault> {
        let (parts, rest): (_, Body) = request.into_parts();
        let bytes = body::read(&parts.headers, rest, BODY, app.limits.body_timeout).await?;
        match wire::parse(&bytes, 4096) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Fault::scim("invalidSyntax", "the body is not a JSON object, or has a key twice")),
        }
    }
}

/// What of whom a list is to have.
struct Wanted {
    filter: Filter,
    start: usize,
    count: usize,
    view: View,
}

impl Wanted {
    /// From a query: `filter=…&startIndex=…`.
    fn query(text: &str) -> Result<Self, Fault> {
        let fields = form_urlencoded::parse(text.as_bytes()).map(|(name, value)| {
            let value = match name.as_ref() {
                "startIndex" | "count" => value.parse::<i64>().map_or(Value::Null, Value::from),
                "attributes" | "excludedAttributes" => value.split(',').map(str::trim).collect(),
                _ => Value::from(value.as_ref()),
            };
            (name.into_owned(), value)
        });
        Self::of(fields.collect())
    }

    /// The same as an object, which a search is (RFC 7644, 3.4.3).
    fn of(mut fields: Map<String, Value>) -> Result<Self, Fault> {
        fields.remove("schemas");
        let mut number = |name: &str, default: usize, least: i64, most: i64| {
            let Some(value) = fields.remove(name) else { return Ok(default) };
            let number =
                value.as_i64().ok_or_else(|| Fault::scim("invalidValue", "startIndex and count are numbers"))?;
            Ok::<_, Fault>(number.clamp(least, most) as usize)
        };
        let (start, count) = (number("startIndex", 1, 1, i64::MAX)?, number("count", MOST, 0, MOST as i64)?);
        let filter = match fields.remove("filter") {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => return Err(Fault::scim("invalidFilter", "a filter is a text")),
        };
        let view = View::read(fields.remove("attributes"), fields.remove("excludedAttributes"))?;
        match fields.is_empty() {
            true => Ok(Self { filter: Filter::read(filter.as_deref())?, start, count, view }),
            false => Err(Fault::scim("invalidValue", "a parameter that this server does not know")),
        }
    }

    async fn found(self, app: &App, caller: &Caller) -> Result<Scim, Fault> {
        let all = app.admin.provisioned(caller.by()).await.map_err(fault)?;
        let found: Vec<&Provisioned> = all.iter().filter(|user| self.filter.takes(user)).collect();
        let page = found.iter().skip(self.start - 1).take(self.count);
        let page: Vec<Value> = page.map(|user| self.view.of(resource::shown(user))).collect();
        Ok(Scim(json!({
            "schemas": [LIST], "totalResults": found.len(), "startIndex": self.start, "itemsPerPage": page.len(),
            "Resources": page,
        })))
    }
}

/// `GET /scim/v2/Users`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Scim, Fault> {
    Wanted::query(&query.unwrap_or_default())?.found(&app, &caller).await
}

/// `POST /scim/v2/Users/.search`, and of everything, which is users.
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Resource(body): Resource,
) -> Result<Scim, Fault> {
    Wanted::of(body)?.found(&app, &caller).await
}

/// `POST /scim/v2/Users`.
pub(crate) async fn join(
    State(app): State<Arc<App>>,
    caller: Caller,
    Resource(body): Resource,
) -> Result<Response, Fault> {
    let joiner = Said::whole(body)?.joiner()?;
    to_the_end(async move {
        let user = app.admin.join(caller.by(), joiner).await.map_err(fault)?;
        let location = HeaderValue::from_str(&resource::location(&user.id)).map_err(|_| Fault::internal())?;
        Ok((StatusCode::CREATED, [(LOCATION, location)], Scim(resource::shown(&user))).into_response())
    })
    .await
}

/// `GET /scim/v2/Users/{id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Scim, Fault> {
    let view = Wanted::query(&query.unwrap_or_default())?.view;
    Ok(Scim(view.of(resource::shown(&find(&app, &caller, &id).await?))))
}

/// `PUT /scim/v2/Users/{id}`.
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Resource(body): Resource,
) -> Result<Scim, Fault> {
    change(app, caller, id, Said::whole(body)?).await
}

/// `PATCH /scim/v2/Users/{id}`.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Resource(body): Resource,
) -> Result<Scim, Fault> {
    change(app, caller, id, Said::patch(body)?).await
}

async fn change(app: Arc<App>, caller: Caller, id: String, said: Said) -> Result<Scim, Fault> {
    let now = find(&app, &caller, &id).await?;
    let change = said.change(&now)?;
    to_the_end(async move {
        let changed = app.admin.change_provisioned(caller.by(), &now.id, change).await.map_err(fault)?;
        Ok(Scim(resource::shown(&changed)))
    })
    .await
}

/// `DELETE /scim/v2/Users/{id}`.
pub(crate) async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let user = id.parse().map_err(|_| Fault::not_found("user"))?;
    to_the_end(async move {
        app.admin.leave(caller.by(), &user).await.map_err(fault)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Provisioned, Fault> {
    let wanted: Option<UserId> = id.parse().ok();
    let all = app.admin.provisioned(caller.by()).await.map_err(fault)?;
    all.into_iter().find(|user| Some(&user.id) == wanted.as_ref()).ok_or_else(|| Fault::not_found("user"))
}

fn fault(error: AdminError) -> Fault {
    match error {
        AdminError::Taken(_) => Fault::scim("uniqueness", "somebody else has this userName or externalId").conflict(),
        other => other.into(),
    }
}
