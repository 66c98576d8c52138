//! The plan of failure mail: pure decisions, from the ledger and the remembered state, on which failures make a mail
//! and when.
//!
//! All nodes share the memory, so one mail is sent whichever node checks. Rows of the ledger become visible in another
//! order than that of their numbers, so the newest rows are checked again for a while.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use task_store::Execution;

use crate::config::failure_mail::{FailureMail, Mode};

/// No transaction of a worker takes longer: a row that is not visible by then does not exist.
const SETTLED: i64 = 30_000_000;
/// The number of processed failures that are remembered, and the number of tasks.
const MANY_ROWS: usize = 1000;
const MANY_TASKS: usize = 50;

/// The remembered state. Times are microseconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Memory {
    /// All rows up to this one were processed.
    through: i64,
    /// Later rows that were processed.
    looked_at: BTreeSet<i64>,
    /// The newest row at an earlier check, and the time of that check.
    newest: i64,
    newest_at: i64,
    /// Tasks that were reported within the period.
    told: Vec<Told>,
    /// The node that is sending, and until when no other node sends.
    sender: Option<(i64, i64)>,
}

/// A task that was reported, and its failures since then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Told {
    task_type: String,
    name: String,
    at: i64,
    count: u32,
    first: i64,
    last: i64,
    row: i64,
}

/// A mail to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mail {
    pub(super) task_type: String,
    pub(super) name: String,
    pub(super) count: u32,
    /// When it failed first and last.
    pub(super) first: i64,
    pub(super) last: i64,
    /// The row of the last failure.
    pub(super) row: i64,
}

/// The next action, and the state to remember when it is done.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) memory: Memory,
    pub(super) mail: Option<Mail>,
    /// When the next one may be due.
    pub(super) due: Option<i64>,
}

impl Memory {
    /// The state at the first check: earlier failures are not reported.
    pub(super) fn beginning(newest: i64, now: Timestamp) -> Self {
        let newest_at = now.as_microsecond();
        Self { through: newest, newest, newest_at, ..Self::default() }
    }

    /// Failures after this row may be unprocessed.
    pub(super) fn through(&self) -> i64 {
        self.through
    }

    /// The same state with a sender, until the given time.
    pub(super) fn sent_by(&self, sender: Option<(i64, i64)>) -> Self {
        Self { sender, ..self.clone() }
    }

    /// Until when another node sends, if one does.
    pub(super) fn waits_for(&self, own: i64, now: Timestamp) -> Option<i64> {
        let (sender, until) = self.sender?;
        (sender != own && until > now.as_microsecond()).then_some(until)
    }

    /// The next mail, one at most. `failures` are all failures after [`Memory::through`], or as many as were requested.
    pub(super) fn step(
        &self,
        failures: &[(i64, Execution)],
        is_all: bool,
        newest: i64,
        rules: &FailureMail,
        now: Timestamp,
    ) -> Step {
        let mut memory = self.sent_by(None);
        let now = now.as_microsecond();
        for (row, failure) in failures {
            if memory.looked_at.insert(*row)
                && let Some(mail) = memory.hear(*row, failure, rules, now)
            {
                return Step { memory, mail: Some(mail), due: Some(now) };
            }
        }
        if is_all {
            memory.settle(newest, now);
        } else {
            // The following failures are processed next.
            memory.through = failures.last().map_or(memory.through, |(row, _)| *row);
        }
        let mail = memory.due(micros(rules.period), now);
        let due = memory.told.iter().map(|told| told.at.saturating_add(micros(rules.period))).min();
        let due = if mail.is_some() || !is_all { Some(now) } else { due };
        Step { memory, mail, due }
    }

    fn hear(&mut self, row: i64, it: &Execution, rules: &FailureMail, now: i64) -> Option<Mail> {
        let at = it.ended.as_microsecond();
        let (task_type, name) = (it.task_type.clone(), it.name.clone());
        let is_it = |told: &&mut Told| told.task_type == task_type && told.name == name;
        if rules.mode == Mode::Digest {
            if let Some(told) = self.told.iter_mut().find(is_it) {
                told.first = if told.count == 0 { at } else { told.first.min(at) };
                told.last = told.last.max(at);
                (told.count, told.row) = (told.count.saturating_add(1), row);
                return None;
            }
            if self.told.len() < MANY_TASKS {
                let (task_type, name) = (task_type.clone(), name.clone());
                self.told.push(Told {
                    task_type,
                    name,
                    at: now,
                    count: 0,
                    first: 0,
                    last: 0,
                    row: 0,
                });
            }
        }
        Some(Mail { task_type, name, count: 1, first: at, last: at, row })
    }

