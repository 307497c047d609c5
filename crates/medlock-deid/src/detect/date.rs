//! Dates in the forms people write, down to a month of a year. A year alone is no identifier
//! (45 CFR 164.514(b)(2)(i)(C)), a fraction or a blood pressure no date.

use medlock_domain::PhiClass;

use super::candidate::{Rule, Scan};
use super::cue::Cues;
use super::run::starts_chunk;
use super::token::{Case, Kind, Tokens};

const NUMERIC: Rule = Rule::new("date", 75, 0.93);
const WRITTEN: Rule = Rule::new("date-written", 77, 0.96);
const DAY: Rule = Rule::new("date-day", 60, 0.75);
const MONTH: Rule = Rule::new("date-month", 55, 0.7);

pub(super) fn produce(scan: &mut Scan<'_>) {
    let t = scan.tokens;
    for i in 0..t.list.len() {
        match t.list[i].kind {
            Kind::Number if starts_chunk(t, i) => {
                if let Some(last) = numeric(t, i) {
                    scan.push(i, last, PhiClass::Date, NUMERIC);
                } else if let Some(last) = month_and_day(t, i) {
                    scan.push(i, last, PhiClass::Date, DAY);
                }
            }
            Kind::Mixed if compact(t.at(i)) => scan.push(i, i, PhiClass::Date, WRITTEN),
            Kind::Word if t.has(i, Cues::MONTH) => written(scan, i),
            Kind::Word if t.has(i, Cues::WEEKDAY) && t.capital(i) && counted(t, i) => {
                scan.push(i - 1, i, PhiClass::Date, MONTH);
            }
            _ => {}
        }
    }
}

/// The last token of the all-number date that begins at `i`.
pub(super) fn numeric(t: &Tokens<'_>, i: usize) -> Option<usize> {
    if let Some(last) = stamp(t, i) {
        return Some(last);
    }
    let (a, a_len) = t.number(i)?;
    let sep = ['/', '-', '.'].into_iter().find(|c| t.is_mark(i + 1, *c))?;
    if !t.joined(i + 1) || !t.joined(i + 2) {
        return None;
    }
    let (b, b_len) = t.number(i + 2)?;
    let third = t.joined(i + 3) && t.is_mark(i + 3, sep) && t.joined(i + 4);
    if !third {
        let ends =
            !(t.joined(i + 3) && (t.is_mark(i + 3, '-') || t.is_mark(i + 3, '/') || t.kind(i + 3) != Some(Kind::Mark)));
        let month_year = sep == '/' && a_len <= 2 && month(a) && b_len == 4 && year(b);
        let year_month = sep != '.' && a_len == 4 && year(a) && b_len == 2 && month(b);
        return ((month_year || year_month) && ends).then_some(i + 2);
    }
    if a_len == 4 && year(a) && b_len <= 2 && month(b) {
        // The day may have the time glued to it: 05T10:22:00Z.
        let day_text = t.at(i + 4);
        let digits = day_text.bytes().take_while(u8::is_ascii_digit).count();
        let valid = (1..=2).contains(&digits) && day_text[..digits].parse().is_ok_and(day);
        let rest = &day_text[digits..];
        if !valid || !(rest.is_empty() || rest.starts_with(['T', 't'])) {
            return None;
        }
        return Some(if rest.is_empty() { i + 4 } else { time_end(t, i + 4) });
    }
    let (c, c_len) = t.number(i + 4)?;
    let ordered = month(a) && day(b) || day(a) && month(b);
    let full = c_len == 4 && year(c);
    let short = c_len == 2 && (sep != '.' || a_len == 2 && b_len == 2) && (sep == '/' || a_len == 2 || b_len == 2);
    let goes_on = t.joined(i + 5) && (t.is_mark(i + 5, sep) && t.joined(i + 6) || t.kind(i + 5) != Some(Kind::Mark));
    (a_len <= 2 && b_len <= 2 && ordered && (full || short) && !goes_on).then_some(i + 4)
}

/// `20240105`, with a time of day or without, as interfaces write it.
fn stamp(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let s = t.at(i);
    if !matches!(s.len(), 8 | 12 | 14) || t.kind(i) != Some(Kind::Number) || t.joined(i + 1) && t.is_mark(i + 1, '-') {
        return None;
    }
    let part = |r: std::ops::Range<usize>| s.get(r).and_then(|p| p.parse::<u32>().ok()).unwrap_or(0);
    let time = s.len() == 8 || part(8..10) < 24 && part(10..12) < 60;
    (year(part(0..4)) && month(part(4..6)) && day(part(6..8)) && time).then_some(i)
}

