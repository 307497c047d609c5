//! Chat requests that are answered in one piece, and those that are refused.

use medlock_auth::{AdminAction, LocalOperator, PolicySource, PolicyText};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{MODEL, Say, Server};

fn ask(content: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": content}]})
}

#[tokio::test]
async fn an_answer_has_the_shape_that_clients_read() {
    let server = Server::start().await;
    server.script().say(Say::text("Hello there."));
    let answer = server.chat(&ask("Hi")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    let id = answer.header("x-request-id").trim_start_matches("req_").to_string();
    assert_eq!(body["id"], format!("chatcmpl-{id}"));
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!(MODEL)));
    assert!(body["created"].as_i64().unwrap() > 1_600_000_000);
    assert_eq!(
        body["choices"],
        json!([{
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there.", "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        }])
    );
    assert_eq!(
        body["usage"],
        json!({
            "prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        })
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-medlock-findings"), "none");
    assert!(answer.header("x-medlock-audit").starts_with("rcp_"));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn identifiers_go_to_the_model_as_placeholders_and_come_back_restored() {
    let server = Server::start().await;
    let note = "Patient John Smith, MRN 48213377, phone (415) 555-0132.";
    let answer = server.chat(&ask(note)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let given = server.script().last_given();
    assert!(given.iter().all(|g| !g.text.contains("48213377") && !g.text.contains("555-0132")), "{given:?}");
    assert_eq!(answer.json()["choices"][0]["message"]["content"], note);
    assert!(answer.header("x-medlock-findings").contains("MRN=1"), "{}", answer.header("x-medlock-findings"));
    assert_eq!(answer.header("x-medlock-protection"), "tokenize");
}

#[tokio::test]
async fn what_the_model_makes_up_is_taken_out() {
    let server = Server::start().await;
    server.script().say(Say::text("His social security number is 219-09-9999, call him."));
    let answer = server.chat(&ask("Hi")).await;
    let body = answer.json();
    let content = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(!content.contains("219-09-9999"), "{content}");
    assert!(answer.header("x-medlock-removed").contains("SSN=1"), "{}", answer.header("x-medlock-removed"));
}

#[tokio::test]
async fn tool_calls_and_many_choices_are_answered() {
    let server = Server::start().await;
    let mut body = ask("Hi");
    body["n"] = json!(2);
    server.script().say(Say::text("yes"));
    let choices = server.chat(&body).await.json()["choices"].clone();
    assert_eq!((&choices[0]["index"], &choices[1]["index"]), (&json!(0), &json!(1)));
    assert_eq!(choices[1]["message"]["content"], "yes");

    server.script().say(Say::Call { name: "look_up".into(), arguments: "{\"n\":3}".into() });
    let choice = server.chat(&ask("Hi")).await.json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "look_up", "arguments": "{\"n\":3}"}));
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
}

#[tokio::test]
async fn each_refusal_is_clear_and_recorded() {
    let server = Server::start().await;
    let key = server.key("clinician");
    let send = |body: Vec<u8>| server.post("/v1/chat/completions", &key, body);
    let many: Vec<Value> = (0..10_000).map(|_| json!({"role": "user", "content": "x"})).collect();
    let many = json!({"model": MODEL, "messages": many}).to_string().into_bytes();
    let mut unknown = ask("x");
    unknown["surprise"] = json!(1);
    let mut other = ask("x");
    other["model"] = json!("no-such-model");
    let big = ask(&"x".repeat(10 << 20)).to_string().into_bytes();
    for (body, status, code) in [
        (b"{\"model\":".to_vec(), 400, "invalid_json"),
        (b"{\"model\":\"\xff\"}".to_vec(), 400, "invalid_json"),
        (many, 400, "invalid_value"),
        (unknown.to_string().into_bytes(), 400, "unsupported_field"),
        (other.to_string().into_bytes(), 404, "model_not_found"),
        (big, 413, "body_too_large"),
    ] {
        let before = server.log().size();
        let answer = send(body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.text);
        assert_eq!(answer.header("x-should-retry"), "false", "{code}");
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
        assert!(server.log().size() > before, "{code} left no record");
    }
}

#[tokio::test]
async fn a_busy_or_dead_model_is_told_apart_and_may_be_tried_again() {
    use medlock_pipeline::GenerateError as E;
    let server = Server::start().await;
    for (error, status, code, after) in [
        (E::Busy(7), 503, "capacity", "7"),
        (E::Down, 503, "model_unavailable", "2"),
        (E::ContextLength { prompt: 9, context: 4 }, 400, "context_length_exceeded", ""),
    ] {
        server.script().say(Say::Refuse(error));
        let answer = server.chat(&ask("Hi")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
        assert_eq!(answer.header("retry-after"), after);
    }
    server.script().say(Say::PiecesThenFail(vec!["half an".into()]));
    let answer = server.chat(&ask("Hi")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "model_unavailable"));
    assert!(!answer.text.contains("half"));
}

#[tokio::test]
async fn headers_tighten_or_are_refused_and_never_ignored() {
    let server = Server::start().await;
    let key = server.key("clinician");
    let post = async |name: &str, value: &str| {
        let body = ask("Patient John Smith, MRN 48213377.").to_string().into_bytes();
        server.request("POST", "/v1/chat/completions", &key, &[(name, value)], body).await
    };
    let redacted = post("x-medlock-protection", "redact").await;
    assert_eq!(redacted.header("x-medlock-protection"), "redact");
    assert!(!redacted.text.contains("48213377"), "{}", redacted.text);
    let blocked = post("x-medlock-protection", "block").await;
    assert_eq!((blocked.status.as_u16(), blocked.code().as_str()), (400, "phi_blocked_input"));
    assert_eq!(blocked.header("x-should-retry"), "false");
    for (name, value, code) in [
        ("x-medlock-protection", "none", "invalid_value"),
        ("x-medlock-purpose", "curiosity", "invalid_value"),
        ("x-medlock-patient", "Patient/", "invalid_value"),
        ("content-encoding", "gzip", "unsupported_value"),
    ] {
        let answer = post(name, value).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{name}");
        assert!(!answer.text.contains("4411023"));
    }
    let named = post("x-request-id", "client-7.a").await;
    assert!(named.header("x-request-id").starts_with("req_"));
    assert_eq!(named.header("x-client-request-id"), "client-7.a");
    let unnamed = post("x-request-id", "John Smith").await;
    assert_eq!(unnamed.header("x-client-request-id"), "");
}

#[tokio::test]
async fn only_so_many_chats_are_at_work_at_once() {
    let server = Server::builder().limits(|l| l.in_flight = 1).start().await;
    server.script().say(Say::Silence);
    let waiting = tokio::spawn({
        let (client, url, key) = (server.client().clone(), server.url("/v1/chat/completions"), server.key("clinician"));
        async move { client.post(url).bearer_auth(key).body(ask("Hi").to_string()).send().await }
    });
    while server.script().given().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let answer = server.chat(&ask("Hi")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "capacity"));
    assert_eq!(answer.header("retry-after"), "1");
    waiting.abort();
    server.script().say(Say::text("free again"));
    testkit::eventually("the slot is free again", || async { server.chat(&ask("Hi")).await.status == 200 }).await;
    testkit::eventually("the model was stopped", || async { server.script().cancelled() == 1 }).await;
}

