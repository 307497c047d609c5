//! What nobody does alone: asked for, decided by somebody else, done once; and roles for a while.

use crate::content::{NOTE, post};
use medlock_auth::{AdminAction, LocalOperator, PolicySource, PolicyText};
use serde_json::{Value, json};
use testkit::{Answer, MODEL, Server};

const HOUR_MS: i64 = 3600 * 1000;
const PATH: &str = "/admin/v1/approvals";

/// A server whose policies let nobody change access alone.
async fn two_persons() -> Server {
    let server = Server::start().await;
    let mut texts = PolicySource::Shipped.texts().await.unwrap();
    texts.push(PolicyText::two_persons());
    let by = LocalOperator::new().permit(AdminAction::PolicyReload);
    server.auth().reload_policy_from(&by, PolicySource::Texts(texts), 1).await.unwrap();
    server
}

async fn set_roles(server: &Server, token: &str, roles: &[&str]) -> Answer {
    let path = format!("/admin/v1/users/{}/roles", server.person("researcher").id);
    let body = json!({ "roles": roles }).to_string();
    server.request("PUT", &path, token, &[], body.into()).await
}

/// The name of what waits, from the answer that says so.
fn wanted(answer: &Answer) -> String {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "approval_required"), "{}", answer.text);
    let said = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    said.split(['(', ')']).nth(1).unwrap().to_owned()
}

/// The name of what was asked for.
fn asked(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn decide(server: &Server, token: &str, id: &str, verb: &str) -> u16 {
    post(server, &format!("{PATH}/{id}/{verb}"), token, json!({})).await.status.as_u16()
}

#[tokio::test]
async fn nobody_changes_access_alone() {
    let server = two_persons().await;
    let admin = server.session("admin").await;
    let id = wanted(&set_roles(&server, &admin, &["clinician"]).await);
    assert_eq!(wanted(&set_roles(&server, &admin, &["clinician"]).await), id, "asked once");
    assert_eq!(decide(&server, &admin, &id, "approve").await, 400, "not by whoever asks");
    let clinician = server.session("clinician").await;
    assert_eq!(decide(&server, &clinician, &id, "approve").await, 403, "nor by anybody");

    let officer = server.session("security-officer").await;
    let seen = server.get(PATH, &officer).await.json();
    assert_eq!(seen["data"][0]["wants"], "set_roles");
    assert!(seen["data"][0]["detail"].as_str().unwrap().contains("roles=clinician"), "{seen}");
    let names = (&seen["data"][0]["asker_name"], &seen["data"][0]["about_name"]);
    assert_eq!(names, (&json!("admin"), &json!("researcher")));
    assert_eq!(decide(&server, &officer, &id, "approve").await, 204);

    let other = wanted(&set_roles(&server, &admin, &["clinician", "admin"]).await);
    assert_ne!(other, id, "a yes is for what was asked");
    assert_eq!(set_roles(&server, &admin, &["clinician"]).await.status, 204);
    assert_ne!(wanted(&set_roles(&server, &admin, &["clinician"]).await), id, "and once");
    let record = server.records("admin_intent").into_iter().find(|e| e.facts.word("approval") == Some(&id));
    assert_eq!(record.unwrap().facts.word("verb"), Some("approve"));
    let done = server.entries().into_iter().filter(|e| e.facts.word("verb") == Some("set_roles")).collect::<Vec<_>>();
    assert!(done.iter().any(|e| e.facts.word("approval") == Some(&id)), "the record says under whose yes");

    assert_eq!(decide(&server, &officer, &other, "refuse").await, 204);
    assert_ne!(wanted(&set_roles(&server, &admin, &["clinician", "admin"]).await), other, "a no is no yes");
    let alerts = |e: &_| medlock_review::alert::of(e) == Some("approval_wanted");
    assert_eq!(server.entries().iter().filter(|e| alerts(e)).count(), 4);
}

#[tokio::test]
async fn a_yes_is_over_after_a_day_and_taking_access_away_waits_for_nobody() {
    let server = two_persons().await;
    let admin = server.session("admin").await;
    let id = wanted(&set_roles(&server, &admin, &["auditor"]).await);
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &id, "approve").await, 204);
    server.clock().advance_ms(25 * HOUR_MS);
    let admin = server.session("admin").await;
    let later = wanted(&set_roles(&server, &admin, &["auditor"]).await);
    assert_ne!(later, id);
    // Nor does a decision come after its time.
    server.clock().advance_ms(25 * HOUR_MS);
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &later, "approve").await, 404);

    let admin = server.session("admin").await;
    let user = &server.person("researcher").id;
    let disabled = post(&server, &format!("/admin/v1/users/{user}/disable"), &admin, json!({})).await;
    assert_eq!(disabled.status, 204, "{}", disabled.text);
    let enabled = post(&server, &format!("/admin/v1/users/{user}/enable"), &admin, json!({})).await;
    wanted(&enabled);
    // Who would gain by it does not approve of it.
    let path = format!("/admin/v1/users/{}/roles", server.person("security-officer").id);
    let body = json!({ "roles": ["security-officer", "admin"] }).to_string();
    let id = wanted(&server.request("PUT", &path, &admin, &[], body.into()).await);
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &id, "approve").await, 400);
}

