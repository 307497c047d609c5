//! HL7 v2 in its ER7 encoding: message by message, with the separators that each names itself. Line
//! ends, framing bytes and all that is not replaced stay as they are.

mod escape;
mod table;

use std::io::{Read, Write};
use std::ops::Range;

use medlock_domain::PhiClass;

use self::escape::{decode, encode};
use crate::error::{Place, RecordError};
use crate::stream::{Input, Output, spliced, utf8};
use crate::value::{self, is_code, is_date};
use crate::words::Label;
use crate::work::Work;
use crate::{Format, inside};

pub(crate) fn rewrite<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
) -> Result<(), RecordError> {
    let limit = work.options.max_unit;
    let mut message: Vec<u8> = Vec::new();
    let (mut start, mut first_line, mut line) = (0, 1, 1);
    let mut any = false;
    loop {
        let before = message.len();
        let more = input.until(&mut message, limit, "an HL7 message", |b| b == b'\r' || b == b'\n')?;
        if more && message.last() == Some(&b'\r') && input.peek()?.first() == Some(&b'\n') {
            message.push(b'\n');
            input.consume(1);
        }
        let segment = unframed(&message[before..]);
        let begins = HEADERS.iter().any(|h| segment.starts_with(h));
        if begins && message[..before].iter().any(|b| !b.is_ascii_whitespace()) {
            let next = message.split_off(before);
            one(&message, output, work).map_err(|e| e.within(first_line, start))?;
            (start, first_line) = (start + message.len() as u64, line);
            message = next;
        }
        any |= begins;
        line += 1;
        if !more {
            break;
        }
    }
    if !any {
        return Err(RecordError::Invalid { format: Format::Hl7v2, what: "no message header", at: Place::line(1) });
    }
    one(&message, output, work).map_err(|e| e.within(first_line, start))
}

/// Segments with which a message, a batch or a file begins or ends.
const HEADERS: &[&[u8]] = &[b"MSH", b"FHS", b"BHS", b"BTS", b"FTS"];

/// Segments that say who somebody is.
const PEOPLE: &[&str] = &["PID", "PD1", "NK1", "MRG", "GT1", "IN1", "IN2", "PV1", "PV2", "ROL", "PRT", "PRD", "CTD"];

/// Without a byte order mark and MLLP's start and end bytes.
fn unframed(mut segment: &[u8]) -> &[u8] {
    loop {
        segment = match segment {
            [0x0B | 0x1C, rest @ ..] | [0xEF, 0xBB, 0xBF, rest @ ..] => rest,
            _ => return segment,
        }
    }
}

fn one<W: Write>(bytes: &[u8], output: &mut Output<W>, work: &mut Work<'_>) -> Result<(), RecordError> {
    let source = utf8(bytes)?;
    let segments = segments(source);
    let Some(header) = segments.first() else { return output.put(bytes) };
    let name = source.get(header.start..header.start + 3).unwrap_or_default();
    // The trailers of a batch have no separators of their own; the usual ones are theirs.
    let marks = match name {
        "MSH" | "FHS" | "BHS" => Marks::read(&source[header.clone()])?,
        "BTS" | "FTS" => Marks::default(),
        _ => return Err(invalid("no message header", 1)),
    };
    let mut message = Message { source, marks, work, edits: Vec::new(), observation: Observation::default() };
    if name == "MSH" {
        let patient = message.patient(&segments);
        message.work.document(patient.as_deref());
    }
    // Whoever is named in a field is then looked for in texts, so the segments of people come first.
    let people = |s: &Range<usize>| PEOPLE.contains(&source.get(s.start..s.start + 3).unwrap_or_default());
    let (first, rest): (Vec<_>, Vec<_>) = segments.into_iter().partition(people);
    for segment in first.into_iter().chain(rest) {
        let start = segment.start;
        let line = || 1 + source[..start].replace("\r\n", "\n").matches(['\r', '\n']).count() as u64;
        message.segment(segment).map_err(|e| e.within(line(), 0))?;
    }
    let edits = message.edits;
    output.put(spliced(source, edits).as_bytes())
}

fn invalid(what: &'static str, line: u64) -> RecordError {
    RecordError::Invalid { format: Format::Hl7v2, what, at: Place::line(line) }
}

