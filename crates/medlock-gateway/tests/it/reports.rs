//! What an auditor makes of the log: reconstruction, disclosures, reviews.

use crate::content::{DAY_MS, NOTE, ask, post};
use medlock_audit::{Entry, Kind, Outcome};
use medlock_domain::{Clock, RequestId};
use medlock_keys::digest::hex;
use medlock_review::pack;
use medlock_review::requests::Requests;
use serde_json::{Value, json};
use testkit::{MODEL, Server};

fn today(server: &Server) -> String {
    server.clock().now().rfc3339()[..10].to_owned()
}

#[tokio::test]
async fn requests_are_put_together_again_for_a_breach_assessment() {
    let server = Server::start().await;
    ask(&server, Some("48213377"), NOTE).await;
    ask(&server, Some("48213377"), "And then?").await;
    ask(&server, None, "Patient Mary Jones, MRN 5550001, fell on 3 May 2026.").await;
    let blocked = json!({"model": MODEL, "messages": [{"role": "user", "content": NOTE}]}).to_string();
    let headers = [("x-medlock-protection", "block")];
    server.request("POST", "/v1/chat/completions", &server.key("clinician"), &headers, blocked.into()).await;
    let auditor = server.session("auditor").await;
    let owner = server.person("clinician").id.as_str();
    let body = json!({"who": owner, "states": "48213377, TX\nMRN 5550001, OK\n999999, NM\n"});
    let report = post(&server, "/admin/v1/audit/reconstruct", &auditor, body).await;
    assert_eq!(report.status, 200, "{}", report.text);
    let report = report.json();
    let summary = &report["summary"];
    assert_eq!((&summary["requests"], &summary["individuals"]), (&json!(4), &json!(2)), "{summary}");
    assert_eq!(summary["individuals_by_state"], json!({"TX": 1, "OK": 1, "unknown": 0}));
    assert_eq!(summary["delivered"], json!({"whole": 3, "nothing": 1}));
    assert_eq!(summary["people"][owner]["individuals"], 2);
    assert_eq!((&summary["classes"]["MRN"], &summary["classes"]["DATE"]), (&json!(2), &json!(1)));
    // Filters narrow it, and lead to whole requests.
    let one = post(&server, "/admin/v1/audit/reconstruct", &auditor, json!({"class": "DATE"})).await.json();
    assert_eq!((one["requests"].as_array().unwrap().len(), &one["requests"][0]["delivered"]), (1, &json!("whole")));
    let text = report.to_string();
    assert!(!text.contains("48213377") && !text.contains("5550001"));
    let denied = server.session("admin").await;
    assert_eq!(post(&server, "/admin/v1/audit/reconstruct", &denied, json!({})).await.status, 403);
}

#[tokio::test]
async fn individuals_that_a_record_does_not_name_are_counted() {
    let server = Server::start().await;
    let many: String = (0..34).map(|n| format!("MRN {}: better.\n", 48_213_300 + n)).collect();
    ask(&server, Some("48213300"), &many).await;
    let auditor = server.session("auditor").await;
    let report = post(&server, "/admin/v1/audit/reconstruct", &auditor, json!({"patient": "48213300"})).await.json();
    let summary = &report["summary"];
    assert_eq!((&summary["individuals"], &summary["individuals_left_out"]), (&json!(33), &json!(1)), "{summary}");
}

#[tokio::test]
async fn disclosures_are_what_is_not_exempt() {
    let server = Server::start().await;
    ask(&server, Some("48213377"), NOTE).await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Summarise."}]}).to_string();
    let headers = [("x-medlock-patient", "48213377")];
    let research =
        server.request("POST", "/v1/chat/completions", &server.key("researcher"), &headers, body.into()).await;
    assert_eq!(research.status, 200);
    testkit::eventually("both are closed", || async { server.count("close") == 2 }).await;
    let auditor = server.session("auditor").await;
    let list = async |body: Value| post(&server, "/admin/v1/audit/disclosures", &auditor, body).await.json();
    let accounted = list(json!({"patient": "48213377"})).await;
    let rows = accounted["requests"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["purpose"], &rows[0]["model_local"]), (1, &json!("research"), &json!(true)));
    assert_eq!(accounted["summary"]["requests_about_the_patient"], 2);
    assert_eq!(list(json!({"patient": "48213377", "all": "true"})).await["requests"].as_array().unwrap().len(), 2);
    assert_eq!(list(json!({"patient": "1"})).await["requests"], json!([]));
    // A model elsewhere was given it, and failed: it has left all the same.
    let permit = server.records("permit").remove(0);
    let id = "req_00000000000000000000000001".parse::<RequestId>().unwrap();
    let entry = |kind| Entry::new(kind, permit.actor.clone()).request(id.clone());
    let patient = permit.facts.word("patient").unwrap();
    let elsewhere = entry(Kind::Permit).word("patient", patient).word("mode", "tokenize").word("purpose", "treatment");
    server.log().append(elsewhere.int("model_local", 0)).await.unwrap();
    server.log().append(entry(Kind::Denied).outcome(Outcome::Failed).word("code", "model_failed")).await.unwrap();
    let accounted = list(json!({"patient": "48213377"})).await;
    let found = accounted["requests"].as_array().unwrap().iter().any(|r| r["request"] == id.as_str());
    assert!(found, "{accounted}");
    // Memory is bounded, and what is beyond is counted; administrative requests are none.
    let mut first = Requests::up_to(1);
    server.entries().iter().for_each(|entry| first.take(entry));
    assert_eq!((first.left_out(), first.into_sorted().len()), (1, 1));
}