#[tokio::test]
async fn a_person_is_made_under_the_name_that_was_approved() {
    let server = two_persons().await;
    let admin = server.session("admin").await;
    let make = |name: &str| json!({"username": name, "password": "zvtrkplw qhx", "roles": ["auditor"]});
    let id = wanted(&post(&server, "/admin/v1/users", &admin, make("grace")).await);
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &id, "approve").await, 204);
    wanted(&post(&server, "/admin/v1/users", &admin, make("mallory")).await);
    assert_eq!(post(&server, "/admin/v1/users", &admin, make("grace")).await.status, 201);
    let named = |e: &medlock_audit::read::StoredEntry| e.facts.iter().any(|(_, f)| f.to_string().contains("grace"));
    assert!(!server.entries().iter().any(named), "names of people stay out of the log");
}

async fn chat(server: &Server, token: &str) -> u16 {
    let body: Value = json!({"model": MODEL, "messages": [{"role": "user", "content": NOTE}]});
    let headers = [("x-medlock-purpose", "treatment")];
    server.request("POST", "/v1/chat/completions", token, &headers, body.to_string().into()).await.status.as_u16()
}

#[tokio::test]
async fn a_role_is_held_for_a_while() {
    let server = Server::start().await;
    let token = server.session("auditor").await;
    assert_eq!(chat(&server, &token).await, 403);
    let ask = |role: &str, hours: i64| json!({"role": role, "hours": hours, "reason": "incident"});
    for (body, status) in [(ask("clinician", 0), 400), (ask("clinician", 721), 400), (ask("surgeon", 1), 400)] {
        assert_eq!(post(&server, PATH, &token, body.clone()).await.status, status, "{body}");
    }
    let id = asked(&post(&server, PATH, &token, ask("clinician", 2)).await);
    assert_eq!(server.get(PATH, &token).await.json()["data"][0]["state"], "pending");
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &id, "approve").await, 204);

    let token = server.session("auditor").await;
    let who = server.get("/admin/v1/whoami", &token).await.json();
    assert!(who["roles"].as_array().unwrap().contains(&"clinician".into()), "{who}");
    assert_eq!(chat(&server, &token).await, 200);
    let deadline = server.records("permit").pop().unwrap();
    assert!(deadline.facts.word("roles").unwrap().contains("clinician"));
    // Their keys have what their owner has for good.
    assert_eq!(chat(&server, &server.key("auditor")).await, 403);
    server.clock().advance_ms(2 * HOUR_MS);
    let token = server.session("auditor").await;
    assert_eq!(chat(&server, &token).await, 403, "it is over");

    // Ended before its time, by whoever holds it.
    let id = asked(&post(&server, PATH, &token, ask("clinician", 2)).await);
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &id, "approve").await, 204);
    let token = server.session("auditor").await;
    assert_eq!(chat(&server, &token).await, 200);
    assert_eq!(decide(&server, &server.session("clinician").await, &id, "end").await, 404, "not by others");
    assert_eq!(decide(&server, &token, &id, "end").await, 204);
    assert_eq!(chat(&server, &token).await, 403);
}

