//! Emergency access: declared, used, ended, reviewed, exercised.

use crate::content::{NOTE, code, post};
use medlock_domain::PatientRef;
use medlock_pipeline::Relationships;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::{Answer, MODEL, Server};

const HOUR_MS: i64 = 3600 * 1000;
const PATH: &str = "/admin/v1/break-glass";

async fn ask(server: &Server, token: &str, patient: Option<&str>) -> Answer {
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": NOTE}]}).to_string();
    let mut headers = vec![("x-medlock-purpose", "emergency")];
    headers.extend(patient.map(|patient| ("x-medlock-patient", patient)));
    server.request("POST", "/v1/chat/completions", token, &headers, body.into()).await
}

async fn declare(server: &Server, token: &str, mut body: Value) -> Answer {
    body["reason"] = "care".into();
    body["otp"] = code(server, "clinician").into();
    post(server, PATH, token, body).await
}

#[tokio::test]
async fn an_emergency_is_declared_covers_its_patient_and_ends_by_itself() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let refused = ask(&server, &token, Some("48213377")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "break_glass_required"));
    // Not without a code, not a program, not a role that has no care to give.
    let body = json!({"reason": "care"});
    assert_eq!(post(&server, PATH, &token, body.clone()).await.status, 403);
    assert_eq!(post(&server, PATH, &server.key("clinician"), body.clone()).await.status, 403);
    let auditor = server.session("auditor").await;
    let otp = code(&server, "auditor");
    assert_eq!(post(&server, PATH, &auditor, json!({"reason": "care", "otp": otp})).await.status, 403);
    assert_eq!(declare(&server, &token, json!({"minutes": 241})).await.status, 400, "four hours at most");

    let made = declare(&server, &token, json!({"patient": "Patient/48213377", "minutes": 30})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let answer = ask(&server, &token, Some("48213377")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("x-medlock-emergency").starts_with(&id), "everybody sees it");
    let permit = server.records("permit").pop().unwrap();
    assert_eq!((permit.facts.word("emergency"), permit.facts.word("purpose")), (Some(id.as_str()), Some("emergency")));
    for other in [None, Some("5550001")] {
        assert_eq!(ask(&server, &token, other).await.code(), "break_glass_required", "{other:?}");
    }
    // A key of theirs is no person, and another person is another.
    assert_eq!(ask(&server, &server.key("clinician"), Some("48213377")).await.status, 403);
    server.clock().advance_ms(31 * 60 * 1000);
    let token = server.session("clinician").await;
    assert_eq!(ask(&server, &token, Some("48213377")).await.code(), "break_glass_required", "it is over");
    assert!(!server.entries().iter().any(|e| e.facts.iter().any(|(_, fact)| fact.to_string().contains("48213377"))));
}

#[tokio::test]
async fn its_holder_or_a_security_officer_ends_it_and_nobody_else() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let id = declare(&server, &token, json!({})).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(ask(&server, &token, None).await.status, 200);
    let officer = server.session("security-officer").await;
    let auditor = server.session("auditor").await;
    let end = format!("{PATH}/{id}/end");
    assert_eq!(server.request("POST", &end, &auditor, &[], vec![]).await.status, 403);
    assert_eq!(server.request("POST", &end, &officer, &[], vec![]).await.status, 204);
    assert_eq!(server.request("POST", &end, &officer, &[], vec![]).await.status, 404, "once");
    assert_eq!(ask(&server, &token, None).await.code(), "break_glass_required");
}

