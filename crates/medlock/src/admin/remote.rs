//! The verbs over `/admin/v1`.

use super::client::Client;
use super::view::{Factor, Found, MadeKey, MadeUser, NewKeyAsk, strings};
use crate::failure::{Doing, Failure};
use medlock_domain::{RequestId, RoleName, UserId, Username};
use medlock_keys::password::Secret;
use medlock_pipeline::admin::Sealed;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

const SHAPE: &str = "reading the server's answer (is it of another version?)";

pub(super) async fn list<T: DeserializeOwned>(client: &Client, path: &str) -> Result<Vec<T>, Failure> {
    let mut answer = client.ask(Method::GET, path, None).await?;
    read(answer["data"].take())
}

pub(super) async fn search(client: &Client, filters: &[(String, String)]) -> Result<Found, Failure> {
    let body: Map<String, Value> = filters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    read(client.ask(Method::POST, "/admin/v1/audit/search", Some(&Value::Object(body))).await?)
}

pub(super) async fn open_content(
    client: &Client,
    request: &RequestId,
    ask: Map<String, Value>,
) -> Result<Vec<Sealed>, Failure> {
    let path = format!("/admin/v1/audit/content/{request}");
    let mut answer = client.ask(Method::POST, &path, Some(&Value::Object(ask))).await?;
    let parcels: Vec<Value> = read(answer["data"].take())?;
    let sealed = parcels.iter().map(Sealed::from_json).collect::<Option<Vec<_>>>();
    sealed.ok_or_else(|| Failure::error(SHAPE))
}

pub(super) async fn hold(client: &Client, ask: Map<String, Value>) -> Result<u64, Failure> {
    let mut answer = client.ask(Method::POST, "/admin/v1/audit/holds", Some(&Value::Object(ask))).await?;
    read(answer["hold"].take())
}

pub(super) async fn act(client: &Client, path: &str) -> Result<(), Failure> {
    client.ask(Method::POST, path, None).await.map(drop)
}

pub(super) async fn delete(client: &Client, path: &str) -> Result<(), Failure> {
    client.ask(Method::DELETE, path, None).await.map(drop)
}

pub(super) async fn add_user(
    client: &Client,
    name: &Username,
    password: &Secret,
    roles: &[RoleName],
) -> Result<MadeUser, Failure> {
    let body = json!({"username": name.as_str(), "password": password.expose(), "roles": strings(roles)});
    let answer = client.ask(Method::POST, "/admin/v1/users", Some(&body)).await?;
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    Ok(MadeUser { id, factor: read(answer)? })
}

pub(super) async fn set_roles(client: &Client, user: &UserId, roles: &[RoleName]) -> Result<(), Failure> {
    let body = json!({"roles": strings(roles)});
    client.ask(Method::PUT, &format!("/admin/v1/users/{user}/roles"), Some(&body)).await.map(drop)
}

pub(super) async fn reset_factor(client: &Client, user: &UserId) -> Result<Factor, Failure> {
    read(client.ask(Method::POST, &format!("/admin/v1/users/{user}/reset-factor"), None).await?)
}

pub(super) async fn make_key(client: &Client, ask: &NewKeyAsk) -> Result<MadeKey, Failure> {
    let mut body = json!({
        "name": ask.name,
        "roles": strings(&ask.roles),
        "purposes": strings(&ask.purposes),
        "models": strings(&ask.models),
        "expires_in_days": ask.days,
    });
    if let Some(owner) = &ask.owner {
        body["owner"] = owner.as_str().into();
    }
    read(client.ask(Method::POST, "/admin/v1/keys", Some(&body)).await?)
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).doing(SHAPE)
}
