//! The proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Day {
    pub(in super::super) year: i32,
    pub(in super::super) month: u32,
    pub(in super::super) day: u32,
}

impl Day {
    /// Since 1 January 1970.
    pub(in super::super) fn number(self) -> i64 {
        let y = i64::from(self.year) - i64::from(self.month <= 2);
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let shifted = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * shifted + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    pub(in super::super) fn of(number: i64) -> Self {
        let z = number + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        Self { year: year as i32, month: month as u32, day: (doy - (153 * mp + 2) / 5 + 1) as u32 }
    }

    pub(in super::super) fn plus(self, days: i32) -> Self {
        Self::of(self.number() + i64::from(days))
    }

    /// Monday is 0.
    pub(in super::super) fn weekday(self) -> u32 {
        (self.number() + 3).rem_euclid(7) as u32
    }
}

pub(super) fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has; in an unknown year February has 29.
pub(in super::super) fn days_in(month: u32, year: Option<i32>) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_none_or(is_leap) => 29,
        2 => 28,
        _ => 31,
    }
}
