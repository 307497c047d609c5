//! Identifiers that a word in front announces: record, plan, account, licence, plate, serial and
//! case numbers. Cues are whole words; `public` announces nothing.

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::check;
use super::cue::Cues;
use super::date;
use super::run::{chunk, count, starts_chunk};
use super::token::{Case, Gap, Kind, Tokens};

/// The cue class, what it announces, and its rule; the first that fits is taken.
const ANNOUNCED: [(Cues, PhiClass, Rule); 8] = [
    (Cues::SSN, PhiClass::Ssn, Rule::new("ssn-cue", 92, 0.97)),
    (Cues::MRN, PhiClass::Mrn, Rule::new("mrn-cue", 91, 0.95)),
    (Cues::VEHICLE, PhiClass::Vehicle, Rule::new("vehicle-cue", 90, 0.9)),
    (Cues::DEVICE, PhiClass::Device, Rule::new("device-cue", 90, 0.9)),
    (Cues::LICENSE, PhiClass::License, Rule::new("license-cue", 89, 0.93)),
    (Cues::PLAN, PhiClass::HealthPlan, Rule::new("plan-cue", 89, 0.93)),
    (Cues::ACCOUNT, PhiClass::Account, Rule::new("account-cue", 88, 0.93)),
    (Cues::ID, PhiClass::Id, Rule::new("id-cue", 76, 0.85)),
];

const ANY: Cues = Cues::SSN
    .or(Cues::MRN)
    .or(Cues::VEHICLE)
    .or(Cues::DEVICE)
    .or(Cues::LICENSE)
    .or(Cues::PLAN)
    .or(Cues::ACCOUNT)
    .or(Cues::ID);

pub(super) fn produce(scan: &mut Scan<'_>) {
    for i in 0..scan.tokens.list.len() {
        if scan.tokens.has(i, ANY) {
            announced(scan, i);
        } else if scan.tokens.is_mark(i, '#') {
            hash_mark(scan, i);
        }
    }
}

/// How the number is announced: by a word that means nothing else, or by one of many meanings, with
/// or without a "number" or a colon after it.
#[derive(Clone, Copy, PartialEq)]
struct Grip {
    strong: bool,
    marked: bool,
}

fn announced(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let cues = t.cues(i);
    let Some((_, class, rule)) = ANNOUNCED.iter().find(|(c, _, _)| cues.any(*c)) else { return };
    if (i > 0 && t.has(i - 1, Cues::CODE)) || !starts_chunk(t, i) && t.is_mark(i - 1, '/') && t.has(i - 2, Cues::CODE) {
        return;
    }
    let mut grip = Grip { strong: cues.any(Cues::STRONG), marked: cues.any(Cues::MARKER) };
    let mut own = Some(i).filter(|_| t.list[i].case == Case::Upper); // `MRN-279406`: the cue is in the chunk
    for at in i + 1..i + 11 {
        let Some(next) = t.get(at) else { return };
        let colon = t.is_mark(at - 1, ':') || t.is_mark(at - 1, '#');
        if next.gap == Gap::Line && !colon {
            return;
        }
        match next.kind {
            Kind::Mark => match t.at(at) {
                ":" | "#" | "=" | "|" => {
                    grip.marked = true;
                    own = None;
                }
                "-" | "_" if t.joined(at) && t.joined(at + 1) => {}
                "(" | ")" | "." | "-" | "[" | "\"" | "'" | "*" | "_" | "/" | "{" | "<" | ">" | "º" | "°" => {
                    own = None
                }
                _ => return,
            },
            Kind::Word if next.cues.any(Cues::FILLER) && !value_word(t, at) => {
                if next.cues.any(Cues::STRONG) && !cues.any(Cues::STRONG) {
                    return; // that word announces better
                }
                grip.marked |= next.cues.any(Cues::MARKER);
                own = None;
            }
            Kind::Word if next.cues.any(ANY) && !value_word(t, at) => return,
            _ => {
                // `SN 35706569`: the letters are printed with the number.
                let letters = *class == PhiClass::Device && at == i + 1 && t.is_word(i, "sn");
                let first = own.filter(|_| t.joined(at) || letters).unwrap_or(at);
                if let Some(last) = value(t, at, *class, grip) {
                    scan.push(first, last, *class, *rule);
                }
                return;
            }
        }
    }
}

/// Whether the word at `i` is the head of a code: `SM-987654`, `ACCT-12`, `SN 1234567`.
fn value_word(t: &Tokens<'_>, i: usize) -> bool {
    if t.kind(i) != Some(Kind::Word)
        || t.get(i).is_none_or(|x| !matches!(x.case, Case::Upper | Case::Single | Case::Init))
    {
        return false;
    }
    let linked = t.joined(i + 1) && (t.is_mark(i + 1, '-') || t.is_mark(i + 1, '_')) && t.joined(i + 2);
    linked && (t.kind(i + 2) == Some(Kind::Number) || t.kind(i + 2) == Some(Kind::Mixed) || value_word(t, i + 2))
}

