//! XML: C-CDA documents by their own rules ([`cda`]), other XML by the names of its elements, XHTML
//! narratives as text. Only text and attribute values are replaced; markup, namespaces and white
//! space stay as they were read. Document types and entities are refused.

mod cda;
mod narrative;

use std::io::{Read, Write};
use std::ops::Range;

use medlock_domain::PhiClass;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use self::narrative::Table;
use crate::align;
use crate::error::{Place, RecordError};
use crate::stream::{Input, Output, spliced, utf8};
use crate::value::{is_code, is_plain_uri, is_schema_name, is_vocabulary};
use crate::words::{Label, Meaning};
use crate::work::Work;
use crate::{Format, inside};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 256;

pub(crate) fn rewrite<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
) -> Result<(), RecordError> {
    let bytes = input.rest(work.options.max_unit, "an XML document")?;
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(RecordError::Refused { what: "XML that is not UTF-8", at: Place::byte(0) });
    }
    let source = utf8(&bytes)?;
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let rules = match root(body)?.as_str() {
        "ClinicalDocument" => Rules::Cda,
        "html" | "div" => Rules::Html,
        _ => Rules::Names,
    };
    work.document(if rules == Rules::Cda { cda::patient(body)? } else { None }.as_deref());
    output.put(&source.as_bytes()[..source.len() - body.len()])?;
    output.put(Walk::new(body, rules, "", work).run()?.as_bytes())
}

/// The XHTML of a narrative: one element, usually `div`.
pub(crate) fn fragment(source: &str, work: &mut Work<'_>, path: &str) -> Result<String, RecordError> {
    root(source)?;
    Walk::new(source, Rules::Html, path, work).run()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// HL7 Clinical Document Architecture.
    Cda,
    /// Whatever it is: names of elements and attributes are read as those of columns are.
    Names,
    /// Text with markup in it.
    Html,
}

/// The local name of the first element.
fn root(source: &str) -> Result<String, RecordError> {
    let mut reader = Reader::from_str(source);
    loop {
        match reader.read_event() {
            Ok(Event::Start(e) | Event::Empty(e)) => return Ok(local(&e)),
            Ok(Event::Eof) => return Err(invalid("no element", source, source.len())),
            Ok(Event::DocType(_)) => return Err(doctype(source, reader.buffer_position())),
            Ok(_) => {}
            Err(_) => return Err(invalid("not well-formed", source, reader.error_position() as usize)),
        }
    }
}

fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn doctype(source: &str, at: u64) -> RecordError {
    RecordError::Refused { what: "a document type declaration", at: place(source, at as usize) }
}

fn invalid(what: &'static str, source: &str, at: usize) -> RecordError {
    RecordError::Invalid { format: Format::Xml, what, at: place(source, at) }
}

fn place(source: &str, at: usize) -> Place {
    let at = at.min(source.len());
    let line = 1 + source.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() as u64;
    Place { line: Some(line), byte: Some(at as u64), path: None }
}

/// An element that is open.
struct Frame {
    /// Without its prefix.
    name: String,
    label: Label,
    /// `mediaType`, of an element whose text is base64.
    encoded: Option<String>,
}

/// Text of the element that is open, as it stands between two tags.
struct Piece {
    range: Range<usize>,
    text: String,
}

/// An attribute, its value unescaped, and where the raw value stands.
struct Attribute {
    name: String,
    value: String,
    range: Range<usize>,
}

struct Walk<'s, 'w, 'a> {
    source: &'s str,
    rules: Rules,
    /// What to put before the path of elements.
    prefix: &'s str,
    work: &'w mut Work<'a>,
    stack: Vec<Frame>,
    pieces: Vec<Piece>,
    tables: Vec<Table>,
    edits: Vec<(Range<usize>, String)>,
    /// Texts, which wait until every field is known: whoever is named there is looked for in them.
    later: Vec<Text>,
    rooted: bool,
}

/// A block of free text.
struct Text {
    pieces: Vec<Piece>,
    cue: String,
    path: String,
    comment: bool,
}

impl<'s, 'w, 'a> Walk<'s, 'w, 'a> {
    fn new(source: &'s str, rules: Rules, prefix: &'s str, work: &'w mut Work<'a>) -> Self {
        let (stack, pieces, tables, edits, later) = (vec![], vec![], vec![], vec![], vec![]);
        Self { source, rules, prefix, work, stack, pieces, tables, edits, later, rooted: false }
    }

