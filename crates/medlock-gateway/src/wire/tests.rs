#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use medlock_domain::PhiText;
use medlock_pipeline::chat::{Chat, Json, Role};
use medlock_pipeline::{Refusal, RefusalCode};
use serde_json::{Value, json};

const BOUNDS: Bounds = Bounds { messages: 8, values: 500 };

fn read(body: &Value) -> Result<(Chat<PhiText>, Wanted), Refusal> {
    chat(body.to_string().as_bytes(), &BOUNDS).map(|(parsed, wanted)| (parsed.chat, wanted))
}

/// A request with these fields beside a model and a message.
fn with(extra: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (k, v) in extra.as_object().unwrap() {
        body[k] = v.clone();
    }
    body
}

fn message(message: Value) -> Value {
    json!({"model": "m", "messages": [message]})
}

#[track_caller]
fn refused(body: &Value, code: RefusalCode, param: Option<&str>) {
    let refusal = read(body).expect_err("it was taken");
    assert_eq!((refusal.code, refusal.param.as_deref()), (code, param), "{body}: {}", refusal.message);
}

/// Every text, in the order of the walk.
fn texts(chat: &Chat<PhiText>) -> Vec<String> {
    chat.texts().iter().map(|p| format!("{}={}", p.position.as_str(), p.text.expose())).collect()
}

#[test]
fn every_position_that_carries_text_arrives_in_its_place() {
    let (chat, wanted) = read(&json!({
        "model": "smollm2-135m-instruct",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "developer", "content": [{"type": "text", "text": "d"}]},
            {"role": "user", "name": "n", "content": [{"type": "text", "text": "u1"}, {"type": "text", "text": "u2"}]},
            {"role": "assistant", "content": null, "refusal": null, "annotations": [], "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"mrn\": 4411023}"}},
                {"id": "c2", "index": 1, "type": "function", "function": {"name": "g", "arguments": "not json"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
            {"role": "assistant", "refusal": "no"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "fd", "strict": false,
            "parameters": {"type": "object", "properties": {"mrn": {"enum": ["x", 1.5, null, true]}}},
        }}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "jn", "schema": {"title": "jt"}}},
        "stop": ["st"], "user": "eu", "metadata": {"mk": "mv"},
        "max_completion_tokens": 5, "temperature": 0.5, "top_p": 0.9, "seed": 3, "n": 2,
        "presence_penalty": -1, "frequency_penalty": 1.5,
        "stream": true, "stream_options": {"include_usage": true},
    }))
    .unwrap();
    let expected = [
        "system=s",
        "developer=d",
        "speaker_name=n",
        "user=u1",
        "user=u2",
        "tool_call_id=c1",
        "tool_call=f",
        "tool_call=mrn",
        "tool_call=4411023",
        "tool_call_id=c2",
        "tool_call=g",
        "tool_call=not json",
        "tool_result=r",
        "tool_call_id=c1",
        "refusal=no",
        "tool_definition=f",
        "tool_definition=fd",
        "tool_definition=type",
        "tool_definition=object",
        "tool_definition=properties",
        "tool_definition=mrn",
        "tool_definition=enum",
        "tool_definition=x",
        "tool_definition=1.5",
        "tool_choice=type",
        "tool_choice=function",
        "tool_choice=function",
        "tool_choice=name",
        "tool_choice=f",
        "response_format=type",
        "response_format=json_schema",
        "response_format=json_schema",
        "response_format=name",
        "response_format=jn",
        "response_format=schema",
        "response_format=title",
        "response_format=jt",
        "stop=st",
        "user_field=eu",
        "metadata=mk",
        "metadata=mv",
    ];
    let mut got = texts(&chat);
    let mut expected: Vec<String> = expected.map(String::from).to_vec();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
    let s = &chat.sampling;
    assert_eq!((s.max_tokens, s.seed, s.n), (Some(5), Some(3), 2));
    assert_eq!((s.temperature, s.top_p, s.presence_penalty, s.frequency_penalty), (0.5, 0.9, -1.0, 1.5));
    assert_eq!(
        wanted,
        Wanted { model: "smollm2-135m-instruct".parse().unwrap(), stream: true, include_usage: true, n: 2 }
    );
}

#[test]
fn the_least_request_gets_the_documented_defaults() {
    let (chat, wanted) = read(&with(json!({}))).unwrap();
    assert_eq!(chat.sampling, Default::default());
    assert_eq!((wanted.stream, wanted.include_usage, wanted.n), (false, false, 1));
    assert_eq!(chat.messages[0].role, Role::User);
}

