//! Passkeys: added, used, taken away; and what a thief does with them.

use serde_json::{Value, json};
use testkit::{Answer, Authenticator, Server};

async fn post(server: &Server, path: &str, token: &str, body: Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    server.post(path, token, body).await
}

async fn open(server: &Server, path: &str, body: Value) -> Answer {
    server.send("POST", path, &[], body.to_string().into()).await
}

fn authenticator(server: &Server) -> Authenticator {
    Authenticator::new(&server.url(""))
}

/// Adds a passkey to whoever has the session.
async fn add(server: &Server, token: &str, key: &mut Authenticator) -> Answer {
    let asked = post(server, "/admin/v1/passkeys/options", token, json!(null)).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let asked = asked.json();
    let made = json!({"ceremony": asked["ceremony"], "name": "a key", "credential": key.create(&asked["public_key"])});
    post(server, "/admin/v1/passkeys", token, made).await
}

/// What is asked of somebody who wants in, and the answer of `key` to it.
async fn asked(server: &Server, key: &mut Authenticator) -> Value {
    let asked = open(server, "/admin/v1/login/passkey/options", json!({})).await.json();
    json!({"ceremony": asked["ceremony"], "credential": key.get(&asked["public_key"])})
}

async fn log_in(server: &Server, key: &mut Authenticator) -> Answer {
    let answer = asked(server, key).await;
    open(server, "/admin/v1/login/passkey", answer).await
}

#[tokio::test]
async fn a_passkey_is_added_stands_for_both_factors_and_is_taken_away() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let mut key = authenticator(&server);
    let added = add(&server, &token, &mut key).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let again = add(&server, &token, &mut key).await;
    assert_eq!(again.status, 400, "one key is one passkey: {}", again.text);

    let session = log_in(&server, &mut key).await;
    assert_eq!(session.status, 200, "{}", session.text);
    let fresh = session.json()["token"].as_str().unwrap().to_owned();
    let me = server.get("/admin/v1/whoami", &fresh).await.json();
    assert_eq!((&me["username"], &me["second_factor_fresh"]), (&json!("clinician"), &json!(true)));
    let last = server.records("login_ok").pop().unwrap();
    assert_eq!(last.facts.word("factor"), Some("passkey"));
    assert!(!format!("{:?}", server.entries()).contains("a key"), "what people call things is not in the log");

    let listed = server.get("/admin/v1/passkeys", &fresh).await.json();
    assert_eq!(listed["data"][0]["name"], "a key");
    assert!(listed["data"][0]["last_used"].is_string());
    let path = format!("/admin/v1/passkeys/{}", listed["data"][0]["id"].as_str().unwrap());
    let other = server.session("researcher").await;
    assert_eq!(server.request("DELETE", &path, &other, &[], vec![]).await.status, 404, "not somebody else's");
    assert_eq!(server.request("DELETE", &path, &fresh, &[], vec![]).await.status, 204);
    assert_eq!(log_in(&server, &mut key).await.status, 401);
}

