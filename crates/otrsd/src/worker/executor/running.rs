//! One running function and the steps to end it: it is first told to stop, then dropped where it awaits, then given up.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::MonotonicTime,
    handler::TaskContext,
    worker::{
        execution::{Order, PATIENCE},
        instrumented::Cpu,
        outcome::Ending,
    },
};

/// A function that awaits is dropped at once. After this time it evidently does not await.
const DROP: Duration = Duration::from_secs(1);

/// The state of a running function.
#[derive(Debug)]
pub(super) struct RunningFunction {
    /// Without the payload, which the function has.
    pub(super) order: Order,
    pub(super) started: Timestamp,
    pub(super) context: TaskContext,
    pub(super) cpu: Cpu,
    /// Tells the function to end.
    pub(super) told: CancellationToken,
    /// Tells its lane to drop it.
    pub(super) drop: Arc<CancellationToken>,
    pub(super) steps: Steps,
    /// Who cancelled the task.
    pub(super) cancelled: Option<String>,
}

/// The progress of its ending.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Steps {
    longest: Duration,
    deadline: MonotonicTime,
    step: Step,
    /// Why it must end.
    pub(super) ours: Option<Ending>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Works,
    Told,
    Dropped,
}

/// The action for a function that is due now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    Wait,
    Tell,
    Drop,
    GiveUp,
}

/// The reasons why it should end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Wishes {
    /// Who cancelled the task.
    pub(super) cancelled: Option<String>,
    /// The worker is to end.
    pub(super) soon: bool,
    /// Another worker may have reclaimed the task.
    pub(super) lost: bool,
}

impl Steps {
    pub(super) fn begin(longest: Duration, now: MonotonicTime) -> Self {
        Self { longest, deadline: now + longest, step: Step::Works, ours: None }
    }

    /// When to check again, if nothing happens.
    pub(super) fn deadline(&self) -> MonotonicTime {
        self.deadline
    }

    /// Advances by one step, if one is due.
    pub(super) fn go_on(&mut self, wishes: &Wishes, now: MonotonicTime) -> Act {
        let is_over = now >= self.deadline;
        let (step, pause, act) = match self.step {
            Step::Works => {
                let Some(ours) = wishes.ending(self.longest, is_over) else { return Act::Wait };
                self.ours = Some(ours);
                (Step::Told, PATIENCE, Act::Tell)
            }
            Step::Told if is_over || wishes.lost => (Step::Dropped, DROP, Act::Drop),
            Step::Dropped if is_over => (Step::Dropped, DROP, Act::GiveUp),
            _ => return Act::Wait,
        };
        self.step = step;
        self.deadline = now + pause;
        act
    }
}

impl Wishes {
    fn ending(&self, longest: Duration, is_over: bool) -> Option<Ending> {
        let interrupted = |why: &str| Some(Ending::Interrupted(why.to_owned()));
        match self {
            Self { lost: true, .. } => interrupted("the worker lost its place"),
            Self { soon: true, .. } => interrupted("the worker was stopped"),
            Self { cancelled: Some(by), .. } => Some(Ending::Cancelled(by.clone())),
            _ if is_over => Some(Ending::TimedOut(format!("took longer than {longest:?}"))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Act::{Drop, GiveUp, Tell, Wait};

    fn acts(wishes: &Wishes, seconds: &[u64]) -> Vec<Act> {
        let mut steps = Steps::begin(Duration::from_mins(1), MonotonicTime::from_secs(0));
        seconds
            .iter()
            .map(|second| steps.go_on(wishes, MonotonicTime::from_secs(*second)))
            .collect()
    }

    #[test]
    fn it_is_told_then_dropped_then_given_up() {
        let nobody = Wishes::default();
        let soon = Wishes { soon: true, ..Wishes::default() };
        let cancelled = Wishes { cancelled: Some("me".to_owned()), ..Wishes::default() };
        let lost = Wishes { lost: true, ..Wishes::default() };
        for (wishes, seconds, expected) in [
            (
                &nobody,
                &[0, 59, 60, 64, 65, 65, 66][..],
                &[Wait, Wait, Tell, Wait, Drop, Wait, GiveUp][..],
            ),
            (&soon, &[1, 1, 5, 6, 7], &[Tell, Wait, Wait, Drop, GiveUp]),
            (&cancelled, &[1, 1, 6, 7], &[Tell, Wait, Drop, GiveUp]),
            (&lost, &[1, 1, 1, 2], &[Tell, Drop, Wait, GiveUp]),
        ] {
            assert_eq!(acts(wishes, seconds), expected, "{wishes:?}");
        }
    }

    #[test]
    fn the_reason_is_the_strongest_wish() {
        let all = Wishes { cancelled: Some("me".to_owned()), soon: true, lost: true };
        let no_lease = Wishes { lost: false, ..all.clone() };
        let not_wanted = Wishes { soon: false, ..no_lease.clone() };
        for (wishes, is_over, expected) in [
            (&all, true, Some(Ending::Interrupted("the worker lost its place".to_owned()))),
            (&no_lease, true, Some(Ending::Interrupted("the worker was stopped".to_owned()))),
            (&not_wanted, true, Some(Ending::Cancelled("me".to_owned()))),
            (&Wishes::default(), true, Some(Ending::TimedOut("took longer than 60s".to_owned()))),
            (&Wishes::default(), false, None),
        ] {
            assert_eq!(wishes.ending(Duration::from_mins(1), is_over), expected);
        }
    }
}
