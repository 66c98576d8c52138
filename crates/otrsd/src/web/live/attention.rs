//! Findings that need an operator's attention, worst first.

use jiff::SignedDuration;
use task_store::Instance;

use super::Snapshot;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::web) enum Severity {
    /// Work has stopped.
    Broken,
    /// A decision is needed.
    Warning,
    /// Intentional, but easily forgotten.
    Note,
}

/// One finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::web) struct Attention {
    pub(in crate::web) severity: Severity,
    pub(in crate::web) text: String,
    /// The page with details.
    pub(in crate::web) link: Option<String>,
}

/// Longer than any healthy worker leaves between two heartbeats.
const STALE: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn of(snapshot: &Snapshot) -> Vec<Attention> {
    let mut found = Vec::new();
    let mut add = |severity, text: String, link: Option<String>| {
        found.push(Attention { severity, text, link });
    };
    if let Some(why) = &snapshot.database {
        add(Severity::Broken, format!("The database does not answer: {why}"), None);
    }
    match &snapshot.status {
        Some(Err(why)) => {
            add(Severity::Broken, format!("The supervisor does not answer: {why}"), None);
        }
        Some(Ok(status)) => {
            if let Some(why) = &status.degraded {
                add(Severity::Broken, format!("The supervisor is degraded: {why}"), None);
            }
            if let Some(error) = &status.configuration_error {
                add(
                    Severity::Warning,
                    format!("The configuration on disk is not the one that runs: {error}"),
                    None,
                );
            }
            if let Some(first) = status.configuration_problems.first() {
                let text = match status.configuration_problems.len() {
                    1 => format!("A setting is refused or ignored: {first}"),
                    all => format!(
                        "{all} settings are refused or ignored: otrsd status names them. The first: {first}"
                    ),
                };
                add(Severity::Warning, text, None);
            }
            for module in &status.modules {
                let severity = match module.state.as_str() {
                    "running" | "starting" | "stopping" => continue,
                    "degraded" => Severity::Warning,
                    _ => Severity::Broken,
                };
                let note =
                    module.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
                let link = format!("/modules/{}", module.name);
                add(severity, format!("{} is {}{note}", module.name, module.state), Some(link));
            }
        }
        None => {}
    }
    if snapshot.database.is_none() && snapshot.status.is_some() {
        queue(snapshot, &mut add);
    }
    found.sort_by_key(|it| it.severity);
    found
}

fn queue(snapshot: &Snapshot, add: &mut impl FnMut(Severity, String, Option<String>)) {
    let sum = |of: fn(&task_store::Count) -> u64| snapshot.counts.iter().map(of).sum::<u64>();
    let is_stale =
        |it: &&Instance| it.beat.is_none_or(|beat| snapshot.at.duration_since(beat) > STALE);
    let waiting = sum(|it| it.waiting);
    let living = snapshot.instances.iter().filter(|it| !is_stale(it)).count();
    if living == 0 && waiting > 0 {
        add(
            Severity::Broken,
            format!("No worker lives, and {} for one", waits(waiting)),
            Some("/tasks?state=waiting".into()),
        );
    }
    for worker in snapshot.instances.iter().filter(is_stale) {
        add(
            Severity::Warning,
            format!(
                "The worker of node {} ({}, process {}) sends no heartbeat",
                worker.owner.node(),
                worker.host,
                worker.pid
            ),
            None,
        );
    }
    for (count, state, what) in [
        (sum(|it| it.quarantined), "quarantined", "in quarantine: to be looked at before a retry"),
        (sum(|it| it.failed), "failed", "held as failed: not tried again"),
        (sum(|it| it.no_handler), "no-handler", "of a type without a handler"),
    ] {
        if count > 0 {
            let tasks =
                if count == 1 { "1 task is".to_owned() } else { format!("{count} tasks are") };
            add(
                Severity::Warning,
                format!("{tasks} {what}"),
                Some(format!("/tasks?state={state}")),
            );
        }
    }
    for pause in &snapshot.pauses {
        let what = if pause.task_type.is_empty() {
            "All tasks".to_owned()
        } else {
            format!("Tasks of type {}", pause.task_type)
        };
        let place = if pause.node == 0 {
            "everywhere".to_owned()
        } else {
            format!("on node {}", pause.node)
        };
        let reason =
            if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
        add(Severity::Note, format!("{what} are paused {place}{reason}"), Some("/pauses".into()));
    }
}

fn waits(count: u64) -> String {
    if count == 1 { "1 task waits".to_owned() } else { format!("{count} tasks wait") }
}

#[cfg(test)]
mod tests {
    use task_store::Count;

    use super::*;

    #[test]
    fn the_worst_comes_first() {
        let count = Count { task_type: "Greet".into(), waiting: 3, failed: 1, ..Count::default() };
        let mut snapshot = Snapshot {
            status: Some(Err("not running".into())),
            counts: vec![count],
            ..Snapshot::default()
        };
        let texts =
            |snapshot: &Snapshot| of(snapshot).into_iter().map(|it| it.text).collect::<Vec<_>>();
        assert_eq!(
            texts(&snapshot),
            [
                "The supervisor does not answer: not running",
                "No worker lives, and 3 tasks wait for one",
                "1 task is held as failed: not tried again"
            ]
        );
        // Earlier counts are stale then.
        snapshot.database = Some("connection refused".into());
        assert_eq!(texts(&snapshot).len(), 2);
        assert_eq!(of(&Snapshot::default()), []);
    }
}
