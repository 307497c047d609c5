//! Logging in and out, and administering over HTTP.

use serde_json::json;
use testkit::{Answer, PASSWORD, Server};

async fn log_in(server: &Server, username: &str, password: &str, otp: &str) -> Answer {
    let body = json!({"username": username, "password": password, "otp": otp}).to_string();
    server.send("POST", "/admin/v1/login", &[], body.into()).await
}

async fn send(server: &Server, method: &str, path: &str, token: &str, body: serde_json::Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    server.request(method, path, token, &[], body).await
}

#[tokio::test]
async fn a_person_logs_in_works_and_logs_out_and_each_is_a_record() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    assert!(token.starts_with("ses-"));
    let me = server.get("/admin/v1/whoami", &token).await.json();
    assert_eq!((&me["roles"], &me["second_factor"]), (&json!(["admin"]), &json!(true)));
    assert_eq!(me["actor"], format!("person:{}", server.person("admin").id));
    assert_eq!(server.count("login_ok"), 1);
    assert_eq!(server.post("/admin/v1/logout", &token, vec![]).await.status, 204);
    assert_eq!(server.count("logout"), 1);
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401);
}

#[tokio::test]
async fn failed_log_ins_look_alike_and_are_recorded_where_there_is_an_account() {
    let server = Server::start().await;
    let otp = || server.person("admin").totp.code_at(medlock_domain_now(&server));
    let wrong_password = log_in(&server, "admin", "not-the-password-at-all", &otp()).await;
    let wrong_code = log_in(&server, "admin", PASSWORD, "000000").await;
    let nobody = log_in(&server, "nobody", PASSWORD, "000000").await;
    let unnamed = log_in(&server, "John Smith", PASSWORD, "000000").await;
    for answer in [&wrong_password, &wrong_code, &nobody, &unnamed] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "invalid_api_key"));
        assert_eq!(answer.json()["error"], nobody.json()["error"]);
    }
    testkit::eventually("both failures at the account are recorded", || async { server.count("login_failed") == 2 })
        .await;
    let failed = server.records("login_failed");
    assert_eq!(failed[0].facts.word("user"), Some(server.person("admin").id.as_str()));
    assert_eq!(failed[0].facts.word("why"), Some("wrong_password"));
}

fn medlock_domain_now(server: &Server) -> i64 {
    use medlock_domain::Clock;
    server.clock().now().seconds()
}

#[tokio::test]
async fn a_one_time_code_works_once() {
    let server = Server::start().await;
    let _first = server.session("admin").await;
    let code = server.person("admin").totp.code_at(medlock_domain_now(&server));
    assert_eq!(log_in(&server, "admin", PASSWORD, &code).await.status, 401);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_its_time_is_over() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    server.clock().advance_ms(14 * 60_000);
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 200);
    server.clock().advance_ms(16 * 60_000);
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401);
    let token = server.session("admin").await;
    for _ in 0..60 {
        server.clock().advance_ms(12 * 60_000);
        let _kept_alive = server.get("/admin/v1/whoami", &token).await;
    }
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401, "older than twelve hours");
}