/// Where each segment stands, without line end and framing.
fn segments(source: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in source.split(['\r', '\n']) {
        let body = line.trim_start_matches(['\u{b}', '\u{1c}', '\u{feff}']);
        let start = at + line.len() - body.len();
        let end = start + body.trim_end_matches(['\u{b}', '\u{1c}']).len();
        if end > start {
            found.push(start..end);
        }
        at += line.len() + 1;
    }
    found
}

/// The separators of a message.
#[derive(Debug, Clone, Copy)]
struct Marks {
    field: char,
    component: char,
    repetition: char,
    escape: char,
    sub: char,
}

impl Default for Marks {
    fn default() -> Self {
        Self { field: '|', component: '^', repetition: '~', escape: '\\', sub: '&' }
    }
}

impl Marks {
    fn read(header: &str) -> Result<Self, RecordError> {
        let mut chars = header[3..].chars();
        let field = chars.next().unwrap_or(' ');
        let rest: Vec<char> = chars.as_str().split(field).next().unwrap_or_default().chars().collect();
        let usual = Self::default();
        let get = |at: usize, other: char| rest.get(at).copied().unwrap_or(other);
        let marks = Self {
            field,
            component: get(0, usual.component),
            repetition: get(1, usual.repetition),
            escape: get(2, usual.escape),
            sub: get(3, usual.sub),
        };
        let all = [marks.field, marks.component, marks.repetition, marks.escape, marks.sub];
        let distinct = all.iter().enumerate().all(|(i, a)| !all[..i].contains(a));
        if distinct && all.iter().all(char::is_ascii_punctuation) {
            return Ok(marks);
        }
        Err(invalid("separators that are none", 1))
    }

    /// What parts a value on each level: field, repetition, component, subcomponent.
    fn at(&self, level: usize) -> char {
        [self.field, self.repetition, self.component, self.sub][level]
    }
}

/// What the OBX segment that is worked on says of its value.
#[derive(Default)]
struct Observation {
    kind: String,
    /// OBX-3.2 in lower-case words.
    cue: String,
}

struct Message<'s, 'w, 'a> {
    source: &'s str,
    marks: Marks,
    work: &'w mut Work<'a>,
    edits: Vec<(Range<usize>, String)>,
    observation: Observation,
}

const COMPONENT: usize = 2;
const SUB: usize = 3;

