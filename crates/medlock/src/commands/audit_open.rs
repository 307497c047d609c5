//! `medlock audit open`: the server gives what is sealed and its share of the keys; it is opened here, with the
//! reading key.

use super::Context;
use crate::admin::Office;
use crate::cli::Why;
use crate::columns::{beside, section};
use crate::failure::{Doing, Failure};
use medlock_audit::Kind;
use medlock_audit::read::{StoredEntry, open_content};
use medlock_domain::RequestId;
use medlock_keys::hpke::ReadingKey;
use medlock_keys::keyring::load_reading_key;
use medlock_pipeline::admin::Sealed;
use medlock_review::to_json;
use serde_json::Value;
use std::path::Path;
use zeroize::Zeroizing;

pub(crate) async fn run(request: &RequestId, key: &Path, why: &Why, context: &Context) -> Result<(), Failure> {
    // Before it is asked for: who cannot open it leaves no record of having read it.
    let key = load_reading_key(key).doing("opening the reading key")?;
    let verb = async |office: &Office| office.open_content(request, &office.because(why)?).await;
    let given = Office::with(&context.whereabouts, verb).await?;
    let opened = given.into_iter().map(|sealed| opened(sealed, &key)).collect::<Result<Vec<_>, _>>()?;
    let terminal = context.terminal;
    if terminal.json {
        for Opened { entry, text } in &opened {
            let mut shown = to_json(entry);
            match text {
                Ok(text) => shown.insert("content".to_owned(), text.as_str().into()),
                Err(erased) => shown.insert("erased_with".to_owned(), erased.as_str().into()),
            };
            terminal.json(Value::Object(shown));
        }
        return Ok(());
    }
    show(&opened, context);
    Ok(())
}

struct Opened {
    entry: StoredEntry,
    text: Result<Zeroizing<String>, String>,
}

fn opened(sealed: Sealed, key: &ReadingKey) -> Result<Opened, Failure> {
    let entry = sealed.parcel.entry().doing("reading what the server gave")?;
    let text = match sealed.share {
        Err(erased) => Err(erased),
        Ok(share) => {
            let bytes = open_content(&entry, key, &share).doing(format!("opening entry {}", entry.index))?;
            Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
        }
    };
    Ok(Opened { entry, text })
}

/// What came beside what the model saw, then what it said beside what was released.
fn show(opened: &[Opened], context: &Context) {
    let terminal = context.terminal;
    let of = |kind: Kind| -> Vec<&Opened> { opened.iter().filter(|o| o.entry.kind == kind).collect() };
    let text = |all: &[&Opened]| {
        let each = all.iter().map(|o| match &o.text {
            Ok(text) => text.to_string(),
            Err(key) => format!("(erased with the key {key})\n"),
        });
        Zeroizing::new(each.collect::<Vec<_>>().concat())
    };
    let said = [of(Kind::Close), of(Kind::Denied)].concat();
    let (came, saw) = (text(&of(Kind::Open)), text(&of(Kind::Permit)));
    beside(terminal, ("What came", &pretty(&came)), ("What the model saw", &pretty(&saw)));
    beside(terminal, ("What the model said", &text(&said)), ("What was released", &text(&of(Kind::Release))));
    let shown = [Kind::Open, Kind::Permit, Kind::Close, Kind::Denied, Kind::Release];
    for other in opened.iter().filter(|o| !shown.contains(&o.entry.kind)) {
        section(terminal, &format!("{} (entry {})", other.entry.kind, other.entry.index), &text(&[other]));
    }
}

/// The messages of a request, one below the other, then whatever else it has; what is no request, as it is.
fn pretty(json: &str) -> String {
    let Ok(Value::Object(mut all)) = serde_json::from_str::<Value>(json) else { return json.to_owned() };
    let Some(Value::Array(messages)) = all.remove("messages") else { return json.to_owned() };
    let one = |message: Value| {
        let Value::Object(mut rest) = message else { return message.to_string() };
        let role = rest.remove("role");
        let content = match rest.remove("content") {
            Some(Value::String(text)) => text,
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        let text = format!("{}: {content}", role.as_ref().and_then(Value::as_str).unwrap_or("?"));
        if rest.is_empty() { text } else { format!("{text}\n{}", Value::Object(rest)) }
    };
    let mut parts: Vec<String> = messages.into_iter().map(one).collect();
    parts.extend(all.into_iter().map(|(name, value)| format!("{name}: {value}")));
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn everything_that_was_sealed_is_shown() {
        let json = r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,
            "tool_calls":[{"id":"c1"}]}],"patients":{"declared":"4411"}}"#;
        let shown = pretty(json);
        for part in ["user: Hi", "c1", "patients:", "4411"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert_eq!((pretty("no json"), pretty("[1]")), ("no json".to_owned(), "[1]".to_owned()));
    }
}
