//! Two days of a cron task, in bins of ten minutes: the result of each scheduled time, the worst of a bin first.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use task_store::{CronRun, Execution, Outcome, RunStatus, TaskId};

use super::LATE;

pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);
const BIN: SignedDuration = SignedDuration::from_mins(10);
/// The number of bins in two days.
pub(super) const BINS: usize = 288;

/// The kind of a mark; a worse one hides a better one in the same bin.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Due,
    Ran,
    Running,
    Late,
    Skipped,
    Failed,
    Missed,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Ran => "ran",
            Self::Running => "running",
            Self::Late => "late",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Missed => "missed",
        }
    }
}

/// Consecutive bins of one kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mark {
    pub(super) first: usize,
    pub(super) bins: usize,
    pub(super) kind: Kind,
    /// The number of scheduled times.
    pub(super) instants: u64,
}

/// The picture of a task.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Picture {
    pub(super) marks: Vec<Mark>,
    /// Scheduled times by kind.
    pub(super) totals: HashMap<Kind, u64>,
}

impl Picture {
    pub(super) fn of(
        occurrences: &[CronRun],
        asked: &[TaskId],
        executions: &HashMap<TaskId, Execution>,
        fires: impl Iterator<Item = Timestamp>,
        now: Timestamp,
    ) -> Self {
        let mut drawn = Bins { begin: now - DAY, kinds: vec![None; BINS], totals: HashMap::new() };
        for it in occurrences {
            let execution = it.task.and_then(|id| executions.get(&id));
            let is_open = execution.is_none() && it.task.is_some_and(|id| asked.contains(&id));
            drawn.add(it.due, it.last_due, it.instants, kind(it, execution, is_open));
        }
        for due in fires {
            drawn.add(due, due, 1, Kind::Due);
        }
        Self { marks: marks(&drawn.kinds), totals: drawn.totals }
    }
}

/// `is_open`: its task was enqueued, and has not ended.
fn kind(it: &CronRun, execution: Option<&Execution>, is_open: bool) -> Kind {
    let decided = it.decided.unwrap_or(it.last_due);
    match (it.status, execution) {
        (RunStatus::Missed, _) => Kind::Missed,
        (RunStatus::Skipped, _) => Kind::Skipped,
        (RunStatus::Ran, Some(execution)) if !matches!(execution.outcome, Outcome::Success) => {
            Kind::Failed
        }
        (RunStatus::Ran, None) if is_open => Kind::Running,
        _ if decided.duration_since(it.last_due) > LATE => Kind::Late,
        _ => Kind::Ran,
    }
}

struct Bins {
    begin: Timestamp,
    kinds: Vec<Option<(Kind, u64)>>,
    totals: HashMap<Kind, u64>,
}

impl Bins {
    fn add(&mut self, from: Timestamp, to: Timestamp, instants: u64, kind: Kind) {
        *self.totals.entry(kind).or_default() += instants;
        let bin =
            |time: Timestamp| time.duration_since(self.begin).as_secs().div_euclid(BIN.as_secs());
        let (first, last) = (bin(from).max(0), bin(to));
        let Ok(first) = usize::try_from(first) else { return };
        let last = usize::try_from(last).unwrap_or(0).min(BINS - 1);
        for (number, place) in self.kinds.iter_mut().enumerate().take(last + 1).skip(first) {
            // A row of several scheduled times counts in its first bin.
            let counted = if number == first { instants } else { 0 };
            let (worst, count) = place.unwrap_or((kind, 0));
            *place = Some((worst.max(kind), count + counted));
        }
    }
}

fn marks(bins: &[Option<(Kind, u64)>]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for (number, bin) in bins.iter().enumerate() {
        let Some((kind, instants)) = *bin else { continue };
        match marks.last_mut() {
            Some(last) if last.kind == kind && last.first + last.bins == number => {
                last.bins += 1;
                last.instants += instants;
            }
            _ => marks.push(Mark { first: number, bins: 1, kind, instants }),
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrence(due: i64, last_due: i64, status: RunStatus) -> CronRun {
        let at = |second| Timestamp::from_second(second).unwrap();
        CronRun {
            task_type: "Cron".into(),
            name: "x".into(),
            due: at(due),
            last_due: at(last_due),
            instants: 1 + u64::try_from((last_due - due) / 600).unwrap(),
            status,
            reason: String::new(),
            task: None,
            decided: Some(at(last_due)),
        }
    }

    #[test]
    fn equal_neighbours_are_one_mark_and_the_worst_is_seen() {
        let now = Timestamp::from_second(86_400).unwrap();
        let late = CronRun { decided: Some(now), ..occurrence(3000, 3000, RunStatus::Ran) };
        let given = [
            occurrence(0, 0, RunStatus::Ran),
            occurrence(600, 600, RunStatus::RanElsewhere),
            occurrence(700, 700, RunStatus::Skipped),
            occurrence(1200, 2400, RunStatus::Missed),
            late,
        ];
        let fires = [now + SignedDuration::from_secs(1), now + DAY + DAY];
        let picture = Picture::of(&given, &[], &HashMap::new(), fires.into_iter(), now);
        let mark = |first, bins, kind, instants| Mark { first, bins, kind, instants };
        assert_eq!(
            picture.marks,
            [
                mark(0, 1, Kind::Ran, 1),
                mark(1, 1, Kind::Skipped, 2),
                mark(2, 3, Kind::Missed, 3),
                mark(5, 1, Kind::Late, 1),
                mark(144, 1, Kind::Due, 1),
            ]
        );
        assert_eq!(picture.totals[&Kind::Missed], 3);
    }
}
