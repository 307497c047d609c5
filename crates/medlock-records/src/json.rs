//! JSON and JSON lines. Keys tell what stands under them ([`crate::words`]); all else is searched
//! with the path of keys as its cue. A FHIR resource, wherever it stands, is read by FHIR's rules.

pub(crate) mod tree;

use std::io::{Read, Write};

use medlock_domain::PhiClass;

use self::tree::{Kind, Member, Value};
use crate::error::{Place, RecordError};
use crate::fhir;
use crate::stream::{Input, Output, utf8};
use crate::value::is_schema_name;
use crate::words::{Label, Meaning};
use crate::work::Work;

/// One value, which is the whole input.
pub(crate) fn rewrite<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
    must_be_fhir: bool,
) -> Result<(), RecordError> {
    let bytes = input.rest(work.options.max_unit, "a JSON document")?;
    let source = utf8(&bytes)?;
    output.put(one(source, work, must_be_fhir)?.as_bytes())
}

/// A value on each line. Line ends and empty lines stay as they are.
pub(crate) fn rewrite_lines<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
    must_be_fhir: bool,
) -> Result<(), RecordError> {
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        line += 1;
        let start = input.offset;
        bytes.clear();
        let more =
            input.until(&mut bytes, work.options.max_unit, "a line", |b| b == b'\n').map_err(|e| e.within(line, 0))?;
        let rewritten = utf8(&bytes).and_then(|source| {
            if source.trim_start_matches('\u{feff}').trim().is_empty() {
                Ok(source.to_owned())
            } else {
                one(source, work, must_be_fhir)
            }
        });
        output.put(rewritten.map_err(|e| e.within(line, start))?.as_bytes())?;
        if !more {
            return Ok(());
        }
    }
}

/// Rewrites one JSON text. A byte order mark before it stays.
pub(crate) fn one(source: &str, work: &mut Work<'_>, must_be_fhir: bool) -> Result<String, RecordError> {
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mark = &source[..source.len() - body.len()];
    let mut value = Value::parse(body)?;
    if fhir::is_resource(&value) {
        fhir::document(&mut value, work)?;
    } else if must_be_fhir {
        let what = "no resourceType";
        return Err(RecordError::Invalid { format: crate::Format::Fhir, what, at: Place::path("resourceType") });
    } else {
        work.document(patient(&value).as_deref());
        Walk { work }.value(&mut value, &Label::none(), "", 0)?;
    }
    Ok([mark, &value.write(body)].concat())
}

/// The value of the first key that tells patients apart: at the top, or one object further down
/// (`{"patient": {"mrn": …}}`).
fn patient(value: &Value) -> Option<String> {
    let Kind::Object(members) = &value.kind else { return None };
    let own = |members: &[Member]| {
        members.iter().find(|m| Label::new(&m.key).patient).and_then(|m| match &m.value.kind {
            Kind::String(s) => Some(s.clone()),
            Kind::Number(n) => Some(n.clone()),
            _ => None,
        })
    };
    own(members).or_else(|| {
        members.iter().filter(|m| Label::new(&m.key).patient).find_map(|m| match &m.value.kind {
            Kind::Object(inner) => own(inner).or_else(|| m.value.text("id").map(str::to_owned)),
            _ => None,
        })
    })
}

struct Walk<'w, 'a> {
    work: &'w mut Work<'a>,
}

impl Walk<'_, '_> {
    /// `label` is what the key above says; `path` names the keys down to here.
    fn value(&mut self, value: &mut Value, label: &Label, path: &str, depth: usize) -> Result<(), RecordError> {
        if fhir::is_resource(value) {
            return fhir::element_of_json(value, self.work);
        }
        match &mut value.kind {
            Kind::Null | Kind::Bool => Ok(()),
            Kind::String(text) => {
                let new = self.work.labelled(label, text, path)?;
                if new != *text {
                    value.replace_with_string(&new);
                }
                Ok(())
            }
            Kind::Number(number) => {
                let new = self.number(number, label, path)?;
                if new != *number {
                    value.replace_number(&new);
                }
                Ok(())
            }
            Kind::Array(items) => items.iter_mut().try_for_each(|v| self.value(v, label, path, depth)),
            Kind::Object(members) => self.object(members, label, path, depth),
        }
    }

    fn object(&mut self, members: &mut [Member], above: &Label, path: &str, depth: usize) -> Result<(), RecordError> {
        let mut renamed = std::collections::HashSet::new();
        // What keys tell of people comes first, so that it is found in the texts.
        let labels: Vec<Label> = members.iter().map(|m| Label::within(&m.key, above, depth)).collect();
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by_key(|at| labels[*at].meaning == Meaning::Text);
        for at in order {
            let (member, label) = (&mut members[at], &labels[at]);
            let name = if is_schema_name(&member.key) { member.key.as_str() } else { "?" };
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.value(&mut member.value, label, &path, depth + 1)?;
            // A key that no programmer wrote may be somebody's name or number.
            if name == "?" {
                let new = self.work.searched("", &member.key, &path)?;
                if new != member.key {
                    if !renamed.insert(new.clone()) {
                        let what = "two keys that differ in an identifier alone";
                        return Err(RecordError::Refused { what, at: Place::path(path) });
                    }
                    member.rename(new);
                }
            }
        }
        Ok(())
    }

    /// Most numbers are measurements: one is an identifier if its key says so, or the search does.
    fn number(&mut self, number: &str, label: &Label, path: &str) -> Result<String, RecordError> {
        match label.meaning {
            Meaning::Class(PhiClass::Date) if number.len() <= 4 => Ok(number.to_owned()),
            Meaning::Class(class) => self.work.field(class, number, path),
            Meaning::Person => self.work.field(PhiClass::Id, number, path),
            _ if number.bytes().filter(u8::is_ascii_digit).count() < 5 => Ok(number.to_owned()),
            _ => self.work.text(&label.words, number, path),
        }
    }
}
