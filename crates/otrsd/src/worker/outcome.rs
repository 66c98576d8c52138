//! The outcome of an execution: a pure decision on what follows its end.

use std::time::Duration;

use jiff::Timestamp;
use task_store::{HeldState, History, Hold, Outcome, Then, later};

use super::backoff;
use crate::config::task_types::{OnCrash, TaskType};

/// How a handler ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Success,
    /// The handler asks for a later attempt, after this pause at least: this is no failure, and uses up no attempt.
    Temporary(String, Duration),
    Failed(String),
    /// The handler asks not to be tried again, whatever the attempts say.
    Final(String),
    TimedOut(String),
    /// A signal that the worker did not send.
    Crashed(String),
    /// Ended by the worker because the task was cancelled; by whom.
    Cancelled(String),
    /// Ended by the worker because the worker ends.
    Interrupted(String),
}

/// The ledger's record, and what becomes of the task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Consequence {
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    pub(super) then: Then,
}

/// After this many crashes, each alone in its process, a task is not run again.
pub(super) const MAX_CRASHES: u32 = 3;

/// `attempts` is the number that the task itself allows, `history` the record of earlier executions.
pub(super) fn consequence(
    ending: Ending,
    policy: &TaskType,
    attempts: i64,
    history: History,
    now: Timestamp,
    jitter: f64,
) -> Consequence {
    let ending = in_time(ending, policy, history, now);
    let is_final = matches!(ending, Ending::Final(_));
    let (outcome, error) = match ending {
        Ending::Success => {
            return Consequence { outcome: Outcome::Success, error: None, then: Then::Delete };
        }
        Ending::Cancelled(by) => {
            return Consequence {
                outcome: Outcome::Cancelled,
                error: Some(by),
                then: Then::Delete,
            };
        }
        Ending::Interrupted(why) => (Outcome::Interrupted, why),
        Ending::Crashed(why) => (Outcome::Crashed, why),
        Ending::TimedOut(why) => (Outcome::TimedOut, why),
        Ending::Temporary(why, asked) => {
            return postponed(why, asked, policy, history, now, jitter);
        }
        Ending::Failed(why) | Ending::Final(why) => (Outcome::Failed, why),
    };
    let failures = history.failed.saturating_add(1);
    let allowed = i64::from(policy.attempts).max(attempts);
    let retries = !is_final && i64::from(failures) < allowed;
    let hold = |state, due| Then::Hold(Hold { state, due, reason: error.clone() });
    let then = match outcome {
        Outcome::Interrupted => Then::Free,
        Outcome::Crashed if history.crashed.saturating_add(1) >= MAX_CRASHES => {
            hold(HeldState::Quarantined, None)
        }
        Outcome::Crashed if policy.on_crash == OnCrash::Rerun => Then::Free,
        _ if outcome != Outcome::Crashed && retries => {
            let pause =
                backoff::delay(policy.retry_delay, policy.retry_delay_max, failures, jitter);
            hold(HeldState::Retry, Some(later(now, pause)))
        }
        _ => hold(HeldState::Failed, None),
    };
    Consequence { outcome, error: Some(error), then }
}

/// A task that was postponed for too long has finally failed, so that an operator sees it.
fn in_time(ending: Ending, policy: &TaskType, history: History, now: Timestamp) -> Ending {
    let Ending::Temporary(why, asked) = ending else { return ending };
    let (Some(since), Some(expires)) = (history.postponed_since, policy.expires) else {
        return Ending::Temporary(why, asked);
    };
    let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    if waited < expires {
        return Ending::Temporary(why, asked);
    }
    let times = history.postponed.saturating_add(1);
    Ending::Final(format!(
        "put off {times} times in {} h, and 'Expires' of its type allows {} h: {why}",
        waited.as_secs() / 3600,
        expires.as_secs() / 3600
    ))
}

