//! A chat request with every position that can carry text made explicit: `Chat<PhiText>` is what a
//! caller sent, `Chat<ProtectedText>` is what a model may see, and the only way from the one to the
//! other is a walk over all positions, so that none can be forgotten.

use medlock_domain::ModelName;

/// A chat request whose texts are of type `T`.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat<T> {
    /// Which model is asked.
    pub model: ModelName,
    /// The conversation, oldest first.
    pub messages: Vec<Message<T>>,
    /// Functions that the model may ask for.
    pub tools: Vec<Tool<T>>,
    /// `tool_choice`, when it is more than "auto".
    pub tool_choice: Option<Json<T>>,
    /// `response_format`, when it is more than plain text.
    pub response_format: Option<Json<T>>,
    /// Strings that end the answer.
    pub stop: Vec<T>,
    /// The caller's own name for its end user; recorded, never shown to the model.
    pub user: Option<T>,
    /// The caller's own notes; recorded, never shown to the model.
    pub metadata: Option<Json<T>>,
    /// How to generate: numbers only.
    pub sampling: Sampling,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the roles of the OpenAI chat format")]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

impl Role {
    /// The word in the wire format.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<T> {
    /// Who speaks.
    pub role: Role,
    /// The text, one element a content part.
    pub content: Vec<T>,
    /// `refusal` of an assistant message.
    pub refusal: Option<T>,
    /// The speaker's name.
    pub name: Option<T>,
    /// Calls that an assistant message made.
    pub tool_calls: Vec<ToolCall<T>>,
    /// Which call a tool message answers.
    pub tool_call_id: Option<T>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall<T> {
    /// The caller's id of the call.
    pub id: T,
    /// The function's name.
    pub name: T,
    /// The arguments; text that is not JSON is one string.
    pub arguments: Json<T>,
}

/// A function that the model may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool<T> {
    /// Its name.
    pub name: T,
    /// What it is for.
    pub description: Option<T>,
    /// JSON schema of its arguments.
    pub parameters: Option<Json<T>>,
    /// A schema that cannot be enforced in whole is refused.
    pub strict: bool,
}

/// JSON whose strings, numbers and object keys are texts: a record number is an identifier
/// whether or not it stands in quotes.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the kinds of JSON value")]
pub enum Json<T> {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(T),
    String(T),
    Array(Vec<Json<T>>),
    Object(Vec<(T, Json<T>)>),
}

/// How to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Most tokens to make for each choice.
    pub max_tokens: Option<u32>,
    /// 0 is greedy.
    pub temperature: f32,
    /// Nucleus.
    pub top_p: f32,
    /// Same seed, same answer.
    pub seed: Option<u64>,
    /// -2 to 2.
    pub presence_penalty: f32,
    /// -2 to 2.
    pub frequency_penalty: f32,
    /// Added to what the model gives these tokens of its vocabulary; -100 to 100.
    pub logit_bias: Vec<(u32, f32)>,
    /// How many answers.
    pub n: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            max_tokens: None,
            temperature: 1.0,
            top_p: 1.0,
            seed: None,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            n: 1,
        }
    }
}

/// Where in a request a text stands, for records and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Position {
    System,
    Developer,
    User,
    Assistant,
    ToolResult,
    Refusal,
    SpeakerName,
    ToolCall,
    ToolCallId,
    ToolDefinition,
    ToolChoice,
    ResponseFormat,
    Stop,
    EndUser,
    Metadata,
}

impl Position {
    /// The word in records: how many texts of this position were inspected.
    pub fn as_str(self) -> &'static str {
        self.words().0
    }

    /// The word in records for what was found there, by class.
    pub fn found(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Position::System => ("system", "system.found"),
            Position::Developer => ("developer", "developer.found"),
            Position::User => ("user", "user.found"),
            Position::Assistant => ("assistant", "assistant.found"),
            Position::ToolResult => ("tool_result", "tool_result.found"),
            Position::Refusal => ("refusal", "refusal.found"),
            Position::SpeakerName => ("speaker_name", "speaker_name.found"),
            Position::ToolCall => ("tool_call", "tool_call.found"),
            Position::ToolCallId => ("tool_call_id", "tool_call_id.found"),
            Position::ToolDefinition => ("tool_definition", "tool_definition.found"),
            Position::ToolChoice => ("tool_choice", "tool_choice.found"),
            Position::ResponseFormat => ("response_format", "response_format.found"),
            Position::Stop => ("stop", "stop.found"),
            Position::EndUser => ("user_field", "user_field.found"),
            Position::Metadata => ("metadata", "metadata.found"),
        }
    }
}

/// Where the walk is.
struct Spot<'a, T> {
    position: Position,
    key: Option<&'a T>,
    name: bool,
}

// Whatever the texts are: `derive` would want them copied as well.
impl<T> Copy for Spot<'_, T> {}

