//! A disk under the audit log that fails, and power that goes away. Nothing may have reached a
//! client that the log, as it is found afterwards, does not hold.

use crate::common::{ask, authorised, by_request, reading_key, said, streamed};
use futures_util::StreamExt as _;
use medlock_audit::Log;
use medlock_audit::fault::{Fault, FaultDisk};
use medlock_audit::read::Reader;
use medlock_audit::verify::verify_on;
use medlock_domain::{ManualClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::{ORIGIN, Say, Server};

const NOTE: &str = "Mrs. Margaret Okonkwo, MRN 48213377, is to be seen again in two weeks.";

/// What a client heard: of which request, and the text.
struct Heard {
    request: String,
    status: u16,
    code: String,
    text: String,
}

/// Sends one request and listens for as long as something comes.
async fn listen(request: reqwest::RequestBuilder) -> Heard {
    let response = request.send().await.unwrap();
    let (status, request) =
        (response.status().as_u16(), response.headers()["x-request-id"].to_str().unwrap().to_string());
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        bytes.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let code = body["error"]["code"].as_str().unwrap_or_default().to_string();
    let whole = body["choices"][0]["message"]["content"].as_str().map(str::to_string);
    Heard { request, status, code, text: whole.unwrap_or_else(|| said(&text)) }
}

fn request(server: &Server, body: &serde_json::Value) -> reqwest::RequestBuilder {
    let request = server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key("clinician"));
    request.header("content-type", "application/json").body(body.to_string())
}

/// Starts a log on what the power cut left, and looks for everything that clients heard.
fn recovered(server: &Server, seed: u64, since: &str, heard: &[Heard]) {
    let disk = server.disk().unwrap().after_power_cut(seed);
    let keys = server.keys();
    let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let log = Log::open_on(Box::new(disk.clone()), keys.audit_signing().clone(), keys.reading_public().clone(), clock);
    drop(log.unwrap_or_else(|e| panic!("seed {seed}: {e}")));
    let report = verify_on(&disk, &keys.audit_signing().public(), ORIGIN, Some(since));
    report.unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
    covered(server, &disk, heard);
}

fn covered(server: &Server, disk: &FaultDisk, heard: &[Heard]) {
    let entries = Reader::open_on(Box::new(disk.clone())).unwrap().map(Result::unwrap).collect();
    let (requests, key) = (by_request(entries), reading_key(server));
    for Heard { request, text, .. } in heard.iter().filter(|h| !h.text.is_empty()) {
        let records = requests.get(request).unwrap_or_else(|| panic!("{request} was answered and is not in the log"));
        let allowed = authorised(server, records, &key);
        assert!(
            allowed.starts_with(text.as_bytes()),
            "{request} got {} bytes, {} are recorded",
            text.len(),
            allowed.len()
        );
    }
}

async fn metrics(server: &Server) -> String {
    let url = format!("http://{}/metrics", server.metrics_addr().unwrap());
    server.client().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn with_a_log_that_cannot_be_written_nothing_is_done_and_the_server_says_so() {
    let server = Server::builder().failing_audit().start().await;
    let session = server.session("admin").await;
    let before = server.entries().len();
    server.break_audit();
    for body in [ask(NOTE), streamed(ask(NOTE))] {
        let answer = server.chat(&body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "audit_unavailable"));
        assert!(!answer.text.contains("Okonkwo"));
    }
    assert!(server.script().given().is_empty(), "the model was asked");
    let ready = server.send("GET", "/readyz", &[], vec![]).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["audit"]), (503, &"down".into()));
    assert_eq!(server.send("GET", "/healthz", &[], vec![]).await.status, 200, "it is alive");
    assert!(metrics(&server).await.contains("medlock_audit_healthy 0"));
    // Nor can anything be changed, nor anybody log in, nor even a refusal pass unrecorded.
    let user = r#"{"username": "new", "password": "correct horse battery staple 9", "roles": ["researcher"]}"#;
    let login = server.person("clinician");
    let otp = login.totp.code_at(medlock_domain::Clock::now(server.clock()).seconds());
    let login = serde_json::json!({"username": login.username, "password": testkit::PASSWORD, "otp": otp}).to_string();
    for (method, path, credential, body) in [
        ("POST", "/admin/v1/users", session.as_str(), user),
        ("POST", "/admin/v1/policy/reload", session.as_str(), ""),
        ("POST", "/admin/v1/login", "none", login.as_str()),
        ("GET", "/nothing", session.as_str(), ""),
        ("GET", "/admin/v1/users", &server.key("clinician"), ""),
    ] {
        let answer = server.request(method, path, credential, &[], body.into()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "audit_unavailable"), "{method} {path}");
    }
    assert_eq!(server.auth().policy_epoch(), 1, "the policy was changed without a record");
    assert_eq!(server.entries().len(), before);
}

