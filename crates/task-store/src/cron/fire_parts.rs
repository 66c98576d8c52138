//! Firing cron tasks of which the database refuses one: the others are fired.

use std::ops::Range;

use jiff::Timestamp;

use crate::cron::fire::{FireBatch, FireOutcome, FireRequest};
use crate::database::error::Result;
use crate::model::locked::Locked;
use crate::store::Store;

impl Store {
    /// Fires part by part; the requests of one cron task stay together.
    pub(crate) async fn fire_in_parts(
        &self,
        requests: &[FireRequest<'_>],
        now: Timestamp,
    ) -> Result<Vec<FireOutcome>> {
        let mut of_one: Vec<Range<usize>> = Vec::new();
        for tasks in requests.chunk_by(|one, next| one.name == next.name) {
            let start = of_one.last().map_or(0, |before| before.end);
            of_one.push(start..start + tasks.len());
        }
        let part = |tasks: &[Range<usize>]| FireBatch::new(self, joined(requests, tasks), now);
        let mut outcomes = Vec::with_capacity(requests.len());
        for (tasks, outcome) in self.in_halves(&of_one, part).await {
            match (outcome, tasks) {
                (Err(error), [one]) if error.is_refusal() => {
                    let name = requests[one.start].name;
                    let reason = format!("its runs cannot be recorded: {error}");
                    self.left_out_rows().insert(
                        Locked::Recurrent.table(),
                        format!("'{name}'"),
                        reason,
                    );
                    outcomes.extend(one.clone().map(|_| FireOutcome::Refused));
                }
                (outcome, _) => outcomes.extend(outcome?),
            }
        }
        Ok(outcomes)
    }
}

/// The requests of neighbouring ranges.
fn joined<'d, T>(all: &'d [T], ranges: &[Range<usize>]) -> &'d [T] {
    match ranges {
        [first, .., last] => &all[first.start..last.end],
        [only] => &all[only.clone()],
        [] => &[],
    }
}
