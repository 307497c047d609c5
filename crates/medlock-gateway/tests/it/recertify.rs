//! Recertification, and how fast leavers were shut out: told from the log.

use crate::content::post;
use medlock_domain::Clock as _;
use serde_json::{Value, json};
use testkit::Server;

const DAY_MS: i64 = 24 * 3600 * 1000;
const PATH: &str = "/admin/v1/recertifications";

async fn status(server: &Server, token: &str) -> Value {
    let answer = server.get(&format!("{PATH}/latest"), token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn state(status: &Value, id: &str) -> String {
    let items = status["items"].as_array().unwrap();
    items.iter().find(|item| item["id"] == id).map_or("none", |item| item["state"].as_str().unwrap()).to_owned()
}

#[tokio::test]
async fn everybody_and_every_key_is_decided_about() {
    let server = Server::start().await;
    let officer = server.session("security-officer").await;
    assert_eq!(server.get(&format!("{PATH}/latest"), &officer).await.status, 404, "none was begun");
    let keep = async |token: &str, body: Value| post(&server, &format!("{PATH}/latest/keep"), token, body).await;
    let id = |role: &str| server.person(role).id.to_string();
    assert_eq!(keep(&officer, json!({"user": id("clinician")})).await.status, 404);
    for (token, body, expected) in [
        (&server.session("clinician").await, json!({"days": 30}), 403),
        (&officer, json!({"days": 0}), 400),
        (&officer, json!({"days": 181}), 400),
        (&officer, json!({"days": 30}), 200),
    ] {
        assert_eq!(post(&server, PATH, token, body).await.status, expected);
    }
    let now = status(&server, &officer).await;
    let everything = now["items"].as_array().unwrap().len() as u64;
    assert_eq!((now["open"].as_u64(), now["overdue"].as_bool()), (Some(everything), Some(false)));

    let kept = keep(&officer, json!({"user": id("clinician")})).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    assert_eq!(keep(&officer, json!({"user": id("security-officer")})).await.status, 400, "not about oneself");
    let keys = server.get("/admin/v1/keys", &officer).await.json();
    let key = |role: &str| {
        let owner = id(role);
        keys["data"].as_array().unwrap().iter().find(|k| k["owner"] == owner).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(keep(&officer, json!({"key": key("security-officer")})).await.status, 400, "nor about one's own key");
    assert_eq!(keep(&officer, json!({"key": key("clinician")})).await.status, 200);
    assert_eq!(keep(&officer, json!({})).await.status, 400);

    let admin = server.session("admin").await;
    let path = format!("/admin/v1/users/{}/disable", id("researcher"));
    assert_eq!(post(&server, &path, &admin, json!({})).await.status, 204);
    let now = status(&server, &admin).await;
    assert_eq!(state(&now, &id("clinician")), "kept");
    assert_eq!(state(&now, &key("clinician")), "kept");
    assert_eq!(state(&now, &id("researcher")), "removed");
    assert_eq!(state(&now, &id("auditor")), "open");
    let item = now["items"].as_array().unwrap().iter().find(|item| item["id"] == id("clinician").as_str()).unwrap();
    assert_eq!(item["record"], kept.json()["record"], "the record that proves it");

    // Nor was it decided about a role that somebody has for a while, ...
    let ask = json!({"role": "security-officer", "hours": 1, "reason": "review"});
    let asked = post(&server, "/admin/v1/approvals", &server.session("clinician").await, ask).await.json();
    let path = format!("/admin/v1/approvals/{}/approve", asked["id"].as_str().unwrap());
    assert_eq!(post(&server, &path, &officer, json!({})).await.status, 204);
    let now = status(&server, &admin).await;
    assert_eq!(state(&now, &id("clinician")), "changed", "{now}");
    server.clock().advance_ms(2 * 3600 * 1000);
    let admin = server.session("admin").await;
    assert_eq!(state(&status(&server, &admin).await, &id("clinician")), "kept", "what is less was decided about");
    // ... nor about other roles afterwards.
    let body = json!({"roles": ["clinician", "researcher"]}).to_string();
    let path = format!("/admin/v1/users/{}/roles", id("clinician"));
    assert_eq!(server.request("PUT", &path, &admin, &[], body.into()).await.status, 204);
    assert_eq!(state(&status(&server, &admin).await, &id("clinician")), "changed");
    server.clock().advance_ms(31 * DAY_MS);
    let officer = server.session("security-officer").await;
    assert_eq!(status(&server, &officer).await["overdue"], true);
    // What was gone before does not come up again.
    assert_eq!(post(&server, PATH, &officer, json!({"days": 30})).await.status, 200);
    let now = status(&server, &officer).await;
    assert_eq!((state(&now, &id("researcher")), state(&now, &id("auditor"))), ("none".into(), "open".into()));
}

#[tokio::test]
async fn how_long_after_leaving_somebody_was_shut_out_is_a_record() {
    let server = Server::start().await;
    let admin = server.session("admin").await;
    let user = server.person("researcher").id.clone();
    let now = server.clock().now().0;
    let path = format!("/admin/v1/users/{user}/disable");
    assert_eq!(post(&server, &path, &admin, json!({"left_ms": now + 60_000})).await.status, 400, "not in advance");
    assert_eq!(post(&server, &path, &admin, json!({"left_ms": now - 90 * 60_000})).await.status, 204);
    let record =
        server.records("admin_outcome").into_iter().rev().find(|e| e.facts.word("verb") == Some("disable_user"));
    let facts = record.unwrap().facts;
    assert_eq!((facts.word("user"), facts.int("late_ms")), (Some(user.as_str()), Some(90 * 60_000)));
    assert!(facts.int("ms").is_some());
}
