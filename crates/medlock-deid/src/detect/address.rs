//! Streets with a house number, post boxes and postal codes.

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::lexicon::Tags;
use super::place::state_end;
use super::run::starts_chunk;
use super::token::{Case, Kind, Tokens};

const STREET: Rule = Rule::new("street", 66, 0.93);
const BOX: Rule = Rule::new("post-box", 66, 0.95);
const ZIP: Rule = Rule::new("zip", 62, 0.9);

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    for i in 0..t.list.len() {
        let token = t.list[i];
        match token.kind {
            Kind::Number | Kind::Mixed if starts_chunk(t, i) => {
                if let Some(last) = street(t, i) {
                    scan.push(i, last, PhiClass::Location, STREET);
                }
            }
            Kind::Word => {
                if token.cues.any(Cues::ZIP) {
                    zip_cue(scan, i);
                } else if t.is_word(i, "box") || t.is_word(i, "apartado") {
                    post_box(scan, i);
                } else {
                    foreign(scan, i);
                }
            }
            _ => {}
        }
    }
}

/// How street names end where the word for street is part of them.
const ENDINGS: [&str; 8] = ["straße", "strasse", "straat", "gasse", "laan", "gatan", "platz", "weg"];

/// The last token of the address that begins with the house number at `i`.
fn street(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let number = t.at(i);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 6 || number.len() > digits + 1 {
        return None;
    }
    let mut at = i + 1;
    if t.is_mark(at, '-') && t.joined(at) && t.kind(at + 1) == Some(Kind::Number) && t.joined(at + 1) {
        at += 2; // 123-45 Queens Boulevard
    }
    let first = at;
    let (mut sure, mut maybe) = (None, None);
    let mut lower = 0;
    if t.has(first, Cues::STREET_FIRST) && t.capital(first)
        || t.capital(first) && ENDINGS.iter().any(|e| t.at(first).ends_with(e))
    {
        sure = Some(first);
        while at - first < 5
            && t.has(first, Cues::STREET_FIRST)
            && t.same_line(at + 1)
            && (t.capital(at + 1) || t.has(at + 1, Cues::PARTICLE))
        {
            at += 1;
            sure = Some(at);
        }
        return sure.map(|end| tail(t, end));
    }
    // `Address: 849 Koch Crossroad`: whatever follows the number is the street.
    let field = (2..=6)
        .map_while(|k| i.checked_sub(k))
        .take_while(|j| matches!(t.at(*j + 1), ":" | "\"" | "[" | "=" | "'"))
        .any(|j| t.has(j, Cues::ADDRESS) && super::field::value_of(t, j).is_some_and(|v| v <= i));
    while at - first < 8 && t.same_line(at) {
        let token = t.get(at)?;
        match token.kind {
            Kind::Mark
                if token.gap == super::token::Gap::None
                    && (matches!(t.at(at), "-" | "'") || t.is_mark(at, '.') && t.at(at - 1).len() <= 3) => {}
            Kind::Mixed if ordinal(t.at(at)) => {}
            Kind::Number if at > first && t.has(at - 1, Cues::STREET_SURE) => {
                sure = Some(at); // Highway 66
                break;
            }
            Kind::Word if at == first && token.cues.any(Cues::MEASURE.or(Cues::YEARS)) && token.case == Case::Lower => {
                return None;
            }
            Kind::Word => {
                if token.case == Case::Lower {
                    lower += 1;
                    let little = matches!(
                        t.at(at),
                        "of" | "to"
                            | "by"
                            | "per"
                            | "and"
                            | "in"
                            | "a"
                            | "or"
                            | "for"
                            | "with"
                            | "on"
                            | "at"
                            | "is"
                            | "was"
                            | "times"
                            | "every"
                            | "from"
                    );
                    if little && t.at(at) != "of" || lower > 2 {
                        break;
                    }
                }
                if at > first && token.cues.any(Cues::STREET_SURE) {
                    sure = Some(at);
                } else if at > first
                    && (field || token.cues.any(Cues::STREET))
                    && token.case != Case::Lower
                    && !token.cues.any(Cues::UNIT)
                {
                    maybe = Some(at);
                }
            }
            _ => break,
        }
        at += 1;
    }
    if let Some(end) = sure {
        let long_form = !t.is_word(end, "dr")
            && !t.is_word(end, "ct")
            && !t.is_word(end, "pl")
            && !t.is_word(end, "way")
            && !t.is_word(end, "row");
        let title = t.is_word(end, "dr") && t.is_mark(end + 1, '.') && t.capital(end + 2) && t.at(end + 2).len() > 2;
        let end = match maybe {
            Some(m) if m == end + 1 => m,
            _ => end,
        };
        return ((lower == 0 || long_form) && !title).then(|| tail(t, end));
    }
    // A word that ends street names among other things needs the rest of an address behind it.
    let end = maybe.filter(|_| lower == 0)?;
    let last = tail(t, end);
    (field || last > end || t.get(end + 1).is_none_or(|x| x.gap == super::token::Gap::Line)).then_some(last)
}

fn ordinal(s: &str) -> bool {
    ["st", "nd", "rd", "th"].iter().any(|e| s.len() > 2 && s.to_ascii_lowercase().ends_with(e))
}

