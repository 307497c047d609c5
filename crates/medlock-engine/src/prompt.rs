//! From a conversation to the model's tokens: the model's own chat template, and messages that
//! cannot speak for it.
//!
//! The template never sees a message's text. It gets a marker in its place, and what it renders is
//! split at the markers: the template's own pieces may contain control tokens, the messages' texts
//! may not. So a user who writes `<|im_end|>` has written ten ordinary characters.

mod template;

use crate::frame::{ErrorCode, Message};
use crate::llama::{Model, Token};
use template::Template;
use zeroize::Zeroize;

/// The roles that there are.
const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];
/// Most messages of a conversation: more than any context holds.
const MAX_MESSAGES: usize = 4096;

/// Renders conversations for one model.
pub(crate) struct Prompter {
    template: Template,
    leading: Option<Token>,
}

impl Prompter {
    /// Takes the template from the model; none, if it has none or one that cannot be used.
    pub(crate) fn new(model: &Model) -> Option<Self> {
        let source = model.metadata(c"tokenizer.chat_template")?;
        let (first, last) = model.boundary_texts();
        Some(Self { template: Template::new(source, first, last)?, leading: model.leading_token() })
    }

    /// The tokens of a conversation, ready for the model's answer. The caller wipes them.
    pub(crate) fn tokens(&self, model: &Model, messages: &[Message]) -> Result<Vec<Token>, ErrorCode> {
        if messages.is_empty() || messages.len() > MAX_MESSAGES {
            return Err(ErrorCode::BadRequest);
        }
        let roles = messages.iter().map(|m| known_role(&m.role)).collect::<Option<Vec<_>>>();
        let parts = self.template.render(&roles.ok_or(ErrorCode::BadRequest)?)?;
        let mut tokens = Vec::with_capacity(1024);
        for part in parts {
            let mut piece = match part {
                Part::Template(text) => model.tokenize(&text, true).ok_or(ErrorCode::Template)?,
                Part::Message(i) => plain_tokens(model, &messages[i].content)?,
            };
            tokens.extend_from_slice(&piece);
            piece.zeroize();
        }
        if let Some(leading) = self.leading.filter(|t| tokens.first() != Some(t)) {
            tokens.insert(0, leading);
        }
        Ok(tokens)
    }
}

/// A piece of a rendered conversation.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Of the template: its control tokens mean what they say.
    Template(String),
    /// The text of the message with this number.
    Message(usize),
}

fn known_role(role: &str) -> Option<&'static str> {
    ROLES.into_iter().find(|r| *r == role)
}

/// The tokens of a text in which nothing is special. Some vocabularies give a control token for a
/// whole word of plain text all the same; such a text is taken letter by letter.
fn plain_tokens(model: &Model, text: &str) -> Result<Vec<Token>, ErrorCode> {
    let harmless = |tokens: &[Token]| !tokens.iter().any(|t| model.is_control(*t));
    let tokens = model.tokenize(text, false).ok_or(ErrorCode::BadRequest)?;
    if harmless(&tokens) {
        return Ok(tokens);
    }
    let mut letter = [0; 4];
    let mut tokens = Vec::with_capacity(text.len());
    for c in text.chars() {
        let mut of_letter = model.tokenize(c.encode_utf8(&mut letter), false).ok_or(ErrorCode::BadRequest)?;
        of_letter.retain(|t| !model.is_control(*t));
        tokens.extend(of_letter);
    }
    Ok(tokens)
}
