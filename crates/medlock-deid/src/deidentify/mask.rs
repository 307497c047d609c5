//! The shape of a value and nothing else of it.

use medlock_domain::PhiClass;

use super::date::{Calendar, Day, read};

/// The day that all masked dates are.
const NO_DAY: Day = Day { year: 1900, month: 1, day: 1 };

/// `X` and `x` for letters, `0` for digits, the last four as well. A date stays one that parses.
pub(super) fn mask(class: PhiClass, value: &str, calendar: Calendar) -> String {
    if class == PhiClass::Date
        && let Some(written) = read(value, calendar)
    {
        return timeless(&written.with(NO_DAY), calendar);
    }
    if class == PhiClass::Url
        && let Some((scheme, rest)) = value.split_once("://")
        && scheme.bytes().all(|b| b.is_ascii_alphabetic())
    {
        return format!("{scheme}://{}", blank(rest));
    }
    blank(value)
}

fn blank(value: &str) -> String {
    value
        .chars()
        .map(|c| match c {
            c if c.is_numeric() => '0',
            c if c.is_uppercase() => 'X',
            c if c.is_alphabetic() => 'x',
            c if c.is_ascii() || c.is_whitespace() => c,
            // What else there is (marks over letters, signs of a script) may tell.
            _ => '-',
        })
        .collect()
}

/// A masked date with a time of day: midnight, in its zone as it was written.
pub(super) fn timeless(written: &str, calendar: Calendar) -> String {
    // The longest beginning that is a date by itself, so that a packed one keeps its digits.
    let ends: Vec<usize> = written.char_indices().map(|(i, _)| i).chain([written.len()]).collect();
    let day = ends.iter().rev().find(|i| {
        let head = &written[..**i];
        let colon = head.contains(':') || head.len() > 8 && head.bytes().all(|b| b.is_ascii_digit());
        !colon && read(head, calendar).is_some_and(|w| w.month.is_some() || head.len() == written.len())
    });
    let at = day.copied().unwrap_or(0);
    let time: String = written[at..].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    format!("{}{time}", &written[..at])
}