impl<T> Clone for Spot<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T> Spot<'a, T> {
    fn of(position: Position) -> Self {
        let name = matches!(position, Position::ToolDefinition | Position::ToolChoice | Position::ResponseFormat);
        Self { position, key: None, name }
    }

    fn name(self) -> Self {
        Self { key: None, name: true, ..self }
    }

    fn under(self, key: &'a T) -> Self {
        Self { key: Some(key), ..self }
    }
}

/// One text with where it stands and, inside JSON, the key that it stands under (a cue for the
/// detector: `"mrn": 4411023`).
#[derive(Debug)]
pub struct Placed<T> {
    /// Where.
    pub position: Position,
    /// The nearest object key above it, when it is a JSON value.
    pub key: Option<T>,
    /// It names something in a program: a tool, a key of JSON, or what a schema has of words.
    pub name: bool,
    /// The text.
    pub text: T,
}

impl<T: Clone> Chat<T> {
    /// Every text of the request, in a fixed order: the order in which [`Chat::rebuild`] takes
    /// them back.
    pub fn texts(&self) -> Vec<Placed<T>> {
        let mut out = Vec::new();
        let walked: Result<Chat<()>, std::convert::Infallible> =
            self.walk(&mut |Spot { position, key, name }, text| {
                out.push(Placed { position, key: key.cloned(), name, text: text.clone() });
                Ok(())
            });
        match walked {
            Ok(_) => out,
        }
    }

    /// The same request with `texts` in the places of [`Chat::texts`]; `None` when there are not
    /// exactly as many.
    pub fn rebuild<U>(&self, texts: Vec<U>) -> Option<Chat<U>> {
        let mut texts = texts.into_iter();
        let chat = self.walk(&mut |_, _| texts.next().ok_or(())).ok()?;
        texts.next().is_none().then_some(chat)
    }

