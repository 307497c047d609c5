//! Holds an answer to a JSON schema while it is made: what would not fit is not chosen. The schema is the caller's, so it
//! is compiled here, in the sandbox, within bounds; a grammar in any other language is never taken.

use crate::frame::{ErrorCode, Shape};
use crate::llama::{Model, Token};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::sync::Arc;

/// The most bytes of a schema.
const MAX_SCHEMA: usize = 256 << 10;
/// White space between two tokens of JSON: enough to be laid out, too little to go on for ever.
const SPACE: &str = r"[ \n]{0,8}";

/// Compiles schemas for one vocabulary, which is read when the first one comes.
pub(crate) struct Shaper<'m> {
    model: &'m Model,
    factory: OnceCell<Option<ParserFactory>>,
}

/// One answer's schema, and how far the answer is.
pub(crate) struct Shaped {
    matcher: Option<Matcher>,
    /// What has to come first; then the schema holds.
    after: Option<After>,
    /// What may come next; computed when it is asked for.
    mask: Option<SimpleVob>,
}

struct After {
    marker: String,
    /// What was said so far, while it could still be the marker.
    said: Vec<u8>,
}

impl<'m> Shaper<'m> {
    pub(crate) fn new(model: &'m Model) -> Self {
        Self { model, factory: OnceCell::new() }
    }

    /// Compiles a schema.
    pub(crate) fn shape(&self, shape: &Shape) -> Result<Shaped, ErrorCode> {
        if shape.schema.len() > MAX_SCHEMA {
            return Err(ErrorCode::Shape);
        }
        let schema: Value = serde_json::from_str(&shape.schema).map_err(|_| ErrorCode::Shape)?;
        let schema = with_options(schema, shape.strict).ok_or(ErrorCode::Shape)?;
        let factory = self.factory.get_or_init(|| factory(self.model)).as_ref().ok_or(ErrorCode::Shape)?;
        let parser = factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let mut matcher = Matcher::new(parser);
        // A warning says what of the schema would not be held.
        if matcher.is_error() || shape.strict && !matcher.grammar_warnings().is_empty() {
            return Err(ErrorCode::Shape);
        }
        let after = shape.after.clone().map(|marker| After { marker, said: Vec::new() });
        Ok(Shaped { matcher: Some(matcher), after, mask: None })
    }
}

/// With our white space. A caller's own options for the compiler are refused.
fn with_options(schema: Value, strict: bool) -> Option<Value> {
    const OPTIONS: &str = "x-guidance";
    let options = json!({ "whitespace_pattern": SPACE, "lenient": !strict });
    match schema {
        Value::Object(mut map) if !map.contains_key(OPTIONS) => {
            map.insert(OPTIONS.into(), options);
            Some(map.into())
        }
        Value::Bool(true) => Some(json!({ OPTIONS: options })),
        _ => None,
    }
}

fn factory(model: &Model) -> Option<ParserFactory> {
    let words: Vec<Vec<u8>> = (0..model.vocabulary()).map(|token| word(model, token)).collect();
    let end = (0..model.vocabulary()).find(|token| model.ends_answer(*token))?;
    let info = TokRxInfo {
        vocab_size: u32::try_from(words.len()).ok()?,
        tok_eos: u32::try_from(end).ok()?,
        tok_bos: None,
        tok_pad: None,
        tok_unk: None,
        tok_end_of_turn: None,
    };
    let env: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
    let mut factory = ParserFactory::new_simple(&env).ok()?;
    factory.quiet();
    // An error may quote the schema and the answer.
    factory.limits_mut().verbose_errors = false;
    Some(factory)
}

/// A token's bytes. One that says nothing to a reader is marked as no text.
fn word(model: &Model, token: Token) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !model.is_control(token) {
        model.append_piece(token, &mut bytes);
    }
    if bytes.is_empty() {
        bytes = [&[TokTrie::SPECIAL_TOKEN_MARKER], format!("[{token}]").as_bytes()].concat();
    }
    bytes
}

