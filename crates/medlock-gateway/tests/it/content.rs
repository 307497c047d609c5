//! What is sealed in the log: whom it is about, opening it, holding it, erasing it.

use medlock_audit::read::{StoredEntry, open_content};
use medlock_audit::{Checkpoint, InclusionProof};
use medlock_domain::Clock;
use medlock_keys::keyring::load_reading_key;
use medlock_pipeline::OnOtherPatient;
use medlock_pipeline::admin::Sealed;
use medlock_review::export::{Exporter, Format};
use serde_json::{Value, json};
use testkit::{Answer, MODEL, ORIGIN, Server};

pub(crate) const NOTE: &str = "Patient John Smith, MRN 48213377, was seen for a cough.";
pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;

pub(crate) async fn ask(server: &Server, patient: Option<&str>, content: &str) -> Answer {
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": content}]}).to_string();
    let headers: Vec<(&str, &str)> = patient.iter().map(|p| ("x-medlock-patient", *p)).collect();
    let answer = server.request("POST", "/v1/chat/completions", &server.key("clinician"), &headers, body.into()).await;
    let id = answer.header("x-request-id").to_owned();
    testkit::eventually("the request is closed", || async {
        let ends = |e: &StoredEntry| matches!(e.kind.as_str(), "close" | "denied");
        server.entries().iter().any(|e| e.request.as_ref().is_some_and(|r| r.as_str() == id) && ends(e))
    })
    .await;
    answer
}

/// A code that has not been used.
pub(crate) fn code(server: &Server, role: &str) -> String {
    server.clock().advance_ms(31_000);
    server.person(role).totp.code_at(server.clock().now().seconds())
}

pub(crate) async fn post(server: &Server, path: &str, token: &str, body: Value) -> Answer {
    server.post(path, token, body.to_string().into_bytes()).await
}