/// What may follow the street: a direction, a flat, a town, a state, a postal code.
fn tail(t: &Tokens<'_>, street: usize) -> usize {
    let mut last = street;
    let skip_comma = |j: usize| if t.is_mark(j, ',') { j + 1 } else { j };
    let mut j = last + 1;
    if t.is_mark(j, '.') && t.joined(j) {
        j += 1;
    }
    if t.has(j, Cues::DIRECTION) && t.same_line(j) && t.capital(j) {
        last = j;
        j += 1;
    }
    let unit = skip_comma(j);
    if (t.has(unit, Cues::UNIT) || t.is_mark(unit, '#')) && t.same_line(unit) {
        let mut k = unit + 1;
        while k - unit < 4 && (t.is_mark(k, '.') || t.is_mark(k, '#')) {
            k += 1;
        }
        if t.same_line(k)
            && t.kind(k).is_some_and(|x| x != Kind::Mark)
            && (t.kind(k) != Some(Kind::Word) || t.at(k).len() <= 2)
        {
            last = k;
            if t.is_mark(k + 1, '-') && t.joined(k + 1) && t.joined(k + 2) {
                last = k + 2;
            }
            j = last + 1;
        }
    }
    let town = skip_comma(j);
    town_state_zip(t, town).or_else(|| zip(t, skip_comma(last + 1))).unwrap_or(last)
}

/// `Forest Park, TN 69046-9345` from its first word on; a town alone counts when it is listed.
fn town_state_zip(t: &Tokens<'_>, town: usize) -> Option<usize> {
    let mut at = town;
    while at - town < 5 && t.same_line(at) && t.capital(at) && (at == town || !t.is_mark(at - 1, ',')) {
        let state = at + 1 + usize::from(t.is_mark(at + 1, ','));
        let any_two = t.at(state).len() == 2
            && t.get(state).is_some_and(|x| x.case == Case::Upper)
            && zip(t, state + 1).is_some();
        if let Some(end) = state_end(t, state).or(any_two.then_some(state)).filter(|_| t.same_line(state)) {
            let code = end + 1 + usize::from(t.is_mark(end + 1, ',') || t.is_mark(end + 1, '.'));
            return Some(zip(t, code).unwrap_or(end));
        }
        if t.is_mark(at + 1, '.') && t.at(at).len() <= 3 {
            at += 1;
        }
        at += 1;
    }
    (t.capital(town) && t.tags(town).any(Tags::CITY) && t.same_line(town) && !t.tags(town).any(Tags::SMALL))
        .then_some(town)
}

/// A ZIP code at `i`: its last token.
pub(super) fn zip(t: &Tokens<'_>, i: usize) -> Option<usize> {
    if t.kind(i) != Some(Kind::Number) || t.at(i).len() != 5 || !t.same_line(i) {
        return None;
    }
    let four = t.is_mark(i + 1, '-')
        && t.joined(i + 1)
        && t.joined(i + 2)
        && t.kind(i + 2) == Some(Kind::Number)
        && t.at(i + 2).len() == 4;
    Some(if four { i + 2 } else { i })
}

fn zip_cue(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let mut at = i + 1;
    while at - i < 5
        && (matches!(t.at(at), ":" | "(" | "-" | "#" | "=" | "\"")
            || ["code", "is", "pos", "kodu", "broj", "pocztowy", "índex", "indeks"].iter().any(|w| t.is_word(at, w))
            || t.is_word(at, "of"))
    {
        at += 1;
    }
    if let Some(last) = zip(t, at) {
        scan.push(at, last, PhiClass::Location, ZIP);
    } else if t.kind(at).is_some_and(|k| k == Kind::Mixed || k == Kind::Number)
        && t.same_line(at)
        && t.at(at).len() <= 7
    {
        // `SW1A 1AA`, `110 00`.
        let second = t.same_line(at + 1)
            && (t.kind(at + 1) == Some(Kind::Mixed) && t.at(at + 1).len() == 3
                || t.at(at).len() == 3 && t.number(at + 1).is_some_and(|(_, len)| len == 2));
        scan.push(at, at + usize::from(second), PhiClass::Location, ZIP);
    }
}

fn post_box(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let mut first = i;
    while first > 0
        && i - first < 4
        && t.same_line(first)
        && (matches!(t.at(first - 1), "." | "P" | "O" | "p" | "o")
            || t.is_word(first - 1, "po")
            || t.is_word(first - 1, "post")
            || t.is_word(first - 1, "office"))
    {
        first -= 1;
    }
    let hash = usize::from(t.is_mark(i + 1, '#'));
    if first < i && t.same_line(i + 1) && t.kind(i + 1 + hash).is_some_and(|k| k == Kind::Number || k == Kind::Mixed) {
        let last = i + 1 + hash;
        let next = last + 1 + usize::from(t.is_mark(last + 1, ','));
        let last = town_state_zip(t, next).unwrap_or(last);
        scan.push(first, last, PhiClass::Location, BOX);
    }
}

/// `Kerkstraat 12`, `Calle Mayor 5`: the number follows the street.
fn foreign(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let word = t.at(i);
    if word.len() > 5
        && t.capital(i)
        && t.kind(i + 1) == Some(Kind::Number)
        && ENDINGS.iter().any(|e| word.ends_with(e))
        && t.same_line(i + 1)
        && t.number(i + 1).is_some_and(|(_, len)| len <= 4)
    {
        scan.push(i, i + 1, PhiClass::Location, STREET);
    } else if t.has(i, Cues::STREET_FIRST) {
        let mut last = i;
        let mut named = false;
        for j in i + 1..i + 8 {
            if !t.same_line(j) {
                break;
            }
            let filler = t.is_mark(j, '.')
                || t.is_mark(j, ',')
                || t.has(j, Cues::PARTICLE)
                || t.is_word(j, "nº")
                || t.is_word(j, "n");
            if t.capital(j) && !filler {
                named = true;
                last = j;
            } else if t.number(j).is_some_and(|(_, len)| len <= 4) && named {
                last = j;
                break;
            } else if !filler {
                break;
            }
        }
        if named {
            scan.push(i, last, PhiClass::Location, STREET);
        }
    }
}