#[tokio::test]
async fn people_are_made_changed_and_shut_out() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    let new = json!({"username": "new.person", "password": PASSWORD, "roles": ["clinician"]});
    let made = send(&server, "POST", "/admin/v1/users", &token, new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert!(made["otpauth_url"].as_str().unwrap().starts_with("otpauth://totp/"));
    let user = |verb: &str| format!("/admin/v1/users/{}{verb}", made["id"].as_str().unwrap());
    let again = send(&server, "POST", "/admin/v1/users", &token, new).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (400, "invalid_value"));
    let roles = send(&server, "PUT", &user("/roles"), &token, json!({"roles": ["researcher"]})).await;
    assert_eq!(roles.status, 204, "{}", roles.text);
    let factor = send(&server, "POST", &user("/reset-factor"), &token, json!(null)).await;
    assert_ne!(factor.json()["totp_secret"], made["totp_secret"]);
    assert_eq!(send(&server, "POST", &user("/disable"), &token, json!(null)).await.status, 204);
    let list = server.get("/admin/v1/users", &token).await.json();
    let row = list["data"].as_array().unwrap().iter().find(|u| u["id"] == made["id"]).unwrap().clone();
    assert_eq!(
        (&row["roles"], &row["state"], &row["factor"]),
        (&json!(["researcher"]), &json!("disabled"), &json!(true))
    );
    assert!(!list.to_string().contains("argon2"));
    assert_eq!(send(&server, "POST", &user("/enable"), &token, json!(null)).await.status, 204);
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_is_revoked_at_once() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    let new = json!({
        "name": "ward-7", "owner": server.person("clinician").id.as_str(), "roles": ["clinician"],
        "purposes": ["treatment"], "expires_in_days": 30,
    });
    let made = send(&server, "POST", "/admin/v1/keys", &token, new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, key) = (made.json()["id"].as_str().unwrap().to_string(), made.json()["key"].as_str().unwrap().to_string());
    assert_eq!(server.get("/v1/models", &key).await.status, 200);
    let list = server.get("/admin/v1/keys", &token).await;
    assert!(list.text.contains(&id) && !list.text.contains(&key));
    assert_eq!(send(&server, "DELETE", &format!("/admin/v1/keys/{id}"), &token, json!(null)).await.status, 204);
    assert_eq!(server.get("/v1/models", &key).await.status, 401);
}

#[tokio::test]
async fn every_change_is_announced_made_and_recorded() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    let (intents, outcomes) = (server.count("admin_intent"), server.count("admin_outcome"));
    let reload = send(&server, "POST", "/admin/v1/policy/reload", &token, json!(null)).await;
    assert_eq!(reload.status, 200, "{}", reload.text);
    let missing = send(&server, "DELETE", "/admin/v1/keys/key_00000000000000000000000000", &token, json!(null)).await;
    assert_eq!((missing.status.as_u16(), missing.code().as_str()), (404, "not_found"));
    let entries = server.entries();
    let intent: Vec<_> = entries.iter().filter(|e| e.kind.as_str() == "admin_intent").skip(intents).collect();
    let outcome: Vec<_> = entries.iter().filter(|e| e.kind.as_str() == "admin_outcome").skip(outcomes).collect();
    assert_eq!((intent.len(), outcome.len()), (2, 2));
    for (i, o) in intent.iter().zip(&outcome) {
        assert_eq!(o.facts.int("intent"), Some(i.index as i64));
        assert_eq!((&i.actor, &i.request), (&o.actor, &o.request));
        assert_eq!(i.outcome.as_str(), "pending");
    }
    assert_eq!(outcome[0].outcome.as_str(), "ok");
    assert_eq!((outcome[1].outcome.as_str(), outcome[1].facts.word("why")), ("failed", Some("not_found")));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_others() {
    let server = Server::start().await;
    let (admin, clinician) = (server.session("admin").await, server.session("clinician").await);
    let list = server.get("/admin/v1/sessions", &admin).await.json();
    let of_clinician = list["data"].as_array().unwrap().iter();
    let row = of_clinician.clone().find(|s| s["user"] == server.person("clinician").id.as_str()).unwrap();
    let path = format!("/admin/v1/sessions/{}", row["id"].as_str().unwrap());
    assert_eq!(send(&server, "DELETE", &path, &admin, json!(null)).await.status, 204);
    assert_eq!(server.get("/admin/v1/whoami", &clinician).await.status, 401);
}

#[tokio::test]
async fn the_auditor_takes_a_checkpoint_and_changes_nothing() {
    let server = Server::start().await;
    let token = server.session("auditor").await;
    let note = server.get("/admin/v1/audit/checkpoint", &token).await;
    assert!(note.status == 200 && note.text.contains('\n'), "{}", note.text);
    let reload = send(&server, "POST", "/admin/v1/policy/reload", &token, json!(null)).await;
    assert_eq!((reload.status.as_u16(), reload.code().as_str()), (403, "policy_denied"));
}

