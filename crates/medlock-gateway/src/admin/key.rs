//! API keys.

use super::{DONE, Object, data, id, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use medlock_auth::{CreatedKey, NewKey};
use medlock_domain::{Binding, ModelName, Network, Purpose, RoleName, Timestamp};
use medlock_keys::password::Secret;
use serde_json::{Value, json};
use std::sync::Arc;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// `GET /admin/v1/keys`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    let keys = app.admin.list_keys(caller.by()).await?;
    let time = |t: Option<Timestamp>| t.map(Timestamp::rfc3339);
    Ok(data(
        keys.iter()
            .map(|k| {
                json!({
                    "id": k.id.as_str(),
                    "name": k.name,
                    "prefix": k.prefix,
                    "owner": k.owner.as_str(),
                    "roles": k.roles.iter().map(RoleName::as_str).collect::<Vec<_>>(),
                    "purposes": k.purposes.iter().map(|p: &Purpose| p.as_str()).collect::<Vec<_>>(),
                    "models": k.models.iter().map(ModelName::as_str).collect::<Vec<_>>(),
                    "bound_to": k.bound.as_ref().map(Binding::to_string),
                    "networks": k.networks.iter().map(Network::to_string).collect::<Vec<_>>(),
                    "created": k.created.rfc3339(),
                    "expires": k.expires.rfc3339(),
                    "revoked": time(k.revoked),
                    "last_used": time(k.last_used),
                })
            })
            .collect(),
    ))
}

/// `POST /admin/v1/keys`. The key is shown here and never again.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut body: Object,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let days = body.number("expires_in_days")?.filter(|d| (1..=365).contains(d));
    let days = days.ok_or_else(|| Fault::invalid("expires_in_days", "an integer from 1 to 365"))?;
    let key = NewKey {
        name: body.need_text("name")?,
        owner: body.maybe("owner")?.unwrap_or_else(|| caller.principal.user().clone()),
        roles: body.names("roles")?,
        purposes: body.names("purposes")?,
        models: body.names("models")?,
        networks: body.names("networks")?,
        bound: body.maybe("bound_to")?,
        expires: app.clock.now().plus_ms(days * DAY_MS),
    };
    body.end()?;
    to_the_end(async move {
        let created = app.admin.create_key(caller.by(), key).await?;
        Ok((StatusCode::CREATED, shown(&created)))
    })
    .await
}

fn shown(created: &CreatedKey) -> Json<Value> {
    Json(json!({
        "id": created.id.as_str(),
        "key": created.secret.as_ref().map(Secret::expose),
        "expires": created.expires.rfc3339(),
    }))
}

/// `POST /admin/v1/keys/{id}/rotate`. The new key is shown here and never again.
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(key): Path<String>,
    mut body: Object,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let key = id(&key, "key")?;
    let hours = body.number("overlap_hours")?.unwrap_or(24);
    if !(0..=720).contains(&hours) {
        return Err(Fault::invalid("overlap_hours", "an integer from 0 to 720"));
    }
    body.end()?;
    to_the_end(async move {
        let created = app.admin.rotate_key(caller.by(), &key, hours * HOUR_MS).await?;
        Ok((StatusCode::CREATED, shown(&created)))
    })
    .await
}

/// `DELETE /admin/v1/keys/{id}`.
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, Fault> {
    let key = id(&key, "key")?;
    to_the_end(async move {
        app.admin.revoke_key(caller.by(), &key).await?;
        Ok(DONE)
    })
    .await
}