fn time_end(t: &Tokens<'_>, i: usize) -> usize {
    let mut last = i;
    while last - i < 8
        && t.joined(last + 1)
        && [":", ".", "+", "-"].contains(&t.at(last + 1))
        && t.joined(last + 2)
        && t.at(last + 2).starts_with(|c: char| c.is_ascii_digit())
    {
        last += 2;
    }
    last
}

/// `9/9` where the words around speak of a day.
fn month_and_day(t: &Tokens<'_>, i: usize) -> Option<usize> {
    let (a, a_len) = t.number(i)?;
    let (b, b_len) = t.number(i + 2)?;
    let shape = t.is_mark(i + 1, '/')
        && t.joined(i + 1)
        && t.joined(i + 2)
        && a_len <= 2
        && b_len <= 2
        && (month(a) && day(b) || day(a) && month(b));
    let goes_on = t.joined(i + 3)
        && (matches!(t.at(i + 3), "/" | "%")
            || t.kind(i + 3) != Some(Kind::Mark)
            || t.is_mark(i + 3, '.') && t.joined(i + 4));
    if !shape || goes_on || t.has(i + 3, Cues::MEASURE) && t.same_line(i + 3) {
        return None;
    }
    let mut j = i;
    while j > 0 && i - j < 3 && t.same_line(j) && [":", "(", "of", "the", "was", "is"].contains(&t.at(j - 1)) {
        j -= 1;
    }
    if j == 0 || !t.same_line(j) {
        return None;
    }
    let before = t.at(j - 1).to_ascii_lowercase();
    let sure = matches!(
        before.as_str(),
        "on" | "since"
            | "dated"
            | "date"
            | "dob"
            | "until"
            | "admitted"
            | "discharged"
            | "dos"
            | "seen"
            | "appt"
            | "appointment"
            | "scheduled"
    );
    // A score out of five, six or ten is not a day.
    let scale = matches!(b, 4 | 5 | 6 | 10) && a <= b;
    let cue = t.has(j - 1, Cues::DATE_CUE.or(Cues::WEEKDAY)) || matches!(before.as_str(), "by" | "from");
    let second_of_range =
        j >= 4 && matches!(before.as_str(), "-" | "to" | "and" | "through") && t.is_mark(j - 3, '/') && b > 12;
    (sure || (cue || second_of_range) && !scale).then_some(i + 2)
}

/// `12Mar2024`.
fn compact(s: &str) -> bool {
    let b = s.as_bytes();
    let head = b.iter().take_while(|c| c.is_ascii_digit()).count();
    let letters = b[head..].iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let tail = &s[(head + letters).min(s.len())..];
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    (1..=2).contains(&head)
        && letters == 3
        && matches!(tail.len(), 2 | 4)
        && tail.bytes().all(|c| c.is_ascii_digit())
        && MONTHS.iter().any(|m| s[head..head + 3].eq_ignore_ascii_case(m))
}