impl Message<'_, '_, '_> {
    fn split(&self, range: Range<usize>, level: usize) -> Vec<Range<usize>> {
        let mut at = range.start;
        self.source[range]
            .split(self.marks.at(level))
            .map(|part| {
                let here = at..at + part.len();
                at = here.end + 1;
                here
            })
            .collect()
    }

    fn get(&self, range: &Range<usize>) -> &str {
        &self.source[range.clone()]
    }

    /// PID-3.1: the patient's own number. Where there is none, PID-2.1 or PID-4.1.
    fn patient(&self, segments: &[Range<usize>]) -> Option<String> {
        let pid = segments.iter().find(|s| self.get(s).starts_with("PID"))?;
        let fields = self.split(pid.clone(), 0);
        [3, 2, 4].iter().find_map(|n| {
            let first = self.split(fields.get(*n)?.clone(), 1).first().cloned()?;
            let number = self.split(first, COMPONENT).first().cloned()?;
            Some(self.get(&number).trim().to_owned()).filter(|n| !n.is_empty() && n != "\"\"")
        })
    }

    fn segment(&mut self, range: Range<usize>) -> Result<(), RecordError> {
        let fields = self.split(range, 0);
        let name = self.get(&fields[0]).to_owned();
        let proper = name.len() == 3
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !proper {
            // A line break inside a field: what follows it is text.
            self.work.report.unknown("line without a segment name");
            for (i, field) in fields.into_iter().enumerate() {
                self.value(field, "text", 1, &format!("field {}", i + 1))?;
            }
            return Ok(());
        }
        let parts = table::parts(&name);
        let header = matches!(name.as_str(), "MSH" | "FHS" | "BHS");
        if parts.is_none() {
            self.work.report.unknown(&name);
        }
        if name == "OBX" {
            self.observe(&fields);
        }
        for (i, field) in fields.into_iter().enumerate().skip(if header { 2 } else { 1 }) {
            if field.is_empty() {
                continue;
            }
            let number = if header { i + 1 } else { i };
            let path = format!("{name}-{number}");
            let what = match parts.map(|p| p.get(&number)) {
                Some(Some(what)) => what,
                Some(None) => {
                    self.work.report.unknown(&path);
                    "auto"
                }
                None => "auto",
            };
            for repetition in self.split(field, 1) {
                self.value(repetition, what, COMPONENT, &path)?;
            }
        }
        Ok(())
    }

    fn observe(&mut self, fields: &[Range<usize>]) {
        let field = |n: usize| fields.get(n).map_or("", |f| self.get(f));
        let kind = field(2).to_owned();
        let cue = field(3).split(self.marks.component).nth(1).unwrap_or_default();
        self.observation = Observation { kind, cue: Label::new(cue).words };
    }

    /// A value made of what `level` parts.
    fn value(&mut self, range: Range<usize>, what: &str, level: usize, path: &str) -> Result<(), RecordError> {
        if range.is_empty() {
            return Ok(());
        }
        let what = match what {
            "obx" => table::observation_type(&self.observation.kind),
            _ => what,
        };
        let (what, class) = what.split_once('=').map_or((what, None), |(what, class)| (what, Some(class)));
        match what {
            "ED" => return self.encapsulated(range, path),
            "auto" => {
                let what = self.guess(&range, level);
                return self.leaves(range, what, level, path);
            }
            _ => {}
        }
        let Some(parts) = table::parts(what).filter(|_| level <= SUB) else {
            return self.leaves(range, what, level, path);
        };
        let class = self.own_class(what, &range, level).or(class.and_then(PhiClass::from_label));
        for (i, part) in self.split(range, level).into_iter().enumerate() {
            let path = format!("{path}.{}", i + 1);
            match (i, class) {
                (0, Some(class)) => self.leaves(part, class.label(), level + 1, &path)?,
                _ => self.value(part, parts.get(&(i + 1)).unwrap_or(&"text"), level + 1, &path)?,
            }
        }
        Ok(())
    }

    /// The class that a number's own type code says (CX.5, XCN.13; HL7 table 0203).
    fn own_class(&self, what: &str, range: &Range<usize>, level: usize) -> Option<PhiClass> {
        let at = match what {
            "CX" => 4,
            "XCN" => 12,
            _ => return None,
        };
        let parts = self.split(range.clone(), level);
        let code = parts.get(at).map(|r| self.get(r).trim());
        code.and_then(value::identifier_type)
    }

    /// Every last part of a value, each for itself. `what` is an action, or a type that is made up of
    /// what `guess` found.
    fn leaves(&mut self, range: Range<usize>, what: &str, level: usize, path: &str) -> Result<(), RecordError> {
        if table::parts(what).is_some() && level <= SUB {
            return self.value(range, what, level, path);
        }
        if level <= SUB {
            for part in self.split(range, level) {
                self.leaves(part, what, level + 1, path)?;
            }
            return Ok(());
        }
        let raw = self.get(&range).to_owned();
        if raw.trim().is_empty() || raw == "\"\"" {
            return Ok(());
        }
        let old = decode(&raw, &self.marks);
        let new = self.leaf(&old, what, path)?;
        if new != old {
            self.edits.push((range, encode(&new, &self.marks)));
        }
        Ok(())
    }

    fn leaf(&mut self, old: &str, what: &str, path: &str) -> Result<String, RecordError> {
        let cue = if path.starts_with("OBX-5") { self.observation.cue.clone() } else { String::new() };
        let of_age = || cue.split(' ').any(|w| w == "age");
        match what {
            "num" if of_age() => self.work.field(PhiClass::Age, old, path),
            "keep" | "num" | "agency" if is_code(old) => Ok(old.to_owned()),
            "agency" => self.work.field(PhiClass::Location, old, path),
            "affix" if old.len() <= 8 && !old.bytes().any(|b| b.is_ascii_digit()) => Ok(old.to_owned()),
            "affix" => self.work.field(PhiClass::Name, old, path),
            "STATE" if value::is_state_or_country(old) => Ok(old.to_owned()),
            "version" if is_code(old) || is_date(old) => Ok(old.to_owned()),
            "check" => Ok(String::new()),
            "date" => {
                let new = self.work.field(PhiClass::Date, old, path)?;
                // A field of the type TS takes digits or nothing.
                let valid = new.starts_with(|c: char| c.is_ascii_digit())
                    && new.bytes().all(|b| b.is_ascii_digit() || b".+-".contains(&b));
                if valid || new == old {
                    return Ok(new);
                }
                self.work.report.removed("a date without a valid replacement", path);
                Ok(String::new())
            }
            "contact" => self.work.field(value::contact(old).unwrap_or(PhiClass::Phone), old, path),
            _ => match PhiClass::from_label(what) {
                Some(class) => self.work.field(class, old, path),
                None if old.bytes().any(|b| b >= b'A') || is_date(old.trim()) => self.work.searched(&cue, old, path),
                None => self.work.text(&cue, old, path),
            },
        }
    }

    /// What an unknown field is, by its looks: a person with or without a number before, or anything.
    fn guess(&self, range: &Range<usize>, level: usize) -> &'static str {
        let parts: Vec<&str> = if level == COMPONENT {
            self.split(range.clone(), level).iter().map(|r| &self.source[r.clone()]).collect()
        } else {
            return "text";
        };
        let name = |at: usize| {
            parts.get(at).is_some_and(|s| {
                (2..=40).contains(&s.len()) && s.chars().all(|c| c.is_alphabetic() || "-' .&".contains(c))
            })
        };
        let system = |at: usize| {
            parts
                .get(at)
                .is_some_and(|s| s.starts_with("HL7") || s.len() == 1 && *s != "J" || CODING_SYSTEMS.contains(s))
        };
        let numbered = parts.first().is_some_and(|s| s.bytes().any(|b| b.is_ascii_digit()) || s.is_empty());
        if parts.len() >= 3 && numbered && name(1) && name(2) && !system(2) {
            "XCN"
        } else if parts.len() >= 2 && name(0) && name(1) && !parts[1].contains(' ') && !system(2) && !system(1) {
            "XPN"
        } else {
            "text"
        }
    }

    /// Encapsulated data: text is decoded, rewritten and encoded again; all else is left out.
    fn encapsulated(&mut self, range: Range<usize>, path: &str) -> Result<(), RecordError> {
        let parts = self.split(range, COMPONENT);
        let get = |at: usize| parts.get(at).map_or("", |r| self.get(r)).to_ascii_lowercase();
        let (kind, subtype, encoding) = (get(1), get(2), get(3));
        let media = match (kind.as_str(), subtype.as_str()) {
            (_, "html" | "xml" | "plain" | "csv" | "x-hl7-cda-level-one") => format!(
                "text/{}",
                match subtype.as_str() {
                    "x-hl7-cda-level-one" => "xml",
                    other => other,
                }
            ),
            ("text" | "tx" | "ft" | "txt", "" | "text") => "text/plain".into(),
            (kind, subtype) => format!("{kind}/{subtype}"),
        };
        for (i, part) in parts.iter().enumerate() {
            let path = format!("{path}.{}", i + 1);
            match i {
                0 => self.value(part.clone(), "HD", SUB, &path)?,
                1..=3 => self.leaves(part.clone(), "keep", SUB, &path)?,
                4 if !part.is_empty() => self.data(part.clone(), &media, &encoding, &path)?,
                // No more components belong here; what is in them was parted from the data.
                _ if !part.is_empty() => {
                    self.work.report.removed("encapsulated data", &path);
                    self.edits.push((part.clone(), String::new()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn data(&mut self, range: Range<usize>, media: &str, encoding: &str, path: &str) -> Result<(), RecordError> {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let raw = decode(self.get(&range), &self.marks);
        let base64 = encoding == "base64";
        let bytes = if base64 { STANDARD.decode(raw.trim()).ok() } else { Some(raw.clone().into_bytes()) };
        let new = match bytes {
            None => Err("an attachment that is not base64"),
            Some(bytes) if base64 || encoding == "a" => inside::rewrite(&bytes, media, self.work, path)?,
            Some(_) => Err("an attachment in an encoding that is not read"),
        };
        let new = match new {
            Ok(bytes) if base64 => STANDARD.encode(bytes),
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(why) => {
                self.work.report.removed(why, path);
                String::new()
            }
        };
        if new != raw {
            self.edits.push((range, encode(&new, &self.marks)));
        }
        Ok(())
    }
}

/// Names of vocabularies that follow a code and its text (HL7 table 0396).
const CODING_SYSTEMS: &[&str] = &[
    "LN", "SCT", "I9", "I10", "I9C", "I10C", "ICD10", "CVX", "MVX", "NDC", "CPT", "CPT4", "C4", "CPTM", "RXNORM",
    "UCUM", "ISO", "DCM", "SNOMED", "SNM", "AS4", "LOCAL", "LOINC", "NCIT", "CDCREC", "UB", "HCPCS", "NUBC", "PHINVS",
    "ART", "ANS+",
];