#[tokio::test]
async fn what_is_replayed_copied_or_made_for_somewhere_else_gets_nobody_in() {
    let server = Server::builder().limits(|l| l.failed_auth_per_minute = 1000).start().await;
    let token = server.session("clinician").await;
    let mut key = authenticator(&server);
    assert_eq!(add(&server, &token, &mut key).await.status, 201);
    let copy = key.clone();

    let answer = asked(&server, &mut key).await;
    assert_eq!(open(&server, "/admin/v1/login/passkey", answer.clone()).await.status, 200);
    assert_eq!(open(&server, "/admin/v1/login/passkey", answer.clone()).await.status, 401, "replayed");
    let mut elsewhere = answer;
    elsewhere["ceremony"] = asked(&server, &mut key).await["ceremony"].clone();
    assert_eq!(open(&server, "/admin/v1/login/passkey", elsewhere).await.status, 401, "in another ceremony");

    assert_eq!(log_in(&server, &mut key).await.status, 200);
    assert_eq!(log_in(&server, &mut copy.clone()).await.status, 401, "a copy, whose counter is behind");
    testkit::eventually("a copy is an alert", || async {
        server.entries().iter().any(|e| medlock_review::alert::of(e) == Some("passkey_cloned"))
    })
    .await;

    let mut phished = key.clone();
    phished.origin = "https://medlock.example.evil".into();
    assert_eq!(log_in(&server, &mut phished).await.status, 401, "signed for another site");
    let mut unverified = key.clone();
    (unverified.verifies, unverified.counter) = (false, 100);
    assert_eq!(log_in(&server, &mut unverified).await.status, 401, "nobody was verified");
    let mut stranger = authenticator(&server);
    assert_eq!(log_in(&server, &mut stranger).await.status, 401, "a key that nobody added");

    let answer = asked(&server, &mut key).await;
    server.clock().advance_ms(6 * 60_000);
    assert_eq!(open(&server, "/admin/v1/login/passkey", answer).await.status, 401, "too late");
    key.counter = 1000;
    assert_eq!(log_in(&server, &mut key).await.status, 200, "and all that does not shut its owner out");
}

#[tokio::test]
async fn a_passkey_is_added_only_by_whom_it_was_asked_of_with_a_factor_shown_just_now() {
    let server = Server::start().await;
    let (mine, theirs) = (server.session("clinician").await, server.session("researcher").await);
    let mut key = authenticator(&server);
    let asked = post(&server, "/admin/v1/passkeys/options", &mine, json!(null)).await.json();
    let selection = &asked["public_key"]["authenticatorSelection"];
    assert_eq!((&selection["userVerification"], &selection["residentKey"]), (&json!("required"), &json!("required")));
    let made = json!({"ceremony": asked["ceremony"], "name": "x", "credential": key.create(&asked["public_key"])});
    assert_eq!(post(&server, "/admin/v1/passkeys", &theirs, made.clone()).await.status, 400);
    assert_eq!(post(&server, "/admin/v1/passkeys", &mine, made).await.status, 400, "it is used up");
    let program = server.key("clinician");
    assert_eq!(post(&server, "/admin/v1/passkeys/options", &program, json!(null)).await.status, 403);
    assert_eq!(post(&server, "/admin/v1/step-up/options", &program, json!(null)).await.status, 404);
    server.clock().advance_ms(6 * 60_000);
    let late = post(&server, "/admin/v1/passkeys/options", &mine, json!(null)).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "step_up_required"));
    for bad in [json!({}), json!({"ceremony": "x"}), json!({"ceremony": asked["ceremony"], "credential": {"id": 1}})] {
        assert_eq!(open(&server, "/admin/v1/login/passkey", bad).await.status, 400);
    }
}

#[tokio::test]
async fn a_passkey_steps_up_and_no_other_persons_does() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    assert_eq!(post(&server, "/admin/v1/step-up/options", &token, json!(null)).await.status, 404, "none yet");
    let (mut key, mut other) = (authenticator(&server), authenticator(&server));
    assert_eq!(add(&server, &token, &mut key).await.status, 201);
    let researcher = server.session("researcher").await;
    assert_eq!(add(&server, &researcher, &mut other).await.status, 201);
    server.clock().advance_ms(6 * 60_000);
    let step_up = async |token: &str, key: &mut Authenticator| {
        let asked = post(&server, "/admin/v1/step-up/options", token, json!(null)).await.json();
        assert_eq!(asked["public_key"]["allowCredentials"].as_array().map(Vec::len), Some(1));
        let proof = json!({"ceremony": asked["ceremony"], "credential": key.get(&asked["public_key"])});
        (post(&server, "/admin/v1/step-up", token, proof.clone()).await, proof)
    };
    assert_eq!(step_up(&token, &mut other).await.0.status, 400, "somebody else's");
    let (renewed, proof) = step_up(&token, &mut key).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    let fresh = renewed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401, "the old token is worth nothing");
    assert_eq!(post(&server, "/admin/v1/recovery-codes", &fresh, json!(null)).await.status, 200);
    assert_eq!(post(&server, "/admin/v1/step-up", &fresh, proof).await.status, 400, "once");
}