    fn run(mut self) -> Result<String, RecordError> {
        let mut reader = Reader::from_str(self.source);
        reader.config_mut().check_comments = true;
        loop {
            let start = reader.buffer_position() as usize;
            let event = reader
                .read_event()
                .map_err(|_| invalid("not well-formed", self.source, reader.error_position() as usize))?;
            let range = start..reader.buffer_position() as usize;
            match event {
                Event::Start(e) => self.open(&e, range, false)?,
                Event::Empty(e) => self.open(&e, range, true)?,
                Event::End(_) => self.close()?,
                Event::Text(text) => self.text(range, &text)?,
                Event::CData(text) => self.text(range, &text)?,
                Event::GeneralRef(name) => {
                    let c = self.entity(&name, &range)?;
                    self.text(range, &c.to_string())?;
                }
                Event::Comment(text) => self.comment(range, &text)?,
                Event::PI(pi) => self.instruction(range, &pi)?,
                Event::Decl(decl) => {
                    let encoding = decl.encoding().and_then(Result::ok);
                    let plain = |e: &str| ["utf-8", "us-ascii", "ascii"].contains(&e.to_ascii_lowercase().as_str());
                    if encoding.is_some_and(|e| !plain(&e)) {
                        let at = place(self.source, range.start);
                        return Err(RecordError::Refused { what: "XML that is not UTF-8", at });
                    }
                }
                Event::DocType(_) => return Err(doctype(self.source, range.start as u64)),
                Event::Eof => break,
            }
        }
        if !self.stack.is_empty() || !self.rooted {
            return Err(invalid("ends too early", self.source, self.source.len()));
        }
        for text in std::mem::take(&mut self.later) {
            self.search(text)?;
        }
        Ok(spliced(self.source, self.edits))
    }

    fn search(&mut self, text: Text) -> Result<(), RecordError> {
        let old: String = text.pieces.iter().map(|p| p.text.as_str()).collect();
        let new = self.work.searched(&text.cue, &old, &text.path)?;
        if !text.comment {
            self.share(&text.pieces, &old, &new);
        } else if new != old {
            let range = text.pieces[0].range.clone();
            self.edits.push((range, format!("<!--{}-->", new.replace('-', "\u{2010}"))));
        }
        Ok(())
    }

