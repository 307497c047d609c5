//! From what a caller sent to what a model may see.

use std::collections::{HashMap, HashSet};
use std::fmt;

use medlock_domain::{ClassCounts, Finding, PhiClass, PhiText, Protection, ProtectionMode, Span};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::deidentify::{ChatStandIns, StandIns};
use crate::detect::title;
use crate::placeholder;
use crate::surrogates::{Issuer, Own, Surrogates};
use crate::values::{Matcher, Secret};
use crate::{Detector, RecognizerError};

/// A text of a request, and what it stands under.
#[derive(Debug, Clone)]
pub struct Input {
    /// The nearest JSON object key above it: `"mrn": 4411023` says more than `4411023`.
    pub cue: Option<PhiText>,
    /// The text.
    pub text: PhiText,
    /// It names something in a program: `ward` and `parentCity` are then nobody's name, nor a place.
    pub name: bool,
}

impl From<PhiText> for Input {
    fn from(text: PhiText) -> Self {
        Self { cue: None, text, name: false }
    }
}

/// Text that may go to a model: identifiers have been dealt with as policy says. Made here only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ProtectedText(String);

impl ProtectedText {
    /// A literal of our own.
    pub fn constant(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for the model and the sealed record. In `identified` mode it is PHI.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProtectedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtectedText({} bytes)", self.0.len())
    }
}

/// Proof that a text was searched, by the whole detector, and what was found in it. Made here only, and only
/// when the search ended: whoever records that a position was inspected has to show one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched(ClassCounts);

impl Searched {
    /// What was found, by class.
    pub fn counts(&self) -> &ClassCounts {
        &self.0
    }
}

/// A request, protected.
#[derive(Debug)]
pub struct Protected {
    /// The texts, in the order and number in which they came.
    pub texts: Vec<ProtectedText>,
    /// The search of each, in the same order.
    pub searched: Vec<Searched>,
    /// What it takes to undo it.
    pub surrogates: Surrogates,
    /// What was found, for each text by itself, at offsets of the text as it came.
    pub findings: Vec<Vec<Finding>>,
    /// What was found in all.
    pub counts: ClassCounts,
}

/// Why a request could not be protected. Nothing of it may be passed on then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProtected {
    /// It holds identifiers, how many of each class, and policy blocks such requests.
    #[error("the request holds identifiers: {0}")]
    Blocked(ClassCounts),
    /// Nobody knows what it holds.
    #[error(transparent)]
    Unsearched(#[from] RecognizerError),
}

/// Protects the texts of one request together: what is found in one is replaced in all, and the
/// same value gets the same placeholder throughout. A part of a name that stands alone (`Maria
/// Gonzalez` … `Gonzalez`) gets a placeholder of its own, since what comes back is the placeholder's
/// whole value and nobody wrote the full name there.
///
/// `random` fills a buffer with bytes that nobody can foresee; only stand-ins need them. A value whose
/// stand-in could not be told from other text (an age, a month) gets a placeholder in that mode.
pub fn protect_all(
    detector: &Detector,
    protection: impl Into<Protection>,
    inputs: Vec<Input>,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Protected, NotProtected> {
    let protection = protection.into();
    let mode = protection.mode;
    let mut matcher = Matcher::default();
    let mut findings: Vec<Vec<Finding>> = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let text = input.text.expose();
        let found = match input.name && is_plain(detector, text) {
            true => Vec::new(),
            false => find(detector, input.cue.as_ref().map(PhiText::expose), text)?,
        };
        for f in &found {
            matcher.add(detector, f.class, f.read_as, f.confidence, slice(&input.text, f.span));
        }
        findings.push(found);
    }
    let mut counts = ClassCounts::default();
    let mut searched = Vec::with_capacity(inputs.len());
    for (input, found) in inputs.iter().zip(&mut findings) {
        found.extend(matcher.find(input.text.expose()));
        *found = merge(std::mem::take(found));
        // From here on it is of the class that says how it is treated.
        found.iter_mut().for_each(|f| f.class = protection.strictest(f.class, f.read_as));
        let mut here = ClassCounts::default();
        found.iter().for_each(|f| here.add(f.class));
        counts.merge(&here);
        searched.push(Searched(here));
    }
    if mode == ProtectionMode::Block && counts.total() > 0 {
        return Err(NotProtected::Blocked(counts));
    }
    let (chosen, stand_ins) = match mode {
        ProtectionMode::Surrogate => stand_ins(detector, &inputs, &findings, protection, random),
        _ => Default::default(),
    };
    let mut issuer = Issuer::new(protection, typed(&inputs));
    let mut own = Own::default();
    let texts: Vec<ProtectedText> = inputs
        .iter()
        .zip(&findings)
        .map(|(input, found)| ProtectedText(replace(input.text.expose(), found, &chosen, &mut issuer, &mut own)))
        .collect();
    own.texts(texts.iter().map(ProtectedText::expose));
    Ok(Protected { texts, searched, surrogates: issuer.finish(matcher, own, stand_ins), findings, counts })
}

