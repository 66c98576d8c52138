//! The missed and present fire times of a cron task, from its last fire time until now. Pure.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::config::cron_tasks::{CronTask, MissedRuns};

/// Without a policy for missed runs, a fire time runs if it is at most this late.
const IN_TIME: SignedDuration = SignedDuration::from_mins(1);
/// The number of missed fire times that are accounted for at once. The rest wait for the next check, so that no other
/// cron task is delayed by them.
const MOST: usize = 100_000;

/// Consecutive fire times with the same outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Due {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) instants: u64,
    /// The fire time before the first.
    pub(super) follows: Timestamp,
    /// Whether it runs, or is recorded as missed.
    pub(super) runs: bool,
}

/// The fire times after `last` and up to `now`, oldest first: the missed ones in one row, then those that run, each in
/// a separate row. If there are very many, only those that are certainly missed.
pub(super) fn due(task: &CronTask, last: Timestamp, now: Timestamp) -> Vec<Due> {
    let running = running(task, now);
    let following = task.schedule.following(last, &task.zone).map(|due| due.instant);
    let mut instants = following.take_while(|instant| *instant <= now);
    let mut missed: Option<Due> = None;
    // The newest so far: they run, unless newer ones follow.
    let mut newest = VecDeque::new();
    for instant in instants.by_ref().take(MOST.saturating_add(running)) {
        newest.push_back(instant);
        if newest.len() > running
            && let Some(instant) = newest.pop_front()
        {
            let row = missed.get_or_insert(Due {
                first: instant,
                last: instant,
                instants: 0,
                follows: last,
                runs: false,
            });
            (row.last, row.instants) = (instant, row.instants + 1);
        }
    }
    let mut follows = missed.map_or(last, |row| row.last);
    let mut rows: Vec<Due> = missed.into_iter().collect();
    if instants.next().is_some() {
        return rows;
    }
    for instant in newest {
        rows.push(Due { first: instant, last: instant, instants: 1, follows, runs: true });
        follows = instant;
    }
    rows
}

/// How many of the newest fire times run.
fn running(task: &CronTask, now: Timestamp) -> usize {
    let is_late = || {
        let newest = task.schedule.previous(now, &task.zone);
        newest.is_none_or(|newest| now.duration_since(newest.instant) > IN_TIME)
    };
    match task.missed {
        MissedRuns::None if is_late() => 0,
        MissedRuns::None | MissedRuns::Latest => 1,
        MissedRuns::All(limit) => limit,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use cron_events::{Dialect, Schedule};
    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::cron_tasks::CronWork;

    pub(crate) fn task_of(schedule: &str, missed: MissedRuns) -> CronTask {
        CronTask {
            key: "K".to_owned(),
            name: "N".to_owned(),
            text: schedule.to_owned(),
            schedule: Schedule::parse(schedule, Dialect::Vixie).unwrap(),
            dialect: Dialect::Vixie,
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
            let found: Vec<_> = due(&task_of("*/10 * * * *", missed), at(0, 0), now)
                .iter()
                .map(|due| {
                    let minutes = |time: Timestamp| time.as_second() / 60;
                    (minutes(due.first), minutes(due.last), due.instants, due.runs)
                })
                .collect();
            assert_eq!(found, expected, "{missed:?} {now}");
        }
    }

    /// Rows follow each other without a gap, and count as many fire times as the schedule has, however long no manager
    /// ran.
    #[test]
    fn rows_are_whole() {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        let mut dice = fastrand::Rng::with_seed(7);
        for schedule in ["* * * * * *", "*/7 * * * * *", "13 * * * *", "0 2 * * *"] {
            for missed in [MissedRuns::None, MissedRuns::Latest, MissedRuns::All(5)] {
                let task = task_of(schedule, missed);
                let now = start + SignedDuration::from_secs(dice.i64(0..300_000));
                let (instants, ran) = account(&task, start, now);
                let all = task.schedule.following(start, &task.zone);
                let all = all.take_while(|due| due.instant <= now).count();
                assert_eq!(instants, all as u64, "{schedule} {missed:?}");
                assert_eq!(ran, running(&task, now).min(all), "{schedule} {missed:?}");
            }
        }
    }

    /// The number of fire times in the rows of all checks, and the number of those that run.
    fn account(task: &CronTask, start: Timestamp, now: Timestamp) -> (u64, usize) {
        let (mut last, mut instants, mut ran) = (start, 0, 0);
        loop {
            let rows = due(task, last, now);
            if rows.is_empty() {
                return (instants, ran);
            }
            for row in rows {
                assert_eq!(row.follows, last);
                assert!(row.follows < row.first && row.first <= row.last);
                (last, instants) = (row.last, instants + row.instants);
                ran += usize::from(row.runs);
            }
        }
    }
}
