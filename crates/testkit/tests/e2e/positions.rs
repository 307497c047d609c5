//! Every position of a chat request that can carry text, with identifiers planted in it.

use crate::common::{ask, content, streamed};
use serde_json::{Value, json};
use testkit::{MODEL, Say, Server};

/// What is planted, and what of it must not reach the model.
const PLANTED: [(&str, &[&str]); 5] = [
    ("Mrs. Margaret Okonkwo was seen today.", &["Margaret", "Okonkwo"]),
    ("The SSN 536-22-8714 is on file.", &["536-22-8714", "8714"]),
    ("Please call (415) 555-0132 today.", &["555-0132"]),
    ("Write to margaret.okonkwo@example.org about it.", &["margaret", "okonkwo", "example.org"]),
    ("MRN 48213377 was admitted.", &["48213377"]),
];

/// A request of messages, with a last word for the model to answer.
fn messages(before: Value) -> Value {
    let mut all = before.as_array().unwrap().clone();
    all.push(json!({"role": "user", "content": "Go on."}));
    json!({"model": MODEL, "messages": all})
}

fn with(name: &str, value: Value) -> Value {
    let mut body = ask("Go on.");
    body[name] = value;
    body
}

fn parts(role: &str, text: &str) -> Value {
    let mut message =
        json!({"role": role, "content": [{"type": "text", "text": "First."}, {"type": "text", "text": text}]});
    if role == "tool" {
        message["tool_call_id"] = json!("call_1");
    }
    messages(json!([message]))
}

fn named(role: &str, text: &str) -> Value {
    messages(json!([{"role": role, "content": "Hello.", "name": text}]))
}

fn called(id: &str, name: &str, arguments: &str) -> Value {
    messages(json!([
        {"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": id, "content": "done"},
    ]))
}

fn tool(function: Value) -> Value {
    with("tools", json!([{"type": "function", "function": function}]))
}

fn schema(schema: Value) -> Value {
    with("response_format", json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}))
}

type Plant = fn(&str) -> Value;

/// Where a text can stand.
const TEXTS: &[(&str, Plant)] = &[
    ("system", |t| messages(json!([{"role": "system", "content": t}]))),
    ("system parts", |t| parts("system", t)),
    ("developer", |t| messages(json!([{"role": "developer", "content": t}]))),
    ("developer parts", |t| parts("developer", t)),
    ("user", ask),
    ("user parts", |t| parts("user", t)),
    ("assistant", |t| messages(json!([{"role": "assistant", "content": t}]))),
    ("assistant parts", |t| parts("assistant", t)),
    ("assistant refusal", |t| messages(json!([{"role": "assistant", "refusal": t}]))),
    ("assistant refusal part", |t| {
        messages(json!([{"role": "assistant", "content": [{"type": "refusal", "refusal": t}]}]))
    }),
    ("tool result", |t| messages(json!([{"role": "tool", "tool_call_id": "call_1", "content": t}]))),
    ("tool result parts", |t| parts("tool", t)),
    ("system name", |t| named("system", t)),
    ("developer name", |t| named("developer", t)),
    ("user name", |t| named("user", t)),
    ("assistant name", |t| named("assistant", t)),
    ("tool_calls id and tool_call_id", |t| called(t, "look_up", "{}")),
    ("tool_calls name", |t| called("call_1", t, "{}")),
    ("arguments string", |t| called("call_1", "look_up", &json!({"q": t}).to_string())),
    ("arguments nested", |t| called("call_1", "look_up", &json!({"a": [{"b": [t]}]}).to_string())),
    ("arguments key", |t| called("call_1", "look_up", &json!({t: true}).to_string())),
    ("arguments that are no JSON", |t| called("call_1", "look_up", t)),
    ("tool name", |t| tool(json!({"name": t}))),
    ("tool description", |t| tool(json!({"name": "look_up", "description": t}))),
    ("tool schema title", |t| tool(json!({"name": "look_up", "parameters": {"type": "object", "title": t}}))),
    ("tool schema description", |t| {
        tool(json!({"name": "f", "parameters": {"properties": {"a": {"type": "string", "description": t}}}}))
    }),
    ("tool schema enum", |t| tool(json!({"name": "f", "parameters": {"properties": {"a": {"enum": ["x", t]}}}}))),
    ("tool schema default", |t| tool(json!({"name": "f", "parameters": {"properties": {"a": {"default": t}}}}))),
    ("tool schema key", |t| tool(json!({"name": "f", "parameters": {"properties": {t: {"type": "string"}}}}))),
    ("functions description", |t| with("functions", json!([{"name": "f", "description": t}]))),
    ("tool_choice name", |t| with("tool_choice", json!({"type": "function", "function": {"name": t}}))),
    ("function_call name", |t| with("function_call", json!({"name": t}))),
    ("response_format name", |t| with("response_format", json!({"type": "json_schema", "json_schema": {"name": t}}))),
    ("response_format description", |t| {
        with("response_format", json!({"type": "json_schema", "json_schema": {"name": "a", "description": t}}))
    }),
    ("response_format title", |t| schema(json!({"type": "object", "title": t}))),
    ("response_format enum", |t| schema(json!({"properties": {"a": {"enum": [t]}}}))),
    ("response_format key", |t| schema(json!({"properties": {t: {}}}))),
    ("stop", |t| with("stop", json!(t))),
    ("stop list", |t| with("stop", json!(["END", t]))),
    ("user field", |t| with("user", json!(t))),
    ("metadata value", |t| with("metadata", json!({"note": t}))),
    ("metadata key", |t| with("metadata", json!({t: "yes"}))),
];