    /// The one walk over all positions. A field that is added to [`Chat`] and forgotten here does
    /// not compile, because every struct is taken apart without `..`.
    fn walk<U, E>(&self, f: &mut impl FnMut(Spot<'_, T>, &T) -> Result<U, E>) -> Result<Chat<U>, E> {
        let Chat { model, messages, tools, tool_choice, response_format, stop, user, metadata, sampling } = self;
        Ok(Chat {
            model: model.clone(),
            messages: messages.iter().map(|m| m.walk(f)).collect::<Result<_, _>>()?,
            tools: tools.iter().map(|t| t.walk(f)).collect::<Result<_, _>>()?,
            tool_choice: opt(tool_choice, |j| j.walk(Spot::of(Position::ToolChoice), f))?,
            response_format: opt(response_format, |j| j.walk(Spot::of(Position::ResponseFormat), f))?,
            stop: stop.iter().map(|s| f(Spot::of(Position::Stop), s)).collect::<Result<_, _>>()?,
            user: opt(user, |u| f(Spot::of(Position::EndUser), u))?,
            metadata: opt(metadata, |j| j.walk(Spot::of(Position::Metadata), f))?,
            sampling: sampling.clone(),
        })
    }
}

fn opt<A, B, E>(value: &Option<A>, f: impl FnOnce(&A) -> Result<B, E>) -> Result<Option<B>, E> {
    value.as_ref().map(f).transpose()
}

impl<T> Message<T> {
    fn walk<U, E>(&self, f: &mut impl FnMut(Spot<'_, T>, &T) -> Result<U, E>) -> Result<Message<U>, E> {
        let Message { role, content, refusal, name, tool_calls, tool_call_id } = self;
        let position = match role {
            Role::System => Position::System,
            Role::Developer => Position::Developer,
            Role::User => Position::User,
            Role::Assistant => Position::Assistant,
            Role::Tool => Position::ToolResult,
        };
        Ok(Message {
            role: *role,
            content: content.iter().map(|t| f(Spot::of(position), t)).collect::<Result<_, _>>()?,
            refusal: opt(refusal, |t| f(Spot::of(Position::Refusal), t))?,
            name: opt(name, |t| f(Spot::of(Position::SpeakerName), t))?,
            tool_calls: tool_calls
                .iter()
                .map(|ToolCall { id, name, arguments }| {
                    Ok(ToolCall {
                        id: f(Spot::of(Position::ToolCallId), id)?,
                        name: f(Spot::of(Position::ToolCall).name(), name)?,
                        arguments: arguments.walk(Spot::of(Position::ToolCall), f)?,
                    })
                })
                .collect::<Result<_, _>>()?,
            tool_call_id: opt(tool_call_id, |t| f(Spot::of(Position::ToolCallId), t))?,
        })
    }
}

impl<T> Tool<T> {
    fn walk<U, E>(&self, f: &mut impl FnMut(Spot<'_, T>, &T) -> Result<U, E>) -> Result<Tool<U>, E> {
        let Tool { name, description, parameters, strict } = self;
        Ok(Tool {
            name: f(Spot::of(Position::ToolDefinition), name)?,
            description: opt(description, |t| f(Spot::of(Position::ToolDefinition), t))?,
            parameters: opt(parameters, |j| j.walk(Spot::of(Position::ToolDefinition), f))?,
            strict: *strict,
        })
    }
}

impl<T> Json<T> {
    fn walk<U, E>(&self, at: Spot<'_, T>, f: &mut impl FnMut(Spot<'_, T>, &T) -> Result<U, E>) -> Result<Json<U>, E> {
        Ok(match self {
            Json::Null => Json::Null,
            Json::Bool(b) => Json::Bool(*b),
            Json::Number(t) => Json::Number(f(at, t)?),
            Json::String(t) => Json::String(f(at, t)?),
            Json::Array(items) => Json::Array(items.iter().map(|i| i.walk(at, f)).collect::<Result<_, _>>()?),
            Json::Object(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(k, v)| Ok((f(at.name(), k)?, v.walk(at.under(k), f)?)))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// The same JSON with every text (leaves and keys) replaced by what `f` makes of it.
    pub fn try_map<U, E>(&self, f: &mut impl FnMut(&T) -> Result<U, E>) -> Result<Json<U>, E> {
        self.walk(Spot::of(Position::ToolCall), &mut |_, text| f(text))
    }

    /// Takes parsed JSON over, texts wrapped by `wrap`.
    pub fn from_value(value: serde_json::Value, wrap: &impl Fn(String) -> T) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(b),
            Value::Number(n) => Json::Number(wrap(n.to_string())),
            Value::String(s) => Json::String(wrap(s)),
            Value::Array(items) => Json::Array(items.into_iter().map(|i| Json::from_value(i, wrap)).collect()),
            Value::Object(map) => {
                Json::Object(map.into_iter().map(|(k, v)| (wrap(k), Json::from_value(v, wrap))).collect())
            }
        }
    }

    /// Back to JSON. A number that protection replaced becomes a string.
    pub fn to_value(&self, read: &impl Fn(&T) -> String) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(t) => {
                let text = read(t);
                text.parse::<serde_json::Number>().map_or(Value::String(text), Value::Number)
            }
            Json::String(t) => Value::String(read(t)),
            Json::Array(items) => Value::Array(items.iter().map(|i| i.to_value(read)).collect()),
            Json::Object(fields) => Value::Object(fields.iter().map(|(k, v)| (read(k), v.to_value(read))).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sample() -> Chat<String> {
        let s = |t: &str| t.to_string();
        let json = |v: serde_json::Value| Json::from_value(v, &|t| t);
        Chat {
            model: "m".parse().unwrap(),
            messages: vec![Message {
                role: Role::Assistant,
                content: vec![s("a"), s("b")],
                refusal: Some(s("c")),
                name: Some(s("d")),
                tool_calls: vec![ToolCall { id: s("e"), name: s("f"), arguments: json(serde_json::json!({"g": 7})) }],
                tool_call_id: Some(s("h")),
            }],
            tools: vec![Tool {
                name: s("i"),
                description: Some(s("j")),
                parameters: Some(json(serde_json::json!({"k": ["l", null, true]}))),
                strict: true,
            }],
            tool_choice: Some(json(serde_json::json!("m"))),
            response_format: Some(json(serde_json::json!({"n": "o"}))),
            stop: vec![s("p")],
            user: Some(s("q")),
            metadata: Some(json(serde_json::json!({"r": "s"}))),
            sampling: Sampling::default(),
        }
    }

    #[test]
    fn every_text_is_walked_once_and_comes_back_to_its_place() {
        let chat = sample();
        let texts: Vec<String> = chat.texts().into_iter().map(|p| p.text).collect();
        let mut sorted = texts.clone();
        sorted.sort();
        let expected: Vec<String> = "7abcdefghijklmnopqrs".chars().map(String::from).collect();
        assert_eq!(sorted, expected, "a position is walked twice or not at all");
        assert_eq!(chat.rebuild(texts.clone()).unwrap(), chat);
        assert!(chat.rebuild(texts[1..].to_vec()).is_none());
        assert!(chat.rebuild([texts, vec!["x".into()]].concat()).is_none());
    }

    #[test]
    fn a_json_value_knows_its_key() {
        let keys: Vec<_> = sample().texts().into_iter().filter(|p| p.text == "7").map(|p| p.key).collect();
        assert_eq!(keys, [Some("g".to_string())]);
    }

    #[test]
    fn a_replaced_number_becomes_a_string() {
        let j: Json<String> = Json::Number("[MRN-1]".into());
        assert_eq!(j.to_value(&|t| t.clone()), serde_json::json!("[MRN-1]"));
    }
}
