//! Results that the database refuses to record in any form: their tasks stay locked and do not run again, and the
//! others continue.

use std::time::Duration;

use task_store::{Finished, Instead, Refused};

use crate::{clock::MonotonicTime, logs};

/// The pause between two attempts to record them.
const AGAIN: Duration = Duration::from_mins(1);
/// With this many, nothing more is claimed: the tasks are hardly at fault, and further results would not be recorded
/// either.
const MOST: usize = 100;

#[derive(Debug, Default)]
pub(super) struct UnwrittenEnds {
    ends: Vec<(Finished, String)>,
    /// When they are tried again.
    at: Option<MonotonicTime>,
}

impl UnwrittenEnds {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= MOST
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = i64> {
        self.ends.iter().map(|(end, _)| end.row)
    }

    /// For messages.
    pub(super) fn told(&self) -> impl Iterator<Item = String> {
        self.ends.iter().map(|(end, why)| {
            format!("table scheduler_task, row {}: its end cannot be written down: {why}", end.row)
        })
    }

    /// Retains what was refused in every form, and logs the rest.
    pub(super) fn take(
        &mut self,
        refused: &[Refused],
        finished: &mut Vec<Finished>,
        now: MonotonicTime,
    ) {
        for it in refused {
            let (row, reason) = (it.row, &it.reason);
            match it.instead {
                Instead::Short => logs::warn(&format!(
                    "table scheduler_task, row {row}: its end is written without output, since {reason}"
                )),
                Instead::Quarantined => {}
                Instead::Kept => {
                    let end = finished.iter().position(|it| it.row == row);
                    let end = end.map(|position| finished.swap_remove(position));
                    self.ends.extend(end.map(|end| (end, reason.clone())));
                    self.at = Some(now + AGAIN);
                }
            }
        }
    }

    /// Adds them to the results to be recorded, when it is time.
    pub(super) fn again(&mut self, finished: &mut Vec<Finished>, now: MonotonicTime) {
        if self.at.is_some_and(|at| at <= now) {
            self.at = None;
            finished.extend(self.ends.drain(..).map(|(end, _)| end));
        }
    }
}

/// The message about those that a worker leaves behind.
pub(super) fn parked(rows: &[i64], outcome: task_store::Result<u64>) -> String {
    let names: Vec<String> = rows.iter().map(i64::to_string).collect();
    let rows = names.join(", ");
    match outcome {
        Ok(_) => format!(
            "table scheduler_task, rows {rows}: they ran, their ends could not be written down; their lock_key is 1 \
             until they are deleted, or it is set to 0 to run them again"
        ),
        Err(error) => format!(
            "table scheduler_task, rows {rows}: they ran, their ends could not be written down, and they will \
             run again: {error}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use task_store::Then;

    use super::*;

    #[test]
    fn what_is_refused_is_tried_again_later() {
        let end = |row| Finished { row, execution: None, then: Then::Delete };
        let refused = |row, instead| Refused { row, instead, reason: "no".to_owned() };
        let (mut kept, mut finished) = (UnwrittenEnds::default(), vec![end(1), end(2), end(3)]);
        let all = [refused(1, Instead::Short), refused(2, Instead::Kept)];
        kept.take(&all, &mut finished, MonotonicTime::from_secs(0));
        assert_eq!(kept.rows().collect::<Vec<_>>(), [2]);
        finished.clear();
        for (second, expected) in [(59, vec![]), (60, vec![end(2)]), (61, vec![])] {
            kept.again(&mut finished, MonotonicTime::from_secs(second));
            assert_eq!(std::mem::take(&mut finished), expected, "{second}");
        }
        assert!(kept.is_empty());
    }
}