#[test]
fn null_is_as_good_as_absent_and_defaults_are_taken() {
    read(&with(json!({
        "temperature": null, "top_p": null, "n": null, "stop": null, "seed": null, "user": null, "tools": null,
        "tool_choice": null, "response_format": null, "stream": null, "stream_options": null, "metadata": null,
        "max_tokens": null, "logprobs": null, "audio": null, "prediction": null, "reasoning_effort": null,
    })))
    .unwrap();
    read(&with(json!({
        "logprobs": false, "top_logprobs": 0, "logit_bias": {}, "parallel_tool_calls": true, "store": false,
        "service_tier": "auto", "modalities": ["text"], "response_format": {"type": "text"}, "tool_choice": "auto",
    })))
    .unwrap();
}

#[test]
fn old_names_mean_what_the_new_ones_do() {
    assert_eq!(read(&with(json!({"max_tokens": 7}))).unwrap().0.sampling.max_tokens, Some(7));
    let both = with(json!({"max_tokens": 7, "max_completion_tokens": 7}));
    assert_eq!(read(&both).unwrap().0.sampling.max_tokens, Some(7));
    let old = read(&with(json!({"functions": [{"name": "f"}], "function_call": {"name": "f"}}))).unwrap().0;
    let new = read(&with(json!({
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    })))
    .unwrap()
    .0;
    assert_eq!((&old.tools, &old.tool_choice), (&new.tools, &new.tool_choice));
}

#[test]
fn seeds_may_be_negative_and_stop_may_be_one_string() {
    let (chat, _) = read(&with(json!({"seed": -1, "stop": "x", "tool_choice": "required"}))).unwrap();
    assert_eq!(chat.sampling.seed, Some(u64::MAX));
    assert_eq!(chat.stop, [PhiText::new("x")]);
    assert_eq!(chat.tool_choice, Some(Json::String(PhiText::new("required"))));
}

#[test]
fn what_an_answer_is_held_to_is_read() {
    let tool = |strict| json!({"type": "function", "function": {"name": "f", "strict": strict}});
    let (chat, _) = read(&with(json!({
        "tools": [tool(true), tool(false)], "tool_choice": "none", "parallel_tool_calls": false,
        "logit_bias": {"7": -100, "8": 1.5},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true}},
    })))
    .unwrap();
    assert_eq!(chat.tools.iter().map(|tool| tool.strict).collect::<Vec<_>>(), [true, false]);
    assert_eq!(chat.tool_choice, Some(Json::String(PhiText::new("none"))));
    assert_eq!(chat.sampling.logit_bias, [(7, -100.0), (8, 1.5)]);
    let format = chat.response_format.unwrap().to_value(&|text: &PhiText| text.expose().to_owned());
    assert_eq!(format["json_schema"]["strict"], true);
}

#[test]
fn an_unknown_field_is_refused_by_name_wherever_it_stands() {
    let f = RefusalCode::UnsupportedField;
    refused(&with(json!({"surprise": 1})), f, Some("surprise"));
    refused(&with(json!({"surprise": null})), f, Some("surprise"));
    refused(&message(json!({"role": "user", "content": "x", "cache": 1})), f, Some("messages[0].cache"));
    refused(&message(json!({"role": "user", "content": "x", "tool_calls": []})), f, Some("messages[0].tool_calls"));
    let part = json!([{"type": "text", "text": "x", "cache_control": {}}]);
    refused(&message(json!({"role": "user", "content": part})), f, Some("messages[0].content[0].cache_control"));
    let call = json!([{"id": "c", "function": {"name": "f", "arguments": "", "extra": 1}}]);
    refused(
        &message(json!({"role": "assistant", "tool_calls": call})),
        f,
        Some("messages[0].tool_calls[0].function.extra"),
    );
    let tool = json!([{"type": "function", "function": {"name": "f", "x": 1}}]);
    refused(&with(json!({"tools": tool})), f, Some("tools[0].function.x"));
    refused(&with(json!({"stream": true, "stream_options": {"x": 1}})), f, Some("stream_options.x"));
    refused(&with(json!({"response_format": {"type": "json_object", "x": 1}})), f, Some("response_format.x"));
}

