//! API keys.

use super::{DONE, Object, data, id, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use medlock_auth::NewKey;
use medlock_domain::{ModelName, Purpose, RoleName, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

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
        expires: app.clock.now().plus_ms(days * DAY_MS),
    };
    body.end()?;
    to_the_end(async move {
        let created = app.admin.create_key(caller.by(), key).await?;
        let shown = json!({
            "id": created.id.as_str(),
            "key": created.secret.expose(),
            "expires": created.expires.rfc3339(),
        });
        Ok((StatusCode::CREATED, Json(shown)))
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