    fn open(&mut self, start: &BytesStart<'_>, range: Range<usize>, empty: bool) -> Result<(), RecordError> {
        if self.stack.is_empty() && self.rooted {
            return Err(invalid("more than one root element", self.source, range.start));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(invalid("elements nested too deep", self.source, range.start));
        }
        self.rooted = true;
        let name = local(start);
        if !narrative::is_inline(&name) {
            self.flush()?;
        }
        let attributes = self.attributes(start, &range)?;
        let above = self.stack.last().map(|f| &f.label);
        let label = match above {
            Some(above) => Label::within(&name, above, self.stack.len() - 1),
            None => Label::new(&name),
        };
        let get = |name: &str| attributes.iter().find(|a| a.name == name).map(|a| a.value.clone());
        let encoded = get("representation").filter(|r| r == "B64").map(|_| get("mediaType").unwrap_or_default());
        self.stack.push(Frame { name, label, encoded });
        self.enter(&attributes);
        for at in 0..attributes.len() {
            self.attribute(at, &attributes)?;
        }
        if empty { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), RecordError> {
        // Text of an inline element goes on into the one around it; that of the root ends with it.
        let inline = self.stack.last().is_some_and(|f| narrative::is_inline(&f.name));
        if !inline || self.stack.len() == 1 {
            self.flush()?;
        }
        self.leave();
        self.stack.pop();
        Ok(())
    }

    /// Raw attributes with where their values stand, checked to be attributes at all.
    fn attributes(&self, start: &BytesStart<'_>, range: &Range<usize>) -> Result<Vec<Attribute>, RecordError> {
        let content: &str = start;
        let mut all = Vec::new();
        for attribute in start.attributes() {
            let bad = || invalid("an attribute that is none", self.source, range.start);
            let attribute = attribute.map_err(|_| bad())?;
            let raw: &str = &attribute.value;
            let at = (raw.as_ptr() as usize).checked_sub(content.as_ptr() as usize).ok_or_else(bad)?;
            let from = range.start + 1 + at;
            if raw.contains('<') || self.source.get(from..from + raw.len()) != Some(raw) {
                return Err(bad());
            }
            let value = self.unescaped(raw, range)?;
            let name = attribute.key.as_ref().to_owned();
            all.push(Attribute { name, value, range: from..from + raw.len() });
        }
        Ok(all)
    }

    fn unescaped(&self, raw: &str, range: &Range<usize>) -> Result<String, RecordError> {
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once('&') {
            let (name, left) = after
                .split_once(';')
                .ok_or_else(|| invalid("an ampersand that begins no entity", self.source, range.start))?;
            out.push_str(before);
            out.push(self.entity(name, range)?);
            rest = left;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The character that an entity stands for: XML's own five, a number, and in narratives the few
    /// of XHTML that turn up there. Any other was declared somewhere, and is refused.
    fn entity(&self, name: &str, range: &Range<usize>) -> Result<char, RecordError> {
        let number = name.strip_prefix('#').and_then(|n| match n.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => n.parse().ok(),
        });
        let found = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ if self.rules == Rules::Html => narrative::entity(name),
            _ => None,
        };
        found
            .or(number.and_then(char::from_u32).filter(|c| is_xml_char(*c)))
            .ok_or_else(|| RecordError::Refused { what: "an entity", at: place(self.source, range.start) })
    }

    fn text(&mut self, range: Range<usize>, text: &str) -> Result<(), RecordError> {
        if self.stack.is_empty() {
            return if text.trim().is_empty() {
                Ok(())
            } else {
                Err(invalid("text outside of the root element", self.source, range.start))
            };
        }
        match self.pieces.last_mut() {
            Some(last) if last.range.end == range.start => {
                last.range.end = range.end;
                last.text.push_str(text);
            }
            _ => self.pieces.push(Piece { range, text: text.to_owned() }),
        }
        Ok(())
    }

    /// A block of text has ended: rewrites it as one and gives its pieces their shares.
    fn flush(&mut self) -> Result<(), RecordError> {
        let pieces = std::mem::take(&mut self.pieces);
        let old: String = pieces.iter().map(|p| p.text.as_str()).collect();
        if old.trim().is_empty() {
            return Ok(());
        }
        let cue = self.text_cue();
        self.see(&old);
        if let Some(cue) = cue {
            self.later.push(Text { pieces, cue, path: self.path(None), comment: false });
            return Ok(());
        }
        let new = self.rewritten(&old)?;
        self.share(&pieces, &old, &new);
        Ok(())
    }

    fn share(&mut self, pieces: &[Piece], old: &str, new: &str) {
        if new == old {
            return;
        }
        let texts: Vec<&str> = pieces.iter().map(|p| p.text.as_str()).collect();
        for (piece, share) in pieces.iter().zip(align::shares(&texts, new)) {
            if share != piece.text {
                self.edits.push((piece.range.clone(), escaped(&share)));
            }
        }
    }

    /// The element that the text is in: not one that text only runs through.
    fn block(&self) -> Option<&Frame> {
        self.stack.iter().rev().find(|f| !narrative::is_inline(&f.name)).or(self.stack.last())
    }

    /// What a free text is about; `None` where the element says what stands in it.
    fn text_cue(&self) -> Option<String> {
        let block = self.block()?;
        match self.rules {
            _ if block.encoded.is_some() => None,
            Rules::Html => Some(self.cell_cue()),
            Rules::Names => (block.label.meaning == Meaning::Text).then(|| block.label.words.clone()),
            Rules::Cda => self.in_narrative().then(|| self.cell_cue()),
        }
    }

    fn rewritten(&mut self, old: &str) -> Result<String, RecordError> {
        let path = self.path(None);
        let Some(frame) = self.block() else { return Ok(old.to_owned()) };
        if let Some(kind) = &frame.encoded {
            let packed: String = old.split_ascii_whitespace().collect();
            return encoded(&packed, &kind.clone(), self.work, &path);
        }
        match self.rules {
            Rules::Cda => self.cda_text(old, &path),
            Rules::Names | Rules::Html => {
                let label = frame.label.clone();
                self.work.labelled(&label, old, &path)
            }
        }
    }

    fn attribute(&mut self, at: usize, all: &[Attribute]) -> Result<(), RecordError> {
        let Attribute { name, value, range } = &all[at];
        let path = self.path(Some(name));
        let new = if name == "xmlns" || name.starts_with("xmlns:") || name.starts_with("xsi:") || name == "xml:lang" {
            let plain = value.split_ascii_whitespace().all(|part| is_plain_uri(part) || is_code(part));
            if plain { value.clone() } else { self.work.text("", value, &path)? }
        } else {
            match self.rules {
                Rules::Cda => self.cda_attribute(at, all, &path)?,
                Rules::Html if is_code(value) || value.starts_with('#') && is_code(&value[1..]) => value.clone(),
                Rules::Html if is_vocabulary(value) => value.clone(),
                Rules::Html => self.work.text("", value, &path)?,
                Rules::Names => {
                    let own = self.stack.last().map(|f| f.label.clone()).unwrap_or_else(Label::none);
                    let label = match name.as_str() {
                        "value" | "v" | "text" | "content" => own,
                        _ => Label::within(name, &own, 1),
                    };
                    if is_vocabulary(value) { value.clone() } else { self.work.labelled(&label, value, &path)? }
                }
            }
        };
        if new == *value {
            return Ok(());
        }
        let time = self.rules == Rules::Cda && name == "value" && cda::is_point_in_time(value);
        if time && !cda::is_point_in_time(&new) {
            // A time takes digits; without them the element says that it was masked (HL7 NullFlavor).
            self.work.report.removed("a date without a valid replacement", &path);
            let attribute = range.start - name.len() - 2..range.end + 1;
            let plain = self.source.get(attribute.clone()).is_some_and(|a| a.starts_with("value="));
            let masked = !all.iter().any(|a| a.name == "nullFlavor");
            if plain {
                self.edits.push((attribute, if masked { "nullFlavor=\"MSK\"".into() } else { String::new() }));
                return Ok(());
            }
        }
        self.edits.push((range.clone(), escaped(&new)));
        Ok(())
    }

    /// Comments are free text. Markup that was commented out is no text, and is left out.
    fn comment(&mut self, range: Range<usize>, text: &str) -> Result<(), RecordError> {
        let path = self.path(Some("comment"));
        if text.contains('<') {
            self.work.report.removed("markup in a comment", &path);
            self.edits.push((range, "<!-- -->".into()));
            return Ok(());
        }
        let pieces = vec![Piece { range, text: text.to_owned() }];
        self.later.push(Text { pieces, cue: String::new(), path, comment: true });
        Ok(())
    }

    fn instruction(&mut self, range: Range<usize>, text: &str) -> Result<(), RecordError> {
        let path = self.path(Some("processing instruction"));
        let new = self.work.text("", text, &path)?;
        if new != text {
            self.work.report.removed("a processing instruction", &path);
            self.edits.push((range, String::new()));
        }
        Ok(())
    }

    fn path(&self, attribute: Option<&str>) -> String {
        let shown = |name: &str| if is_schema_name(name) { name.to_owned() } else { "?".into() };
        let mut path: Vec<String> = Some(self.prefix.to_owned()).into_iter().filter(|p| !p.is_empty()).collect();
        path.extend(self.stack.iter().map(|f| shown(&f.name)));
        path.extend(attribute.map(|a| format!("@{}", shown(a))));
        path.join("/")
    }

    /// Whether the element `name` is open, and where, counted from the root.
    fn within(&self, name: &str) -> bool {
        self.stack.iter().any(|f| f.name == name)
    }

    /// The name of the element `up` levels above the one that is open (0: itself).
    fn above(&self, up: usize) -> &str {
        self.stack.len().checked_sub(up + 1).map_or("", |at| &self.stack[at].name)
    }

    fn field(&mut self, class: PhiClass, value: &str, path: &str) -> Result<String, RecordError> {
        self.work.field(class, value, path)
    }
}

/// Base64 of a text type, rewritten; nothing for any other, which is counted.
fn encoded(packed: &str, kind: &str, work: &mut Work<'_>, path: &str) -> Result<String, RecordError> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let why = match STANDARD.decode(packed) {
        Err(_) => "an attachment that is not base64",
        Ok(bytes) => match inside::rewrite(&bytes, kind, work, path)? {
            Ok(new) => return Ok(STANDARD.encode(new)),
            Err(why) => why,
        },
    };
    work.report.removed(why, path);
    Ok(String::new())
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text for an element or an attribute in either kind of quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if is_xml_char(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}
