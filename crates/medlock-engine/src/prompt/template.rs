//! Runs a model's Jinja template with bounds on its size, its steps and its output.

use super::Part;
use crate::frame::ErrorCode;
use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Environment, Error, ErrorKind, State, context};
use std::io;
use std::sync::Arc;

const NAME: &str = "chat";
/// Bytes of a template: the longest in use are some 20 KiB.
const MAX_SOURCE: usize = 256 << 10;
/// Bytes that it may render, beside the messages' texts.
const MAX_OUTPUT: usize = 2 << 20;
/// Steps, for each message and in all.
const FUEL_PER_MESSAGE: u64 = 5_000;
const FUEL: u64 = 200_000;

/// Begins and ends a marker: a private-use character that no template writes.
const MARK: char = '\u{f8ff}';

pub(super) struct Template {
    environment: Environment<'static>,
    first: String,
    last: String,
}

impl Template {
    /// None if the template does not parse, is too long or writes the marker's character.
    pub(super) fn new(source: String, first: String, last: String) -> Option<Self> {
        if source.len() > MAX_SOURCE || source.contains(MARK) || first.contains(MARK) || last.contains(MARK) {
            return None;
        }
        let mut environment = Environment::new();
        // As the templates were written for.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_recursion_limit(64);
        // A template that refuses a conversation says so. strftime_now is absent on purpose: the
        // engine has no clock that a prompt should depend on.
        environment.add_function("raise_exception", |_: Value| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, "raised by the template"))
        });
        environment.set_unknown_method_callback(text_methods);
        environment.add_template_owned(NAME, source).ok()?;
        Some(Self { environment, first, last })
    }

    /// Renders a conversation of messages with these roles, up to where the answer begins.
    pub(super) fn render(&self, roles: &[&'static str]) -> Result<Vec<Part>, ErrorCode> {
        let messages: Vec<Value> = roles
            .iter()
            .enumerate()
            .map(|(i, role)| Value::from_object(Turn { role, content: format!("{MARK}{i}{MARK}") }))
            .collect();
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL + FUEL_PER_MESSAGE * roles.len() as u64));
        let mut out = Bounded(Vec::new());
        let template = environment.get_template(NAME).map_err(|_| ErrorCode::Template)?;
        let values = context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.first,
            eos_token => self.last,
        };
        template.render_captured_to(values, &mut out).map_err(|_| ErrorCode::Template)?;
        let text = String::from_utf8(out.0).map_err(|_| ErrorCode::Template)?;
        split(&text, roles.len()).ok_or(ErrorCode::Template)
    }
}

/// One message, as the template sees it: a role and a marker.
#[derive(Debug)]
struct Turn {
    role: &'static str,
    content: String,
}

impl Object for Turn {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "role" => Some(Value::from(self.role)),
            "content" => Some(Value::from(self.content.clone())),
            _ => None,
        }
    }
}

/// Cuts the rendered text at the markers. None if one is damaged, or if a message is missing: a
/// message that the template leaves out must not vanish unnoticed.
fn split(text: &str, messages: usize) -> Option<Vec<Part>> {
    let mut seen = vec![false; messages];
    let mut parts = Vec::new();
    for (n, piece) in text.split(MARK).enumerate() {
        if n % 2 == 1 {
            let i: usize = piece.parse().ok()?;
            *seen.get_mut(i)? = true;
            parts.push(Part::Message(i));
        } else if !piece.is_empty() {
            parts.push(Part::Template(piece.into()));
        }
    }
    let whole = text.matches(MARK).count().is_multiple_of(2);
    (whole && seen.iter().all(|s| *s)).then_some(parts)
}

/// The few methods of Python's strings that templates use; a marker passes through them unharmed
/// or the conversation is refused.
fn text_methods(_: &State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::from(ErrorKind::UnknownMethod);
    let text = value.as_str().ok_or_else(unknown)?;
    let arg = args.first().and_then(|a| a.as_str());
    Ok(match (method, arg) {
        ("strip", None) => Value::from(text.trim()),
        ("lstrip", None) => Value::from(text.trim_start()),
        ("rstrip", None) => Value::from(text.trim_end()),
        ("upper", None) => Value::from(text.to_uppercase()),
        ("lower", None) => Value::from(text.to_lowercase()),
        ("startswith", Some(a)) => Value::from(text.starts_with(a)),
        ("endswith", Some(a)) => Value::from(text.ends_with(a)),
        ("split", Some(a)) if !a.is_empty() => text.split(a).map(Value::from).collect(),
        _ => return Err(unknown()),
    })
}

struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn template(source: &str) -> Option<Template> {
        Template::new(source.into(), "<s>".into(), "</s>".into())
    }

    #[track_caller]
    fn refuses(source: &str) {
        let said = template(source).map(|t| t.render(&["user"]));
        assert!(matches!(said, None | Some(Err(ErrorCode::Template))), "{said:?}");
    }

    #[test]
    fn messages_stay_apart_from_the_templates_text() {
        let source = "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m.content | trim }}{{ eos_token }}\n\
                      {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        let parts = template(source).unwrap().render(&["system", "user"]).unwrap();
        let expected = [
            Part::Template("<s><system>".into()),
            Part::Message(0),
            Part::Template("</s>\n<user>".into()),
            Part::Message(1),
            Part::Template("</s>\n<assistant>".into()),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_templates_ask_for_is_there_or_refused() {
        let ok = "{% if tools %}x{% endif %}{% for m in messages %}{% if m.content is string %}\
                  {{ m.content.strip() }}{% endif %}{% if m.tool_calls is defined %}y{% endif %}{% endfor %}";
        assert_eq!(template(ok).unwrap().render(&["user"]).unwrap(), [Part::Message(0)]);
        refuses("{{ raise_exception('no') }}");
        refuses("{{ strftime_now('%Y') }}");
        refuses("{% include 'x' %}");
        refuses("{% for");
    }

    #[test]
    fn a_message_that_is_left_out_or_cut_is_an_error() {
        refuses("nothing of it");
        refuses("{{ messages[0].content[:1] }}");
        refuses("{{ messages[0].content }}{{ messages[0].content[1:] }}");
        refuses("\u{f8ff}0\u{f8ff}");
    }

    #[test]
    fn a_template_cannot_run_or_write_for_ever() {
        refuses(
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}{{ messages[0].content }}",
        );
        refuses("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
        let wide =
            format!("{{% for i in range(10000) %}}{}{{% endfor %}}{{{{ messages[0].content }}}}", "x".repeat(1000));
        refuses(&wide);
        refuses(&" ".repeat(MAX_SOURCE + 1));
    }
}