/// The last token of the value that begins at `i`, when it is one.
fn value(t: &Tokens<'_>, i: usize, class: PhiClass, grip: Grip) -> Option<usize> {
    let lettered = matches!(class, PhiClass::Device | PhiClass::Vehicle)
        && t.kind(i) == Some(Kind::Word)
        && t.list[i].case == Case::Upper
        && t.at(i).len() <= 4
        && t.kind(i + 1).is_some_and(|k| k == Kind::Number || k == Kind::Mixed)
        && t.same_line(i + 1);
    let start = i + usize::from(lettered);
    let mut last = chunk(t, start, "-_./");
    if t.kind(start) == Some(Kind::Word) && last == start && !masked(t, start) {
        return None;
    }
    // A decimal point belongs to a sentence's end or to a quantity, a slash to a date or a ratio.
    let text = t.between(i, last);
    if text.len() > 64 {
        return Some(last);
    }
    let (digits, letters) = count(text);
    if (!grip.strong || text.contains('/')) && date::numeric(t, start).is_some() {
        return None;
    }
    let quantity = letters == 0 && digits < 6 && text.contains('.')
        || letters == 0 && digits <= 6 && text.contains('/')
        || t.is_mark(last + 1, '%') && t.joined(last + 1)
        || !grip.strong && t.has(last + 1, Cues::MEASURE.or(Cues::YEARS)) && t.same_line(last + 1) && digits < 6
        || letters > 0 && t.kind(start) == Some(Kind::Mixed) && start == last && dose(text);
    if quantity {
        return None;
    }
    let year = letters == 0 && digits == 4 && (text.starts_with("19") || text.starts_with("20"));
    let enough = match (grip.strong, grip.marked) {
        (true, _) => digits >= 3 || digits >= 2 && letters >= 2,
        (_, true) => (digits >= 3 || digits >= 2 && letters >= 2 && text.len() >= 5) && !year,
        _ => {
            !year
                && (digits >= 5
                    || letters > 0 && digits >= 3 && text.len() >= 5 && !text.bytes().any(|b| b.is_ascii_lowercase()))
        }
    };
    let plate = digits >= 1 && letters >= 2 && bare(text) >= 5 && grip.marked;
    if !(enough || class == PhiClass::Vehicle && (plate || check::vin_shape(text))) {
        return None;
    }
    // Digits printed in groups: 123 456 789.
    let mut more = 0;
    while more < 4
        && letters == 0
        && t.kind(last + 1) == Some(Kind::Number)
        && t.same_line(last + 1)
        && (3..=4).contains(&t.at(last + 1).len())
        && t.at(last).len() <= 4
        && !t.has(last + 2, Cues::MEASURE.or(Cues::YEARS))
    {
        last += 1;
        more += 1;
    }
    Some(last)
}

/// `500mg`, `10mL`, `3x`: digits and then a unit.
fn dose(s: &str) -> bool {
    let tail = s.trim_start_matches(|c: char| c.is_ascii_digit());
    [
        "mg", "mcg", "g", "kg", "ml", "mL", "cc", "mm", "cm", "x", "th", "st", "nd", "rd", "yo", "y", "hr", "h", "am",
        "pm", "lb", "lbs", "units", "F", "M", "k", "K",
    ]
    .contains(&tail)
}

/// `XXX-XX-1234`.
fn masked(t: &Tokens<'_>, i: usize) -> bool {
    t.at(i).bytes().all(|b| matches!(b, b'x' | b'X')) && t.is_mark(i + 1, '-')
}

fn bare(s: &str) -> usize {
    s.bytes().filter(u8::is_ascii_alphanumeric).count()
}

/// `#SP-112233`: a number sign straight before a code is announcement enough when it is long.
fn hash_mark(scan: &mut Scan<'_>, i: usize) {
    const RULE: Rule = Rule::new("number-sign", 74, 0.7);
    let t = scan.tokens;
    if !t.same_line(i + 1) || t.kind(i + 1) == Some(Kind::Mark) {
        return;
    }
    let last = chunk(t, i + 1, "-_");
    let text = t.between(i + 1, last);
    let (digits, letters) = count(text);
    if text.len() <= 40 && (digits >= 5 || digits >= 4 && letters >= 1) && !t.has(last + 1, Cues::MEASURE) {
        scan.push(i + 1, last, PhiClass::Id, RULE);
    }
}
