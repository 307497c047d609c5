//! Answers that come piece by piece.

use serde_json::{Value, json};
use std::time::Duration;
use testkit::{MODEL, Say, Server, eventually};

fn ask(content: &str) -> Value {
    json!({
        "model": MODEL, "messages": [{"role": "user", "content": content}],
        "stream": true, "stream_options": {"include_usage": true},
    })
}

/// The events of a stream, comments left out.
fn events(text: &str) -> Vec<Value> {
    let data = text.split("\n\n").filter_map(|e| e.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
    data.map(|d| serde_json::from_str(d).unwrap()).collect()
}

fn content(events: &[Value]) -> String {
    events.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect()
}

#[tokio::test]
async fn a_stream_has_the_shape_that_clients_read() {
    let server = Server::start().await;
    server.script().say(Say::cut("Hello there, how are you today?", 5));
    let answer = server.chat(&ask("Hi")).await;
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("x-medlock-audit").starts_with("rcp_"));
    let events = events(&answer.text);
    let (first, last, finish) = (&events[0], events.last().unwrap(), &events[events.len() - 2]);
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(content(&events), "Hello there, how are you today?");
    assert_eq!((&finish["choices"][0]["finish_reason"], &finish["choices"][0]["delta"]), (&json!("stop"), &json!({})));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 18);
    for event in &events {
        assert_eq!((&event["id"], &event["object"]), (&first["id"], &json!("chat.completion.chunk")));
        assert!(event.as_object().unwrap().contains_key("usage"));
    }
    assert!(answer.text.ends_with(": medlock-findings none; removed none\n\ndata: [DONE]\n\n"), "{}", answer.text);
}

#[tokio::test]
async fn a_stream_without_usage_says_nothing_of_it() {
    let server = Server::start().await;
    let mut body = ask("Hi");
    body["stream_options"] = Value::Null;
    let answer = server.chat(&body).await;
    assert!(!answer.text.contains("usage") && answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
}

#[tokio::test]
async fn a_streamed_answer_is_restored_like_a_whole_one() {
    let server = Server::start().await;
    let note = "Patient John Smith, MRN 48213377, phone (415) 555-0132.";
    for chunk in [1, 3, 1000] {
        server.script().say(Say::Echo { chunk });
        let answer = server.chat(&ask(note)).await;
        assert_eq!(content(&events(&answer.text)), note, "in pieces of {chunk}");
        assert!(answer.text.contains(": medlock-findings ") && answer.text.contains("MRN=1"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_tool_call_is_one_delta() {
    let server = Server::start().await;
    server.script().say(Say::Call { name: "f".into(), arguments: "{}".into() });
    let events = events(&server.chat(&ask("Hi")).await.text);
    let call = events.iter().find_map(|e| e["choices"][0]["delta"]["tool_calls"].get(0).cloned()).unwrap();
    assert_eq!((&call["index"], &call["type"]), (&json!(0), &json!("function")));
    assert_eq!(call["function"], json!({"name": "f", "arguments": "{}"}));
}

#[tokio::test]
async fn what_fails_before_the_first_text_is_a_status_and_after_it_an_event() {
    let server = Server::start().await;
    server.script().say(Say::PiecesThenFail(vec![]));
    assert_eq!(server.chat(&ask("Hi")).await.status, 503);
    let long = "All is well with the world and nothing in it is anybody's name. ".repeat(40);
    server.script().say(Say::PiecesThenFail(vec![long]));
    let answer = server.chat(&ask("Hi")).await;
    assert_eq!(answer.status, 200);
    let events = events(&answer.text);
    assert_eq!(events.last().unwrap()["error"]["code"], "model_unavailable");
    assert!(!answer.text.contains("[DONE]"));
}

#[tokio::test]
async fn a_stream_read_to_its_end_is_recorded_as_closed_cleanly() {
    let server = Server::start().await;
    let answer = server.chat(&ask("Hi there, all of you.")).await;
    let text = content(&events(&answer.text));
    eventually("the record is closed", || async { server.count("close") == 1 }).await;
    let close = server.records("close").remove(0);
    assert_eq!(close.facts.word("closed"), Some("clean"));
    assert_eq!(close.facts.int("written_bytes"), Some(text.len() as i64));
    assert_eq!(close.facts.int("authorised_bytes"), Some(text.len() as i64));
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_the_model_and_its_record_is_closed() {
    let server = Server::start().await;
    server.script().pause(Duration::from_millis(20));
    server.script().say(Say::Pieces(vec!["word after word after word, on and on. ".into(); 500]));
    let request = server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key("clinician"));
    let mut response = request.body(ask("Hi").to_string()).send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    eventually("the record is closed", || async { server.count("close") == 1 }).await;
    assert_eq!(server.records("close")[0].facts.word("closed"), Some("early"));
    eventually("the model was stopped", || async { server.script().cancelled() == 1 }).await;
}
