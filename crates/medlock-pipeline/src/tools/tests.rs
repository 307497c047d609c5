#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use medlock_deid::{Detector, protect_all};
use medlock_domain::{PhiText, ProtectionMode};

/// A chat that was protected, from its parts in JSON.
fn chat(tools: &[(&str, Value)], choice: Option<Value>, format: Option<Value>) -> Chat<ProtectedText> {
    let json = |value| Json::from_value(value, &PhiText::new);
    let tool = |(name, parameters): &(&str, Value)| Tool {
        name: PhiText::new(*name),
        description: None,
        parameters: Some(json(parameters.clone())),
        strict: false,
    };
    let chat = Chat {
        model: "m".parse().unwrap(),
        messages: Vec::new(),
        tools: tools.iter().map(tool).collect(),
        tool_choice: choice.map(json),
        response_format: format.map(json),
        stop: Vec::new(),
        user: None,
        metadata: None,
        sampling: Default::default(),
    };
    let inputs = chat.texts().into_iter().map(|placed| placed.text.into()).collect();
    let mode = ProtectionMode::Identified;
    let safe = protect_all(Detector::shared(), mode, inputs, &mut |bytes| bytes.fill(7)).unwrap();
    chat.rebuild(safe.texts).unwrap()
}

fn schema(chat: &Chat<ProtectedText>) -> (Value, Option<String>, Calling) {
    let (shape, calling) = shape(chat).unwrap();
    let shape = shape.unwrap();
    (serde_json::from_str(&shape.schema).unwrap(), shape.after, calling)
}

fn named(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

#[test]
fn a_call_is_held_to_the_tools_that_may_be_called() {
    let weigh = (
        "weigh",
        json!({"type": "object", "properties": {"kg": {"$ref": "#/$defs/kg"}}, "$defs": {"kg": {"type": "number"}}}),
    );
    let page = ("page", json!({"type": "object", "properties": {"whom": {"type": "string"}, "again": {"$ref": "#"}}}));
    let both = [weigh, page];
    let (any, after, calling) = schema(&chat(&both, None, None));
    assert_eq!((after.as_deref(), calling), (Some("<tool_call>"), Calling::Perhaps));
    assert_eq!(any["anyOf"][0]["properties"]["name"]["const"], "weigh");
    // What a schema says of itself is where it stands now.
    let refers = &any["anyOf"][0]["properties"]["arguments"]["properties"]["kg"]["$ref"];
    assert_eq!(refers, "#/anyOf/0/properties/arguments/$defs/kg");
    assert!(any.pointer(&refers.as_str().unwrap()[1..]).unwrap()["type"] == "number");
    assert_eq!(
        any["anyOf"][1]["properties"]["arguments"]["properties"]["again"]["$ref"],
        "#/anyOf/1/properties/arguments"
    );

    let (one, after, calling) = schema(&chat(&both, Some(named("page")), None));
    assert_eq!((after, calling), (None, Calling::Always));
    assert_eq!(one["properties"]["name"]["const"], "page");
    assert_eq!(schema(&chat(&both, Some(json!("required")), None)).2, Calling::Always);
    let none = chat(&both, Some(json!("none")), None);
    assert_eq!((shape(&none).unwrap(), instructions(&none, Calling::Never)), ((None, Calling::Never), None));
    for wrong in [chat(&both, Some(named("other")), None), chat(&[], Some(json!("required")), None)] {
        assert!(matches!(shape(&wrong), Err(GenerateError::Dishonoured("tool_choice", _))));
    }
}

#[test]
fn json_is_held_to_its_schema() {
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "array"}}});
    let asked = chat(&[], None, Some(format.clone()));
    let (shape_of, _) = shape(&asked).unwrap();
    assert!(shape_of.unwrap().strict);
    assert_eq!(schema(&asked).0, json!({"type": "array"}));
    assert!(instructions(&asked, Calling::Never).unwrap().contains(r#"{"type":"array"}"#));
    assert_eq!(schema(&chat(&[], None, Some(json!({"type": "json_object"})))).0, json!({"type": "object"}));
    let tool = [("f", json!({}))];
    let both = chat(&tool, None, Some(format.clone()));
    assert!(matches!(shape(&both), Err(GenerateError::Dishonoured("response_format", _))));
    assert_eq!(schema(&chat(&tool, Some(json!("none")), Some(format))).0, json!({"type": "array"}));
}

/// What is told as text, piece by piece, and what it was in the end.
fn hear(calling: Calling, pieces: &[&str]) -> (String, Heard) {
    let mut hearing = Hearing::new(calling);
    let text: Vec<ModelText> = pieces.iter().filter_map(|piece| hearing.push(ModelText::new(*piece))).collect();
    (text.iter().map(ModelText::expose_unfiltered).collect(), hearing.finish())
}

#[test]
fn calls_and_texts_are_told_apart_as_they_come() {
    use Calling::{Always, Never, Perhaps};
    let call = || Heard::Call("f".into(), r#"{"a":1}"#.into());
    let said = r#"{"name": "f", "arguments": {"a": 1}}"#;
    assert_eq!(hear(Always, &[said]), (String::new(), call()));
    assert_eq!(hear(Perhaps, &["\n<tool", "_call>", said, "</tool_call>"]), (String::new(), call()));
    assert_eq!(hear(Perhaps, &["<", "b>x", "</b>"]), ("<b>x</b>".into(), Heard::Text(String::new())));
    assert_eq!(hear(Perhaps, &[" ", "<tool"]), (String::new(), Heard::Text(" <tool".into())));
    assert_eq!(hear(Never, &["<tool_call>", said]).1, Heard::Text(String::new()));
    for broken in [&said[..20], "{}", "[1]", r#"{"name": 7, "arguments": {}}"#] {
        assert_eq!(hear(Always, &[broken]), (String::new(), Heard::Broken), "{broken}");
    }
}