#[tokio::test]
async fn it_is_reviewed_by_somebody_else_and_what_is_not_makes_the_next_one_short() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let id = declare(&server, &token, json!({})).await.json()["id"].as_str().unwrap().to_owned();
    let review = format!("{PATH}/{id}/review");
    let auditor = server.session("auditor").await;
    let body = json!({"verdict": "clean", "note": "asked about the patient in bed 4"});
    assert_eq!(post(&server, &review, &token, body.clone()).await.status, 403, "not a reviewer");
    let early = post(&server, &review, &auditor, body.clone()).await;
    assert_eq!((early.status.as_u16(), early.text.contains("not over")), (400, true), "{}", early.text);
    server.clock().advance_ms(74 * HOUR_MS);
    server.admin().look_around().await;
    server.admin().look_around().await;
    let notes = server.send("GET", "/readyz", &[], vec![]).await.json()["notes"].to_string();
    assert!(notes.contains("break_glass_review_overdue"), "{notes}");
    assert!(server.metrics().await.contains("medlock_break_glass_reviews_overdue 1"));
    let said =
        |verb: &str| server.records("admin_outcome").iter().filter(|e| e.facts.word("verb") == Some(verb)).count();
    assert_eq!(said("break_glass_overdue"), 1, "said once");
    // Care is not refused, but for longer than need be it is not given.
    let token = server.session("clinician").await;
    let next = declare(&server, &token, json!({"minutes": 120})).await.json();
    assert_eq!((&next["minutes"], &next["shortened"]), (&json!(15), &json!(true)));
    let for_one = declare(&server, &token, json!({"minutes": 120, "patient": "48213377"})).await.json();
    assert_eq!(for_one["minutes"], 60);

    let auditor = server.session("auditor").await;
    assert_eq!(post(&server, &review, &auditor, body.clone()).await.status, 200);
    assert_eq!(post(&server, &review, &auditor, body).await.status, 400, "once");
    server.admin().look_around().await;
    let all = server.get(PATH, &auditor).await.json();
    assert_eq!(all["data"].as_array().unwrap().len(), 3);
    let first = all["data"].as_array().unwrap().iter().find(|e| e["id"] == id.as_str()).unwrap();
    assert_eq!((&first["review"]["verdict"], &first["overdue"]), (&json!("clean"), &json!(false)));
    let own = server.get(PATH, &token).await.json();
    assert_eq!(own["data"].as_array().unwrap().len(), 3, "one's own");
    let longer = declare(&server, &token, json!({"minutes": 120})).await.json();
    assert_eq!((&longer["minutes"], &longer["shortened"]), (&json!(120), &json!(false)));
}

#[tokio::test]
async fn a_drill_confers_nothing_and_fails_where_nobody_is_told() {
    let server = Server::start().await;
    let token = server.session("clinician").await;
    let body = json!({"reason": "review", "otp": code(&server, "clinician")});
    let done = post(&server, &format!("{PATH}/drill"), &token, body).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.json()["passed"], false);
    assert!(done.json()["note"].as_str().unwrap().contains("nobody would be told"));
    let outcome = server.records("admin_outcome").pop().unwrap();
    assert_eq!((outcome.facts.word("verb"), outcome.outcome.as_str()), (Some("break_glass_drill"), "failed"));
    assert_eq!(ask(&server, &token, None).await.code(), "break_glass_required");
    assert_eq!(server.get(PATH, &token).await.json()["data"], json!([]), "it was none");
}

/// The clinician treats one patient; about one nothing can be found out.
struct OneOfTheirs;

#[async_trait::async_trait]
impl Relationships for OneOfTheirs {
    async fn treats(&self, who: &[String; 2], patient: &PatientRef) -> Result<bool, String> {
        match patient.canonical() {
            "666" => Err("the other system is down".to_owned()),
            number => Ok(number == "48213377" && who[0].contains("clinician")),
        }
    }
}

#[tokio::test]
async fn where_relationships_are_kept_care_is_for_ones_own_patients_or_in_an_emergency() {
    let server = Server::builder().relationships(Arc::new(OneOfTheirs)).start().await;
    let ask_for = async |token: &str, purpose: &str, patient: Option<&str>| {
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "A cough?"}]}).to_string();
        let mut headers = vec![("x-medlock-purpose", purpose)];
        headers.extend(patient.map(|patient| ("x-medlock-patient", patient)));
        let answer = server.request("POST", "/v1/chat/completions", token, &headers, body.into()).await;
        if answer.status == 200 { "ok".to_owned() } else { answer.code() }
    };
    let token = server.session("clinician").await;
    assert_eq!(ask_for(&token, "treatment", Some("Patient/48213377")).await, "ok");
    assert_eq!(server.records("permit")[0].facts.word("relation"), Some("related"));
    for not_theirs in [Some("5550001"), Some("666"), None] {
        assert_eq!(ask_for(&token, "treatment", not_theirs).await, "patient_scope_required", "{not_theirs:?}");
    }
    // What is not about one patient needs none; about one who is not theirs it stays shut.
    assert_eq!(ask_for(&token, "operations", None).await, "ok");
    assert_eq!(ask_for(&token, "operations", Some("5550001")).await, "patient_scope_required");
    // A key that they answer for has their patients, and no more.
    let key = server.key("clinician");
    assert_eq!(ask_for(&key, "treatment", Some("48213377")).await, "ok");
    assert_eq!(ask_for(&key, "treatment", Some("5550001")).await, "patient_scope_required");
    // The glass is broken for one of the others, also while nothing can be found out.
    for patient in ["5550001", "666"] {
        assert_eq!(ask_for(&token, "emergency", Some(patient)).await, "break_glass_required");
        assert_eq!(declare(&server, &token, json!({"patient": patient})).await.status, 200);
        assert_eq!(ask_for(&token, "emergency", Some(patient)).await, "ok");
        assert_eq!(ask_for(&token, "treatment", Some(patient)).await, "patient_scope_required", "not under its name");
    }
}