#[test]
fn a_name_that_may_be_somebodys_is_not_repeated() {
    let long = "x".repeat(49);
    for name in ["John Smith", "JOHN", "a-b", "é", "", long.as_str()] {
        let refusal = read(&with(json!({name: 1}))).unwrap_err();
        assert_eq!((refusal.code, refusal.param), (RefusalCode::UnsupportedField, None), "{name}");
        assert!(name.is_empty() || !refusal.message.contains(name), "{}", refusal.message);
    }
    let refusal = read(&message(json!({"role": "user", "content": "x", "Jane Roe": 1}))).unwrap_err();
    assert_eq!(refusal.param.as_deref(), Some("messages[0]"));
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    for (extra, param) in [
        (json!({"temperature": 2.1}), "temperature"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"top_p": -0.1}), "top_p"),
        (json!({"n": 0}), "n"),
        (json!({"n": 9}), "n"),
        (json!({"n": 1.5}), "n"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"max_tokens": 5_000_000_000u64}), "max_tokens"),
        (json!({"max_tokens": 1, "max_completion_tokens": 2}), "max_tokens"),
        (json!({"seed": 1.5}), "seed"),
        (json!({"presence_penalty": 3}), "presence_penalty"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
        (json!({"stop": [""]}), "stop"),
        (json!({"stop": 4}), "stop"),
        (json!({"user": 4}), "user"),
        (json!({"metadata": {"a": 1}}), "metadata"),
        (json!({"metadata": "x"}), "metadata"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"stream_options": {}}), "stream_options"),
        (json!({"tools": {}}), "tools"),
        (json!({"tools": [], "functions": []}), "functions"),
        (json!({"tool_choice": "some"}), "tool_choice"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": "hi"}), "messages"),
        (json!({"messages": [1]}), "messages[0]"),
        (json!({"messages": vec![json!({"role": "user", "content": "x"}); 9]}), "messages"),
        (json!({"messages": [{"role": "robot", "content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "user"}]}), "messages[0].content"),
        (json!({"messages": [{"role": "user", "content": []}]}), "messages[0].content"),
        (json!({"messages": [{"role": "assistant"}]}), "messages[0].content"),
        (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].tool_call_id"),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}),
            "messages[0].tool_calls[0].function",
        ),
        (json!({"model": 4}), "model"),
        (json!({"logit_bias": {"5": 101}}), "logit_bias"),
        (json!({"logit_bias": {"hello": 1}}), "logit_bias"),
        (json!({"logit_bias": [5]}), "logit_bias"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "strict": "yes"}}]}),
            "tools[0].function.strict",
        ),
    ] {
        refused(&with(extra), RefusalCode::InvalidValue, Some(param));
    }
}

#[test]
fn what_is_known_but_not_supported_is_refused_by_name() {
    let image = json!([{"type": "image_url", "image_url": {"url": "https://x"}}]);
    for (extra, param) in [
        (json!({"logprobs": true}), "logprobs"),
        (json!({"store": true}), "store"),
        (json!({"service_tier": "flex"}), "service_tier"),
        (json!({"reasoning_effort": "high"}), "reasoning_effort"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"safety_identifier": "x"}), "safety_identifier"),
        (json!({"tools": [{"type": "custom"}]}), "tools[0].type"),
        (json!({"response_format": {"type": "grammar"}}), "response_format.type"),
        (json!({"messages": [{"role": "user", "content": image}]}), "messages[0].content[0].type"),
    ] {
        refused(&with(extra), RefusalCode::UnsupportedValue, Some(param));
    }
}

#[test]
fn a_body_that_is_not_json_says_where_and_never_what() {
    for (bad, words) in [
        (&b"{\"model\": Jane}"[..], "line 1, column 11"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "not JSON"),
        (br#"{"model":"a","model":"Jane"}"#, "same key twice"),
    ] {
        let refusal = chat(bad, &BOUNDS).err().unwrap();
        assert_eq!(refusal.code, RefusalCode::InvalidJson);
        assert!(refusal.message.contains(words) && !refusal.message.contains("Jane"), "{}", refusal.message);
    }
    refused(&json!([1]), RefusalCode::InvalidValue, None);
    refused(&with(json!({"metadata": vec![0; 600]})), RefusalCode::InvalidValue, None);
}

#[test]
fn a_model_that_can_have_no_name_does_not_exist() {
    refused(&with(json!({"model": "GPT 4"})), RefusalCode::ModelNotFound, Some("model"));
}

#[test]
fn no_value_of_a_request_is_repeated_in_a_refusal() {
    const CANARY: &str = "Zebulon Quackenbush";
    for name in [
        "model",
        "temperature",
        "n",
        "stop",
        "user",
        "metadata",
        "tools",
        "tool_choice",
        "response_format",
        "stream",
        "seed",
        "max_tokens",
        "logprobs",
        "store",
        "messages",
        "functions",
        "stream_options",
        "modalities",
    ] {
        for value in [json!(CANARY), json!([CANARY, 1]), json!({CANARY: CANARY}), json!([{CANARY: 1}])] {
            if let Err(refusal) = read(&with(json!({name: value}))) {
                assert!(!format!("{refusal:?}").contains("Zebulon"), "{name}: {refusal:?}");
            }
        }
    }
}
