//! The text of a mail about failures.

use std::{fmt::Write as _, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use task_store::{Execution, from_micros};

use super::plan::Mail;
use crate::redact::redact;

/// As the original's for one failure.
pub(super) fn subject(product: &str, mail: &Mail) -> String {
    let Mail { task_type, name, count, .. } = mail;
    let times = if *count > 1 { format!(" ({count} failures)") } else { String::new() };
    format!("{product} Scheduler Daemon {task_type}: {name}{times}").replace(['\r', '\n'], " ")
}

/// `last` is the last failure, if the ledger still has it.
pub(super) fn body(
    mail: &Mail,
    last: Option<&Execution>,
    home: &Path,
    zone: &TimeZone,
    secrets: &[&str],
) -> String {
    let time = |micros| from_micros(micros).map_or_else(String::new, |it| local(it, zone));
    let (kind, name) = (&mail.task_type, &mail.name);
    let mut text = match mail.count {
        1 => format!("The task {name} of type {kind} failed.\n"),
        count => format!(
            "The task {name} of type {kind} failed {count} times, from {} to {}. The last time:\n",
            time(mail.first),
            time(mail.last),
        ),
    };
    let Some(last) = last else { return text };
    let _ = writeln!(text, "\nReason:  {}", last.error.as_deref().unwrap_or("unknown"));
    let _ = writeln!(text, "Outcome: {}", last.outcome.as_str());
    let _ = writeln!(text, "Ended:   {}, on node {}", local(last.ended, zone), last.node);
    let _ = writeln!(text, "Task:    {}", last.id);
    if let Some(output) = &last.output {
        let _ = writeln!(text, "\nOutput:\n{}", output.trim_end());
    }
    let home = home.display();
    let _ = writeln!(text, "\n'otrsd --home {home} task show {}' says what became of it.", last.id);
    redact(&text, secrets)
}

fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use task_store::{LockKey, Outcome, TaskId};

    use super::*;

    #[test]
    fn one_and_many() {
        let ended: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let execution = Execution {
            id: TaskId::from_ident(7),
            task_type: "Cron".into(),
            name: "A".into(),
            lock: LockKey::Free,
            node: 3,
            outcome: Outcome::TimedOut,
            started: ended,
            ended,
            cpu: None,
            peak_memory: None,
            error: Some("took longer".into()),
            output: Some("Pw => 'x'\nend\n".into()),
        };
        let last = ended.as_microsecond();
        let mut mail = Mail {
            task_type: "Cron".into(),
            name: "A".into(),
            count: 1,
            first: last - 60_000_000,
            last,
            row: 1,
        };
        let (home, zone) = (Path::new("/opt/otrs"), TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!(subject("OTRS", &mail), "OTRS Scheduler Daemon Cron: A");
        let one = body(&mail, Some(&execution), home, &zone, &[]);
        for text in [
            "The task A of type Cron failed.\n",
            "Reason:  took longer\nOutcome: timed-out\nEnded:   2026-07-01 14:00:00 CEST, on node 3\n",
            "Output:\nPw => ***\nend\n\n'otrsd --home /opt/otrs task show ",
        ] {
            assert!(one.contains(text), "{text} in {one}");
        }
        mail.count = 3;
        assert_eq!(subject("OTRS", &mail), "OTRS Scheduler Daemon Cron: A (3 failures)");
        let many = body(&mail, None, home, &zone, &[]);
        assert!(
            many.contains(
                "failed 3 times, from 2026-07-01 13:59:00 CEST to 2026-07-01 14:00:00 CEST"
            ),
            "{many}"
        );
    }
}
