//! Tools, how to choose among them, and the format of the answer.

use super::fields::{Fields, Place};
use super::strict;
use medlock_domain::PhiText;
use medlock_pipeline::Refusal;
use medlock_pipeline::chat::{Json, Tool};
use serde_json::Value;

/// Most tools of one request.
const MAX_TOOLS: usize = 128;

/// JSON of the caller's, every string of it a text.
pub(crate) fn json(value: Value) -> Json<PhiText> {
    Json::from_value(value, &PhiText::new)
}

/// The arguments of a tool call: JSON in a string, or else just a string.
pub(crate) fn arguments(text: String, values: usize) -> Json<PhiText> {
    match strict::parse(text.as_bytes(), values) {
        Ok(value) => json(value),
        Err(_) => Json::String(PhiText::new(text)),
    }
}

/// Takes `tools`, or `functions` as they were called before.
pub(crate) fn tools(fields: &mut Fields) -> Result<Vec<Tool<PhiText>>, Refusal> {
    let (tools_at, functions_at) = (fields.at("tools"), fields.at("functions"));
    match (fields.list("tools")?, fields.list("functions")?) {
        (Some(_), Some(_)) => Err(functions_at.invalid("left out when tools are given")),
        (Some(items), None) => each(items, &tools_at, |item, at| {
            let mut fields = Fields::of(item, at)?;
            if fields.word("type")?.as_deref() != Some("function") {
                return Err(fields.at("type").unsupported("only \"function\" is"));
            }
            let at = fields.at("function");
            let tool = function(fields.need("function")?, at)?;
            fields.finish()?;
            Ok(tool)
        }),
        (None, Some(items)) => each(items, &functions_at, function),
        (None, None) => Ok(Vec::new()),
    }
}

fn each(
    items: Vec<Value>,
    at: &Place,
    read: impl Fn(Value, Place) -> Result<Tool<PhiText>, Refusal>,
) -> Result<Vec<Tool<PhiText>>, Refusal> {
    if items.len() > MAX_TOOLS {
        return Err(at.invalid("a list of at most 128"));
    }
    items.into_iter().enumerate().map(|(i, item)| read(item, at.index(i))).collect()
}

fn function(value: Value, at: Place) -> Result<Tool<PhiText>, Refusal> {
    let mut fields = Fields::of(value, at)?;
    let tool = Tool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        parameters: object(&mut fields, "parameters")?.map(json),
        strict: fields.bool("strict")?.unwrap_or(false),
    };
    fields.finish()?;
    Ok(tool)
}

fn object(fields: &mut Fields, name: &str) -> Result<Option<Value>, Refusal> {
    match fields.take(name) {
        None => Ok(None),
        Some(v @ Value::Object(_)) => Ok(Some(v)),
        Some(_) => Err(fields.at(name).invalid("an object")),
    }
}

/// Takes `tool_choice`, or `function_call` as it was called before. "auto" says nothing that has to be known.
pub(crate) fn choice(fields: &mut Fields) -> Result<Option<Json<PhiText>>, Refusal> {
    let (new_at, old_at) = (fields.at("tool_choice"), fields.at("function_call"));
    match (fields.take("tool_choice"), fields.take("function_call")) {
        (Some(_), Some(_)) => Err(old_at.invalid("left out when tool_choice is given")),
        (Some(Value::String(s)), None) | (None, Some(Value::String(s))) if s == "auto" => Ok(None),
        (Some(Value::String(s)), None) | (None, Some(Value::String(s))) if s == "none" => {
            Ok(Some(json(Value::String(s))))
        }
        (Some(Value::String(s)), None) if s == "required" => Ok(Some(json(Value::String(s)))),
        (Some(v @ Value::Object(_)), None) => {
            let mut choice = Fields::of(v, new_at)?;
            if choice.word("type")?.as_deref() != Some("function") {
                return Err(choice.at("type").unsupported("only \"function\" is"));
            }
            let at = choice.at("function");
            let named = named(choice.need("function")?, at)?;
            choice.finish()?;
            Ok(Some(named))
        }
        (None, Some(v @ Value::Object(_))) => named(v, old_at).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err(new_at.invalid("auto, none, required, or one function by name")),
        (None, Some(_)) => Err(old_at.invalid("auto, none, or one function by name")),
    }
}

fn named(value: Value, at: Place) -> Result<Json<PhiText>, Refusal> {
    let mut function = Fields::of(value, at)?;
    let name = function.need_text("name")?;
    function.finish()?;
    let word = |w: &str| PhiText::new(w);
    Ok(Json::Object(vec![
        (word("type"), Json::String(word("function"))),
        (word("function"), Json::Object(vec![(word("name"), Json::String(name))])),
    ]))
}

/// Takes `response_format`; plain text is as good as none.
pub(crate) fn response_format(fields: &mut Fields) -> Result<Option<Json<PhiText>>, Refusal> {
    let at = fields.at("response_format");
    let Some(value) = fields.take("response_format") else { return Ok(None) };
    let whole = value.clone();
    let mut format = Fields::of(value, at)?;
    let kept = match format.word("type")?.as_deref() {
        Some("text") => None,
        Some("json_object") => Some(json(whole)),
        Some("json_schema") => {
            let at = format.at("json_schema");
            let mut schema = Fields::of(format.need("json_schema")?, at)?;
            let _kept_in_whole = schema.need_text("name")?;
            let _kept_in_whole = schema.text("description")?;
            let _kept_in_whole = object(&mut schema, "schema")?;
            let _kept_in_whole = schema.bool("strict")?;
            schema.finish()?;
            Some(json(whole))
        }
        _ => return Err(format.at("type").unsupported("only \"text\", \"json_object\" and \"json_schema\" are")),
    };
    format.finish()?;
    Ok(kept)
}
