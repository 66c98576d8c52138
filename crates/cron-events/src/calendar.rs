//! The Gregorian calendar on plain integers: days since 1970-01-01 to dates and back.
//!
//! A search may step over thousands of months; with integers that takes nanoseconds. Checked against jiff's calendar
//! over whole 400-year cycles.

use jiff::civil;

pub(crate) const DAY: i64 = 86_400;

/// A date, valid in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Date {
    /// Years are counted from March, so that the leap day is the last day of a year.
    pub(crate) fn from_days(days: i64) -> Date {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        Date { year, month: small(month), day: small(day) }
    }

    pub(crate) fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let month = i64::from(if self.month > 2 { self.month - 3 } else { self.month + 9 });
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

/// 0 is Sunday, as in cron.
pub(crate) fn weekday(days: i64) -> u32 {
    small((days + 4).rem_euclid(7))
}

pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Civil seconds since 1970-01-01T00:00:00 as a civil date and time, if jiff can represent it.
pub(crate) fn datetime(second: i64) -> Option<civil::DateTime> {
    let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    epoch.checked_add(jiff::SignedDuration::from_secs(second)).ok()
}

/// The callers' values are below 400, so the conversion is lossless.
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{DAY, Date, datetime, days_in_month, weekday};
    use jiff::civil;

    #[test]
    fn equals_jiffs_calendar_over_nine_cycles_of_400_years() {
        let mut theirs = civil::date(-800, 1, 1);
        let epoch = civil::date(1970, 1, 1);
        let mut days = i64::from(epoch.until(theirs).unwrap().get_days());
        while theirs.year() < 2_800 {
            let ours = Date::from_days(days);
            assert_eq!(ours.year, i64::from(theirs.year()));
            assert_eq!((ours.month, ours.day), (number(theirs.month()), number(theirs.day())));
            assert_eq!(ours.days(), days);
            assert_eq!(weekday(days), number(theirs.weekday().to_sunday_zero_offset()));
            assert_eq!(days_in_month(ours.year, ours.month), number(theirs.days_in_month()));
            days += 1;
            theirs = theirs.tomorrow().unwrap();
        }
    }

    fn number(value: i8) -> u32 {
        u32::try_from(value).unwrap()
    }

    #[test]
    fn civil_seconds_become_a_civil_time() {
        let days = Date { year: 2026, month: 3, day: 29 }.days();
        assert_eq!(datetime(days * DAY + 9_000), Some(civil::date(2026, 3, 29).at(2, 30, 0, 0)));
        assert_eq!(datetime(-1), Some(civil::date(1969, 12, 31).at(23, 59, 59, 0)));
        assert_eq!(datetime(i64::MAX), None);
    }
}
