//! A chat request: from the bytes of the body to a `Chat` in which every text has its place.

use super::fields::{Fields, Place};
use super::strict::{self, Flaw};
use super::{message, params, tool};
use medlock_domain::{ModelName, PhiText};
use medlock_pipeline::chat::{Chat, Json};
use medlock_pipeline::{Parsed, Refusal, RefusalCode};
use serde_json::Value;

/// How much one request may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) messages: usize,
    /// JSON values in all: each is a text to inspect.
    pub(crate) values: usize,
}

/// What the answer has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) model: ModelName,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) n: u32,
}

/// Reads a chat request.
pub(crate) fn chat(body: &[u8], bounds: &Bounds) -> Result<(Parsed, Wanted), Refusal> {
    let value = strict::parse(body, bounds.values).map_err(|flaw| flawed(flaw, bounds))?;
    let mut fields = Fields::of(value, Place::root())?;
    let model = model(&mut fields)?;
    let (stream, include_usage) = params::stream(&mut fields)?;
    let chat = Chat {
        model: model.clone(),
        messages: message::messages(&mut fields, bounds)?,
        tools: tool::tools(&mut fields)?,
        tool_choice: tool::choice(&mut fields)?,
        response_format: tool::response_format(&mut fields)?,
        stop: params::stop(&mut fields)?,
        user: fields.text("user")?,
        metadata: metadata(&mut fields)?,
        sampling: params::sampling(&mut fields)?,
    };
    params::defaults(&mut fields)?;
    fields.finish()?;
    let n = chat.sampling.n;
    Ok((Parsed { chat, stream }, Wanted { model, stream, include_usage, n }))
}

/// A body that is not JSON as this server takes it.
fn flawed(flaw: Flaw, bounds: &Bounds) -> Refusal {
    let message = match flaw {
        Flaw::NotUtf8 => "the body is not UTF-8".to_string(),
        Flaw::Syntax { line, column } => format!("the body is not JSON: see line {line}, column {column}"),
        Flaw::DuplicateKey { line, column } => {
            format!("an object has the same key twice: see line {line}, column {column}")
        }
        Flaw::ReservedKey => "an object has a key that is reserved".to_string(),
        Flaw::TooMany => {
            let message = format!("the body holds more than {} JSON values", bounds.values);
            return Refusal::new(RefusalCode::InvalidValue, message);
        }
    };
    Refusal::new(RefusalCode::InvalidJson, message)
}

/// A name that no model can have is a model that does not exist.
fn model(fields: &mut Fields) -> Result<ModelName, Refusal> {
    let at = fields.at("model");
    let name = fields.word("model")?.ok_or_else(|| at.invalid("the name of a model"))?;
    name.parse().map_err(|_| {
        Refusal::new(RefusalCode::ModelNotFound, "no model of that name can be used with this credential")
            .param("model")
    })
}

fn metadata(fields: &mut Fields) -> Result<Option<Json<PhiText>>, Refusal> {
    let at = fields.at("metadata");
    match fields.take("metadata") {
        None => Ok(None),
        Some(Value::Object(map)) if map.len() <= 16 && map.values().all(Value::is_string) => {
            Ok(Some(tool::json(Value::Object(map))))
        }
        Some(_) => Err(at.invalid("an object of at most 16 strings")),
    }
}
