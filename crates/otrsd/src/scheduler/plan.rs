//! What is due for a cron task between its last due instant and now. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::cron_tasks::{CronTask, MissedRuns};

/// Without a policy for missed runs, an instant runs if it is at most so late.
const IN_TIME: SignedDuration = SignedDuration::from_mins(1);

/// Due instants in a row with one fate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Due {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) instants: u64,
    /// The due instant before the first.
    pub(super) follows: Timestamp,
    /// Whether it runs, or is written down as missed.
    pub(super) runs: bool,
}

/// All due instants after `last` and up to `now`, oldest first: those that are missed in one row, then
/// those that run, each in its own.
pub(super) fn due(task: &CronTask, last: Timestamp, now: Timestamp) -> Vec<Due> {
    let instants = || {
        let following = task.schedule.following(last, &task.zone).map(|due| due.instant);
        following.take_while(|instant| *instant <= now)
    };
    let Some(newest) = task.schedule.previous(now, &task.zone).map(|due| due.instant) else {
        return Vec::new();
    };
    let count = instants().count();
    let running = match task.missed {
        MissedRuns::None if now.duration_since(newest) > IN_TIME => 0,
        MissedRuns::None | MissedRuns::Latest => 1,
        MissedRuns::All(limit) => limit,
    };
    let missed = count.saturating_sub(running);
    let (mut rows, mut follows): (Vec<Due>, _) = (Vec::new(), last);
    for (number, instant) in instants().enumerate() {
        match rows.first_mut().filter(|_| number < missed) {
            Some(row) => (row.last, row.instants) = (instant, row.instants + 1),
            None => rows.push(Due {
                first: instant,
                last: instant,
                instants: 1,
                follows,
                runs: number >= missed,
            }),
        }
        follows = instant;
    }
    rows
}

/// How long the manager may sleep if nothing is due.
pub(super) const LONGEST: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use cron_events::{Dialect, Schedule};
    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::cron_tasks::CronWork;

    fn task(missed: MissedRuns) -> CronTask {
        CronTask {
            key: "K".to_owned(),
            name: "N".to_owned(),
            text: "*/10 * * * *".to_owned(),
            schedule: Schedule::parse("*/10 * * * *", Dialect::Vixie).unwrap(),
            zone: TimeZone::UTC,
            missed,
            max_parallel: 1,
            work: CronWork::Task { task_type: "T".to_owned(), data: serde_json::Value::Null },
        }
    }

    #[test]
    fn every_instant_has_one_fate() {
        let at =
            |minutes: i64, seconds: i64| Timestamp::from_second(minutes * 60 + seconds).unwrap();
        for (missed, now, expected) in [
            (MissedRuns::Latest, at(9, 59), vec![]),
            (MissedRuns::Latest, at(10, 0), vec![(10, 10, 1, true)]),
            (MissedRuns::Latest, at(45, 0), vec![(10, 30, 3, false), (40, 40, 1, true)]),
            (MissedRuns::None, at(40, 59), vec![(10, 30, 3, false), (40, 40, 1, true)]),
            (MissedRuns::None, at(45, 0), vec![(10, 40, 4, false)]),
            (
                MissedRuns::All(2),
                at(45, 0),
                vec![(10, 20, 2, false), (30, 30, 1, true), (40, 40, 1, true)],
            ),
            (MissedRuns::All(9), at(25, 0), vec![(10, 10, 1, true), (20, 20, 1, true)]),
            // The clock was set back.
            (MissedRuns::Latest, at(-60, 0), vec![]),
        ] {
            let found: Vec<_> = due(&task(missed), at(0, 0), now)
                .iter()
                .map(|due| {
                    let minutes = |time: Timestamp| time.as_second() / 60;
                    (minutes(due.first), minutes(due.last), due.instants, due.runs)
                })
                .collect();
            assert_eq!(found, expected, "{missed:?} {now}");
        }
    }
}