/// The pauses grow only with the number of postponements. The operator's maximum takes precedence over the requested
/// pause.
fn postponed(
    why: String,
    asked: Duration,
    policy: &TaskType,
    history: History,
    now: Timestamp,
    jitter: f64,
) -> Consequence {
    let (first, longest) = (policy.retry_delay, policy.retry_delay_max);
    let pause = backoff::delay(first, longest, history.postponed.saturating_add(1), jitter);
    let due = later(now, pause.max(asked.min(longest)));
    let hold = Hold { state: HeldState::Retry, due: Some(due), reason: why.clone() };
    Consequence { outcome: Outcome::Postponed, error: Some(why), then: Then::Hold(hold) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        reference::{TASK_TYPE, every_setting::with_extremes},
        task_types,
    };

    fn word(then: &Then) -> String {
        match then {
            Then::Delete => "delete".into(),
            Then::Free => "free".into(),
            Then::Hold(Hold { state, due, .. }) => {
                let due = due.map(|due| (due - Timestamp::UNIX_EPOCH).get_seconds());
                format!(
                    "{}{}",
                    state.as_str(),
                    due.map(|due| format!(" {due}")).unwrap_or_default()
                )
            }
        }
    }

    /// Tests policies from settings with extreme values, and rows written by other programs.
    #[test]
    fn no_policy_and_no_history_is_too_much() {
        let directory = tempfile::tempdir().unwrap();
        let configurations = with_extremes(directory.path(), &TASK_TYPE);
        let policies: Vec<_> =
            configurations.flat_map(|it| task_types::read(&it.settings).0.into_values()).collect();
        assert!(policies.len() > 100, "{}", policies.len());
        let endings = [
            Ending::Failed(String::new()),
            Ending::Temporary(String::new(), Duration::MAX),
            Ending::Crashed(String::new()),
        ];
        let histories = [(0, None), (u32::MAX, Some(Timestamp::MIN)), (1, Some(Timestamp::MAX))];
        let histories = histories.map(|(times, postponed_since)| History {
            failed: times,
            crashed: times,
            postponed: times,
            postponed_since,
            crashed_together: false,
        });
        let cases = policies.iter().flat_map(|it| endings.iter().map(move |ending| (it, ending)));
        let rows =
            [(i64::MIN, Timestamp::MIN), (1, Timestamp::UNIX_EPOCH), (i64::MAX, Timestamp::MAX)];
        for ((policy, ending), history) in cases.flat_map(|case| histories.map(|it| (case, it))) {
            for (attempts, now) in rows {
                let got = consequence(ending.clone(), policy, attempts, history, now, 1.0);
                let due = if let Then::Hold(hold) = got.then { hold.due } else { None };
                assert!(due.is_none_or(|due| due >= now), "{policy:?}");
            }
        }
    }

    #[test]
    fn what_follows() {
        let policy =
            TaskType { attempts: 3, retry_delay: Duration::from_secs(10), ..TaskType::default() };
        let keep = TaskType { on_crash: OnCrash::Keep, ..TaskType::default() };
        let one = TaskType::default();
        let why = || "why".to_owned();
        let temporary = |pause| Ending::Temporary(why(), Duration::from_secs(pause));
        let history = |failed, crashed| History { failed, crashed, ..History::default() };
        let put_off = |postponed| History { failed: 1, postponed, ..History::default() };
        for (ending, policy, attempts, history, outcome, then) in [
            (Ending::Success, &one, 1, history(0, 0), Outcome::Success, "delete"),
            (Ending::Failed(why()), &one, 1, history(0, 0), Outcome::Failed, "failed"),
            (Ending::Failed(why()), &one, 2, history(0, 0), Outcome::Failed, "retry 10"),
            (Ending::Failed(why()), &one, 2, history(1, 0), Outcome::Failed, "failed"),
            (Ending::Failed(why()), &policy, 1, history(1, 0), Outcome::Failed, "retry 20"),
            (Ending::Failed(why()), &policy, 1, history(2, 0), Outcome::Failed, "failed"),
            (Ending::Failed(why()), &policy, 1, history(9, 0), Outcome::Failed, "failed"),
            (temporary(0), &one, 1, history(2, 0), Outcome::Postponed, "retry 10"),
            (temporary(0), &one, 1, put_off(2), Outcome::Postponed, "retry 40"),
            (temporary(25), &one, 1, history(0, 0), Outcome::Postponed, "retry 25"),
            (temporary(25), &one, 1, put_off(2), Outcome::Postponed, "retry 40"),
            (temporary(90_000), &one, 1, history(0, 0), Outcome::Postponed, "retry 3600"),
            (Ending::Failed(why()), &policy, 1, put_off(50), Outcome::Failed, "retry 20"),
            (Ending::Failed(why()), &policy, 1, put_off(0), Outcome::Failed, "retry 20"),
            (Ending::Final(why()), &policy, 5, history(0, 0), Outcome::Failed, "failed"),
            (Ending::TimedOut(why()), &one, 1, history(0, 0), Outcome::TimedOut, "failed"),
            (Ending::TimedOut(why()), &policy, 1, history(0, 0), Outcome::TimedOut, "retry 10"),
            (Ending::Crashed(why()), &one, 1, history(0, 0), Outcome::Crashed, "free"),
            (Ending::Crashed(why()), &policy, 1, history(5, 1), Outcome::Crashed, "free"),
            (Ending::Crashed(why()), &one, 1, history(0, 2), Outcome::Crashed, "quarantined"),
            (Ending::Crashed(why()), &keep, 3, history(0, 0), Outcome::Crashed, "failed"),
            (Ending::Cancelled(why()), &policy, 9, history(0, 0), Outcome::Cancelled, "delete"),
            (Ending::Interrupted(why()), &one, 1, history(9, 9), Outcome::Interrupted, "free"),
        ] {
            let name = format!("{ending:?} {history:?}");
            let got = consequence(ending, policy, attempts, history, Timestamp::UNIX_EPOCH, 0.0);
            assert_eq!((got.outcome, word(&got.then).as_str()), (outcome, then), "{name}");
        }
    }

    #[test]
    fn a_task_is_not_put_off_for_ever() {
        let hours = Duration::from_hours;
        let of = |expires| TaskType { expires, attempts: 9, ..TaskType::default() };
        let since =
            |hours: i64| Some(Timestamp::from_second(1_000_000_000 - hours * 3600).unwrap());
        for (expires, postponed_since, expected) in [
            (Some(hours(168)), None, "put off"),
            (Some(hours(168)), since(167), "put off"),
            (Some(hours(168)), since(168), "failed"),
            (Some(hours(168)), since(-5), "put off"),
            (None, since(100_000), "put off"),
        ] {
            let history = History { postponed: 7, postponed_since, ..History::default() };
            let now = Timestamp::from_second(1_000_000_000).unwrap();
            let ending = Ending::Temporary("exit 75".to_owned(), Duration::ZERO);
            let got = consequence(ending, &of(expires), 1, history, now, 0.0);
            let (outcome, state, reason) = match expected {
                "failed" => (
                    Outcome::Failed,
                    HeldState::Failed,
                    "put off 8 times in 168 h, and 'Expires' of its type allows 168 h: exit 75",
                ),
                _ => (Outcome::Postponed, HeldState::Retry, "exit 75"),
            };
            assert_eq!(got.outcome, outcome, "{postponed_since:?}");
            assert_eq!(got.error.as_deref(), Some(reason));
            let Then::Hold(hold) = got.then else { panic!("{:?}", got.then) };
            assert_eq!((hold.state, hold.reason.as_str()), (state, reason));
        }
    }
}
