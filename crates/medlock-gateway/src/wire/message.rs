//! The messages of a chat request.

use super::fields::{Fields, Place};
use super::request::Bounds;
use super::tool;
use medlock_domain::PhiText;
use medlock_pipeline::Refusal;
use medlock_pipeline::chat::{Message, Role, ToolCall};
use serde_json::Value;

/// Takes `messages`.
pub(crate) fn messages(fields: &mut Fields, bounds: &Bounds) -> Result<Vec<Message<PhiText>>, Refusal> {
    let at = fields.at("messages");
    let items = fields.list("messages")?.unwrap_or_default();
    if items.is_empty() || items.len() > bounds.messages {
        return Err(at.invalid(&format!("a list of 1 to {} messages", bounds.messages)));
    }
    items.into_iter().enumerate().map(|(i, item)| message(item, at.index(i), bounds)).collect()
}

fn message(value: Value, at: Place, bounds: &Bounds) -> Result<Message<PhiText>, Refusal> {
    let mut fields = Fields::of(value, at)?;
    let role = role(&mut fields)?;
    let (content, mut refusal) = content(&mut fields, role)?;
    let mut message = Message {
        role,
        content,
        refusal: None,
        name: fields.text("name")?,
        tool_calls: Vec::new(),
        tool_call_id: None,
    };
    match role {
        Role::Assistant => {
            if let Some(own) = fields.text("refusal")? {
                if refusal.is_some() {
                    return Err(fields.at("refusal").invalid("left out when a content part holds it"));
                }
                refusal = Some(own);
            }
            message.tool_calls = tool_calls(&mut fields, bounds)?;
            // Clients send an answer back just as they got it.
            fields.only_default("annotations", |v| v.as_array().is_some_and(Vec::is_empty))?;
            fields.only_default("audio", |_| false)?;
            fields.only_default("function_call", |_| false)?;
            if message.content.is_empty() && refusal.is_none() && message.tool_calls.is_empty() {
                return Err(fields.at("content").invalid("given, unless there are tool_calls or a refusal"));
            }
        }
        Role::Tool => message.tool_call_id = Some(fields.need_text("tool_call_id")?),
        Role::System | Role::Developer | Role::User => {}
    }
    message.refusal = refusal;
    fields.finish()?;
    Ok(message)
}

fn role(fields: &mut Fields) -> Result<Role, Refusal> {
    const ROLES: [Role; 5] = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];
    let word = fields.word("role")?;
    ROLES
        .into_iter()
        .find(|r| word.as_deref() == Some(r.as_str()))
        .ok_or_else(|| fields.at("role").invalid("system, developer, user, assistant or tool"))
}

/// Takes `content`: (texts, the refusal that stands among an assistant's parts).
fn content(fields: &mut Fields, role: Role) -> Result<(Vec<PhiText>, Option<PhiText>), Refusal> {
    let at = fields.at("content");
    let parts = match fields.take("content") {
        Some(Value::String(s)) => return Ok((vec![PhiText::new(s)], None)),
        Some(Value::Array(parts)) if !parts.is_empty() => parts,
        None if role == Role::Assistant => return Ok((Vec::new(), None)),
        _ => return Err(at.invalid("a string or a list of text parts")),
    };
    let (mut texts, mut refusal) = (Vec::with_capacity(parts.len()), None);
    for (i, part) in parts.into_iter().enumerate() {
        let mut part = Fields::of(part, at.index(i))?;
        match part.word("type")?.as_deref() {
            Some("text") => texts.push(part.need_text("text")?),
            Some("refusal") if role == Role::Assistant && refusal.is_none() => {
                refusal = Some(part.need_text("refusal")?);
            }
            _ => {
                return Err(part
                    .at("type")
                    .unsupported("only text can be inspected, so only \"text\" parts are taken"));
            }
        }
        part.finish()?;
    }
    Ok((texts, refusal))
}

fn tool_calls(fields: &mut Fields, bounds: &Bounds) -> Result<Vec<ToolCall<PhiText>>, Refusal> {
    let at = fields.at("tool_calls");
    let calls = fields.list("tool_calls")?.unwrap_or_default();
    calls
        .into_iter()
        .enumerate()
        .map(|(i, call)| {
            let mut call = Fields::of(call, at.index(i))?;
            if call.word("type")?.is_some_and(|t| t != "function") {
                return Err(call.at("type").unsupported("only \"function\" is"));
            }
            let id = call.need_text("id")?;
            let _position = call.number("index", "an integer", |n| n.as_u64())?; // of the stream that it came in
            let function_at = call.at("function");
            let mut function = Fields::of(call.need("function")?, function_at)?;
            let name = function.need_text("name")?;
            let text = function.word("arguments")?;
            let text = text.ok_or_else(|| function.at("arguments").invalid("a string"))?;
            function.finish()?;
            call.finish()?;
            Ok(ToolCall { id, name, arguments: tool::arguments(text, bounds.values) })
        })
        .collect()
}
