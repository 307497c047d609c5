//! Reads one date, or a few days of one month.

use super::civil::days_in;
use super::month;
use super::{Calendar, Part, WEEKDAYS, Written};
use crate::deidentify::fold::Case;

/// Words between the parts of a written date.
const FILLERS: [&str; 8] = ["of", "the", "de", "del", "d", "le", "el", "on"];
/// Words and marks between the days of a range.
const RANGE: [&str; 6] = ["-", "–", "to", "through", "and", "&"];

/// The date that all of `text` says, if it does.
pub(crate) fn read(text: &str, calendar: Calendar) -> Option<Written<'_>> {
    let tokens = tokens(text);
    let mut out = (0..3).find_map(|way| {
        let mut reader = Reader { tokens: &tokens, at: 0, calendar, out: Written::default() };
        reader.blanks();
        reader.weekday();
        let found = match way {
            0 => reader.packed(),
            1 => reader.numeric(),
            _ => reader.written(),
        };
        (found && reader.time()).then_some(reader.out)
    })?;
    pad(&mut out.parts, text);
    let last = out.until.or(out.day);
    let valid = last.is_none_or(|d| (1..=days_in(out.month.unwrap_or(1), out.year)).contains(&d));
    let ordered = out.until.is_none_or(|u| out.day.is_some_and(|d| d < u));
    (valid && ordered).then_some(out)
}

/// Whether numbers of two digits would have a zero in front if they had one: as the other numbers of
/// the date have, or as dates of this kind have.
fn pad(parts: &mut [Part<'_>], text: &str) {
    let figures: Vec<&str> = tokens(text).into_iter().filter(|t| t.starts_with(|c: char| c.is_ascii_digit())).collect();
    let zero = figures.iter().any(|f| f.len() == 2 && f.starts_with('0'));
    let bare = figures.iter().any(|f| f.len() == 1);
    let year = parts.iter().any(|p| matches!(p, Part::Year { .. }));
    let named = parts.iter().any(|p| matches!(p, Part::Name(_)));
    let spaced = parts.iter().any(|p| matches!(p, Part::Text(" ")));
    let packed = figures.first().is_some_and(|f| f.len() >= 6);
    let pads = packed || zero || !bare && year && !(named && spaced);
    for part in parts {
        if let Part::Month { padded } | Part::Day { padded } | Part::Until { padded } = part {
            *padded &= pads;
        }
    }
}

/// Runs of ASCII digits, runs of letters, and other characters one by one.
fn tokens(text: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        c if c.is_ascii_digit() => 1,
        c if c.is_alphabetic() => 2,
        _ => 0,
    };
    let mut out = Vec::new();
    let mut from = 0;
    let mut before = 0;
    for (at, c) in text.char_indices() {
        if at > 0 && (kind(c) != before || before == 0) {
            out.push(&text[from..at]);
            from = at;
        }
        before = kind(c);
    }
    out.push(&text[from..]);
    out
}

struct Reader<'a, 't> {
    tokens: &'a [&'t str],
    at: usize,
    calendar: Calendar,
    out: Written<'t>,
}

