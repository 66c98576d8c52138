//! The civil times of a schedule, independent of a time zone: is there one, which is the next, which the last. Civil
//! times are seconds since 1970-01-01T00:00:00 as shown by the clock.

use crate::bits::Bits;
use crate::calendar::{DAY, Date, days_in_month, weekday};
use crate::field::Field;

/// The days 1 to 7 repeated over a month, as a factor for a set of weekdays.
const WEEKS: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;

/// How day of month and day of week are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DayRule {
    Both,
    Either,
}

/// The values of a schedule. The sets of time and month are never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Times {
    pub(crate) seconds: Bits,
    pub(crate) minutes: Bits,
    pub(crate) hours: Bits,
    pub(crate) days: Bits,
    pub(crate) months: Bits,
    /// 0 is Sunday; 7 does not occur.
    pub(crate) weekdays: Bits,
    pub(crate) day_rule: DayRule,
}

impl Times {
    /// Whether any year has such a day. Every date falls on every weekday in some year, so the weekdays matter only if
    /// they suffice by themselves.
    pub(crate) fn possible(&self) -> bool {
        let any_weekday = !self.weekdays.is_empty();
        let any_date = Field::Month.values().filter(|&month| self.months.has(month)).any(|month| {
            self.days.at_or_above(1).is_some_and(|first| first <= days_in_month(2000, month))
        });
        match self.day_rule {
            DayRule::Both => any_weekday && any_date,
            DayRule::Either => any_weekday || any_date,
        }
    }

    /// The first civil time in `from..before`.
    pub(crate) fn next(&self, from: i64, before: i64) -> Option<i64> {
        let today = from.div_euclid(DAY);
        let mut date = Date::from_days(today);
        if self.has_day(date, today)
            && let Some(time) = self.time_from(from.rem_euclid(DAY))
        {
            return Some(today * DAY + time).filter(|&found| found < before);
        }
        loop {
            let days = self.days_of(date.year, date.month);
            if let Some(day) = days.at_or_above(date.day + 1) {
                let found = Date { day, ..date }.days() * DAY + self.time_from(0)?;
                return (found < before).then_some(found);
            }
            date = following_month(date);
            if first_second(date) >= before {
                return None;
            }
        }
    }

    /// The last civil time in `from..=to`.
    pub(crate) fn previous(&self, to: i64, from: i64) -> Option<i64> {
        let today = to.div_euclid(DAY);
        let mut date = Date::from_days(today);
        if self.has_day(date, today)
            && let Some(time) = self.time_until(to.rem_euclid(DAY))
        {
            return Some(today * DAY + time).filter(|&found| found >= from);
        }
        loop {
            let days = self.days_of(date.year, date.month);
            if let Some(day) = days.below(date.day) {
                let found = Date { day, ..date }.days() * DAY + self.time_until(DAY - 1)?;
                return (found >= from).then_some(found);
            }
            if first_second(date) <= from {
                return None;
            }
            date = preceding_month(date);
        }
    }

    fn has_day(&self, date: Date, days: i64) -> bool {
        let (by_day, by_weekday) = (self.days.has(date.day), self.weekdays.has(weekday(days)));
        let day = match self.day_rule {
            DayRule::Both => by_day && by_weekday,
            DayRule::Either => by_day || by_weekday,
        };
        day && self.months.has(date.month)
    }

    /// The days of one month.
    fn days_of(&self, year: i64, month: u32) -> Bits {
        if !self.months.has(month) {
            return Bits::default();
        }
        let first = weekday(Date { year, month, day: 1 }.days());
        let weekdays = self.weekdays.0;
        let first_week = (weekdays >> first | weekdays << (7 - first)) & 0x7f;
        let by_weekday = (first_week * WEEKS) << 1;
        let days = match self.day_rule {
            DayRule::Both => self.days.0 & by_weekday,
            DayRule::Either => self.days.0 | by_weekday,
        };
        let length = days_in_month(year, month);
        Bits(days & ((2 << length) - 2))
    }

    /// The first matching second of the day at or after `second`.
    fn time_from(&self, second: i64) -> Option<i64> {
        let (hour, minute, second) = clock(second);
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.at_or_above(second)
            {
                return Some(second_of_day(hour, minute, second));
            }
            if let Some(minute) = self.minutes.at_or_above(minute + 1) {
                return Some(second_of_day(hour, minute, self.seconds.at_or_above(0)?));
            }
        }
        let hour = self.hours.at_or_above(hour + 1)?;
        Some(second_of_day(hour, self.minutes.at_or_above(0)?, self.seconds.at_or_above(0)?))
    }

    /// The last matching second of the day at or before `second`.
    fn time_until(&self, second: i64) -> Option<i64> {
        let (hour, minute, second) = clock(second);
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.below(second + 1)
            {
                return Some(second_of_day(hour, minute, second));
            }
            if let Some(minute) = self.minutes.below(minute) {
                return Some(second_of_day(hour, minute, self.seconds.below(60)?));
            }
        }
        let hour = self.hours.below(hour)?;
        Some(second_of_day(hour, self.minutes.below(60)?, self.seconds.below(60)?))
    }
}

fn following_month(date: Date) -> Date {
    match date.month {
        12 => Date { year: date.year + 1, month: 1, day: 0 },
        month => Date { month: month + 1, day: 0, ..date },
    }
}

fn preceding_month(date: Date) -> Date {
    match date.month {
        1 => Date { year: date.year - 1, month: 12, day: 32 },
        month => Date { month: month - 1, day: 32, ..date },
    }
}

/// The first second of the month.
fn first_second(date: Date) -> i64 {
    Date { day: 1, ..date }.days() * DAY
}

fn clock(second_of_day: i64) -> (u32, u32, u32) {
    let second = u32::try_from(second_of_day).unwrap_or(0);
    (second / 3_600, second / 60 % 60, second % 60)
}

fn second_of_day(hour: u32, minute: u32, second: u32) -> i64 {
    i64::from(hour * 3_600 + minute * 60 + second)
}