#[tokio::test]
async fn models_are_those_of_the_credential() {
    let server = Server::start().await;
    let key = server.key("clinician");
    let list = server.get("/v1/models", &key).await.json();
    let about = json!({
        "sha256": "07".repeat(32), "context": 4096, "licence": "MIT", "intended_use": "tests", "note": "It says what it is told to.",
    });
    assert_eq!(
        list,
        json!({"object": "list", "data": [
            {"id": MODEL, "object": "model", "created": 0, "owned_by": "medlock", "medlock": about},
        ]})
    );
    assert_eq!(server.get(&format!("/v1/models/{MODEL}"), &key).await.json()["id"], MODEL);
    let other = server.get("/v1/models/other", &key).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (404, "model_not_found"));
}

#[tokio::test]
async fn classes_that_a_purpose_does_not_need_stay_placeholders() {
    let server = Server::start().await;
    let mut texts = PolicySource::Shipped.texts().await.unwrap();
    let text = r#"@id("operations-need-no-numbers") forbid (principal, action, resource)
                  when { context has class && context.purpose == "operations" && ["SSN", "MRN"].contains(context.class) };
                  @id("raw-names-only") forbid (principal, action == Medlock::Action::"chat:identified", resource)
                  when { context has class && context.class != "NAME" };"#;
    let actions = text.replacen(
        "action, resource)",
        "action in [Medlock::Action::\"chat\", Medlock::Action::\"restore\"], resource)",
        1,
    );
    texts.push(PolicyText { name: "least.cedar".into(), text: actions });
    let by = LocalOperator::new().permit(AdminAction::PolicyReload);
    server.auth().reload_policy_from(&by, PolicySource::Texts(texts), 1).await.unwrap();

    let token = server.session("clinician").await;
    let note = "Patient John Smith, MRN 48213377, was seen for a cough.";
    let for_purpose = async |purpose: &str, mode: &str| {
        let headers = [("x-medlock-purpose", purpose), ("x-medlock-protection", mode)];
        let answer =
            server.request("POST", "/v1/chat/completions", &token, &headers, ask(note).to_string().into()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(for_purpose("treatment", "tokenize").await, note);
    assert_eq!(for_purpose("operations", "tokenize").await, note.replace("48213377", "[MRN-1]"));
    let record = server.records("permit").pop().unwrap();
    let classes = record.facts.word("restored_classes").unwrap();
    assert!(classes.contains("NAME") && !classes.contains("MRN") && !classes.contains("SSN"), "{classes}");

    // Raw, but for what is not a name; and that comes back, since for treatment it may.
    assert_eq!(for_purpose("treatment", "identified").await, note);
    let given = server.script().last_given().iter().map(|g| g.text.clone()).collect::<String>();
    assert!(given.contains("John Smith") && given.contains("[MRN-1]") && !given.contains("48213377"), "{given}");
    assert_eq!(server.records("permit").pop().unwrap().facts.word("identified_classes"), Some("NAME"));
}