impl<'t> Reader<'_, 't> {
    fn peek(&self, ahead: usize) -> &'t str {
        self.tokens.get(self.at + ahead).copied().unwrap_or("")
    }

    fn number(&self, ahead: usize) -> Option<(u32, usize)> {
        let t = self.peek(ahead);
        (t.len() <= 4 && t.starts_with(|c: char| c.is_ascii_digit())).then(|| t.parse().ok().map(|n| (n, t.len())))?
    }

    fn text(&mut self, n: usize) {
        for _ in 0..n {
            if let Some(t) = self.tokens.get(self.at) {
                self.out.parts.push(Part::Text(t));
                self.at += 1;
            }
        }
    }

    fn part(&mut self, part: Part<'t>) {
        self.out.parts.push(part);
        self.at += 1;
    }

    fn blanks(&mut self) {
        while self.peek(0).chars().next().is_some_and(char::is_whitespace) {
            self.text(1);
        }
    }

    fn weekday(&mut self) {
        let word = self.peek(0);
        let lower = word.to_lowercase();
        let found = WEEKDAYS.iter().position(|w| {
            let w = w.to_lowercase();
            lower.len() >= 3 && (w == lower || lower.len() <= 5 && w.starts_with(&lower))
        });
        if let Some(n) = found {
            let full = WEEKDAYS[n].len() == word.len();
            self.out.weekday = Some(n as u32);
            // `Thurs` stands for no other day: three letters do.
            self.part(Part::Weekday { abbreviated: if full { 9 } else { 3 }, case: Case::of(word) });
            while matches!(self.peek(0), "." | "," | " ") {
                self.text(1);
            }
        }
    }

    /// `19620304`, `196203041030`, `201903`: as interfaces write it.
    fn packed(&mut self) -> bool {
        let t = self.peek(0);
        let digits = t.starts_with(|c: char| c.is_ascii_digit());
        if !digits || !matches!(t.len(), 6 | 8 | 10 | 12 | 14) {
            return false;
        }
        let part = |r: std::ops::Range<usize>| t[r].parse::<u32>().unwrap_or(0);
        let (year, month) = (part(0..4), part(4..6));
        if !is_year(year) || !(1..=12).contains(&month) {
            return false;
        }
        self.out.year = Some(year as i32);
        self.out.month = Some(month);
        self.out.parts.extend([Part::Year { two: false }, Part::Month { padded: true }]);
        if t.len() >= 8 {
            let day = part(6..8);
            let hour = t.len() < 10 || part(8..10) < 24;
            if day == 0 || !hour {
                return false;
            }
            self.out.day = Some(day);
            self.out.parts.push(Part::Day { padded: true });
            self.out.parts.push(Part::Text(&t[8..]));
        }
        self.at += 1;
        true
    }

    /// `03/04/1962`, `1962-03-04`, `4.3.62`, `9/9`, `03/2019`, `2019-03`.
    fn numeric(&mut self) -> bool {
        let Some((a, a_len)) = self.number(0) else { return false };
        let gap = usize::from(self.peek(1) == " ");
        let sep = self.peek(1 + gap);
        if !matches!(sep, "/" | "-" | "." | "–") {
            return false;
        }
        let second = 2 + 2 * gap;
        if gap == 1 && self.peek(3) != " " {
            return false;
        }
        let Some((b, b_len)) = self.number(second) else { return false };
        let third = if self.peek(second + 1 + gap) == sep { self.number(second + 2 + 2 * gap) } else { None };
        let Some(order) = self.order((a, a_len), (b, b_len), third, sep) else { return false };
        for (n, field) in order.into_iter().flatten().enumerate() {
            if n > 0 {
                self.text(1 + 2 * gap);
            }
            let (value, len) = self.number(0).unwrap_or((0, 0));
            self.fill(field, value, len);
        }
        true
    }

    /// Which number is what.
    fn order(
        &mut self,
        (a, a_len): (u32, usize),
        (b, b_len): (u32, usize),
        third: Option<(u32, usize)>,
        sep: &str,
    ) -> Option<[Option<Field>; 3]> {
        use Field::{Day, Month, Year};
        let month = |n| (1..=12).contains(&n);
        let day = |n| (1..=31).contains(&n);
        let short = a_len <= 2 && b_len <= 2;
        match third {
            Some((c, c_len)) if a_len == 4 && c_len <= 2 => {
                (is_year(a) && month(b) && day(c)).then_some([Some(Year), Some(Month), Some(Day)])
            }
            Some((c, c_len)) if short && (c_len == 2 || c_len == 4 && is_year(c)) => {
                let first = self.day_first(a, b, sep)?;
                Some(if first { [Some(Day), Some(Month), Some(Year)] } else { [Some(Month), Some(Day), Some(Year)] })
            }
            None if a_len == 4 && b_len == 2 && is_year(a) && month(b) => Some([Some(Year), Some(Month), None]),
            None if a_len <= 2 && b_len == 4 && month(a) && is_year(b) => Some([Some(Month), Some(Year), None]),
            None if short => {
                let first = self.day_first(a, b, sep)?;
                Some(if first { [Some(Day), Some(Month), None] } else { [Some(Month), Some(Day), None] })
            }
            _ => None,
        }
    }

    fn day_first(&mut self, a: u32, b: u32, sep: &str) -> Option<bool> {
        let (m_d, d_m) =
            ((1..=12).contains(&a) && (1..=31).contains(&b), (1..=31).contains(&a) && (1..=12).contains(&b));
        match (m_d, d_m) {
            (true, true) => Some(sep == "." || self.calendar.day_first),
            (true, false) => Some(false),
            (false, true) => {
                self.out.day_first = true;
                Some(true)
            }
            (false, false) => None,
        }
    }

    fn fill(&mut self, field: Field, value: u32, len: usize) {
        match field {
            Field::Year => {
                let two = len == 2;
                self.out.year = Some(if two { self.century(value) } else { value as i32 });
                self.part(Part::Year { two });
            }
            Field::Month => {
                self.out.month = Some(value);
                self.part(Part::Month { padded: len == 2 });
            }
            Field::Day => {
                self.out.day = Some(value);
                self.part(Part::Day { padded: len == 2 });
            }
        }
    }

    fn century(&self, two: u32) -> i32 {
        let (century, now) = (self.calendar.this_year.div_euclid(100) * 100, self.calendar.this_year.rem_euclid(100));
        let two = two as i32;
        if two <= now { century + two } else { century - 100 + two }
    }

    /// `March 4, 1962`, `4 March 1962`, `12-Mar-2024`, `the 3rd of March`, `March 2019`, `2019`.
    fn written(&mut self) -> bool {
        while self.at < self.tokens.len() {
            let t = self.peek(0);
            let lower = t.to_lowercase();
            if let Some((n, len)) = self.number(0) {
                if !self.figure(n, len) {
                    return false;
                }
            } else if let (None, Some((month, name))) = (self.out.month, month::read(t)) {
                self.out.month = Some(month);
                self.part(Part::Name(name));
            } else if self.ends() {
                break;
            } else if FILLERS.contains(&lower.as_str())
                || RANGE.contains(&t)
                || matches!(t, "," | "." | "/" | "'" | "’")
                || t.chars().all(char::is_whitespace)
            {
                self.text(1);
            } else {
                return false;
            }
        }
        self.out.month.is_some() || self.out.year.is_some() && self.out.day.is_none()
    }

    /// Whether a time of day begins here.
    fn ends(&self) -> bool {
        let mut ahead = 0;
        while matches!(self.peek(ahead), " " | "," | "at" | "@") {
            ahead += 1;
        }
        self.out.month.is_some() && self.peek(ahead + 1) == ":" && self.number(ahead).is_some()
    }

    /// A day, the last day of a range, or a year.
    fn figure(&mut self, n: u32, len: usize) -> bool {
        let suffix = self.peek(1);
        let ordinal = ["st", "nd", "rd", "th"].contains(&suffix.to_lowercase().as_str());
        let before = self.tokens[..self.at].iter().rev().find(|t| !t.chars().all(char::is_whitespace)).copied();
        let ranged = before.is_some_and(|b| RANGE.contains(&b.to_lowercase().as_str()));
        let hour = self.peek(1) == ":";
        if hour {
            return self.out.month.is_some() && self.out.day.is_some() && self.ends();
        }
        if len == 4 {
            if self.out.year.is_some() || !is_year(n) {
                return false;
            }
            self.fill(Field::Year, n, 4);
            return true;
        }
        if len > 2 {
            return false;
        }
        let apostrophe = matches!(before, Some("'" | "’"));
        let upper = suffix.starts_with(char::is_uppercase);
        if !apostrophe && self.out.day.is_none() && (1..=31).contains(&n) {
            self.fill(Field::Day, n, len);
            if ordinal {
                self.part(Part::Ordinal { upper, until: false });
            }
            return true;
        }
        // `3-5 March`, `March 3-5`; `12-Mar-24` has its month before the dash.
        let days_before = self.tokens[..self.at].iter().rev().skip_while(|t| **t == " ").nth(1);
        let after_day = days_before.is_some_and(|t| {
            let t = t.trim();
            t.is_empty() || t.bytes().all(|b| b.is_ascii_digit()) || ["st", "nd", "rd", "th"].contains(&t)
        });
        if ranged && after_day && self.out.until.is_none() && self.out.year.is_none() && (1..=31).contains(&n) {
            self.out.until = Some(n);
            self.part(Part::Until { padded: len == 2 });
            if ordinal {
                self.part(Part::Ordinal { upper, until: true });
            }
            return true;
        }
        let after = apostrophe || self.out.day.is_some() || before == Some("-");
        if len == 2 && after && self.out.year.is_none() && self.out.month.is_some() && !ordinal {
            self.fill(Field::Year, n, 2);
            return true;
        }
        false
    }

    /// The rest is a time of day with its zone, or nothing.
    fn time(&mut self) -> bool {
        let rest: String = self.tokens[self.at.min(self.tokens.len())..].concat();
        let trimmed = rest.trim();
        if !trimmed.is_empty() && !is_time(trimmed, self.out.day.is_some()) {
            return false;
        }
        self.text(self.tokens.len() - self.at.min(self.tokens.len()));
        true
    }
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Year,
    Month,
    Day,
}

