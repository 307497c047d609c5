#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const PLAIN: Calendar = Calendar { this_year: 2026, day_first: false, year: None };

fn moved(text: &str, days: i32) -> Option<String> {
    read(text, PLAIN).and_then(|w| w.moved(days, PLAIN))
}

#[test]
fn every_format_keeps_its_format() {
    for (from, days, to) in [
        ("1962-03-04", 1, "1962-03-05"),
        ("1962-03-04", -63, "1961-12-31"),
        ("03/04/1962", 30, "04/03/1962"),
        ("3/4/1962", 30, "4/3/1962"),
        ("3/4/62", 30, "4/3/62"),
        ("12/31/99", 1, "01/01/00"),
        ("4.3.1962", 1, "5.3.1962"),
        ("04.03.62", 1, "05.03.62"),
        ("25/12/2019", 10, "04/01/2020"),
        ("3-4-2024", 1, "3-5-2024"),
        ("2024/02/28", 1, "2024/02/29"),
        ("9/9", 3, "9/12"),
        ("12/30", 3, "1/2"),
        ("03/2019", 31, "04/2019"),
        ("2019-12", 31, "2020-01"),
        ("2019", 200, "2020"),
        ("March 4, 1962", -5, "February 27, 1962"),
        ("MARCH 4, 1962", -5, "FEBRUARY 27, 1962"),
        ("march 4 1962", 1, "march 5 1962"),
        ("Mar. 4, 1962", 40, "Apr. 13, 1962"),
        ("Sept 4, 1962", 1, "Sep 5, 1962"),
        ("4 March 1962", 28, "1 April 1962"),
        ("04-Mar-1962", 28, "01-Apr-1962"),
        ("4-MAR-62", 28, "1-APR-62"),
        ("12Mar2024", 1, "13Mar2024"),
        ("the 3rd of March, 2024", 1, "the 4th of March, 2024"),
        ("March 3rd", 8, "March 11th"),
        ("March '24", 31, "April '24"),
        ("March 2019", 31, "April 2019"),
        ("March", 31, "April"),
        ("March 3-5, 2024", 7, "March 10-12, 2024"),
        ("March 3rd to 5th", 7, "March 10th to 12th"),
        ("3-5 March 2024", 7, "10-12 March 2024"),
        ("Monday, March 4, 2024", 2, "Wednesday, March 6, 2024"),
        ("Mon 03/04/2024", -1, "Sun 03/03/2024"),
        ("4 de marzo de 2024", 30, "3 de abril de 2024"),
        ("4 mars 2024", 30, "3 avril 2024"),
        ("4. März 2024", 300, "29. Dezember 2024"),
        ("19620304", 1, "19620305"),
        ("201903", 31, "201904"),
        ("202403041022", 1, "202403051022"),
        ("20240304102233", 1, "20240305102233"),
        ("20240304102233.123-0500", 1, "20240305102233.123-0500"),
        ("2024-03-04T10:22:00Z", 1, "2024-03-05T10:22:00Z"),
        ("2024-03-04T10:22:00.123+05:30", 1, "2024-03-05T10:22:00.123+05:30"),
        ("2024-03-04 10:22", 1, "2024-03-05 10:22"),
        ("03/04/2024 10:22 AM", 1, "03/05/2024 10:22 AM"),
        ("March 4, 2024 at 10:22 pm", 1, "March 5, 2024 at 10:22 pm"),
    ] {
        assert_eq!(moved(from, days).as_deref(), Some(to), "{from} by {days}");
    }
}

#[test]
fn what_is_no_date_is_not_read() {
    for text in [
        "",
        " ",
        "120/80",
        "2/30/2024",
        "02/29/2023",
        "13/13/2024",
        "yesterday",
        "Christmas 2019",
        "1.2.3.4",
        "12345",
        "March 4, 1962 and more",
        "20241304",
        "March 32",
        "4 March 5 April",
        "0/0",
        "03/04/1962 555-0100",
        "5-3 March",
        "2024-03-04T10:22:00Z 2024-03-05",
        "一月",
        "٣/٤/٢٠٢٤",
    ] {
        assert!(read(text, PLAIN).is_none(), "{text}");
    }
    assert_eq!(moved("March 30-31", 1), None, "it would end in another month");
}

#[test]
fn the_calendar_settles_what_a_date_leaves_open() {
    let euro = Calendar { day_first: true, ..PLAIN };
    assert_eq!(read("03/04/2024", euro).unwrap().month, Some(4));
    assert!(read("25/12/2019", PLAIN).unwrap().day_first);
    assert_eq!(read("3/4/27", PLAIN).unwrap().year, Some(1927));
    assert_eq!(read("3/4/26", PLAIN).unwrap().year, Some(2026));
    let leap = Calendar { year: Some(2024), ..PLAIN };
    assert_eq!(read("2/28", leap).unwrap().moved(1, leap).unwrap(), "2/29");
    assert_eq!(moved("2/28", 1).unwrap(), "3/1");
}

proptest! {
    #[test]
    fn days_count(number in -800_000i64..800_000) {
        let day = Day::of(number);
        prop_assert_eq!(day.number(), number);
        prop_assert!((1..=12).contains(&day.month) && day.day >= 1 && day.day <= civil::days_in(day.month, Some(day.year)));
        prop_assert_eq!(Day::of(number + 7).weekday(), day.weekday());
    }

    #[test]
    fn any_text_is_read_or_not(text in "\\PC{0,24}|[0-9/ .:,T-]{0,20}") {
        if let Some(w) = read(&text, PLAIN) {
            // Written back with its own day it is the same text.
            if w.weekday.is_none() && !text.to_lowercase().contains("sept") && w.year.is_some() && w.month.is_some() && w.day.is_some() && w.until.is_none() {
                let same = w.moved(0, PLAIN).unwrap();
                let again = read(&same, PLAIN).map(|w| (w.year, w.month, w.day));
                prop_assert_eq!(again, Some((w.year, w.month, w.day)), "{}", same);
            }
        }
    }
}

#[test]
fn the_epoch_was_a_thursday() {
    assert_eq!(Day { year: 1970, month: 1, day: 1 }.number(), 0);
    assert_eq!(Day::of(0).weekday(), 3);
}