/// A date around the month word at `i`.
fn written(scan: &mut Scan<'_>, i: usize) {
    let t = scan.tokens;
    let word = t.at(i);
    let ambiguous = ["may", "march", "mar", "sep", "dec", "jan", "mai", "mars", "juli", "august", "april", "june"]
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w));
    let lower = t.list[i].case == Case::Lower;
    let (first, day_before) = day_before(t, i);
    let mut last = i;
    let mut at = i + 1;
    if t.is_mark(at, '.') && t.joined(at) {
        at += 1;
    }
    // Day after: `March 3rd`, `March 3-5`.
    let mut ordinal = day_before.is_some_and(|o| o);
    let mut has_day = day_before.is_some();
    if day_before.is_none() {
        let joiner = usize::from(t.is_mark(at, '-') && t.joined(at) || t.is_word(at, "the") || t.is_mark(at, ','));
        if let Some((end, is_ordinal)) = day_at(t, at + joiner) {
            (has_day, ordinal, last, at) = (true, is_ordinal, end, end + 1);
            let range = t.is_mark(at, '-') && t.joined(at)
                || t.is_word(at, "to")
                || t.is_word(at, "through")
                || t.is_word(at, "and")
                || t.is_mark(at, '&');
            if let Some((end, _)) = day_at(t, at + 1).filter(|(e, _)| range && !t.has(e + 1, Cues::MEASURE)) {
                (last, at) = (end, end + 1);
            }
        }
    }
    // Year: `2024`, `, 2024`, `of 2024`, `'24`, `-24`.
    let mut j = at;
    for _ in 0..2 {
        if t.is_mark(j, ',')
            || t.is_word(j, "of")
            || t.is_word(j, "de")
            || t.is_word(j, "del")
            || (t.is_mark(j, '-') || t.is_mark(j, '/') || t.is_mark(j, '.')) && t.joined(j)
        {
            j += 1;
        }
    }
    let has_year = match t.number(j) {
        Some((n, 4)) if year(n) && t.same_line(j) => true,
        Some((_, 2)) if t.is_mark(j - 1, '\'') || has_day && j > 0 && t.is_mark(j - 1, '-') && t.joined(j) => true,
        None if t.is_mark(j, '\'') && t.number(j + 1).is_some_and(|(_, len)| len == 2) => {
            j += 1;
            true
        }
        _ => false,
    };
    if has_year {
        last = j;
    }
    let dated = has_year || has_day && (!lower || !ambiguous || ordinal);
    let followed = t.same_line(last + 1) && t.has(last + 1, Cues::MEASURE) && !has_year && !ordinal;
    if dated && !(followed && has_day && day_before.is_none() && lower) {
        scan.push(first, last, PhiClass::Date, WRITTEN);
    } else if !lower && month_alone(t, i, ambiguous) {
        scan.push(i - usize::from(counted(t, i)), i, PhiClass::Date, MONTH);
    }
}

/// `last December`, `next Friday`: counted from the day of writing.
fn counted(t: &Tokens<'_>, i: usize) -> bool {
    i > 0 && t.same_line(i) && ["last", "next", "this", "past"].iter().any(|w| t.is_word(i - 1, w))
}

/// A month by its name alone: an element of a date smaller than a year.
fn month_alone(t: &Tokens<'_>, i: usize, ambiguous: bool) -> bool {
    let prepared = i > 0 && t.same_line(i) && t.has(i - 1, Cues::MONTH_PREP);
    prepared || counted(t, i) || !ambiguous && t.at(i).len() > 3 && t.list[i].case == Case::Init
}

/// `3`, `3rd`, `03` as a day of the month: its last token, and whether it is an ordinal.
fn day_at(t: &Tokens<'_>, i: usize) -> Option<(usize, bool)> {
    if !t.same_line(i)
        || t.joined(i + 1)
            && (t.is_mark(i + 1, '.') || t.is_mark(i + 1, '/') || t.is_mark(i + 1, ':'))
            && t.joined(i + 2)
    {
        return None;
    }
    if let Some((n, len)) = t.number(i) {
        return (len <= 2 && day(n)).then_some((i, false));
    }
    let s = t.at(i);
    let digits = s.bytes().take_while(u8::is_ascii_digit).count();
    let ordinal = ["st", "nd", "rd", "th"].iter().any(|e| s[digits..].eq_ignore_ascii_case(e));
    ((1..=2).contains(&digits) && ordinal && s[..digits].parse().is_ok_and(day)).then_some((i, true))
}

/// A day in front of the month at `i`: `3 March`, `the 3rd of March`, `12-Mar`.
fn day_before(t: &Tokens<'_>, i: usize) -> (usize, Option<bool>) {
    for back in 1..=2 {
        let Some(j) = i.checked_sub(back) else { break };
        let linked = back == 1 || ["of", "de", "-", "/", ".", "d"].contains(&t.at(i - 1));
        if linked
            && t.same_line(i)
            && let Some((_, ordinal)) = day_at_simple(t, j)
        {
            return (j, Some(ordinal));
        }
    }
    (i, None)
}

fn day_at_simple(t: &Tokens<'_>, j: usize) -> Option<(usize, bool)> {
    if !starts_chunk(t, j) {
        return None;
    }
    let s = t.at(j);
    let digits = s.bytes().take_while(u8::is_ascii_digit).count();
    let ordinal = ["st", "nd", "rd", "th"].iter().any(|e| s[digits..].eq_ignore_ascii_case(e));
    ((1..=2).contains(&digits) && (ordinal || s.len() == digits) && s[..digits].parse().is_ok_and(day))
        .then_some((j, ordinal))
}

fn month(n: u32) -> bool {
    (1..=12).contains(&n)
}

fn day(n: u32) -> bool {
    (1..=31).contains(&n)
}

fn year(n: u32) -> bool {
    (1880..2100).contains(&n)
}
