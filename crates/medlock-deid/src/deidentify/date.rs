//! Dates as people and systems write them: read, and written back in the same way with another day.
//!
//! What is not understood as a whole is no date here; nothing is guessed but the century of two
//! digits and whether `03/04` is March or April, for which there is a [`Calendar`].

mod civil;
mod month;
mod read;

pub(super) use civil::Day;
pub(super) use read::read;

use month::MonthName;

/// What a document says about the dates that do not say it themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// Two digits up to this year's are of its century, others of the one before.
    pub(super) this_year: i32,
    /// Whether `03/04` is in April; `13/04` shows it.
    pub(super) day_first: bool,
    /// The year of `9/9`: the last that was read.
    pub(super) year: Option<i32>,
}

/// A date with the way in which it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Written<'t> {
    pub(super) year: Option<i32>,
    pub(super) month: Option<u32>,
    pub(super) day: Option<u32>,
    /// The last day of `March 3-5`.
    pub(super) until: Option<u32>,
    /// Monday is 0.
    pub(super) weekday: Option<u32>,
    /// Only possible with the day first.
    pub(super) day_first: bool,
    parts: Vec<Part<'t>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Year {
        two: bool,
    },
    Month {
        padded: bool,
    },
    Name(MonthName),
    Day {
        padded: bool,
    },
    Until {
        padded: bool,
    },
    /// `st`, `nd`, `rd`, `th` after a day.
    Ordinal {
        upper: bool,
        until: bool,
    },
    Weekday {
        abbreviated: usize,
        case: super::fold::Case,
    },
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Written<'_> {
    /// The day that it means, or stands for if it is only a month (its 15th) or a year (2 July).
    pub(super) fn day(&self, calendar: Calendar) -> Day {
        // A year without a 29th of February where none is known, unless that is the day.
        let leap = (self.month, self.day) == (Some(2), Some(29));
        let fallback = calendar.year.filter(|y| !leap || civil::is_leap(*y)).unwrap_or(if leap { 2000 } else { 2001 });
        let year = self.year.unwrap_or(fallback);
        match (self.month, self.day) {
            (None, _) => Day { year, month: 7, day: 2 },
            (Some(month), day) => Day { year, month, day: day.unwrap_or(15) },
        }
    }

    /// The same, so many days later or earlier. `None` when a range of days would end in another
    /// month than it begins in.
    pub(super) fn moved(&self, days: i32, calendar: Calendar) -> Option<String> {
        let from = self.day(calendar);
        let to = from.plus(days);
        let until = match self.until {
            None => None,
            Some(day) => {
                let end = Day { day, ..from }.plus(days);
                Some(end).filter(|e| e.month == to.month).map(|e| e.day)
            }
        };
        if self.until.is_some() && until.is_none() {
            return None;
        }
        let weekday = self.weekday.map(|w| (w as i32 + days).rem_euclid(7) as u32);
        Some(self.write(to, until, weekday))
    }

    /// The same with another day in it.
    pub(super) fn with(&self, day: Day) -> String {
        self.write(day, self.until.map(|_| day.day), Some(day.weekday()))
    }

    fn write(&self, to: Day, until: Option<u32>, weekday: Option<u32>) -> String {
        let mut out = String::with_capacity(32);
        for part in &self.parts {
            match *part {
                Part::Text(t) => out.push_str(t),
                Part::Year { two: true } => out.push_str(&format!("{:02}", to.year.rem_euclid(100))),
                Part::Year { two: false } => out.push_str(&format!("{:04}", to.year)),
                Part::Month { padded } => number(&mut out, to.month, padded),
                Part::Name(name) => out.push_str(&name.of(to.month)),
                Part::Day { padded } => number(&mut out, to.day, padded),
                Part::Until { padded } => number(&mut out, until.unwrap_or(to.day), padded),
                Part::Ordinal { upper, until: second } => {
                    let suffix = ordinal(if second { until.unwrap_or(to.day) } else { to.day });
                    out.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_owned() });
                }
                Part::Weekday { abbreviated, case } => {
                    let name = WEEKDAYS[weekday.unwrap_or(0) as usize % 7];
                    out.push_str(&case.write(name.get(..abbreviated).unwrap_or(name)));
                }
            }
        }
        out
    }
}

fn number(out: &mut String, n: u32, padded: bool) {
    out.push_str(&if padded { format!("{n:02}") } else { n.to_string() });
}

fn ordinal(day: u32) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests;
