//! The report of a child on the end of a task, and its meaning.

use std::time::Duration;

use perl_storable::{Hash, Key, Value, freeze, thaw};

use crate::{
    process::output::{Tail, legible},
    worker::{
        execution::Order,
        outcome::Ending,
        supervise::{Attended, ending},
    },
};

/// Bytes: a report contains the text of an exception at most.
const LONGEST: usize = 1 << 20;
/// Bytes of the length before an image.
const LENGTH: usize = 4;

/// A child's report on a task.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    error: Option<String>,
    /// Seconds of processor time.
    cpu: f64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Success,
    Failed,
    /// The code was changed since it was loaded: nothing was started.
    Stale,
}

impl Report {
    /// The report, if it is complete and valid.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let report = thaw(image(message)?).ok()?;
        let outcome = match report.get("outcome")?.as_str()? {
            "success" => Outcome::Success,
            "failed" => Outcome::Failed,
            "stale" => Outcome::Stale,
            _ => return None,
        };
        let cpu = report.get("cpu").and_then(Value::as_f64).unwrap_or_default();
        Some(Self { outcome, error: report.get("error").and_then(text), cpu })
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.cpu).ok()
    }
}

/// Whether the message is incomplete.
pub(super) fn is_part(message: &[u8]) -> bool {
    message.len() < LONGEST && image(message).is_none()
}

/// The error that a handler died with.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        other => other.as_str().map(str::to_owned),
    }
}

/// The part after the length.
fn image(message: &[u8]) -> Option<&[u8]> {
    let (length, image) = message.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    image.get(..length)
}

/// The task in the form that a child reads. Its data pass as they are stored.
pub(super) fn letter(order: &Order, is_last: bool) -> Vec<u8> {
    let task = &order.task;
    let mut letter = Hash::default();
    for (key, value) in [
        ("id", Value::from(task.id.to_string().as_str())),
        ("row", Value::from(task.row)),
        ("type", Value::from(task.task_type.as_str())),
        ("name", Value::from(task.name.as_str())),
        ("data", Value::Bytes(task.data.clone().into_bytes())),
        ("last", Value::from(is_last)),
        ("keep_objects", Value::from(order.policy.keep_objects)),
    ] {
        letter.insert(Key::from(key), value);
    }
    // Gigabytes cannot be frozen: the child ends, and the task has failed.
    let image = freeze(&Value::Hash(letter)).unwrap_or_default();
    let length = u32::try_from(image.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], &image].concat()
}

/// The ending of an execution. An execution that had succeeded when it was to be ended has succeeded; one that ended
/// without a report has not, whatever its exit code.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_report_that_makes_sense_is_one() {
        let message = |pairs: &[(&str, Value)]| {
            let mut report = Hash::default();
            for (key, value) in pairs {
                report.insert(Key::from(*key), value.clone());
            }
            let image = freeze(&Value::Hash(report)).unwrap();
            [&u32::try_from(image.len()).unwrap().to_be_bytes()[..], &image].concat()
        };
        let whole = message(&[
            ("outcome", Value::from("failed")),
            ("error", Value::Bytes(b"no \xFF".to_vec())),
            ("cpu", Value::from("0.25")),
        ]);
        let report = Report::read(&whole).unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(report.error.as_deref(), Some("no \u{FFFD}"));
        assert_eq!(report.cpu(), Some(Duration::from_millis(250)));
        for length in 0..whole.len() {
            assert!(is_part(&whole[..length]) && Report::read(&whole[..length]).is_none());
        }
        assert!(!is_part(&whole) && !is_part(&vec![0xFF; LONGEST]));
        for nonsense in
            [message(&[]), message(&[("outcome", Value::from("fine"))]), vec![0, 0, 0, 1, 7]]
        {
            assert!(!is_part(&nonsense) && Report::read(&nonsense).is_none());
        }
    }
}