#[tokio::test]
async fn somebody_shut_out_or_given_other_factors_does_not_come_back_with_a_passkey() {
    let server = Server::start().await;
    let admin = server.session("admin").await;
    for (verb, role) in [("disable", "clinician"), ("reset-factor", "researcher")] {
        let token = server.session(role).await;
        let mut key = authenticator(&server);
        assert_eq!(add(&server, &token, &mut key).await.status, 201);
        assert_eq!(log_in(&server, &mut key).await.status, 200);
        let path = format!("/admin/v1/users/{}/{verb}", server.person(role).id);
        let done = post(&server, &path, &admin, json!(null)).await;
        assert!(done.status.is_success(), "{}", done.text);
        assert_eq!(log_in(&server, &mut key).await.status, 401, "{verb}");
    }
}

#[tokio::test]
async fn guessing_at_the_password_does_not_keep_out_who_has_a_passkey() {
    let server = Server::builder().limits(|l| l.failed_auth_per_minute = 10).start().await;
    let token = server.session("clinician").await;
    let mut key = authenticator(&server);
    assert_eq!(add(&server, &token, &mut key).await.status, 201);
    let guess = json!({"username": "clinician", "password": "a guess, a guess", "otp": "000000"});
    for _ in 0..12 {
        assert!(!open(&server, "/admin/v1/login", guess.clone()).await.status.is_success());
    }
    assert_eq!(open(&server, "/admin/v1/login", guess).await.status, 429);
    assert_eq!(log_in(&server, &mut key).await.status, 200);
}

#[tokio::test]
async fn a_passkey_opens_no_account_that_an_identity_provider_answers_for() {
    let idp = testkit::Idp::default();
    let server = Server::builder().sso(&idp).start().await;
    let cookie = crate::sso::log_in(&server, &idp, crate::sso::says(&server)).await.expect("a session");
    let headers =
        [("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str()), ("content-type", "application/json")];
    let mut key = authenticator(&server);
    let asked = server.send("POST", "/admin/v1/passkeys/options", &headers, vec![]).await.json();
    let made = json!({"ceremony": asked["ceremony"], "name": "mine", "credential": key.create(&asked["public_key"])});
    let added = server.send("POST", "/admin/v1/passkeys", &headers, made.to_string().into()).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(log_in(&server, &mut key).await.status, 401);
    testkit::eventually("the failure is recorded", || async { server.count("login_failed") == 1 }).await;
    assert_eq!(server.records("login_failed").pop().unwrap().facts.word("why"), Some("provider_only"));
    // It is their second factor here all the same.
    let asked = server.send("POST", "/admin/v1/step-up/options", &headers, vec![]).await.json();
    let answer = json!({"ceremony": asked["ceremony"], "credential": key.get(&asked["public_key"])});
    let shown = server.send("POST", "/admin/v1/step-up", &headers, answer.to_string().into()).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
}

#[tokio::test]
async fn an_answer_that_counts_less_than_one_since_is_a_copys() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let mut key = authenticator(&server);
    assert_eq!(add(&server, &token, &mut key).await.status, 201);
    let step_up = async |token: &str| post(&server, "/admin/v1/step-up/options", token, json!(null)).await.json();
    // Asked twice; the second answer is used first.
    let (first, second) = (step_up(&token).await, step_up(&token).await);
    let answer = |key: &mut Authenticator, asked: &Value| json!({"ceremony": asked["ceremony"], "credential": key.get(&asked["public_key"])});
    let copy = answer(&mut key, &first);
    let own = answer(&mut key, &second);
    let shown = post(&server, "/admin/v1/step-up", &token, own).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let token = shown.json()["token"].as_str().unwrap().to_owned();
    assert_ne!(post(&server, "/admin/v1/step-up", &token, copy).await.status, 200);
    assert!(server.entries().iter().any(|e| medlock_review::alert::of(e) == Some("passkey_cloned")));
}
