//! What a child says of the end of a task, and what is made of it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::worker::{
    attend::{Attended, ending},
    execution::Order,
    outcome::Ending,
    output::{Tail, legible},
};

/// One line of a child.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    error: Option<String>,
    /// Seconds of processor time.
    #[serde(default)]
    cpu: f64,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Success,
    Failed,
    /// The code was changed since it was loaded: nothing was begun.
    Stale,
}

impl Report {
    pub(super) fn cpu(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.cpu).ok()
    }
}

/// The task as the host reads it. Its data pass as they are stored.
pub(super) fn letter(order: &Order, is_last: bool) -> Vec<u8> {
    let task = &order.task;
    let letter = json!({
        "id": task.id.to_string(),
        "row": task.row,
        "type": task.task_type,
        "name": task.name,
        "data": task.data,
        "last": u8::from(is_last),
        "keep_objects": u8::from(order.policy.keep_objects),
    });
    let mut text = letter.to_string().into_bytes();
    text.push(b'\n');
    text
}

/// What an execution came to. One that had succeeded when we wanted its end has succeeded; one that left
/// without a word has not, whatever its exit code.
pub(super) fn ending_of(report: Option<Report>, attended: Attended, tail: &Tail) -> Ending {
    match (report, attended) {
        (Some(Report { outcome: Outcome::Success, .. }), _) => Ending::Success,
        (Some(_), Attended { ours: Some(ours), .. }) => ours,
        (Some(Report { error: Some(error), .. }), _) => Ending::Failed(legible(&error)),
        (Some(_), _) => Ending::Failed(tail.explain("the handler returned false".to_owned())),
        (None, attended) => match ending(attended, tail) {
            Ending::Success => {
                Ending::Failed(tail.explain("the handler ended its process with exit 0".to_owned()))
            }
            Ending::Temporary(why, _) => Ending::Failed(why),
            ending => ending,
        },
    }
}
