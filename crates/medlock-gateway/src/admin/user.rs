//! People.

use super::{DONE, Object, data, id, to_the_end};
use crate::app::App;
use crate::error::Fault;
use crate::front::Caller;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use medlock_auth::{Enrolment, NewUser, UserState};
use medlock_domain::RoleName;
use medlock_domain::Timestamp;
use medlock_keys::password::Secret;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /admin/v1/users`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    let users = app.admin.list_users(caller.by()).await?;
    Ok(data(
        users
            .iter()
            .map(|u| {
                json!({
                    "id": u.id.as_str(),
                    "username": u.username.as_str(),
                    "roles": u.roles.iter().map(RoleName::as_str).collect::<Vec<_>>(),
                    "temporary_roles": u.temporary.iter().map(|(role, until)| json!({
                        "role": role.as_str(), "until": until.rfc3339(),
                    })).collect::<Vec<_>>(),
                    "state": state(u.state),
                    "factor": u.has_factor,
                    "recovery_codes": u.recovery_codes,
                    "passkeys": u.passkeys,
                    "created": u.created.rfc3339(),
                })
            })
            .collect(),
    ))
}

/// `POST /admin/v1/users`. The second factor's secret is shown here and never again.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut body: Object,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let user = NewUser {
        username: body.need("username")?,
        password: Secret::new(body.need_text("password")?),
        roles: body.names("roles")?,
    };
    body.end()?;
    to_the_end(async move {
        let username = user.username.clone();
        let created = app.admin.create_user(caller.by(), user).await?;
        let mut shown = factor(&created.enrolment);
        shown["id"] = created.id.as_str().into();
        shown["username"] = username.as_str().into();
        Ok((StatusCode::CREATED, Json(shown)))
    })
    .await
}

fn state(state: UserState) -> &'static str {
    match state {
        UserState::Enabled => "enabled",
        UserState::Disabled => "disabled",
        UserState::Locked => "locked",
    }
}

fn factor(enrolment: &Enrolment) -> Value {
    json!({
        "otpauth_url": enrolment.otpauth_url.as_str(),
        "totp_secret": enrolment.secret.as_str(),
        "recovery_codes": enrolment.codes(),
    })
}

/// `POST /admin/v1/recovery-codes`: of the caller. They are shown here and never again.
pub(crate) async fn new_recovery_codes(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Fault> {
    to_the_end(async move {
        let codes = app.admin.new_recovery_codes(caller.by()).await?;
        Ok(Json(json!({"recovery_codes": codes.iter().map(Secret::expose).collect::<Vec<_>>()})))
    })
    .await
}

/// `POST /admin/v1/users/{id}/disable`.
pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    mut object: Object,
) -> Result<StatusCode, Fault> {
    let user = id(&user, "user")?;
    let left = object.number("left_ms")?.map(Timestamp);
    object.end()?;
    to_the_end(async move {
        app.admin.disable_user(caller.by(), &user, left).await?;
        Ok(DONE)
    })
    .await
}

/// `POST /admin/v1/users/{id}/enable`.
pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Fault> {
    let user = id(&user, "user")?;
    to_the_end(async move {
        app.admin.enable_user(caller.by(), &user).await?;
        Ok(DONE)
    })
    .await
}

/// `POST /admin/v1/users/{id}/reset-factor`.
pub(crate) async fn reset_factor(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Json<Value>, Fault> {
    let user = id(&user, "user")?;
    to_the_end(async move { Ok(Json(factor(&app.admin.reset_factor(caller.by(), &user).await?))) }).await
}

/// `PUT /admin/v1/users/{id}/password`.
pub(crate) async fn set_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    mut body: Object,
) -> Result<StatusCode, Fault> {
    let user = id(&user, "user")?;
    let password = Secret::new(body.need_text("password")?);
    body.end()?;
    to_the_end(async move {
        app.admin.set_password(caller.by(), &user, password).await?;
        Ok(DONE)
    })
    .await
}

/// `PUT /admin/v1/users/{id}/roles`.
pub(crate) async fn set_roles(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    mut body: Object,
) -> Result<StatusCode, Fault> {
    let user = id(&user, "user")?;
    let roles: Vec<RoleName> = body.names("roles")?;
    body.end()?;
    to_the_end(async move {
        app.admin.set_roles(caller.by(), &user, roles).await?;
        Ok(DONE)
    })
    .await
}
