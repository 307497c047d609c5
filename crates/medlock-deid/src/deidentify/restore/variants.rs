//! What somebody who writes about a number or a date makes of it.

use medlock_domain::PhiClass;
use zeroize::Zeroizing;

use super::super::date::{Calendar, read};
use super::super::surrogate::poured;

const PHONES: [&str; 7] = [
    "(000) 000-0000",
    "000-000-0000",
    "000.000.0000",
    "000 000 0000",
    "0000000000",
    "+1 000-000-0000",
    "+1 (000) 000-0000",
];
const SSNS: [&str; 3] = ["000-00-0000", "000 00 0000", "000000000"];
const DATES: [&str; 8] = [
    "1900-01-01",
    "01/01/1900",
    "1/1/1900",
    "January 1, 1900",
    "Jan 1, 1900",
    "1 January 1900",
    "January 1st, 1900",
    "19000101",
];
/// Only what says its year can be looked for in another form.
const OPEN: Calendar = Calendar { this_year: 2027, day_first: false, year: None };

/// Pairs of a stand-in in another form with its original in the same.
pub(super) fn of(class: PhiClass, stand_in: &str, original: &str) -> Vec<(Zeroizing<String>, Zeroizing<String>)> {
    let forms: &[&str] = match class {
        PhiClass::Phone => &PHONES,
        PhiClass::Ssn => &SSNS,
        PhiClass::Date => return dates(stand_in, original),
        _ => return Vec::new(),
    };
    let digits = |t: &str| Zeroizing::new(t.chars().filter(char::is_ascii_digit).collect::<String>());
    let (from, to) = (digits(stand_in), digits(original));
    let as_form = |n: &str, form: &str| {
        let country = form.starts_with("+1") && n.len() == 10;
        let n = if country {
            format!("1{n}")
        } else {
            n.strip_prefix('1').filter(|d| d.len() == 10 && !form.starts_with("+1")).unwrap_or(n).to_owned()
        };
        (n.len() == digits(form).len()).then(|| Zeroizing::new(poured(&n, form)))
    };
    forms.iter().filter_map(|form| Some((as_form(&from, form)?, as_form(&to, form)?))).collect()
}

fn dates(stand_in: &str, original: &str) -> Vec<(Zeroizing<String>, Zeroizing<String>)> {
    let (Some(from), Some(to)) = (read(stand_in, OPEN), read(original, OPEN)) else { return Vec::new() };
    let whole = |w: &super::super::date::Written<'_>| {
        w.year.is_some() && w.month.is_some() && w.day.is_some() && w.until.is_none()
    };
    if !whole(&from) || !whole(&to) {
        return Vec::new();
    }
    let (from, to) = (from.day(OPEN), to.day(OPEN));
    let write = |form: &str, day| read(form, OPEN).map(|w| Zeroizing::new(w.with(day)));
    DATES.iter().filter_map(|form| Some((write(form, from)?, write(form, to)?))).collect()
}