/// Two requests, during which the operation number `after` of the disk goes wrong. Whether that
/// ended the log.
async fn goes_wrong(after: u64, fault: Fault) -> bool {
    let server = Server::builder().failing_audit().start().await;
    let disk = server.disk().unwrap();
    disk.fail_after(after, fault);
    let mut heard = Vec::new();
    for body in [streamed(ask(NOTE)), ask(NOTE)] {
        heard.push(listen(request(&server, &body)).await);
    }
    let broke = !server.log().healthy();
    for h in &heard {
        assert!(h.status == 200 || h.code == "audit_unavailable", "{} {}", h.status, h.code);
    }
    if broke {
        assert_eq!((heard[1].status, heard[1].text.as_str()), (503, ""), "{fault:?} at operation {after}");
    }
    let since = server.log().checkpoint();
    covered(&server, disk, &heard);
    (0..3).for_each(|seed| recovered(&server, seed, &since, &heard));
    broke
}

#[tokio::test]
async fn whatever_fails_at_whichever_step_what_clients_got_is_recorded() {
    let faults = [Fault::ShortWrite, Fault::InputOutput, Fault::NoSpace, Fault::LostSync, Fault::PowerCut];
    let mut broke = 0;
    for after in 0..6 {
        for fault in faults {
            broke += u32::from(goes_wrong(after, fault).await);
        }
    }
    assert!(broke >= 25, "only {broke} of 30 faults ended the log");
}

/// The power goes at some moment while many clients are being answered.
async fn power_cut_under_load(seed: u64) {
    let server = Server::builder().failing_audit().start().await;
    server.script().say(Say::Pieces(vec!["word after word after word, on and on and on. ".into(); 60]));
    let stopped = Arc::new(AtomicBool::new(false));
    let mut clients = tokio::task::JoinSet::new();
    for i in 0..6 {
        let body = if i % 3 == 0 { ask(NOTE) } else { streamed(ask(NOTE)) };
        let (request, stopped) = (request(&server, &body), stopped.clone());
        clients.spawn(async move {
            let mut heard = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                let one = listen(request.try_clone().unwrap()).await;
                stopped.fetch_or(one.status == 503, Ordering::SeqCst);
                heard.push(one);
            }
            heard
        });
    }
    server.disk().unwrap().fail_after(40 + seed * 37 % 101, Fault::PowerCut);
    let mut heard: Vec<Heard> = Vec::new();
    while let Some(client) = clients.join_next().await {
        heard.extend(client.unwrap());
    }
    let since = server.log().checkpoint();
    assert!(heard.iter().any(|h| h.status == 503 && h.code == "audit_unavailable"));
    assert!(heard.iter().any(|h| !h.text.is_empty()), "nobody heard anything: the test is too short");
    assert!(!server.log().healthy());
    (0..6).for_each(|way| recovered(&server, seed * 100 + way, &since, &heard));
}

#[tokio::test]
async fn what_clients_received_survives_the_power_cut() {
    for seed in 1..=3 {
        let in_time = tokio::time::timeout(Duration::from_secs(240), power_cut_under_load(seed)).await;
        in_time.expect("the requests end when the log does");
    }
}
