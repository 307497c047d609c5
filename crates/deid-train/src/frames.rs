//! Frames: templates of documents with slots, alternatives and people who stay the same. Their
//! language is described in `data/frames/README.md`.

use std::collections::HashMap;

use crate::document::Document;
use crate::rng::Rng;
use crate::values::{Person, Values};

enum Node {
    Text(String),
    Slot { name: String, key: String },
    Either(Vec<Vec<Node>>),
}

/// One template.
pub(crate) struct Frame(Vec<Node>);

/// The frames of a file; an error says in which line it is.
pub(crate) fn parse(source: &str, values: &Values) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    let mut block = String::new();
    let mut start = 1;
    for (n, line) in source.lines().chain(["---"]).enumerate() {
        if line.starts_with("##") {
            continue;
        }
        if line.trim_end() != "---" {
            if block.is_empty() {
                start = n + 1;
            }
            block.push_str(line);
            block.push('\n');
            continue;
        }
        let text = block.trim_matches('\n').to_owned();
        block.clear();
        if text.trim().is_empty() {
            continue;
        }
        let mut chars = text.chars().peekable();
        let nodes = nodes(&mut chars, false, values).map_err(|e| format!("the frame at line {start}: {e}"))?;
        frames.push(Frame(nodes));
    }
    Ok(frames)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn nodes(chars: &mut Chars<'_>, nested: bool, values: &Values) -> Result<Vec<Node>, String> {
    let mut out = Vec::new();
    let mut text = String::new();
    let flush = |text: &mut String, out: &mut Vec<Node>| {
        if !text.is_empty() {
            out.push(Node::Text(std::mem::take(text)));
        }
    };
    while let Some(c) = chars.peek().copied() {
        match c {
            '|' | '>' if nested => break,
            '\\' => {
                chars.next();
                text.extend(chars.next().map(|c| if c == 't' { '\t' } else { c }));
            }
            '{' => {
                chars.next();
                let inner: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let (name, key) = inner.split_once(':').unwrap_or((&inner, ""));
                if !values.knows(name) {
                    return Err(format!("no slot is called {name:?}"));
                }
                flush(&mut text, &mut out);
                out.push(Node::Slot { name: name.to_owned(), key: key.to_owned() });
            }
            '<' => {
                chars.next();
                flush(&mut text, &mut out);
                let mut ways = Vec::new();
                loop {
                    ways.push(nodes(chars, true, values)?);
                    match chars.next() {
                        Some('|') => {}
                        Some('>') => break,
                        _ => return Err("a < is not closed".to_owned()),
                    }
                }
                out.push(Node::Either(ways));
            }
            _ => {
                text.push(c);
                chars.next();
            }
        }
    }
    flush(&mut text, &mut out);
    Ok(out)
}

/// The people and values that a document has named so far.
#[derive(Default)]
pub(crate) struct Cast {
    people: HashMap<String, Person>,
    values: HashMap<(String, String), String>,
}

impl Frame {
    /// A document of this frame.
    pub(crate) fn fill(&self, values: &Values, rng: &mut Rng) -> Document {
        let mut out = Document::default();
        fill(&self.0, values, rng, &mut Cast::default(), &mut out);
        out
    }
}

fn fill(nodes: &[Node], values: &Values, rng: &mut Rng, cast: &mut Cast, out: &mut Document) {
    for node in nodes {
        match node {
            Node::Text(text) => out.push(text),
            Node::Either(ways) => {
                let way = rng.below(ways.len());
                fill(&ways[way], values, rng, cast, out);
            }
            Node::Slot { name, key } => {
                let person = (!key.is_empty())
                    .then(|| cast.people.entry(key.clone()).or_insert_with(|| Person::new(values, rng)).clone());
                let known = cast.values.get(&(name.clone(), key.clone())).filter(|_| !key.is_empty()).cloned();
                let (value, label) = values.make(name, person.as_ref(), rng);
                let value = match known {
                    // A person's name may be written in another way the next time.
                    Some(known) if !values.is_person(name) => known,
                    _ => value,
                };
                if !key.is_empty() {
                    cast.values.insert((name.clone(), key.clone()), value.clone());
                }
                match label {
                    Some(label) => out.push_labelled(&value, label),
                    None => out.push(&value),
                }
            }
        }
    }
}
