//! Deciding cron tasks of which the database refuses one: the others are decided.

use jiff::Timestamp;

use crate::decide::{Decided, Deciding, Decision};
use crate::error::Result;
use crate::lock::Locked;
use crate::store::Store;

impl Store {
    /// Decides part by part; what is due of one cron task stays together.
    pub(crate) async fn decide_in_parts(
        &self,
        decisions: &[Decision<'_>],
        now: Timestamp,
    ) -> Result<Vec<Decided>> {
        let of_one: Vec<&[Decision<'_>]> =
            decisions.chunk_by(|one, next| one.name == next.name).collect();
        let part = |tasks: &'_ [&'_ [Decision<'_>]]| Deciding {
            decisions: tasks.concat().into(),
            ..Deciding::new(self, decisions, now)
        };
        let mut decided = Vec::with_capacity(decisions.len());
        for (tasks, outcome) in self.in_halves(&of_one, part).await {
            match (outcome, tasks) {
                (Err(error), [one]) if error.is_refusal() => {
                    let name = one.first().map_or("", |decision| decision.name);
                    let reason = format!("its due instants cannot be written down: {error}");
                    self.aside().put(Locked::Recurrent.table(), format!("'{name}'"), reason);
                    decided.extend(one.iter().map(|_| Decided::Refused));
                }
                (outcome, _) => decided.extend(outcome?),
            }
        }
        Ok(decided)
    }
}