/// Opens a request as the security officer does; the clear texts, or the names of keys that are gone.
async fn open(server: &Server, token: &str, request: &str) -> Vec<Result<String, String>> {
    let body = json!({"reason": "review", "otp": code(server, "security-officer")});
    let answer = post(server, &format!("/admin/v1/audit/content/{request}"), token, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let key = load_reading_key(&server.dir().join("keys/audit-reading.key")).unwrap();
    let parcels = answer.json()["data"].as_array().unwrap().clone();
    let each = parcels.iter().map(|p| Sealed::from_json(p).unwrap());
    each.map(|sealed| {
        let entry = sealed.parcel.entry().unwrap();
        let share = sealed.share?;
        Ok(String::from_utf8(open_content(&entry, &key, &share).unwrap().to_vec()).unwrap())
    })
    .collect()
}

#[tokio::test]
async fn a_request_is_about_the_patient_that_it_declares_and_those_that_it_names() {
    let server = Server::start().await;
    let agreement = |answer: &Answer| answer.header("x-medlock-patient-agreement").to_owned();
    assert_eq!(agreement(&ask(&server, Some("Patient/48213377"), NOTE).await), "same");
    assert_eq!(agreement(&ask(&server, Some("5550001"), NOTE).await), "other");
    assert_eq!(agreement(&ask(&server, Some("5550001"), "What is a cough?").await), "not_found");
    assert_eq!(agreement(&ask(&server, None, NOTE).await), "");
    let permits = server.records("permit");
    let patient = permits[0].facts.word("patient").unwrap();
    assert!(patient.starts_with("hld_"));
    assert_eq!(permits[0].facts.word("found_patients"), None, "the declared one is not another");
    assert_eq!(permits[1].facts.word("found_patients"), Some(patient), "found, while another is declared");
    assert_eq!(permits[3].facts.word("found_patients"), Some(patient));
    assert_eq!(permits[3].facts.word("patient"), None);
    // Found by whoever knows the number, and by nobody else: it is nowhere in the log.
    let token = server.session("security-officer").await;
    let found =
        post(&server, "/admin/v1/audit/search", &token, json!({"patient": "4821 3377", "kind": "permit"})).await;
    assert_eq!(found.json()["data"].as_array().unwrap().len(), 3, "{}", found.text);
    let in_url = server.get("/admin/v1/audit?patient=48213377", &token).await;
    assert_eq!((in_url.status.as_u16(), in_url.text.contains("48213377")), (400, false));
    let nobody = post(&server, "/admin/v1/audit/search", &token, json!({"patient": "0000001"})).await;
    assert_eq!(nobody.json()["data"], json!([]));
    for entry in server.entries() {
        assert!(!entry.leaf().windows(8).any(|w| w == b"48213377"));
    }
    assert!(server.records("log_read").iter().any(|e| e.facts.word("looked_for") == Some(patient)));
}

#[tokio::test]
async fn policy_may_deny_a_request_that_names_another_patient() {
    let server = Server::builder().on_other_patient(OnOtherPatient::Deny).start().await;
    let denied = ask(&server, Some("5550001"), NOTE).await;
    assert_eq!((denied.status.as_u16(), denied.code().as_str()), (400, "patient_mismatch"));
    assert_eq!(server.script().given().len(), 0, "the model was not asked");
    assert_eq!(server.records("denied")[0].facts.word("patient_agreement"), Some("other"));
    assert_eq!(ask(&server, Some("48213377"), NOTE).await.status, 200);
}

#[tokio::test]
async fn each_position_says_what_was_found_there() {
    let server = Server::start().await;
    let body = json!({"model": MODEL, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": NOTE}, {"role": "user", "content": "Hm."}]});
    assert_eq!(server.chat(&body).await.status, 200);
    let facts = &server.records("permit")[0].facts;
    assert_eq!((facts.int("system"), facts.word("system.found")), (Some(1), None));
    assert_eq!((facts.int("user"), facts.word("user.found")), (Some(2), Some("NAME=1,MRN=1")));
    assert_eq!(facts.word("found_classes"), facts.word("user.found"));
    assert!(facts.digest("rules").is_some() && facts.word("detector").is_some());
}

#[tokio::test]
async fn opening_takes_the_right_a_reason_a_fresh_code_and_the_reading_key() {
    let server = Server::start().await;
    let request = ask(&server, Some("48213377"), NOTE).await.header("x-request-id").to_owned();
    let path = format!("/admin/v1/audit/content/{request}");
    for role in ["admin", "auditor"] {
        let token = server.session(role).await;
        let body = json!({"reason": "review", "otp": code(&server, role)});
        assert_eq!(post(&server, &path, &token, body).await.status, 403, "{role}");
    }
    let token = server.session("security-officer").await;
    for (body, status) in [
        (json!({"reason": "review"}), 403),
        (json!({"reason": "curiosity", "otp": "000000"}), 400),
        (json!({"reason": "other", "otp": "000000"}), 400),
        (json!({"reason": "review", "otp": "000000"}), 400),
    ] {
        assert_eq!(post(&server, &path, &token, body.clone()).await.status, status, "{body}");
    }
    assert_eq!(server.count("content_read"), 0, "nothing was given, and nothing says so");
    let opened = open(&server, &token, &request).await;
    assert!(opened[0].as_ref().unwrap().contains("48213377"), "what came");
    assert!(opened[1].as_ref().unwrap().contains("MRN-1"), "what the model saw");
    let record = &server.records("content_read")[0];
    assert_eq!((record.facts.word("reason"), record.facts.word("opened")), (Some("review"), Some(request.as_str())));
    // The same code again, and a request that is not there.
    let used = server.person("security-officer").totp.code_at(server.clock().now().seconds());
    assert_eq!(post(&server, &path, &token, json!({"reason": "review", "otp": used})).await.status, 400);
    let body = json!({"reason": "review", "otp": code(&server, "security-officer")});
    let nothing = "/admin/v1/audit/content/req_00000000000000000000000000";
    assert_eq!(post(&server, nothing, &token, body).await.status, 404);
    let tried = server.records("admin_outcome").pop().unwrap();
    assert_eq!((tried.facts.word("verb"), tried.facts.word("why")), (Some("open_content"), Some("not_found")));
}

#[tokio::test]
async fn a_patient_of_whom_nothing_is_known_yet_can_be_held() {
    let server = Server::start().await;
    let token = server.session("security-officer").await;
    let with = |mut body: Value| {
        body["otp"] = code(&server, "security-officer").into();
        body
    };
    let erase = json!({"patient": "48213377", "reason": "patient-request"});
    assert_eq!(post(&server, "/admin/v1/audit/erase", &token, with(erase.clone())).await.status, 404);
    let hold = with(json!({"patient": "48213377", "reason": "legal"}));
    assert_eq!(post(&server, "/admin/v1/audit/holds", &token, hold).await.status, 200);
    ask(&server, Some("48213377"), NOTE).await;
    let stopped = post(&server, "/admin/v1/audit/erase", &token, with(erase)).await;
    assert_eq!((stopped.status.as_u16(), stopped.text.contains("hold")), (400, true), "{}", stopped.text);
}

#[tokio::test]
async fn a_patients_content_is_erased_for_good_and_a_hold_stops_it() {
    let server = Server::start().await;
    let theirs = ask(&server, Some("48213377"), NOTE).await.header("x-request-id").to_owned();
    let others = ask(&server, Some("5550001"), "What is a cough?").await.header("x-request-id").to_owned();
    let token = server.session("security-officer").await;
    let with = |mut body: Value| {
        body["otp"] = code(&server, "security-officer").into();
        body
    };
    let hold =
        post(&server, "/admin/v1/audit/holds", &token, with(json!({"patient": "48213377", "reason": "legal"}))).await;
    let number = hold.json()["hold"].as_u64().unwrap();
    let exporter = Exporter::new(Format::Jsonl, [7; 32], ORIGIN, "0");
    let exported: String = server.entries().iter().map(|entry| exporter.line(entry)).collect();
    assert!(exported.contains("held_patient") && !exported.contains("hld_"), "nobody is known to a receiver");
    let listed = server.get("/admin/v1/audit/holds", &token).await.json();
    assert_eq!(listed["data"][0]["hold"], number);
    let erase = json!({"patient": "48213377", "reason": "patient-request", "note": "letter of Monday"});
    let stopped = post(&server, "/admin/v1/audit/erase", &token, with(erase.clone())).await;
    assert_eq!((stopped.status.as_u16(), stopped.text.contains("hold")), (400, true), "{}", stopped.text);
    // Nor their owner's, nor their day's.
    let owner = json!({"owner": server.person("clinician").id.as_str(), "reason": "retention"});
    assert_eq!(post(&server, "/admin/v1/audit/erase", &token, with(owner)).await.status, 400);
    assert!(open(&server, &token, &theirs).await.iter().all(Result::is_ok));
    let lift = format!("/admin/v1/audit/holds/{number}/lift");
    assert_eq!(post(&server, &lift, &token, with(json!({"reason": "legal"}))).await.status, 204);
    let done = post(&server, "/admin/v1/audit/erase", &token, with(erase)).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let certificate = done.json();
    let key = certificate["erased"]["keys"][0].as_str().unwrap().to_owned();
    let under = |e: &StoredEntry| e.needs().is_some_and(|needs| needs.holders.iter().any(|(_, id)| id.as_str() == key));
    let under = server.entries().iter().filter(|e| under(e)).count();
    assert_eq!((under >= 4, certificate["erased"]["contents"].as_u64()), (true, Some(under as u64)), "{certificate}");
    // It can be had again.
    let again = format!("/admin/v1/audit/erasures/{}", certificate["records"]["outcome"]);
    let mut again = server.get(&again, &server.session("auditor").await).await.json();
    again["proof"] = certificate["proof"].clone();
    assert_eq!(again, certificate);
    assert!(!done.text.contains("48213377") && !done.text.contains("letter"));
    // The certificate proves its record, to somebody who has the log's key only.
    let (log, published) = (server.log(), server.log().publish().unwrap());
    let (proof, leaf) = InclusionProof::parse(certificate["proof"].as_str().unwrap(), log.name()).unwrap();
    assert!(proof.proves(&leaf.unwrap()) && proof.index == certificate["records"]["outcome"].as_u64().unwrap());
    drop(published);
    // Gone, the other's not, and the log is whole.
    let opened = open(&server, &token, &theirs).await;
    assert!(opened.iter().all(Result::is_err) && !opened.is_empty(), "{opened:?}");
    assert!(open(&server, &token, &others).await.iter().all(Result::is_ok));
    let key = server.keys().audit_signing().public();
    let since = server.log().checkpoint();
    medlock_audit::verify::verify_dir(&server.dir().join("audit"), &key, ORIGIN, Some(&since)).unwrap();
    assert!(Checkpoint::verify(&since, log.name()).is_ok());
    // They are somebody new when they come again.
    assert_eq!(ask(&server, Some("48213377"), NOTE).await.status, 200);
    let permits = server.records("permit");
    assert_ne!(permits.last().unwrap().facts.word("patient"), permits[0].facts.word("patient"));
}

#[tokio::test]
async fn days_are_erased_by_hand_or_by_age_and_stay_erased() {
    let server = Server::start().await;
    let first = ask(&server, None, NOTE).await.header("x-request-id").to_owned();
    let day = server.clock().now().rfc3339()[..10].to_owned();
    let key = server.dir().join(format!("keys/days/{day}.key"));
    let copy = std::fs::read(&key).unwrap();
    let token = server.session("security-officer").await;
    let body = |server: &Server| json!({"from_day": day, "to_day": day, "reason": "retention", "otp": code(server, "security-officer")});
    let today = post(&server, "/admin/v1/audit/erase", &token, body(&server)).await;
    assert_eq!((today.status.as_u16(), key.exists()), (400, true), "today is still written");
    server.clock().advance_ms(DAY_MS);
    let token = server.session("security-officer").await;
    let second = ask(&server, None, NOTE).await.header("x-request-id").to_owned();
    let done = post(&server, "/admin/v1/audit/erase", &token, body(&server)).await;
    assert_eq!((done.status.as_u16(), key.exists()), (200, false), "{}", done.text);
    let of_the_day = |e: &StoredEntry| e.needs().is_some_and(|n| n.period.is_some_and(|p| p.starts_with(&day)));
    let contents = server.entries().iter().filter(|e| of_the_day(e)).count() as u64;
    assert_eq!(done.json()["erased"]["contents"].as_u64(), Some(contents), "entries with content, and no others");
    assert!(open(&server, &token, &first).await.iter().all(Result::is_err));
    assert!(open(&server, &token, &second).await.iter().all(Result::is_ok));
    // A backup brings the key back: it opens nothing, and goes again at the next start.
    medlock_keys::file::write_private(&key, &copy).unwrap();
    assert!(open(&server, &token, &first).await.iter().all(Result::is_err));
    assert_eq!(server.admin().keep_erased().await.unwrap(), 1);
    assert_eq!((server.admin().keep_erased().await.unwrap(), key.exists()), (0, false));
    // By age, with a time that somebody vouches for; what is held stays.
    let now = server.clock().now();
    assert!(server.admin().expire(30, now.plus_ms(29 * DAY_MS)).await.unwrap().is_empty());
    let hold = json!({"all": "true", "reason": "legal", "otp": code(&server, "security-officer")});
    assert_eq!(post(&server, "/admin/v1/audit/holds", &token, hold).await.status, 200);
    server.clock().advance_ms(40 * DAY_MS);
    let now = server.clock().now();
    assert!(server.admin().expire(30, now).await.unwrap().is_empty(), "held");
    let token = server.session("security-officer").await;
    let number = server.get("/admin/v1/audit/holds", &token).await.json()["data"][0]["hold"].as_u64().unwrap();
    let lift = json!({"reason": "legal", "otp": code(&server, "security-officer")});
    assert_eq!(post(&server, &format!("/admin/v1/audit/holds/{number}/lift"), &token, lift).await.status, 204);
    assert_eq!(server.admin().expire(30, now).await.unwrap().len(), 1);
    assert!(open(&server, &token, &second).await.iter().all(Result::is_err));
}
