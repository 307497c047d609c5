//! Answers that are held to a schema.

use crate::Test;
use crate::talk::{Answer, Engine, finish, greedy};
use medlock_engine::frame::{ErrorCode, Finish, Reply, Sampling, Shape};
use serde_json::{Value, json};

pub(crate) const TESTS: &[Test] = &[
    ("shapes::an_answer_is_what_its_schema_says", an_answer_is_what_its_schema_says),
    ("shapes::a_schema_that_cannot_be_held_to_is_refused", a_schema_that_cannot_be_held_to_is_refused),
    ("shapes::without_the_marker_an_answer_is_free", without_the_marker_an_answer_is_free),
];

fn shaped(engine: &mut Engine, schema: &str, after: Option<&str>, how: Sampling) -> Answer {
    engine.shape = Some(Shape { schema: schema.into(), strict: true, after: after.map(str::to_owned) });
    engine.user("Tell me about a patient with a cough, in JSON.", how)
}

fn an_answer_is_what_its_schema_says() {
    let mut engine = Engine::start(1024);
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["urgency", "age", "symptoms", "seen"],
        "properties": {
            "urgency": {"enum": ["low", "high"]}, "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "symptoms": {"type": "array", "items": {"$ref": "#/$defs/symptom"}, "minItems": 1, "maxItems": 2},
            "seen": {"type": ["string", "null"], "format": "date"},
        },
        "$defs": {"symptom": {
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {"name": {"type": "string", "maxLength": 12}, "since": {"type": "string", "pattern": "^[0-9]{1,2} days$"}},
        }},
    })
    .to_string();
    for seed in 0..4 {
        let how = if seed == 0 { greedy(200) } else { Sampling { seed, max_tokens: Some(200), ..Sampling::default() } };
        let answer = shaped(&mut engine, &schema, None, how);
        assert_eq!(finish(&answer.last).0, Finish::Stop, "{}", answer.text);
        let value: Value = serde_json::from_str(&answer.text).unwrap_or_else(|e| panic!("{e}: {}", answer.text));
        assert!(["low", "high"].contains(&value["urgency"].as_str().unwrap()), "{value}");
        assert!(value["age"].as_u64().unwrap() <= 120, "{value}");
        let symptoms = value["symptoms"].as_array().unwrap();
        assert!(symptoms.len() <= 2 && symptoms.iter().all(|s| s["name"].as_str().unwrap().chars().count() <= 12));
        assert_eq!(value.as_object().unwrap().len(), 4, "{value}");
    }
    // Any object, and one that does not fit into what may be said.
    let any = shaped(&mut engine, r#"{"type":"object"}"#, None, greedy(300));
    println!("  {}", any.text);
    if finish(&any.last).0 == Finish::Stop {
        assert!(serde_json::from_str::<Value>(&any.text).unwrap().is_object());
    }
    assert_eq!(finish(&shaped(&mut engine, &schema, None, greedy(3)).last).0, Finish::Length);
    assert!(engine.capital().text.contains("Paris"), "the next request is free again");
}

fn a_schema_that_cannot_be_held_to_is_refused() {
    let mut engine = Engine::start(512);
    let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(200), "}".repeat(200));
    let long = json!({ "enum": vec!["x".repeat(1000); 400] }).to_string();
    for bad in [
        "",
        "7",
        "false",
        "{",
        r#"{"type":"surgeon"}"#,
        r##"{"$ref":"#/$defs/none"}"##,
        r#"{"$ref":"https://example.org/schema"}"#,
        r#"{"type":"string","minLength":5,"maxLength":1}"#,
        r#"{"type":"string","pattern":"(?=x)y"}"#,
        r#"{"not":{"type":"string"}}"#,
        r#"{"type":"array","uniqueItems":true}"#,
        r#"{"type":"object","x-guidance":{"lenient":true}}"#,
        &deep,
        &long,
    ] {
        let answer = shaped(&mut engine, bad, None, greedy(8));
        let refused = matches!(answer.last, Reply::Error { code: ErrorCode::Shape, .. });
        assert!(refused && answer.text.is_empty(), "{}: {:?}", &bad[..bad.len().min(80)], answer.last);
    }
    // Not strictly, as much of it is held to as can be.
    engine.shape = Some(Shape { schema: r#"{"type":"array","uniqueItems":true}"#.into(), strict: false, after: None });
    assert!(engine.user("Count.", greedy(8)).text.starts_with('['));
    // One that is laborious is still one.
    let laborious = r#"{"type":"string","pattern":"((a{1,500}){1,500}){1,500}b{1,500}"}"#;
    assert_eq!(finish(&shaped(&mut engine, laborious, None, greedy(8)).last).0, Finish::Length);
    assert!(engine.capital().text.contains("Paris"));
}

fn without_the_marker_an_answer_is_free() {
    let mut engine = Engine::start(512);
    let free = engine.capital().text;
    engine.shape =
        Some(Shape { schema: r#"{"type":"object"}"#.into(), strict: true, after: Some("<tool_call>".into()) });
    assert_eq!(engine.capital().text, free);
}