/// What the detector finds in a text, helped by what the text stands under.
pub(crate) fn find(detector: &Detector, cue: Option<&str>, text: &str) -> Result<Vec<Finding>, RecognizerError> {
    let mut found = search(detector, cue, text)?;
    title::leave(text, &mut found);
    Ok(found)
}

fn search(detector: &Detector, cue: Option<&str>, text: &str) -> Result<Vec<Finding>, RecognizerError> {
    let Some(cue) = cue else {
        let mut found = detector.try_detect(text)?;
        found.extend(keyed(detector, text)?);
        return Ok(found);
    };
    let cue = spoken(cue);
    let mut under = Zeroizing::new(String::with_capacity(cue.len() + 2 + text.len()));
    under.push_str(&cue);
    under.push_str(": ");
    let shift = under.len();
    under.push_str(text);
    let clipped = detector.try_detect(&under)?.into_iter().filter(|f| f.span.end > shift).map(|mut f| {
        f.span = Span { start: f.span.start.saturating_sub(shift), end: f.span.end - shift };
        f
    });
    Ok(clipped.collect())
}

/// The longest key, and the longest value under one, that is looked at.
const KEY: usize = 64;
const VALUE: usize = 256;

/// The values in a text that is JSON or quotes some (what tools give back, mostly), each looked at
/// under its key, where prose would not say it as the key does.
fn keyed(detector: &Detector, text: &str) -> Result<Vec<Finding>, RecognizerError> {
    // A line for each, so that one search does for all: (where its value stands there, and here).
    let mut lines = Zeroizing::new(String::new());
    let mut values: Vec<(Span, usize)> = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let Some(key) = key_before(&text[..colon]) else { continue };
        let rest = &text[colon + 1..];
        let value = rest.trim_start_matches([' ', '\n', '\r', '\t', '[', '\\', '"']);
        let start = colon + 1 + (rest.len() - value.len());
        let quoted = text[..start].ends_with('"');
        let ends = |c: char| matches!(c, '"' | '\\' | '\n') || !quoted && matches!(c, ',' | '}' | ']' | ' ');
        let end = value.char_indices().find(|(i, c)| *i >= VALUE || ends(*c)).map_or(value.len(), |(i, _)| i);
        if lines.capacity() == 0 {
            // More than it can come to, since a string that grows leaves a copy behind.
            lines.reserve_exact(2 * text.len() + 4);
        }
        lines.extend([&spoken(key), ": "]);
        values.push((Span { start: lines.len(), end: lines.len() + end }, start));
        lines.extend([&value[..end], "\n\n"]);
    }
    let mut found = Vec::new();
    let searched = if values.is_empty() { Vec::new() } else { detector.try_detect(&lines)? };
    for f in searched {
        let first = values.partition_point(|(line, _)| line.end <= f.span.start);
        for (line, here) in values[first..].iter().take_while(|(line, _)| line.start < f.span.end) {
            let (start, end) = (f.span.start.max(line.start), f.span.end.min(line.end));
            let span = Span { start: start - line.start + here, end: end - line.start + here };
            found.push(Finding { span, ..f });
        }
    }
    Ok(found)
}

/// The quoted key that ends here, if it is one that nobody would say like that.
fn key_before(text: &str) -> Option<&str> {
    let text = text.trim_end().strip_suffix('"')?.trim_end_matches('\\');
    let key = &text[text.rfind('"')? + 1..];
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    ((1..=KEY).contains(&key.len()) && key.bytes().all(plain) && spoken(key).as_str() != key).then_some(key)
}

/// Whether a name in a program consists of ordinary words only.
fn is_plain(detector: &Detector, name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphabetic() || b"_-.$#/".contains(&b);
    let ordinary = |word: &str| word.len() < 2 || detector.is_ordinary(&word.to_ascii_lowercase());
    name.len() <= KEY && name.bytes().all(plain) && spoken(name).split([' ', '$', '#', '/']).all(ordinary)
}