#[tokio::test]
async fn a_review_is_of_whole_days_and_signed_by_somebody_who_is_not_in_it() {
    let server = Server::start().await;
    let notes = server.send("GET", "/readyz", &[], vec![]).await.json()["notes"].clone();
    assert_eq!(notes, json!(["tamper_evident_below_root_only"]), "before anybody looked around");
    for n in 0..5 {
        ask(&server, None, &format!("Question {n}?")).await;
    }
    let _in_it = server.session("security-officer").await;
    let officer_fails = json!({"username": "security-officer", "password": "wrong", "otp": "000000"}).to_string();
    server.send("POST", "/admin/v1/login", &[], officer_fails.into()).await;
    testkit::eventually("the failure is recorded", || async { server.count("login_failed") == 1 }).await;
    let day = today(&server);
    let body = json!({"from_day": day, "to_day": day, "seed": 7, "sample": 3});
    let auditor = server.session("auditor").await;
    assert_eq!(post(&server, "/admin/v1/audit/reviews", &auditor, body.clone()).await.status, 400, "not over");
    server.clock().advance_ms(DAY_MS);
    let auditor = server.session("auditor").await;
    let made = async || post(&server, "/admin/v1/audit/reviews", &auditor, body.clone()).await.json();
    let (one, two) = (made().await, made().await);
    let rows = |name: &str| one["sections"][name]["rows"].as_array().unwrap();
    assert_eq!((rows("failed_log_ins").len(), rows("sample").len()), (1, 3), "{one}");
    assert_eq!(rows("largest")[0]["requests"], 5);
    assert_eq!(one["pack"]["sha256"], two["pack"]["sha256"], "the same days and seed");
    assert_eq!(hex(&pack::digest(&one)), one["pack"]["sha256"].as_str().unwrap());
    let sign = async |token: &str, pack: &Value, digest: &str| {
        let path = format!("/admin/v1/audit/reviews/{}/sign", pack["pack"]["number"]);
        post(&server, &path, token, json!({"sha256": digest, "verdict": "clean"})).await
    };
    let digest = one["pack"]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(sign(&auditor, &one, &"0".repeat(64)).await.status, 400, "another content");
    let subject = server.session("security-officer").await;
    let refused = sign(&subject, &one, &digest).await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("somebody else")), (400, true), "{}", refused.text);
    // Overdue until it is signed by somebody who is not in it.
    // On a working day's morning: off hours, everybody is in the pack.
    server.clock().advance_ms(40 * DAY_MS + DAY_MS / 6 * 5);
    server.admin().look_around().await;
    let notes = server.send("GET", "/readyz", &[], vec![]).await.json()["notes"].clone();
    assert_eq!(notes, json!(["tamper_evident_below_root_only", "review_overdue"]));
    assert!(server.metrics().await.contains("medlock_audit_review_overdue_days 1"));
    let auditor = server.session("auditor").await;
    // The last day alone leaves a gap before it.
    let last = json!({"from_day": today_before(&server), "to_day": today_before(&server), "seed": 7, "sample": 3});
    let last = post(&server, "/admin/v1/audit/reviews", &auditor, last).await.json();
    assert_eq!(sign(&auditor, &last, last["pack"]["sha256"].as_str().unwrap()).await.status, 200);
    server.admin().look_around().await;
    assert!(server.metrics().await.contains("medlock_audit_review_overdue_days 1"));
    let until = json!({"from_day": day, "to_day": today_before(&server), "seed": 7, "sample": 3});
    let all = post(&server, "/admin/v1/audit/reviews", &auditor, until).await.json();
    let digest = all["pack"]["sha256"].as_str().unwrap().to_owned();
    let in_it = sign(&auditor, &all, &digest).await;
    assert_eq!(in_it.status, 200, "{}", in_it.text);
    server.admin().look_around().await;
    let notes = server.send("GET", "/readyz", &[], vec![]).await.json()["notes"].clone();
    assert_eq!(notes, json!(["tamper_evident_below_root_only"]));
    // Who reviewed in a period may review the period.
    server.clock().advance_ms(DAY_MS);
    let auditor = server.session("auditor").await;
    let next = json!({"from_day": today_before(&server), "to_day": today_before(&server), "seed": 7, "sample": 3});
    let next = post(&server, "/admin/v1/audit/reviews", &auditor, next).await.json();
    let signed = sign(&auditor, &next, next["pack"]["sha256"].as_str().unwrap()).await;
    assert_eq!(signed.status, 200, "{} {next}", signed.text);
}

fn today_before(server: &Server) -> String {
    server.clock().now().plus_ms(-DAY_MS).rfc3339()[..10].to_owned()
}
