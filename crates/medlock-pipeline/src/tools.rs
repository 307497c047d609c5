//! Calls of tools and answers in JSON, for a model that knows neither: what it is told, what its answer is held to, and
//! what of it is a call.

use crate::chat::{Chat, Json, Tool};
use crate::generate::GenerateError;
use medlock_deid::ProtectedText;
use medlock_domain::ModelText;
use medlock_model::Shape;
use serde_json::{Value, json};

/// Before a call: what models are trained with that call tools at all, and no word of any language.
const MARKER: &str = "<tool_call>";
const END: &str = "</tool_call>";

/// Whether, and how, an answer calls a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calling {
    /// It does not.
    Never,
    /// It may: behind the marker.
    Perhaps,
    /// It does.
    Always,
}

fn read(text: &ProtectedText) -> String {
    text.expose().to_owned()
}

/// What the answer is held to, and whether it calls a tool.
pub(crate) fn shape(chat: &Chat<ProtectedText>) -> Result<(Option<Shape>, Calling), GenerateError> {
    let tools = offered(chat)?;
    let format = match &chat.response_format {
        None => None,
        Some(format) => {
            let format = format.to_value(&read);
            let wanted = &format["json_schema"];
            let schema = wanted.get("schema").cloned().unwrap_or_else(|| json!({"type": "object"}));
            Some(Shape { schema: schema.to_string(), strict: wanted["strict"] == true, after: None })
        }
    };
    if tools.is_empty() {
        return Ok((format, Calling::Never));
    }
    let always = chat.tool_choice.is_some();
    if !always && format.is_some() {
        return Err(GenerateError::Dishonoured(
            "response_format",
            "tools may be called as well: set tool_choice to none or required",
        ));
    }
    let strict = tools.iter().all(|tool| tool.strict);
    let after = (!always).then(|| MARKER.to_owned());
    let shape = Shape { schema: calls(&tools).to_string(), strict, after };
    Ok((Some(shape), if always { Calling::Always } else { Calling::Perhaps }))
}

/// The tools that may be called.
fn offered(chat: &Chat<ProtectedText>) -> Result<Vec<&Tool<ProtectedText>>, GenerateError> {
    let all = || chat.tools.iter().collect();
    match chat.tool_choice.as_ref().map(|choice| choice.to_value(&read)) {
        None => Ok(all()),
        Some(Value::String(word)) if word == "none" => Ok(Vec::new()),
        Some(Value::String(_)) if !chat.tools.is_empty() => Ok(all()),
        Some(choice) => {
            let named = |tool: &&Tool<ProtectedText>| choice["function"]["name"] == *tool.name.expose();
            let found: Vec<_> = chat.tools.iter().filter(named).collect();
            if found.is_empty() {
                Err(GenerateError::Dishonoured("tool_choice", "it names no tool that is given"))
            } else {
                Ok(found)
            }
        }
    }
}

/// The schema of a call of one of these.
fn calls(tools: &[&Tool<ProtectedText>]) -> Value {
    let call = |tool: &Tool<ProtectedText>, place: String| {
        let mut arguments = tool.parameters.as_ref().map_or(json!({"type": "object"}), |p| p.to_value(&read));
        below(&mut arguments, &format!("{place}/properties/arguments"));
        json!({
            "type": "object", "additionalProperties": false, "required": ["name", "arguments"],
            "properties": {"name": {"const": tool.name.expose()}, "arguments": arguments},
        })
    };
    match tools {
        [one] => call(one, "#".into()),
        several => {
            let any: Vec<Value> =
                several.iter().enumerate().map(|(i, tool)| call(tool, format!("#/anyOf/{i}"))).collect();
            json!({ "anyOf": any })
        }
    }
}

/// A schema that now stands at `place` of another: what it refers to in itself is there.
fn below(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| match value {
            Value::String(at) if key == "$ref" => {
                if let Some(rest) = at.strip_prefix('#') {
                    *at = format!("{place}{rest}");
                }
            }
            value => below(value, place),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| below(item, place)),
        _ => {}
    }
}

/// What the model is told of tools and of the answer's form; chat templates know neither.
pub(crate) fn instructions(chat: &Chat<ProtectedText>, calling: Calling) -> Option<String> {
    let mut lines = Vec::new();
    if calling != Calling::Never {
        lines.push("You can call these tools:".to_owned());
        for tool in offered(chat).unwrap_or_default() {
            let described = json!({
                "name": tool.name.expose(), "description": tool.description.as_ref().map(read),
                "parameters": tool.parameters.as_ref().map(|p| p.to_value(&read)),
            });
            lines.push(described.to_string());
        }
        let form = r#"{"name": "...", "arguments": {...}}"#;
        lines.push(match calling {
            Calling::Always => format!("Call one: answer with {form} and nothing else."),
            _ => format!("To call one, answer with {MARKER}{form}{END} and nothing else."),
        });
    }
    if let Some(format) = &chat.response_format {
        lines.push(match format.to_value(&read)["json_schema"].get("schema") {
            Some(schema) => format!("Answer with JSON of this schema and nothing else: {schema}"),
            None => "Answer with a JSON object and nothing else.".to_owned(),
        });
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A call that an earlier answer made, as the model would have written it.
pub(crate) fn written(name: &ProtectedText, arguments: &Json<ProtectedText>) -> String {
    format!("{MARKER}{}{END}", json!({"name": name.expose(), "arguments": arguments.to_value(&read)}))
}

/// Tells text from calls in an answer while it comes.
pub(crate) struct Hearing {
    state: State,
    /// What is not told yet.
    said: String,
}

enum State {
    Text,
    /// It may begin with the marker.
    Open,
    Call,
}

/// What an answer was in the end.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// Text, of which this is the rest.
    Text(String),
    /// A call: the function, and its arguments as JSON.
    Call(String, String),
    /// A call that broke off.
    Broken,
}

impl Hearing {
    pub(crate) fn new(calling: Calling) -> Self {
        let state = match calling {
            Calling::Never => State::Text,
            Calling::Perhaps => State::Open,
            Calling::Always => State::Call,
        };
        Self { state, said: String::new() }
    }

    /// Takes more; gives what is text for certain.
    pub(crate) fn push(&mut self, text: ModelText) -> Option<ModelText> {
        if matches!(self.state, State::Text) {
            return Some(text);
        }
        self.said.push_str(text.expose_unfiltered());
        if matches!(self.state, State::Open) {
            let begun = self.said.trim_start();
            if begun.starts_with(MARKER) {
                self.state = State::Call;
            } else if !MARKER.starts_with(begun) {
                self.state = State::Text;
                return Some(ModelText::new(std::mem::take(&mut self.said)));
            }
        }
        None
    }

    /// The answer is over.
    pub(crate) fn finish(self) -> Heard {
        let State::Call = self.state else { return Heard::Text(self.said) };
        let said = self.said.trim();
        let said = said.strip_prefix(MARKER).unwrap_or(said);
        let said = said.strip_suffix(END).unwrap_or(said);
        match serde_json::from_str::<Value>(said) {
            Ok(Value::Object(mut call)) => match (call.remove("name"), call.remove("arguments")) {
                (Some(Value::String(name)), Some(arguments)) => Heard::Call(name, arguments.to_string()),
                _ => Heard::Broken,
            },
            _ => Heard::Broken,
        }
    }
}

#[cfg(test)]
mod tests;