/// `date_of_birth` and `dateOfBirth` as one says them.
fn spoken(cue: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(cue.len() * 2));
    let mut before = ' ';
    for c in cue.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
        }
        out.push(if matches!(c, '_' | '-' | '.') { ' ' } else { c });
        before = c;
    }
    out
}

/// Every placeholder that the caller typed, in whatever shape.
fn typed(inputs: &[Input]) -> HashSet<(PhiClass, u32)> {
    let texts = inputs.iter().flat_map(|i| [Some(&i.text), i.cue.as_ref()]).flatten();
    texts.flat_map(|t| placeholder::resembling(t.expose())).collect()
}

/// One finding where several overlap: it covers them all and is of the class of the longest one, or
/// of the surest of those (of equals the last given), so that no part of any stays and no two replacements are spliced.
/// It says of every one of them as what it was read. Adjacent ones stay apart.
pub(crate) fn merge(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|f| (f.span.start, std::cmp::Reverse(f.span.end)));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    let mut best = (0, 0.0);
    for f in found {
        let rank = (f.span.end - f.span.start, f.confidence);
        match out.last_mut() {
            Some(open) if open.span.overlaps(f.span) => {
                open.span.end = open.span.end.max(f.span.end);
                open.read_as = open.read_as.or(f.read_as);
                if rank >= best {
                    (open.class, open.confidence, open.detector) = (f.class, f.confidence, f.detector);
                    best = rank;
                }
            }
            _ => {
                best = rank;
                out.push(f);
            }
        }
    }
    out
}

/// Stand-ins for the values that can have one, and how to turn them back.
fn stand_ins(
    detector: &Detector,
    inputs: &[Input],
    findings: &[Vec<Finding>],
    protection: Protection,
    random: &mut dyn FnMut(&mut [u8]),
) -> (HashMap<(PhiClass, Secret), Secret>, StandIns) {
    // What is not turned back must be seen for what it is: a placeholder.
    let values = || {
        let each = inputs.iter().zip(findings);
        let all = each.flat_map(|(input, found)| found.iter().map(move |f| (input, f)));
        all.filter(|(_, f)| protection.restored.contains(f.class))
            .map(|(input, f)| (f.class, slice(&input.text, f.span), input.text.expose()))
    };
    let mut chat = ChatStandIns::new(detector, random);
    inputs.iter().flat_map(|i| [Some(&i.text), i.cue.as_ref()]).flatten().for_each(|t| chat.read(t.expose()));
    values().for_each(|(class, value, _)| chat.value(class, value));
    let mut chosen = HashMap::new();
    for (class, value, text) in values() {
        let key = (class, Secret::new(value));
        if !chosen.contains_key(&key)
            && let Some(new) = chat.draw(class, value, text)
        {
            chosen.insert(key, Secret::new(new));
        }
    }
    let stand_ins = chat.finish();
    chosen.retain(|(class, value), new| stand_ins.tells(*class, new.expose(), value.expose()));
    (chosen, stand_ins)
}

fn replace(
    text: &str,
    found: &[Finding],
    chosen: &HashMap<(PhiClass, Secret), Secret>,
    issuer: &mut Issuer,
    own: &mut Own,
) -> String {
    // Room for the longest placeholder each, since a string that grows leaves a copy behind.
    let mut out = String::with_capacity(text.len() + found.len() * 20);
    let mut at = 0;
    for f in found {
        let value = &text[f.span.start..f.span.end];
        out.push_str(&text[at..f.span.start]);
        at = f.span.end;
        if let Some(new) = chosen.get(&(f.class, Secret::new(value))) {
            issuer.number(f.class, value);
            out.push_str(new.expose());
            continue;
        }
        let number = issuer.number(f.class, value);
        match issuer.mode() {
            ProtectionMode::Identified if issuer.passes(f.class) => {
                own.value(f.class, value);
                out.push_str(value);
            }
            ProtectionMode::Identified | ProtectionMode::Tokenize | ProtectionMode::Surrogate => {
                out.push_str(&placeholder::render(f.class, number))
            }
            ProtectionMode::Redact | ProtectionMode::Block => out.push_str(&placeholder::mark(f.class)),
        }
    }
    out.push_str(&text[at..]);
    out
}

fn slice(text: &PhiText, span: Span) -> &str {
    &text.expose()[span.start..span.end]
}

#[cfg(test)]
mod tests;
