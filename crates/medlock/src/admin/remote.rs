//! The verbs over `/admin/v1`.

use super::client::Client;
use super::view::{Factor, Found, MadeKey, MadeUser, NewKeyAsk, PackAsk, strings};
use crate::failure::{Doing, Failure};
use medlock_auth::Proof;
use medlock_domain::{EmergencyId, KeyId, ModelName, PatientRef, RequestId, RoleName, Timestamp, UserId, Username};
use medlock_keys::digest::{Digest, hex};
use medlock_keys::password::Secret;
use medlock_pipeline::admin::{AccessOf, Because, Declared, ModelChange, Reason, Scope, Sealed, States, Verdict};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub(super) const BREAK_GLASS: &str = "/admin/v1/break-glass";
pub(super) const APPROVALS: &str = "/admin/v1/approvals";
pub(super) const RECERTIFICATION: &str = "/admin/v1/recertifications/latest";

const SHAPE: &str = "reading the server's answer (is it of another version?)";

pub(super) async fn list<T: DeserializeOwned>(client: &Client, path: &str) -> Result<Vec<T>, Failure> {
    let mut answer = client.ask(Method::GET, path, None).await?;
    read(answer["data"].take())
}

pub(super) async fn search(client: &Client, filters: &[(String, String)]) -> Result<Found, Failure> {
    read(post(client, "search", named(filters)).await?)
}

pub(super) async fn open_content(
    client: &Client,
    request: &RequestId,
    because: &Because,
) -> Result<Vec<Sealed>, Failure> {
    let mut answer = post(client, &format!("content/{request}"), why(because)).await?;
    let parcels: Vec<Value> = read(answer["data"].take())?;
    let sealed = parcels.iter().map(Sealed::from_json).collect::<Option<Vec<_>>>();
    sealed.ok_or_else(|| Failure::error(SHAPE))
}

pub(super) async fn reconstruct(
    client: &Client,
    filters: &[(String, String)],
    states: &States,
) -> Result<Value, Failure> {
    let mut body = named(filters);
    body.insert("states".to_owned(), states.to_text().as_str().into());
    post(client, "reconstruct", body).await
}

pub(super) async fn disclosures(client: &Client, patient: &PatientRef, all: bool) -> Result<Value, Failure> {
    let body = object([("patient", patient.canonical().into()), ("all", flag(all))]);
    post(client, "disclosures", body).await
}

pub(super) async fn review_pack(client: &Client, ask: &PackAsk) -> Result<Value, Failure> {
    let PackAsk { from, to, seed, sample } = ask;
    let days = [("from_day", from.as_str().into()), ("to_day", to.as_str().into())];
    let body = object(days.into_iter().chain([("seed", (*seed).into()), ("sample", (*sample).into())]));
    post(client, "reviews", body).await
}

pub(super) async fn sign_review(client: &Client, number: u64, digest: Digest, verdict: Verdict) -> Result<(), Failure> {
    let body = object([("sha256", hex(&digest).into()), ("verdict", verdict.as_str().into())]);
    post(client, &format!("reviews/{number}/sign"), body).await.map(drop)
}

pub(super) async fn erase(client: &Client, scope: &Scope, because: &Because) -> Result<Value, Failure> {
    post(client, "erase", what_and_why(scope, because)).await
}

pub(super) async fn hold(client: &Client, scope: &Scope, because: &Because) -> Result<u64, Failure> {
    read(post(client, "holds", what_and_why(scope, because)).await?["hold"].take())
}

pub(super) async fn lift_hold(client: &Client, number: u64, because: &Because) -> Result<(), Failure> {
    post(client, &format!("holds/{number}/lift"), why(because)).await.map(drop)
}

pub(super) async fn reload_policy(client: &Client) -> Result<u64, Failure> {
    let mut answer = client.ask(Method::POST, "/admin/v1/policy/reload", None).await?;
    read(answer["epoch"].take())
}

pub(super) async fn break_glass(client: &Client, declared: &Declared, because: &Because) -> Result<Value, Failure> {
    let mut body = why(because);
    body.extend(object([
        ("patient", declared.patient.as_ref().map(PatientRef::canonical).into()),
        ("minutes", declared.minutes.into()),
    ]));
    client.ask(Method::POST, BREAK_GLASS, Some(&Value::Object(body))).await
}

pub(super) async fn review_emergency(
    client: &Client,
    id: &EmergencyId,
    verdict: Verdict,
    note: Option<&str>,
) -> Result<(), Failure> {
    let body = Value::Object(object([("verdict", verdict.as_str().into()), ("note", note.into())]));
    client.ask(Method::POST, &format!("{BREAK_GLASS}/{id}/review"), Some(&body)).await.map(drop)
}

