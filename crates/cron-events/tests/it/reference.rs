//! A slow second opinion, sharing nothing with the crate: a schedule as lists of numbers, and two
//! ways to walk over every minute or second and ask whether it is due.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Numbers, `a-b`, `*`, each with `/step`, in lists; seconds first.
pub(crate) struct Reference {
    fields: [Vec<i64>; 6],
    day_stars: bool,
    wildcard: bool,
}

impl Reference {
    pub(crate) fn new(text: &str) -> Reference {
        let mut texts: Vec<&str> = text.split(' ').collect();
        if texts.len() == 5 {
            texts.insert(0, "0");
        }
        let limits = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let fields = std::array::from_fn(|i| numbers(texts[i], limits[i]));
        let star = |i: usize| texts[i].starts_with('*');
        Reference { fields, day_stars: star(3) || star(5), wildcard: star(0) || star(1) || star(2) }
    }

    /// Whether it names this civil time, in seconds of the clock's face.
    pub(crate) fn names(&self, civil: i64) -> bool {
        let has = |field: usize, value: i64| self.fields[field].contains(&value);
        if !has(0, civil.rem_euclid(60))
            || !has(1, civil.div_euclid(60).rem_euclid(60))
            || !has(2, civil.div_euclid(3_600).rem_euclid(24))
        {
            return false;
        }
        let date = Timestamp::from_second(civil).unwrap().to_zoned(TimeZone::UTC);
        let weekday = i64::from(date.weekday().to_sunday_zero_offset());
        let by_weekday = has(5, weekday) || (weekday == 0 && has(5, 7));
        let by_day = has(3, i64::from(date.day()));
        let day = if self.day_stars { by_day && by_weekday } else { by_day || by_weekday };
        day && has(4, i64::from(date.month()))
    }

    /// The due minutes after the first of `minutes`, found as crond finds them: once a minute it
    /// compares its clock with the time up to which it has run everything, and decides by the
    /// difference. Each minute comes with what the clocks show then, in minutes.
    pub(crate) fn crond(&self, minutes: &[(i64, i64)]) -> Vec<i64> {
        let names = |minute: i64| self.names(minute * 60);
        let mut done = minutes[0].1;
        let mut due = Vec::new();
        for &(minute, now) in &minutes[1..] {
            let runs = match now - done {
                -180..=0 | 6..=180 if self.wildcard => names(now),
                -180..=0 => false,
                1..=180 => (done + 1..=now).any(names),
                jump => panic!("a change by {jump} minutes"),
            };
            done = done.max(now);
            due.extend(runs.then_some(minute));
        }
        due
    }

    /// The due seconds in `from+1..=to` by the words of the crate's page.
    pub(crate) fn seconds(&self, zone: &TimeZone, from: i64, to: i64) -> Vec<i64> {
        let mut latest = from + offset(zone, from);
        let mut due = Vec::new();
        for second in from + 1..=to {
            let now = second + offset(zone, second);
            let skipped = !self.wildcard && (latest + 1..now).any(|civil| self.names(civil));
            let named = self.names(now) && (self.wildcard || now > latest);
            latest = latest.max(now);
            due.extend((skipped || named).then_some(second));
        }
        due
    }
}

pub(crate) fn offset(zone: &TimeZone, second: i64) -> i64 {
    i64::from(zone.to_offset(Timestamp::from_second(second).unwrap()).seconds())
}

fn numbers(text: &str, (low, high): (i64, i64)) -> Vec<i64> {
    let mut values = Vec::new();
    for element in text.split(',') {
        let (body, step) = element.split_once('/').unwrap_or((element, "1"));
        let (first, last) = match body.split_once('-') {
            _ if body == "*" => (low, high),
            Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
            None => (body.parse().unwrap(), body.parse().unwrap()),
        };
        values.extend((first..=last).step_by(step.parse().unwrap()));
    }
    values
}