#[tokio::test]
async fn administrative_bodies_are_as_strict_as_others() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    for (body, code) in [
        ("{\"username\":", "invalid_json"),
        ("[]", "invalid_value"),
        ("{}", "invalid_value"),
        (r#"{"username": "John Smith", "password": "x", "roles": []}"#, "invalid_value"),
        (
            r#"{"username": "a", "password": "correct horse battery 9", "roles": ["admin"], "surprise": 1}"#,
            "unsupported_field",
        ),
    ] {
        let answer = server.post("/admin/v1/users", &token, body.into()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{body}: {}", answer.text);
        assert!(!answer.text.contains("Smith"));
    }
    let big = server.post("/admin/v1/users", &token, vec![b' '; 100_000]).await;
    assert_eq!(big.status, 413);
}

#[tokio::test]
async fn the_auditor_finds_entries_page_by_page_and_looking_is_a_record() {
    let server = Server::start().await;
    let token = server.session("auditor").await;
    let admin = server.person("admin").id.clone();
    let _logged_in = server.session("admin").await;
    let search = async |query: &str| server.get(&format!("/admin/v1/audit?{query}"), &token).await;
    let found = search(&format!("who={admin}&kind=login_ok")).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let found = found.json();
    assert_eq!((found["data"].as_array().map(Vec::len), &found["next"]), (Some(1), &json!(null)), "{found}");
    assert_eq!(found["data"][0]["actor"], format!("person:{admin}"));
    let page = search("kind=admin_outcome&limit=2&order=oldest").await.json();
    let next = page["next"].as_str().unwrap().to_owned();
    let after = search(&format!("kind=admin_outcome&limit=2&order=oldest&cursor={next}")).await.json();
    assert!(after["data"][0]["index"].as_u64() > page["data"][1]["index"].as_u64(), "{page} {after}");

    let looked = server.records("log_read");
    assert_eq!(looked.len(), 3);
    assert_eq!(looked[0].facts.word("filters"), Some("who,kind"));
    assert_eq!(looked[0].facts.word("looked_for"), Some(admin.as_str()));

    for bad in ["name=x", "who=Jane%20Roe", "limit=0", "cursor=1", "since=noon", "order=up", "who=a&who=b"] {
        let answer = search(bad).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_value"), "{bad}");
        assert!(!answer.text.contains("Jane"));
    }
    let admin_session = server.session("clinician").await;
    let denied = server.get("/admin/v1/audit", &admin_session).await;
    assert_eq!((denied.status.as_u16(), denied.code().as_str()), (403, "policy_denied"));
}

#[tokio::test]
async fn a_second_factor_is_shown_again_before_access_changes() {
    let server = Server::start().await;
    let token = server.session("admin").await;
    server.clock().advance_ms(6 * 60_000);
    let owner = server.person("service").id.to_string();
    let key = json!({"name": "new", "owner": owner, "roles": ["service"], "purposes": ["treatment"],
                     "networks": ["192.0.2.0/24"], "expires_in_days": 30});
    let refused = send(&server, "POST", "/admin/v1/keys", &token, key.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "step_up_required"));
    let wrong = send(&server, "POST", "/admin/v1/step-up", &token, json!({"otp": "000000"})).await;
    assert_eq!(wrong.status, 400);
    let code = server.person("admin").totp.code_at(medlock_domain_now(&server));
    let renewed = send(&server, "POST", "/admin/v1/step-up", &token, json!({"otp": code})).await.json();
    let fresh = renewed["token"].as_str().unwrap();
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401, "the old token is worth nothing");
    assert_eq!(server.get("/admin/v1/whoami", fresh).await.json()["second_factor_fresh"], true);
    let made = send(&server, "POST", "/admin/v1/keys", fresh, key).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let stepped: Vec<_> = server
        .records("admin_outcome")
        .into_iter()
        .chain(server.records("denied"))
        .filter(|e| e.facts.word("verb") == Some("step_up"))
        .collect();
    assert_eq!(stepped.len(), 2, "both tries are records");
    // It is for another network than the one that we are in.
    assert_eq!(server.get("/v1/models", made.json()["key"].as_str().unwrap()).await.status, 401);
    assert_eq!(server.get("/v1/models", made.json()["key"].as_str().unwrap()).await.status, 401);
    let told: Vec<_> = server
        .entries()
        .into_iter()
        .filter(|e| medlock_review::alert::of(e) == Some("key_from_wrong_network"))
        .collect();
    assert_eq!(told.len(), 1, "once a minute");
    assert_eq!(told[0].facts.word("key"), made.json()["id"].as_str());
    // Rotated without networks it would be more than it was: it is not.
    let path = format!("/admin/v1/keys/{}/rotate", made.json()["id"].as_str().unwrap());
    let rotated = send(&server, "POST", &path, fresh, json!({"overlap_hours": 0})).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text);
    assert_eq!(server.get("/v1/models", rotated.json()["key"].as_str().unwrap()).await.status, 401);
    let listed = server.get("/admin/v1/keys", fresh).await.json();
    let of = |key: &Answer| {
        let id = key.json()["id"].clone();
        listed["data"].as_array().unwrap().iter().find(|k| k["id"] == id).unwrap()["networks"].clone()
    };
    assert_eq!((of(&made), of(&rotated)), (json!(["192.0.2.0/24"]), json!(["192.0.2.0/24"])));
    for bad in [json!({"overlap_hours": 721}), json!({"overlap_hours": "1"}), json!({"overlap": 1})] {
        assert_eq!(send(&server, "POST", &path, fresh, bad).await.status, 400);
    }
}