    /// The mail for the first task whose period is over and that failed in it; tasks without such a failure are
    /// forgotten.
    fn due(&mut self, period: i64, now: i64) -> Option<Mail> {
        self.told.retain(|told| told.count > 0 || told.at.saturating_add(period) > now);
        let told = self.told.iter_mut().find(|told| told.at.saturating_add(period) <= now)?;
        let Told { task_type, name, count, first, last, row, .. } = told.clone();
        *told = Told { at: now, count: 0, first: 0, last: 0, row: 0, ..told.clone() };
        Some(Mail { task_type, name, count, first, last, row })
    }

    /// A row that was the newest one long enough ago has no invisible row before it.
    fn settle(&mut self, newest: i64, now: i64) {
        let is_idle = self.through == newest && self.looked_at.is_empty();
        if is_idle || now - self.newest_at < SETTLED && self.looked_at.len() < MANY_ROWS {
            return;
        }
        self.through = self.newest;
        (self.newest, self.newest_at) = (newest, now);
        self.looked_at = self.looked_at.split_off(&(self.through + 1));
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use task_store::{LockKey, Outcome, TaskId};

    use super::*;

    const PERIOD: i64 = 100;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    fn failure(row: i64, name: &str, second: i64) -> (i64, Execution) {
        let execution = Execution {
            id: TaskId::from_ident(row),
            task_type: "Cron".into(),
            name: name.into(),
            lock: LockKey::Free,
            node: 1,
            outcome: Outcome::Failed,
            started: at(second),
            ended: at(second),
            cpu: None,
            peak_memory: None,
            error: None,
            output: None,
        };
        (row, execution)
    }

    fn rules(mode: Mode) -> FailureMail {
        let period = Duration::from_secs(PERIOD.unsigned_abs());
        FailureMail { mode, period, envelope_sender: None }
    }

    /// Runs all steps due at a second: name and count of each mail.
    fn look(
        memory: &mut Memory,
        ledger: &[(i64, Execution)],
        mode: Mode,
        second: i64,
    ) -> Vec<String> {
        let mut mails = Vec::new();
        loop {
            let seen: Vec<_> =
                ledger.iter().filter(|(row, _)| *row > memory.through()).cloned().collect();
            let newest = ledger.last().map_or(0, |(row, _)| *row);
            let step = memory.step(&seen, true, newest, &rules(mode), at(second));
            *memory = step.memory;
            match step.mail {
                None => return mails,
                Some(mail) => mails.push(format!("{} {}", mail.name, mail.count)),
            }
        }
    }

    #[test]
    fn the_first_at_once_and_the_rest_at_the_end_of_the_period() {
        let mut memory = Memory::beginning(0, at(0));
        let mut ledger = vec![failure(1, "a", 1)];
        let mut sees = |ledger: &[_], second| look(&mut memory, ledger, Mode::Digest, second);
        assert_eq!(sees(&ledger, 1), ["a 1"]);
        ledger.extend([failure(2, "a", 2), failure(3, "b", 3), failure(4, "a", 4)]);
        assert_eq!(sees(&ledger, 5), ["b 1"]);
        assert!(sees(&ledger, 100).is_empty());
        assert_eq!(sees(&ledger, 101), ["a 2"]);
        // Another period has begun for one, and the other is forgotten.
        ledger.extend([failure(5, "a", 110), failure(6, "b", 111)]);
        assert_eq!(sees(&ledger, 111), ["b 1"]);
        assert_eq!(sees(&ledger, 201), ["a 1"]);
        assert!(sees(&ledger, 999).is_empty());
        assert!(memory.told.is_empty() && memory.looked_at.is_empty(), "{memory:?}");
    }

    #[test]
    fn other_modes() {
        let ledger = [failure(1, "a", 1), failure(2, "a", 2), failure(3, "a", 3)];
        let mut memory = Memory::beginning(0, at(0));
        assert_eq!(look(&mut memory, &ledger, Mode::Single, 4), ["a 1", "a 1", "a 1"]);
        let mut memory = Memory::beginning(3, at(0));
        assert!(look(&mut memory, &ledger, Mode::Single, 4).is_empty());
    }

    #[test]
    fn a_row_that_becomes_visible_late_is_told_of_once() {
        let mut memory = Memory::beginning(0, at(0));
        let late = failure(1, "late", 1);
        assert_eq!(look(&mut memory, &[failure(2, "a", 1)], Mode::Single, 1), ["a 1"]);
        let both = [late, failure(2, "a", 1)];
        assert_eq!(look(&mut memory, &both, Mode::Single, 20), ["late 1"]);
        for second in [40, 80, 120] {
            assert!(look(&mut memory, &both, Mode::Single, second).is_empty());
        }
        assert_eq!((memory.through, memory.looked_at.len()), (2, 0));
    }

    #[test]
    fn one_sends_at_a_time() {
        let memory = Memory { sender: Some((1, at(9).as_microsecond())), ..Memory::default() };
        for (own, second, waits) in [(1, 0, false), (2, 8, true), (2, 9, false)] {
            assert_eq!(memory.waits_for(own, at(second)).is_some(), waits, "{own} {second}");
        }
    }
}