pub(super) async fn drill(client: &Client, because: &Because) -> Result<Value, Failure> {
    client.ask(Method::POST, &format!("{BREAK_GLASS}/drill"), Some(&Value::Object(why(because)))).await
}

async fn post(client: &Client, verb: &str, body: Map<String, Value>) -> Result<Value, Failure> {
    client.ask(Method::POST, &format!("/admin/v1/audit/{verb}"), Some(&Value::Object(body))).await
}

/// What is not said is left out.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn flag(is: bool) -> Value {
    if is { "true".into() } else { Value::Null }
}

fn named(filters: &[(String, String)]) -> Map<String, Value> {
    filters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

fn why(because: &Because) -> Map<String, Value> {
    object([
        ("reason", because.reason.as_str().into()),
        ("note", because.note.as_deref().map(String::as_str).into()),
        // A terminal has no passkeys.
        ("otp", if let Some(Proof::Code(code)) = &because.proof { code.expose().into() } else { Value::Null }),
    ])
}

fn what_and_why(scope: &Scope, because: &Because) -> Map<String, Value> {
    let mut body = why(because);
    body.extend(match scope {
        Scope::Days(from, to) => object([("from_day", from.as_str().into()), ("to_day", to.as_str().into())]),
        Scope::Patient(patient) => object([("patient", patient.canonical().into())]),
        Scope::Owner(user) => object([("owner", user.as_str().into())]),
        Scope::All => object([("all", flag(true))]),
    });
    body
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

pub(super) async fn disable(client: &Client, user: &UserId, left: Option<Timestamp>) -> Result<(), Failure> {
    let body = left.map_or_else(|| json!({}), |left| json!({"left_ms": left.0}));
    client.ask(Method::POST, &format!("/admin/v1/users/{user}/disable"), Some(&body)).await.map(drop)
}

pub(super) async fn change_model(
    client: &Client,
    change: ModelChange,
    name: &ModelName,
    digest: Option<&str>,
) -> Result<String, Failure> {
    let verb = match change {
        ModelChange::Promote => "promote",
        ModelChange::RollBack => "rollback",
        ModelChange::Quarantine => "quarantine",
    };
    let body = digest.map_or_else(|| json!({}), |digest| json!({"sha256": digest}));
    let path = format!("/admin/v1/models/{name}/{verb}");
    read(client.ask(Method::POST, &path, Some(&body)).await?["sha256"].take())
}

pub(super) async fn recertify(client: &Client, days: u32) -> Result<u64, Failure> {
    let body = json!({"days": days});
    read(client.ask(Method::POST, "/admin/v1/recertifications", Some(&body)).await?["campaign"].take())
}

pub(super) async fn keep_access(client: &Client, holder: &AccessOf) -> Result<u64, Failure> {
    let body = match holder {
        AccessOf::Person(user) => json!({"user": user.as_str()}),
        AccessOf::Key(key) => json!({"key": key.as_str()}),
    };
    read(client.ask(Method::POST, &format!("{RECERTIFICATION}/keep"), Some(&body)).await?["record"].take())
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
        "networks": strings(&ask.networks),
        "bound_to": ask.bound_to.as_ref().map(ToString::to_string),
        "expires_in_days": ask.days,
    });
    if let Some(owner) = &ask.owner {
        body["owner"] = owner.as_str().into();
    }
    read(client.ask(Method::POST, "/admin/v1/keys", Some(&body)).await?)
}

pub(super) async fn rotate_key(client: &Client, key: &KeyId, overlap_hours: u16) -> Result<MadeKey, Failure> {
    let body = json!({"overlap_hours": overlap_hours});
    read(client.ask(Method::POST, &format!("/admin/v1/keys/{key}/rotate"), Some(&body)).await?)
}

pub(super) async fn new_recovery_codes(client: &Client) -> Result<Vec<String>, Failure> {
    read(client.ask(Method::POST, "/admin/v1/recovery-codes", None).await?["recovery_codes"].take())
}

pub(super) async fn ask_role(client: &Client, role: &RoleName, hours: u32, reason: Reason) -> Result<String, Failure> {
    let body = json!({"role": role.as_str(), "hours": hours, "reason": reason.as_str()});
    read(client.ask(Method::POST, APPROVALS, Some(&body)).await?["id"].take())
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).doing(SHAPE)
}
