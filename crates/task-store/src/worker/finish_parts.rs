//! Ends of which the database refuses one: the others are written as usual, and that one in a form that is accepted.
//!
//! First without its texts for people, which may be of an encoding or a length that is refused; then as quarantined, without
//! a row of the ledger. If that is refused too, the task stays with its owner, which remembers it: a task whose end is not
//! written must not run again.

use jiff::Timestamp;

use crate::database::error::{Error, Result};
use crate::ledger::record::record;
use crate::ledger::{Execution, Outcome};
use crate::model::lock_key::{LockKey, Owner};
use crate::model::task_id::TaskId;
use crate::store::Store;
use crate::task::held::Hold;
use crate::task::quarantine::quarantined;
use crate::worker::finish::{Finish, Finished, Finishing, Instead, Refused, Then};

/// The most characters of a text that is written in place of a refused one.
const MAX_SHORT_TEXT: usize = 200;

impl Store {
    /// Ends tasks part by part, after the database refused all of them with `error`.
    pub(crate) async fn finish_in_parts(
        &self,
        owner: Owner,
        finished: &[Finished],
        now: Timestamp,
        error: Error,
    ) -> Result<Finish> {
        let as_it_is = |part| Finishing::new(self, owner, part, now);
        let parts = self.in_halves(finished, as_it_is).await;
        let is_any_written = parts.iter().any(|(_, outcome)| outcome.is_ok());
        // If every end is refused, no task is at fault: waiting helps, and nothing is quarantined.
        if !is_any_written && self.takes_an_end(owner, now).await.is_err() {
            return Err(error);
        }
        let mut finish = Finish::default();
        for (part, outcome) in parts {
            match (outcome, part) {
                (Ok(done), _) => finish.ours.extend(done.ours),
                (Err(error), [one]) if error.is_refusal() => {
                    self.finish_somehow(owner, one, now, &error, &mut finish).await;
                }
                (Err(error), others) => {
                    for it in others {
                        finish.keep(it.row, &error);
                    }
                }
            }
        }
        Ok(finish)
    }

    async fn finish_somehow(
        &self,
        owner: Owner,
        one: &Finished,
        now: Timestamp,
        refusal: &Error,
        finish: &mut Finish,
    ) {
        for (form, instead, afresh) in [
            (short(one), Instead::Short, false),
            (set_aside(one, refusal), Instead::Quarantined, false),
            (set_aside(one, refusal), Instead::Quarantined, true),
        ] {
            let forms = [form];
            let mut attempt = Finishing::new(self, owner, &forms, now);
            attempt.is_plain = true;
            attempt.afresh = afresh;
            match self.transact(&attempt).await {
                Ok(done) => {
                    finish.ours.extend(done.ours);
                    let reason = refusal.to_string();
                    finish.refused.push(Refused { row: one.row, instead, reason });
                    return;
                }
                Err(error) if error.is_refusal() => {}
                Err(error) => return finish.keep(one.row, &error),
            }
        }
        finish.keep(one.row, refusal);
    }

    /// Whether the ledger takes a trial end that has nothing to refuse. It is rolled back.
    async fn takes_an_end(&self, owner: Owner, now: Timestamp) -> Result<()> {
        let execution = Execution {
            id: TaskId::draw(),
            task_type: "Probe".into(),
            name: String::new(),
            lock: LockKey::Ours(owner),
            node: owner.node(),
            outcome: Outcome::Success,
            started: now,
            ended: now,
            cpu: None,
            peak_memory: None,
            error: None,
            output: None,
        };
        let mut session = self.pools().write().await?;
        session.begin().await?;
        let answer = record(&mut session.connection(), &[&execution]).await;
        let undone = Error::Conflict("only a trial".into());
        session.rollback(answer.as_ref().err().unwrap_or(&undone)).await;
        answer
    }
}

impl Finish {
    /// The end is not written; the task stays with its owner.
    fn keep(&mut self, row: i64, error: &Error) {
        self.ours.push(true);
        self.refused.push(Refused { row, instead: Instead::Kept, reason: error.to_string() });
    }
}

/// An end with short texts of ASCII, and no output.
fn short(one: &Finished) -> Finished {
    let short = |execution: &Execution| Execution {
        error: execution.error.as_deref().map(plain),
        output: None,
        ..execution.clone()
    };
    let then = match &one.then {
        Then::Hold(hold) => Then::Hold(Hold { reason: plain(&hold.reason), ..hold.clone() }),
        then => then.clone(),
    };
    Finished { row: one.row, execution: one.execution.as_ref().map(short), then }
}

/// Quarantined instead of ended.
fn set_aside(one: &Finished, refusal: &Error) -> Finished {
    let ended = one.execution.as_ref().map_or("held", |execution| execution.outcome.as_str());
    let reason = format!(
        "table scheduler_task, row {}: its end ({ended}) cannot be written down: {}",
        one.row,
        plain(&refusal.to_string())
    );
    Finished { row: one.row, execution: None, then: Then::Hold(quarantined(reason)) }
}

/// A text that every database takes.
fn plain(text: &str) -> String {
    let legible = |it: char| if it == ' ' || it.is_ascii_graphic() { it } else { '?' };
    text.chars().take(MAX_SHORT_TEXT).map(legible).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn every_database_takes_it() {
        for (text, expected) in [
            ("exit 1", "exit 1"),
            ("M\u{fc}ller\0\u{1f600}\n", "M?ller???"),
            (&"x".repeat(300), &"x".repeat(200)),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
