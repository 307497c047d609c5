//! Every request leaves its records: opened once, closed once, and nothing reached the client that
//! a record did not authorise before.

use crate::common::{
    ask, authorised, by_request, closed, closes, content, of_request, opened, reading_key, streamed, verified,
};
use medlock_audit::read::StoredEntry;
use medlock_deid::OnLeak;
use medlock_domain::KeyId;
use medlock_pipeline::GenerateError;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Answer, Say, Server, eventually};

const NOTE: &str = "Mrs. Margaret Okonkwo, MRN 48213377, is to be seen again in two weeks.";

fn long() -> Vec<String> {
    vec!["word after word after word, on and on and on. ".into(); 400]
}

fn kinds(entries: &[StoredEntry]) -> Vec<&'static str> {
    entries.iter().map(|e| e.kind.as_str()).collect()
}

/// The end of a request: (kind, outcome, code).
fn ending(close: &StoredEntry) -> (&str, &str, &str) {
    (close.kind.as_str(), close.outcome.as_str(), close.facts.word("code").unwrap_or("-"))
}

/// Every request that was opened is closed, once, by its last record; the log holds together.
async fn settled(server: &mut Server) {
    let open = |server: &Server| {
        let requests = by_request(server.entries());
        requests.into_iter().find(|(_, e)| e.iter().any(|e| e.kind.as_str() == "open") && !e.iter().any(closes))
    };
    eventually("every record is closed", || async { open(server).is_none() }).await;
    server.stop().await;
    server.log().close().await;
    for (request, entries) in by_request(server.entries()) {
        let kinds = kinds(&entries);
        let opens = kinds.iter().filter(|k| **k == "open").count();
        if opens == 0 {
            continue; // refused at the door, an administrative one, or a log-in
        }
        assert_eq!((opens, kinds[0]), (1, "open"), "{request}: {kinds:?}");
        assert_eq!(entries.iter().filter(|e| closes(e)).count(), 1, "{request}: {kinds:?}");
        assert!(closes(entries.last().unwrap()), "{request}: {kinds:?}");
    }
    let report = verified(server);
    assert_eq!(report.size, server.entries().len() as u64);
}

#[tokio::test]
async fn what_was_answered_is_what_was_recorded() {
    let mut server = Server::start().await;
    let key = reading_key(&server);
    for chunk in [1, 5, 1000] {
        for body in [ask(NOTE), streamed(ask(NOTE))] {
            server.script().say(Say::Echo { chunk });
            let answer = server.chat(&body).await;
            let close = closed(&server, answer.header("x-request-id")).await;
            assert_eq!(ending(&close), ("close", "ok", "-"));
            assert_eq!((close.facts.word("closed"), close.facts.word("finish")), (Some("clean"), Some("stop")));
            let entries = of_request(&server, answer.header("x-request-id"));
            assert_eq!(entries[0].receipt_id(), answer.header("x-medlock-audit"));
            assert_eq!(opened(&server, &entries[0], &key), body.to_string().into_bytes(), "the request as it came");
            assert_eq!(kinds(&entries)[..2], ["open", "permit"]);
            let seen = String::from_utf8(opened(&server, &entries[1], &key)).unwrap();
            // Whom it is about is sealed beside what the model was given, and not given to it.
            let (seen, patients) = seen.split_once("\"patients\"").unwrap();
            assert!(seen.contains("MRN-1") && !seen.contains("48213377"), "{seen}");
            assert!(patients.contains("48213377"));
            let got = content(&answer);
            assert_eq!(authorised(&server, &entries, &key), got.as_bytes());
            let bytes = Some(got.len() as i64);
            assert_eq!((close.facts.int("authorised_bytes"), close.facts.int("written_bytes")), (bytes, bytes));
            let model_said = String::from_utf8(opened(&server, &close, &key)).unwrap();
            assert!(model_said.contains("MRN-1") && !model_said.contains("48213377"), "{model_said}");
        }
    }
    settled(&mut server).await;
}