#[tokio::test]
async fn anybodys_key_is_revoked_alone_and_made_as_long_as_was_approved() {
    let server = two_persons().await;
    let admin = server.session("admin").await;
    let keys = server.get("/admin/v1/keys", &admin).await.json();
    let owner = server.person("clinician").id.to_string();
    let key = keys["data"].as_array().unwrap().iter().find(|key| key["owner"] == owner.as_str()).unwrap();
    let path = format!("/admin/v1/keys/{}", key["id"].as_str().unwrap());
    wanted(&post(&server, &format!("{path}/rotate"), &admin, json!({"overlap_hours": 1})).await);
    let revoked = server.request("DELETE", &path, &admin, &[], vec![]).await;
    assert_eq!(revoked.status, 204, "{}", revoked.text);

    let make = |owner: &str, days: i64| json!({"name": "new", "owner": owner, "roles": ["clinician"], "purposes": ["treatment"], "expires_in_days": days});
    let id = wanted(&post(&server, "/admin/v1/keys", &admin, make(&owner, 1)).await);
    let officer = server.session("security-officer").await;
    assert_eq!(decide(&server, &officer, &id, "approve").await, 204);
    wanted(&post(&server, "/admin/v1/keys", &admin, make(&owner, 365)).await);
    assert_eq!(post(&server, "/admin/v1/keys", &admin, make(&owner, 1)).await.status, 201);
    // Nor does anybody approve of a key of their own.
    let theirs = server.person("security-officer").id.to_string();
    let id = wanted(&post(&server, "/admin/v1/keys", &admin, make(&theirs, 1)).await);
    assert_eq!(decide(&server, &officer, &id, "approve").await, 400);
    let key = keys["data"].as_array().unwrap().iter().find(|key| key["owner"] == theirs.as_str()).unwrap();
    let path = format!("/admin/v1/keys/{}/rotate", key["id"].as_str().unwrap());
    let id = wanted(&post(&server, &path, &admin, json!({"overlap_hours": 1})).await);
    assert_eq!(decide(&server, &officer, &id, "approve").await, 400, "nor of one that takes its place");
}

#[tokio::test]
async fn a_role_for_a_while_ends_with_any_other_change_of_what_somebody_may() {
    let server = Server::start().await;
    let researcher = server.person("researcher").id.to_string();
    let admin = server.session("admin").await;
    let roles = json!({"roles": ["researcher"]});
    for verb in ["roles", "disable"] {
        let token = server.session("researcher").await;
        let ask = json!({"role": "security-officer", "hours": 700, "reason": "review"});
        let id = asked(&post(&server, PATH, &token, ask.clone()).await);
        assert_eq!(decide(&server, &server.session("security-officer").await, &id, "approve").await, 204);
        asked(&post(&server, PATH, &token, ask).await);
        let token = server.session("researcher").await;
        assert_eq!(server.get("/admin/v1/audit", &token).await.status, 200);
        let listed = server.get("/admin/v1/users", &admin).await.json();
        let of = listed["data"].as_array().unwrap().iter().find(|user| user["id"] == researcher.as_str()).unwrap();
        assert_eq!(of["temporary_roles"][0]["role"], "security-officer", "{of}");

        let path = format!("/admin/v1/users/{researcher}/{verb}");
        let (method, body) = if verb == "roles" { ("PUT", &roles) } else { ("POST", &json!({})) };
        assert_eq!(server.request(method, &path, &admin, &[], body.to_string().into()).await.status, 204, "{verb}");
        let enable = format!("/admin/v1/users/{researcher}/enable");
        assert_eq!(post(&server, &enable, &admin, json!({})).await.status, 204);
        let token = server.session("researcher").await;
        assert_eq!(server.get("/admin/v1/audit", &token).await.status, 403, "{verb}");
        assert_eq!(server.get(PATH, &token).await.json()["data"], json!([]), "{verb}: what they asked for as well");
    }
}

#[tokio::test]
async fn what_cannot_be_seen_as_it_is_cannot_be_approved_of() {
    let server = two_persons().await;
    let admin = server.session("admin").await;
    let many: Vec<String> = (0..40).map(|n| format!("role-{n}")).collect();
    let long = set_roles(&server, &admin, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(long.code(), "policy_denied", "{}", long.text);
    let owner = server.person("clinician").id.to_string();
    let key = json!({"name": "x\u{1b}[2Ay", "owner": owner, "roles": ["clinician"], "purposes": ["treatment"], "expires_in_days": 1});
    assert_eq!(post(&server, "/admin/v1/keys", &admin, key).await.code(), "policy_denied");
    assert_eq!(server.get(PATH, &admin).await.json()["data"], json!([]), "nobody is asked");
}
