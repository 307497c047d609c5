//! The numbers and switches of a chat request.

use super::fields::Fields;
use medlock_domain::PhiText;
use medlock_pipeline::Refusal;
use medlock_pipeline::chat::Sampling;
use serde_json::{Number, Value};

/// Most strings in `stop`.
const MAX_STOP: usize = 4;
/// Most tokens with a bias.
const MAX_BIASED: usize = 300;
/// Most answers to one request.
const MAX_N: u32 = 8;

type IsDefault = fn(&Value) -> bool;

/// Parameters that this server does not support, with what their default looks like: clients send
/// them without meaning anything by it.
const AT_DEFAULT: &[(&str, IsDefault)] = &[
    ("logprobs", |v| v == false),
    ("top_logprobs", |v| v == 0),
    // An answer calls one tool at most, so that either is kept.
    ("parallel_tool_calls", Value::is_boolean),
    ("store", |v| v == false),
    ("service_tier", |v| v == "auto" || v == "default"),
    ("modalities", |v| v.as_array().is_some_and(|m| m.len() == 1 && m[0] == "text")),
    ("reasoning_effort", |v| v == "none"),
    ("verbosity", |v| v == "medium"),
    ("audio", |_| false),
    ("prediction", |_| false),
    ("web_search_options", |_| false),
    ("prompt_cache_key", |_| false),
    ("prompt_cache_retention", |_| false),
    ("safety_identifier", |_| false),
    ("moderation", |_| false),
];

/// Takes what is accepted only at its default.
pub(crate) fn defaults(fields: &mut Fields) -> Result<(), Refusal> {
    AT_DEFAULT.iter().try_for_each(|(name, is_default)| fields.only_default(name, *is_default))
}

/// Takes how to generate.
pub(crate) fn sampling(fields: &mut Fields) -> Result<Sampling, Refusal> {
    let usual = Sampling::default();
    Ok(Sampling {
        max_tokens: max_tokens(fields)?,
        temperature: ranged(fields, "temperature", 0.0, 2.0)?.unwrap_or(usual.temperature),
        top_p: ranged(fields, "top_p", 0.0, 1.0)?.unwrap_or(usual.top_p),
        seed: fields.number("seed", "an integer of 64 bits", seed)?,
        presence_penalty: ranged(fields, "presence_penalty", -2.0, 2.0)?.unwrap_or(usual.presence_penalty),
        frequency_penalty: ranged(fields, "frequency_penalty", -2.0, 2.0)?.unwrap_or(usual.frequency_penalty),
        logit_bias: logit_bias(fields)?,
        n: fields
            .number("n", "an integer from 1 to 8", |n| u32_of(n).filter(|n| (1..=MAX_N).contains(n)))?
            .unwrap_or(usual.n),
    })
}

/// Takes `logit_bias`: tokens of the model's own vocabulary, by number.
fn logit_bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>, Refusal> {
    let at = fields.at("logit_bias");
    let wrong = || at.invalid("an object of at most 300 token numbers, each with a number from -100 to 100");
    let Some(given) = fields.take("logit_bias") else { return Ok(Vec::new()) };
    let Value::Object(given) = given else { return Err(wrong()) };
    if given.len() > MAX_BIASED {
        return Err(wrong());
    }
    let read = |(token, by): (String, Value)| {
        let by = by.as_f64().filter(|by| (-100.0..=100.0).contains(by))?;
        Some((token.parse().ok()?, by as f32))
    };
    given.into_iter().map(|pair| read(pair).ok_or_else(wrong)).collect()
}

/// The old name and the new one mean the same.
fn max_tokens(fields: &mut Fields) -> Result<Option<u32>, Refusal> {
    let positive = |n: &Number| u32_of(n).filter(|n| *n > 0);
    let old = fields.number("max_tokens", "a positive integer", positive)?;
    let new = fields.number("max_completion_tokens", "a positive integer", positive)?;
    match (old, new) {
        (Some(a), Some(b)) if a != b => {
            Err(fields.at("max_tokens").invalid("left out, or the same as max_completion_tokens"))
        }
        (old, new) => Ok(new.or(old)),
    }
}

fn u32_of(n: &Number) -> Option<u32> {
    n.as_u64().and_then(|n| n.try_into().ok())
}

fn seed(n: &Number) -> Option<u64> {
    n.as_u64().or_else(|| n.as_i64().map(|n| n as u64))
}

fn ranged(fields: &mut Fields, name: &str, low: f64, high: f64) -> Result<Option<f32>, Refusal> {
    fields.number(name, &format!("a number from {low} to {high}"), |n| {
        n.as_f64().filter(|x| (low..=high).contains(x)).map(|x| x as f32)
    })
}

/// Takes `stop`: nothing, a string, or up to four.
pub(crate) fn stop(fields: &mut Fields) -> Result<Vec<PhiText>, Refusal> {
    let at = fields.at("stop");
    let wrong = || at.invalid("a string or a list of at most 4 strings, none of them empty");
    let given = match fields.take("stop") {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= MAX_STOP => items,
        Some(text @ Value::String(_)) => vec![text],
        Some(_) => return Err(wrong()),
    };
    given
        .into_iter()
        .map(|v| match v {
            Value::String(s) if !s.is_empty() => Ok(PhiText::new(s)),
            _ => Err(wrong()),
        })
        .collect()
}

/// Takes `stream` and its options: (piece by piece, with usage at the end).
pub(crate) fn stream(fields: &mut Fields) -> Result<(bool, bool), Refusal> {
    let stream = fields.bool("stream")?.unwrap_or(false);
    let at = fields.at("stream_options");
    let Some(options) = fields.take("stream_options") else { return Ok((stream, false)) };
    if !stream {
        return Err(at.invalid("left out when stream is not true"));
    }
    let mut options = Fields::of(options, at)?;
    let usage = options.bool("include_usage")?.unwrap_or(false);
    options.only_default("include_obfuscation", |v| v == false)?;
    options.finish()?;
    Ok((stream, usage))
}