#[tokio::test]
async fn many_choices_and_tool_calls_are_recorded_too() {
    let mut server = Server::start().await;
    let key = reading_key(&server);
    let mut body = ask(NOTE);
    body["n"] = json!(3);
    let three = server.chat(&body).await;
    server.script().say(Say::Call { name: "look_up".into(), arguments: r#"{"who": "[NAME-1]"}"#.into() });
    let call = server.chat(&streamed(ask(NOTE))).await;
    for (answer, finish) in [(&three, "stop"), (&call, "tool_calls")] {
        let close = closed(&server, answer.header("x-request-id")).await;
        assert_eq!((ending(&close), close.facts.word("finish")), (("close", "ok", "-"), Some(finish)));
        assert_eq!(close.facts.int("authorised_bytes"), close.facts.int("written_bytes"));
    }
    let released = |answer: &Answer| authorised(&server, &of_request(&server, answer.header("x-request-id")), &key);
    assert_eq!(released(&three), NOTE.repeat(3).into_bytes());
    assert_eq!(released(&call), br#"look_up{"who":"[NAME-1]"}"#);
    settled(&mut server).await;
}

/// A refusal to be provoked: what the model does, who asks, with which header, what, and the code.
struct Case {
    say: Say,
    credential: String,
    header: (&'static str, &'static str),
    body: Vec<u8>,
    code: &'static str,
    outcome: &'static str,
}

#[tokio::test]
async fn each_refusal_is_opened_and_closed_with_its_code() {
    let mut server = Server::start().await;
    let session = server.session("clinician").await;
    let bytes = |v: Value| v.to_string().into_bytes();
    let with = |name: &str, value: Value| {
        let mut body = ask(NOTE);
        body[name] = value;
        bytes(body)
    };
    let case = |code, body: Vec<u8>| Case {
        say: Say::text("Hello."),
        credential: server.key("clinician"),
        header: ("x-medlock-purpose", "treatment"),
        body,
        code,
        outcome: "denied",
    };
    let says = |say, case: Case| Case { say, ..case };
    let failed = |case: Case| Case { outcome: "failed", ..case };
    let by = |credential: String, header, case: Case| Case { credential, header, ..case };
    let ordinary = || bytes(ask(NOTE));
    let cases = [
        case("invalid_json", b"{\"model\": Okonkwo".to_vec()),
        case("invalid_json", b"{\"model\": \"\xff\"}".to_vec()),
        case("invalid_json", b"{\"model\": \"a\", \"model\": \"b\"}".to_vec()),
        case("invalid_value", with("n", json!(0))),
        case("unsupported_field", with("surprise", json!(NOTE))),
        case("unsupported_value", with("logprobs", json!(true))),
        case("model_not_found", with("model", json!("some-other-model"))),
        case("model_not_found", with("model", json!("Margaret Okonkwo"))),
        by(server.key("clinician"), ("x-medlock-protection", "block"), case("phi_blocked_input", ordinary())),
        by(server.key("clinician"), ("x-medlock-purpose", "payment"), case("policy_denied", ordinary())),
        by(server.key("clinician"), ("x-medlock-protection", "identified"), case("", ordinary())),
        by(server.key("admin"), ("x-medlock-purpose", "treatment"), case("policy_denied", ordinary())),
        by(server.key("auditor"), ("x-medlock-purpose", "treatment"), case("policy_denied", ordinary())),
        by(session, ("x-client", "test"), case("purpose_required", ordinary())),
        says(
            Say::Refuse(GenerateError::ContextLength { prompt: 9, context: 4 }),
            case("context_length_exceeded", ordinary()),
        ),
        says(Say::Refuse(GenerateError::Unsupported("seed")), case("unsupported_value", ordinary())),
        says(Say::Refuse(GenerateError::NoSuchModel), case("model_not_found", ordinary())),
        failed(says(Say::Refuse(GenerateError::Busy(3)), case("capacity", ordinary()))),
        failed(says(Say::Refuse(GenerateError::Down), case("model_unavailable", ordinary()))),
        failed(says(Say::PiecesThenFail(vec![]), case("model_unavailable", ordinary()))),
        failed(says(Say::Panic, case("internal_error", ordinary()))),
    ];
    for Case { say, credential, header, body, code, outcome } in cases {
        server.script().say(say);
        let answer = server.request("POST", "/v1/chat/completions", &credential, &[header], body.clone()).await;
        let close = closed(&server, answer.header("x-request-id")).await;
        if code.is_empty() {
            // No key may ask for raw PHI, but it may be given more protection than it asked for.
            assert_eq!((answer.status.as_u16(), answer.header("x-medlock-protection")), (200, "tokenize"));
            continue;
        }
        assert_eq!(answer.code(), code, "{header:?}: {}", answer.text);
        assert!(!answer.text.contains("Okonkwo"), "{}", answer.text);
        assert_eq!(ending(&close), ("denied", outcome, code));
        let entries = of_request(&server, answer.header("x-request-id"));
        assert_eq!(opened(&server, &entries[0], &reading_key(&server)), body, "the request as it came");
        assert!(!kinds(&entries).contains(&"release"), "{code}");
    }
    settled(&mut server).await;
}

#[tokio::test]
async fn an_answer_that_the_filter_blocks_ends_there_and_is_recorded_as_blocked() {
    let mut server = Server::builder().on_leak(OnLeak::Block).start().await;
    let key = reading_key(&server);
    let leak = "All is well with her. Her neighbour's SSN is 219-09-9934, as it happens.";
    server.script().say(Say::cut(leak, 6));
    // In one piece, nothing has been released yet: the whole answer is refused.
    let answer = server.chat(&ask(NOTE)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "phi_blocked_output"), "{}", answer.text);
    assert_eq!((answer.header("x-should-retry"), answer.text.contains("219-09")), ("false", false));
    let refused = closed(&server, answer.header("x-request-id")).await;
    assert_eq!(ending(&refused), ("denied", "denied", "phi_blocked_output"));
    assert!(String::from_utf8(opened(&server, &refused, &key)).unwrap().contains("219-09-9934"));

    let answer = server.chat(&streamed(ask(NOTE))).await;
    assert_eq!((answer.status.as_u16(), answer.text.contains("219-09")), (200, false), "{}", answer.text);
    assert!(answer.text.contains(r#""finish_reason":"content_filter""#), "{}", answer.text);
    let close = closed(&server, answer.header("x-request-id")).await;
    assert_eq!((ending(&close), close.facts.word("finish")), (("close", "ok", "-"), Some("content_filter")));
    let allowed = authorised(&server, &of_request(&server, answer.header("x-request-id")), &key);
    assert_eq!(allowed, content(&answer).as_bytes());
    // What it was that the model said is kept for those who review it.
    assert!(String::from_utf8(opened(&server, &close, &key)).unwrap().contains("219-09-9934"));
    settled(&mut server).await;
}

#[tokio::test]
async fn what_is_refused_at_the_door_is_one_record() {
    let mut server = Server::start().await;
    let key = server.key("clinician");
    let chat = "/v1/chat/completions";
    for (method, path, header, body, code) in [
        ("POST", chat, ("x-medlock-purpose", "Okonkwo"), ask(NOTE).to_string(), "invalid_value"),
        ("POST", chat, ("x-medlock-patient", "Patient/"), ask(NOTE).to_string(), "invalid_value"),
        ("POST", chat, ("content-encoding", "gzip"), ask(NOTE).to_string(), "unsupported_value"),
        ("POST", chat, ("x-client", "test"), "x".repeat(10 << 20), "body_too_large"),
        ("GET", "/Margaret-Okonkwo", ("x-client", "test"), String::new(), "not_found"),
        ("DELETE", chat, ("x-client", "test"), String::new(), "method_not_allowed"),
        ("GET", "/admin/v1/users", ("x-client", "test"), String::new(), "policy_denied"),
    ] {
        let answer = server.request(method, path, &key, &[header], body.into()).await;
        assert_eq!(answer.code(), code, "{}", answer.text);
        let entries = of_request(&server, answer.header("x-request-id"));
        assert_eq!(kinds(&entries), ["denied"], "{code} at {path}");
        assert!(entries[0].content.is_none());
    }
    settled(&mut server).await;
}

#[tokio::test]
async fn a_model_that_fails_midway_leaves_what_was_said_until_then() {
    let mut server = Server::start().await;
    let key = reading_key(&server);
    server.script().say(Say::PiecesThenFail(long()));
    let answer = server.chat(&streamed(ask(NOTE))).await;
    assert_eq!(crate::common::stream_error(&answer.text), "model_unavailable");
    let close = closed(&server, answer.header("x-request-id")).await;
    assert_eq!(ending(&close), ("close", "failed", "model_unavailable"));
    assert_eq!(close.facts.word("closed"), Some("clean"), "the error is where the answer ends");
    let entries = of_request(&server, answer.header("x-request-id"));
    let got = content(&answer);
    assert!(!got.is_empty() && authorised(&server, &entries, &key).starts_with(got.as_bytes()));
    // Unstreamed, none of it goes out.
    let answer = server.chat(&ask(NOTE)).await;
    assert_eq!((answer.code().as_str(), answer.text.contains("word")), ("model_unavailable", false));
    let close = closed(&server, answer.header("x-request-id")).await;
    assert_eq!(ending(&close), ("denied", "failed", "model_unavailable"));
    settled(&mut server).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_got_no_more_than_was_authorised() {
    let mut server = Server::start().await;
    let key = reading_key(&server);
    server.script().pause(Duration::from_millis(2));
    for chunks in [0, 1, 2, 5, 20] {
        server.script().say(Say::Pieces(long()));
        let request = server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key("clinician"));
        let request = request.header("content-type", "application/json").body(streamed(ask(NOTE)).to_string());
        let mut response = request.send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_string();
        let mut heard = Vec::new();
        for _ in 0..chunks {
            heard.extend_from_slice(&response.chunk().await.unwrap().unwrap());
        }
        drop(response);
        let close = closed(&server, &id).await;
        assert_eq!((ending(&close).0, ending(&close).1), ("close", "aborted"), "after {chunks} chunks");
        assert_eq!(close.facts.word("closed"), Some("early"));
        let got = crate::common::said(&String::from_utf8_lossy(&heard));
        let allowed = authorised(&server, &of_request(&server, &id), &key);
        assert!(allowed.starts_with(got.as_bytes()), "after {chunks} chunks");
        let (written, may) = (close.facts.int("written_bytes").unwrap(), close.facts.int("authorised_bytes").unwrap());
        assert!(got.len() as i64 <= written && written <= may && may == allowed.len() as i64, "{written} of {may}");
    }
    // Before there is anything to hear.
    server.script().say(Say::Silence);
    let request = server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key("clinician"));
    let waiting = tokio::spawn(request.body(ask(NOTE).to_string()).send());
    eventually("the model is asked", || async { server.script().given().len() == 6 }).await;
    waiting.abort();
    eventually("its record is closed", || async { server.count("close") == 6 }).await;
    let close = server.records("close").pop().unwrap();
    assert_eq!(ending(&close), ("close", "aborted", "client_gone"));
    settled(&mut server).await;
}

#[tokio::test]
async fn keys_in_records_are_names_that_open_nothing() {
    let server = Server::start().await;
    assert_eq!(server.chat(&ask(NOTE)).await.status, 200);
    let secret = server.key("clinician");
    for entry in server.entries() {
        let shown = format!("{} {:?}", entry.actor, entry.facts);
        assert!(!shown.contains(&secret), "{shown}");
    }
    let open = server.records("open").remove(0);
    let key = open.actor.to_string();
    assert!(key.strip_prefix("machine:").is_some_and(|id| id.parse::<KeyId>().is_ok()), "{key} names no key");
}