/// Sends it; nothing planted may have reached the model. Gives the text that stood there instead.
async fn protected(server: &Server, place: &str, body: &Value, needles: &[&str]) -> String {
    let answer = server.chat(body).await;
    assert_eq!(answer.status, 200, "{place}: {}", answer.text);
    let given = server.script().last_given();
    for needle in needles {
        let leak = given.iter().find(|g| g.text.contains(needle));
        assert!(leak.is_none(), "{needle:?} in {place} reached the model: {leak:?}");
    }
    let stand_in = given.iter().find(|g| g.text.contains("-1]"));
    stand_in.unwrap_or_else(|| panic!("{place} did not reach the model at all: {given:?}")).text.clone()
}

/// Lets the model say back, piece by piece, what it was given: the caller gets its own words.
async fn restored(server: &Server, place: &str, body: Value, given: &str, original: &str) {
    server.script().say(Say::cut(given, 4));
    let answer = server.chat(&streamed(body)).await;
    assert_eq!(content(&answer), original, "{place}, of {given:?}");
}

#[tokio::test]
async fn no_identifier_reaches_the_model_from_any_position_and_each_comes_back() {
    let server = Server::builder().failing_audit().start().await;
    for (place, plant) in TEXTS {
        for (text, needles) in PLANTED {
            let given = protected(&server, place, &plant(text), needles).await;
            restored(&server, place, plant(text), &given, text).await;
        }
    }
}

type PlantJson = fn(Value) -> Value;

/// Where JSON of the caller's own shape can stand.
const JSON: &[(&str, PlantJson)] = &[
    ("arguments", |v| called("call_1", "look_up", &v.to_string())),
    ("arguments nested", |v| called("call_1", "look_up", &json!({"patients": [v]}).to_string())),
    ("tool schema example", |v| tool(json!({"name": "f", "parameters": {"type": "object", "examples": [v]}}))),
    ("response_format schema", |v| schema(json!({"type": "object", "default": v}))),
    ("tool result", |v| messages(json!([{"role": "tool", "tool_call_id": "call_1", "content": v.to_string()}]))),
    ("user text", |v| ask(&v.to_string())),
];