#[tokio::test]
async fn who_has_lost_the_authenticator_logs_in_with_a_recovery_code_and_that_is_told() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let made = send(&server, "POST", "/admin/v1/recovery-codes", &token, json!(null)).await.json();
    let codes: Vec<&str> = made["recovery_codes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    assert_eq!(log_in(&server, "clinician", PASSWORD, codes[3]).await.status, 200);
    assert_eq!(log_in(&server, "clinician", PASSWORD, codes[3]).await.status, 401, "once");
    let logged_in = server.records("login_ok");
    let last = logged_in.last().unwrap();
    assert_eq!(last.facts.word("factor"), Some("recovery_code"));
    assert_eq!(medlock_review::alert::of(last), Some("recovery_code_used"));
    assert_eq!(medlock_review::alert::of(&logged_in[0]), None);
    let text = format!("{:?}", server.entries());
    assert!(codes.iter().all(|c| !text.contains(c)), "no code is in the log");
}

#[tokio::test]
async fn what_is_somebody_elses_wants_a_fresh_factor_and_is_not_said_to_be_nowhere() {
    let server = Server::start().await;
    let keys = server.get("/admin/v1/keys", &server.session("admin").await).await.json();
    let of = |role: &str| {
        let owner = server.person(role).id.to_string();
        let key = keys["data"].as_array().unwrap().iter().find(|key| key["owner"] == owner.as_str()).unwrap();
        format!("/admin/v1/keys/{}", key["id"].as_str().unwrap())
    };
    let token = server.session("admin").await;
    server.clock().advance_ms(6 * 60_000);
    let late = send(&server, "DELETE", &of("clinician"), &token, serde_json::json!({})).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "step_up_required"), "{}", late.text);
    let own = send(&server, "DELETE", &of("admin"), &token, serde_json::json!({})).await;
    assert_eq!(own.status, 204, "one's own: {}", own.text);
    let clinician = server.session("clinician").await;
    let theirs = send(&server, "DELETE", &of("researcher"), &clinician, serde_json::json!({})).await;
    assert_eq!(theirs.status, 404, "who has no wide right learns nothing");
}
