//! The time of a request as policies see it: hour and day of the week, where the server's people are.

use jiff::tz::TimeZone;
use medlock_domain::Timestamp;
use std::fmt;
use std::str::FromStr;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Where the server's people are, by its name in the IANA database. The rules come with the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        TimeZone::get(name).map(Self).map_err(|_| "the name of a time zone, such as \"Europe/Berlin\"")
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

/// An hour of the week, such as `monday-14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct When {
    day: u8,
    hour: u8,
}

impl When {
    /// Noon of a Wednesday: for questions in which it does not matter.
    pub const SOME: Self = Self { day: 2, hour: 12 };

    /// The hour that `now` is in, and when the next one begins.
    pub(crate) fn of(now: Timestamp, zone: &Zone) -> (Self, Timestamp) {
        let at =
            jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(zone.0.clone());
        let day = at.weekday().to_monday_zero_offset().unsigned_abs();
        let gone = (i64::from(at.minute()) * 60 + i64::from(at.second())) * 1000 + i64::from(at.millisecond());
        (Self { day, hour: at.hour().unsigned_abs() }, now.plus_ms(HOUR_MS - gone))
    }

    /// Every hour of a Monday, and noon of the other days: what is compared of two sets of policies.
    pub(crate) fn samples() -> impl Iterator<Item = Self> {
        (0..24).map(|hour| Self { day: 0, hour }).chain((1..7).map(|day| Self { day, hour: 12 }))
    }

    pub(crate) fn day(self) -> &'static str {
        DAYS[usize::from(self.day % 7)]
    }

    pub(crate) fn hour(self) -> i64 {
        i64::from(self.hour)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.day(), self.hour)
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (day, hour) = text.split_once('-')?;
            let day = DAYS.iter().position(|d| *d == day)?;
            let hour = hour.parse().ok().filter(|h| *h < 24)?;
            Some(Self { day: u8::try_from(day).ok()?, hour })
        };
        read().ok_or("an hour of the week, such as monday-14")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_hour_of_the_week_is_that_of_the_place() {
        // Half past midnight UTC on the last Sunday of October 2026, and an hour later: in Berlin the same hour, twice.
        let first = Timestamp(1_792_888_200_000);
        let cases = [
            ("UTC", "sunday-00", "sunday-01", 30),
            ("Europe/Berlin", "sunday-02", "sunday-02", 30),
            ("America/New_York", "saturday-20", "saturday-21", 30),
            ("Asia/Kolkata", "sunday-06", "sunday-07", 60),
        ];
        for (zone, then, later, minutes) in cases {
            let zone: Zone = zone.parse().unwrap();
            let (when, next) = When::of(first, &zone);
            assert_eq!((when.to_string().as_str(), next), (then, first.plus_ms(minutes * 60_000)), "{zone}");
            assert_eq!(When::of(first.plus_ms(HOUR_MS), &zone).0.to_string(), later, "{zone}");
            assert_eq!(then.parse(), Ok(when));
        }
        assert!("Mars/Olympus".parse::<Zone>().is_err());
        for wrong in ["monday-24", "monday", "Monday-01", "montag-01", "monday--1"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