pub(super) fn is_year(n: u32) -> bool {
    (1800..2200).contains(&n)
}

/// `T10:22:00.123Z`, ` at 10:22 AM`, `, 1022`, `-0500`, `.123+0100`.
fn is_time(text: &str, after_day: bool) -> bool {
    let lower = text.to_lowercase();
    let rest = lower.trim_start_matches([',', ' ']);
    let rest = rest.strip_prefix("at ").or_else(|| rest.strip_prefix(['t', '@'])).unwrap_or(rest).trim_start();
    let Some(rest) = clock(rest).map(str::trim_start) else { return false };
    let halves = ["am", "pm", "a.m.", "p.m.", "a", "p", "hrs", "hours", "h"];
    let rest = halves.iter().find_map(|h| rest.strip_prefix(h)).unwrap_or(rest).trim_start();
    after_day && (rest.is_empty() || is_zone(rest))
}

/// What follows `10:22`, `10:22:00.123`, `1022`, `.123`, or nothing of the kind.
fn clock(text: &str) -> Option<&str> {
    let two = |t: &str| t.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).is_some();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let below = |t: &str, n: u32| t.parse::<u32>().is_ok_and(|v| v < n);
    let mut rest = &text[digits..];
    match digits {
        0 => {}
        1 | 2 if rest.starts_with(':') => {
            if !below(&text[..digits], 25) {
                return None;
            }
            for _ in 0..2 {
                match rest.strip_prefix(':') {
                    Some(more) if two(more) && below(&more[..2], 61) => rest = &more[2..],
                    Some(_) => return None,
                    None => break,
                }
            }
        }
        1 | 2 if rest.trim_start().starts_with(['a', 'p', 'h']) && below(&text[..digits], 25) => {}
        4 | 6 if below(&text[..2], 25) && below(&text[2..4], 60) => {}
        _ => return None,
    }
    if let Some(more) = rest.strip_prefix('.') {
        let fraction = more.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&fraction) {
            return (digits > 0).then_some(rest);
        }
        rest = &more[fraction..];
    }
    Some(rest)
}

fn is_zone(text: &str) -> bool {
    const NAMES: [&str; 14] =
        ["z", "utc", "gmt", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "et", "ct", "pt"];
    let offset = text.strip_prefix(['+', '-']).map(|t| t.replace(':', ""));
    NAMES.contains(&text) || offset.is_some_and(|o| matches!(o.len(), 2 | 4) && o.bytes().all(|b| b.is_ascii_digit()))
}
