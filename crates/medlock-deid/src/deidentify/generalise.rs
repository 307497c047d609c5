//! Less of a value: the year of a date, `90 or older`, a state and three digits of a ZIP code.

use super::date::{Calendar, read};
use super::place::{self, Segment};

/// Years more than this long ago tell of somebody over 89 (45 CFR 164.514(b)(2)(i)(C)).
const OLDEST: i32 = 89;
/// As if it were this year where nobody says: it removes too much rather than too little.
pub(super) const NOT_YET: i32 = 2040;

/// The year of a date, unless that would tell an age over 89.
pub(super) fn date(value: &str, calendar: Calendar, this_year: Option<i32>) -> Option<String> {
    let written = read(value, calendar)?;
    let year = written.year?;
    // A person born in the first year that stays turns 89 in this one.
    let oldest = this_year.unwrap_or(NOT_YET) - OLDEST;
    (year >= oldest && this_year.is_none_or(|now| year <= now + 1)).then(|| format!("{year:04}"))
}

/// Ages up to 89 stay; the others are one category, in a field of its own (`alone`) that has a bare
/// number its lowest.
pub(super) fn age(value: &str, alone: bool) -> String {
    let numbers: Vec<u32> =
        value.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).filter_map(|n| n.parse().ok()).collect();
    let spelled = value.chars().any(char::is_numeric);
    if let [age] = numbers[..]
        && spelled
        && age < 90
    {
        return value.to_owned();
    }
    let bare = value.trim().bytes().all(|b| b.is_ascii_digit()) && !value.trim().is_empty();
    if bare && alone { "90".to_owned() } else { "90 or older".to_owned() }
}

/// How much of a location may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// State and three digits of the ZIP code: 45 CFR 164.514(b)(2)(i)(B).
    State,
    /// City, state and ZIP code: 45 CFR 164.514(e)(2)(ii).
    City,
}

/// What may stay of a location, in the order in which it was written; `None` when that is nothing.
pub(super) fn location(value: &str, detail: Detail) -> Option<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut join_state = false;
    for segment in place::segments(value) {
        let piece = match segment {
            Segment::State(s) => s.to_owned(),
            Segment::Zip(zip) if detail == Detail::City => zip.to_owned(),
            Segment::Zip(zip) => zip3(zip)?.to_owned(),
            Segment::City(c) if detail == Detail::City => c.to_owned(),
            Segment::City(_) | Segment::Street(_) | Segment::Facility(_) | Segment::Gap(_) => continue,
        };
        // `MA 021`, but `Boston, MA`.
        let zip = matches!(segment, Segment::Zip(_));
        match kept.last_mut() {
            Some(last) if zip && join_state => {
                last.push(' ');
                last.push_str(&piece);
            }
            _ => kept.push(piece),
        }
        join_state = matches!(segment, Segment::State(_));
    }
    (!kept.is_empty()).then(|| kept.join(", "))
}

/// The first three digits of a ZIP code, or `000` where they stand for 20,000 people or fewer by the
/// 2020 census, or for nobody that it knows.
fn zip3(zip: &str) -> Option<&str> {
    const TOO_FEW: &str = include_str!("zip3.txt");
    let first = zip.get(..3)?;
    Some(if TOO_FEW.lines().any(|p| p == first) { "000" } else { first })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const PLAIN: Calendar = Calendar { this_year: 2026, day_first: false, year: None };

    #[test]
    fn years_stay_unless_they_tell_an_age_over_89() {
        let year = |text, now| date(text, PLAIN, now);
        for text in ["03/04/1962", "1962-03-04T10:00:00Z", "19620304", "March 4, 1962", "3/4/62", "1962"] {
            assert_eq!(year(text, Some(2026)).as_deref(), Some("1962"), "{text}");
        }
        assert_eq!(year("1937-01-01", Some(2026)).as_deref(), Some("1937"), "89 in 2026");
        assert_eq!(year("1936-12-31", Some(2026)), None, "90 on New Year's Eve");
        assert_eq!(year("March 4, 1936", None), None);
        assert_eq!(year("March 4, 1950", None), None, "90 in 2040");
        assert_eq!(year("9/9", Some(2026)), None);
        assert_eq!(year("last Tuesday", Some(2026)), None);
        assert_eq!(year("3/4/28", Some(2026)), None, "1928");
    }

    #[test]
    fn ages() {
        for (from, to) in [
            ("94", "90"),
            ("90", "90"),
            ("89", "89"),
            ("89 years", "89 years"),
            ("94-year-old", "90 or older"),
            ("ninety-four", "90 or older"),
            ("101 y/o", "90 or older"),
            ("forty-one", "90 or older"),
            ("٩٤", "90 or older"),
            ("9 4", "90 or older"),
        ] {
            assert_eq!(age(from, true), to, "{from}");
        }
    }

    #[test]
    fn an_age_in_a_text_says_that_it_is_a_category() {
        assert_eq!(age("94", false), "90 or older");
    }

    /// 45 CFR 164.514(b)(2)(i)(B) and the guidance's list, brought up to the census of 2020.
    #[test]
    fn locations() {
        for (from, state, city) in [
            ("1420 Oakwood Avenue, Springfield, IL 62704", Some("IL 627"), Some("Springfield, IL 62704")),
            ("Springfield, Illinois", Some("Illinois"), Some("Springfield, Illinois")),
            ("Springfield IL 62704-1123", Some("IL 627"), Some("Springfield, IL 62704-1123")),
            ("02118", Some("021"), Some("02118")),
            ("82301", Some("000"), Some("82301")),
            ("03601-1234", Some("000"), Some("03601-1234")),
            ("21300", Some("000"), Some("21300")),
            ("Springfield", None, Some("Springfield")),
            ("12 Georgia Street", None, None),
            ("P.O. Box 1234", None, None),
            ("Mercy General Hospital", None, None),
            ("Virginia Beach, VA", Some("VA"), Some("Virginia Beach, VA")),
            ("Oklahoma City", None, Some("Oklahoma City")),
            ("12 Elm St\nApt 4B\nBoston, MA", Some("MA"), Some("Boston, MA")),
        ] {
            assert_eq!(location(from, Detail::State).as_deref(), state, "{from}");
            assert_eq!(location(from, Detail::City).as_deref(), city, "{from}");
        }
    }
}
