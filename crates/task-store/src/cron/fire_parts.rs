//! Deciding cron tasks of which the database refuses one: the others are decided.

use std::ops::Range;

use jiff::Timestamp;

use crate::cron::fire::{Decided, Deciding, Decision};
use crate::database::error::Result;
use crate::model::locked::Locked;
use crate::store::Store;

impl Store {
    /// Decides part by part; what is due of one cron task stays together.
    pub(crate) async fn decide_in_parts(
        &self,
        decisions: &[Decision<'_>],
        now: Timestamp,
    ) -> Result<Vec<Decided>> {
        let mut of_one: Vec<Range<usize>> = Vec::new();
        for tasks in decisions.chunk_by(|one, next| one.name == next.name) {
            let start = of_one.last().map_or(0, |before| before.end);
            of_one.push(start..start + tasks.len());
        }
        let part = |tasks: &[Range<usize>]| Deciding::new(self, joined(decisions, tasks), now);
        let mut decided = Vec::with_capacity(decisions.len());
        for (tasks, outcome) in self.in_halves(&of_one, part).await {
            match (outcome, tasks) {
                (Err(error), [one]) if error.is_refusal() => {
                    let name = decisions[one.start].name;
                    let reason = format!("its due instants cannot be written down: {error}");
                    self.aside().put(Locked::Recurrent.table(), format!("'{name}'"), reason);
                    decided.extend(one.clone().map(|_| Decided::Refused));
                }
                (outcome, _) => decided.extend(outcome?),
            }
        }
        Ok(decided)
    }
}

/// What stands in neighbouring ranges.
fn joined<'d, T>(all: &'d [T], ranges: &[Range<usize>]) -> &'d [T] {
    match ranges {
        [first, .., last] => &all[first.start..last.end],
        [only] => &all[only.clone()],
        [] => &[],
    }
}