#[tokio::test]
async fn a_key_says_what_its_value_is() {
    let server = Server::builder().failing_audit().start().await;
    for (place, plant) in JSON {
        for (value, needle) in [
            (json!({"mrn": 48213377}), "48213377"),
            (json!({"mrn": 90417}), "90417"),
            (json!({"mrn": "90417"}), "90417"),
            (json!({"medicalRecordNumber": 90417}), "90417"),
            (json!({"ssn": 536228714}), "536228714"),
            (json!({"patient_name": "okonkwo"}), "okonkwo"),
            (json!({"phone": "555-0132"}), "555-0132"),
        ] {
            protected(&server, &format!("{value} in {place}"), &plant(value.clone()), &[needle]).await;
        }
    }
    for (value, needle) in [(json!({"mrn": "90417"}), "90417"), (json!({"email": "m.o@example.org"}), "m.o@")] {
        protected(&server, "metadata", &with("metadata", value), &[needle]).await;
    }
}

#[tokio::test]
async fn what_is_found_in_one_position_is_gone_from_all() {
    let server = Server::start().await;
    let mut body = called("48213377", "look_up", r#"{"q": 48213377}"#);
    body["user"] = json!("48213377");
    body["metadata"] = json!({"48213377": "Okonkwo"});
    body["stop"] = json!(["Okonkwo"]);
    body["messages"]
        .as_array_mut()
        .unwrap()
        .push(json!({"role": "user", "content": "Mrs. Margaret Okonkwo, MRN 48213377."}));
    protected(&server, "everywhere", &body, &["48213377", "Okonkwo"]).await;
    let note = content(&server.chat(&body).await);
    assert_eq!(note, "Mrs. Margaret Okonkwo, MRN 48213377.");
}

/// A request with an object at every level that the wire format has.
fn full() -> Value {
    json!({
        "model": MODEL,
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Hello."}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}],
             "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "42"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
        "stream": true,
        "stream_options": {"include_usage": true},
        "metadata": {"ward": "7"},
    })
}

/// The same with the old names.
fn old() -> Value {
    let mut body = ask("Hello.");
    body["functions"] = json!([{"name": "f"}]);
    body["function_call"] = json!({"name": "f"});
    body
}

/// Every object whose fields the wire format names; inside these, keys are the caller's own.
fn objects(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.push(at.to_string());
            let own = ["parameters", "schema", "metadata"];
            map.iter()
                .filter(|(k, _)| !own.contains(&k.as_str()))
                .for_each(|(k, v)| objects(v, &format!("{at}/{k}"), out));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| objects(v, &format!("{at}/{i}"), out)),
        _ => {}
    }
}

/// A JSON pointer as errors spell it: `messages[2].content[0].surprise`.
fn spelled(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).chain(["surprise"]);
    let spelled = steps.fold(String::new(), |s, step| match step.parse::<usize>() {
        Ok(i) => format!("{s}[{i}]"),
        Err(_) => format!("{s}.{step}"),
    });
    spelled.trim_start_matches('.').to_string()
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_refused_by_name_in_every_object() {
    let server = Server::builder().failing_audit().start().await;
    let mut tried = 0;
    for body in [full(), old()] {
        assert_eq!(server.chat(&body).await.status, 200);
        let mut places = Vec::new();
        objects(&body, "", &mut places);
        for place in places {
            let mut surprised = body.clone();
            surprised.pointer_mut(&place).unwrap()["surprise"] = json!("Mrs. Margaret Okonkwo");
            let answer = server.chat(&surprised).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "unsupported_field"), "{place:?}");
            assert_eq!(answer.json()["error"]["param"], json!(spelled(&place)), "{place:?}");
            assert!(!answer.text.contains("Okonkwo"), "{}", answer.text);
            tried += 1;
        }
    }
    assert!(tried >= 22, "only {tried} objects were tried");
    assert_eq!(server.script().given().len(), 2, "a refused request reached the model");
}