impl Shaped {
    /// Finds out what may come next, for [`Shaped::allows`].
    pub(crate) fn look(&mut self) -> Result<(), ErrorCode> {
        self.mask = match (&self.after, &mut self.matcher) {
            (None, Some(matcher)) => Some(matcher.compute_mask_or_eos().map_err(|_| ErrorCode::Shape)?),
            _ => None,
        };
        Ok(())
    }

    /// Whether the token may come next.
    pub(crate) fn allows(&self, token: Token) -> bool {
        self.mask.as_ref().is_none_or(|mask| u32::try_from(token).is_ok_and(|token| mask.is_allowed(token)))
    }

    /// Takes the token that was chosen, with its text; whether the answer is complete with it.
    pub(crate) fn take(&mut self, token: Token, piece: &[u8]) -> Result<bool, ErrorCode> {
        if let Some(after) = &mut self.after {
            after.said.extend_from_slice(piece);
            let said = after.said.trim_ascii_start();
            let marker = after.marker.as_bytes();
            match said.strip_prefix(marker) {
                Some(rest) if rest.trim_ascii().is_empty() => self.after = None,
                // Another text, or more than the marker came in one piece: it is not held.
                _ if !marker.starts_with(said) => (self.after, self.matcher) = (None, None),
                _ => {}
            }
            return Ok(false);
        }
        let Some(matcher) = &mut self.matcher else { return Ok(false) };
        let token = u32::try_from(token).map_err(|_| ErrorCode::Compute)?;
        matcher.consume_token(token).map_err(|_| ErrorCode::Shape)?;
        Ok(matcher.is_stopped())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::llama::tests::model;

    /// Which of the texts may come next.
    fn may(shaped: &mut Shaped, model: &Model, texts: &[&str]) -> Vec<bool> {
        shaped.look().unwrap();
        texts.iter().map(|text| shaped.allows(model.tokenize(text, false).unwrap()[0])).collect()
    }

    /// Whether the answer is complete with this.
    fn say(shaped: &mut Shaped, model: &Model, text: &str) -> bool {
        let tokens = model.tokenize(text, false).unwrap();
        tokens.into_iter().fold(false, |_, token| {
            let mut piece = Vec::new();
            model.append_piece(token, &mut piece);
            shaped.look().unwrap();
            assert!(shaped.allows(token), "{text}");
            shaped.take(token, &piece).unwrap()
        })
    }

    #[test]
    fn after_its_marker_an_answer_is_held_and_without_it_free() {
        let model = model();
        let shaper = Shaper::new(&model);
        let schema =
            r#"{"type":"object","required":["name"],"additionalProperties":false,"properties":{"name":{"const":"f"}}}"#;
        let shape = Shape { schema: schema.into(), strict: true, after: Some("<tool_call>".into()) };
        let mut shaped = shaper.shape(&shape).unwrap();
        assert!(!say(&mut shaped, &model, "\n<tool_call>"));
        assert_eq!(may(&mut shaped, &model, &["{", "The", "7"]), [true, false, false]);
        assert!(say(&mut shaped, &model, r#"{"name": "f"}"#));

        let mut shaped = shaper.shape(&shape).unwrap();
        for text in ["<tool_", "box> {\"name\": 7}", " anything"] {
            assert!(!say(&mut shaped, &model, text));
        }
        assert_eq!(may(&mut shaped, &model, &["{", "The", "7"]), [true, true, true]);
    }

    #[test]
    fn no_control_token_is_part_of_a_string() {
        let model = model();
        let mut shaped = Shaper::new(&model)
            .shape(&Shape { schema: r#"{"type":"string"}"#.into(), strict: true, after: None })
            .unwrap();
        say(&mut shaped, &model, "\"a");
        shaped.look().unwrap();
        let control = (0..model.vocabulary()).filter(|token| model.is_control(*token));
        assert!(control.filter(|token| shaped.allows(*token)).count() == 0);
        assert!(say(&mut shaped, &model, "\""));
    }
}
