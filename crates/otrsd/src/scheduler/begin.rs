//! A pure decision: the time from which the fire times of a cron task count.

use jiff::Timestamp;

use crate::config::cron_tasks::CronTask;

/// The last fire time that is accounted for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Begin {
    /// As recorded in the database.
    Known(Timestamp),
    /// For a new cron task: it does not run for a fire time before it was known.
    New(Timestamp),
    /// For a cron task whose schedule changed: the new schedule counts from the change on.
    Changed(Timestamp),
}

impl Begin {
    pub(super) const fn instant(self) -> Timestamp {
        match self {
            Self::Known(instant) | Self::New(instant) | Self::Changed(instant) => instant,
        }
    }
}

/// `last` is the recorded fire time, `planned_by` the schedule by which that was planned. The original (`as_original`)
/// compares the newest fire time of any schedule with its last run: it runs that fire time of a changed schedule, and
/// none before it.
pub(super) fn begin(
    task: &CronTask,
    last: Option<Timestamp>,
    planned_by: Option<&str>,
    now: Timestamp,
    as_original: bool,
) -> Begin {
    let mut past = task.schedule.preceding(now, &task.zone).map(|due| due.instant);
    let newest = past.next().unwrap_or(now);
    let Some(last) = last else { return Begin::New(newest) };
    if planned_by.is_none_or(|before| before == task.planned_by()) {
        return Begin::Known(last);
    }
    let from = if as_original { past.next().unwrap_or(newest) } else { newest };
    if from > last { Begin::Changed(from) } else { Begin::Known(last) }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{config::cron_tasks::MissedRuns, scheduler::missed_runs::tests::task_of};

    #[test]
    fn a_changed_schedule_counts_from_its_change_on() {
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        let hourly = task_of("0 * * * *", MissedRuns::Latest);
        let same = Some(hourly.planned_by());
        let other = Some("vixie UTC 0 0 1 1 *".to_owned());
        let half_past = Timestamp::from_second(10 * 3600 + 1800).unwrap();
        for (last, planned_by, as_original, expected) in [
            (None, None, false, Begin::New(at(10))),
            (None, other.clone(), true, Begin::New(at(10))),
            (Some(at(2)), None, false, Begin::Known(at(2))),
            (Some(at(2)), same.clone(), false, Begin::Known(at(2))),
            (Some(at(2)), same, true, Begin::Known(at(2))),
            (Some(at(2)), other.clone(), false, Begin::Changed(at(10))),
            (Some(at(2)), other.clone(), true, Begin::Changed(at(9))),
            (Some(at(9)), other.clone(), true, Begin::Known(at(9))),
            (Some(at(10)), other.clone(), false, Begin::Known(at(10))),
            // The old schedule fired later than the newest fire time of the new one.
            (Some(half_past), other.clone(), false, Begin::Known(half_past)),
            // The clock was set back.
            (Some(at(20)), other, false, Begin::Known(at(20))),
        ] {
            let found = begin(&hourly, last, planned_by.as_deref(), half_past, as_original);
            assert_eq!(found, expected, "{last:?} {planned_by:?} {as_original}");
        }
    }

    #[test]
    fn text_zone_and_dialect_make_the_schedule() {
        let before = task_of("0 3 * * *", MissedRuns::Latest);
        let mut zone = before.clone();
        zone.zone = TimeZone::get("Europe/Berlin").unwrap();
        let mut dialect = before.clone();
        dialect.dialect = cron_events::Dialect::Perl;
        let text = task_of("5 3 * * *", MissedRuns::Latest);
        for changed in [zone, dialect, text] {
            assert_ne!(changed.planned_by(), before.planned_by());
        }
        let mut policy = before.clone();
        (policy.missed, policy.max_parallel) = (MissedRuns::None, 7);
        assert_eq!(policy.planned_by(), before.planned_by());
    }
}
