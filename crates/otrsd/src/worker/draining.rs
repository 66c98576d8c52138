//! The drain report: the tasks that a worker still waits for after it has stopped claiming.

use std::collections::BTreeSet;

use super::worker_loop::WorkerLoop;
use crate::process::sd_notify;

impl WorkerLoop {
    /// Reports the tasks that this worker waits for, for status and stop.
    pub(super) fn tell_what_runs(&self) {
        let functions = self.executor.titles();
        let titles: BTreeSet<&str> =
            self.titles.values().chain(&functions).map(String::as_str).collect();
        if let Some(text) = waits_for(&titles) {
            let _ = sd_notify::send(&format!("STATUS={text}"));
        }
    }
}

/// `None` if there is no task.
fn waits_for(titles: &BTreeSet<&str>) -> Option<String> {
    const TOLD: usize = 5;
    let count = titles.len();
    let mut told: Vec<&str> = titles.iter().take(TOLD).copied().collect();
    if count > TOLD {
        told.push("…");
    }
    let tasks = if count == 1 { "task" } else { "tasks" };
    (count > 0).then(|| format!("waits for {count} {tasks}: {}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tasks_that_run_are_waited_for() {
        for (count, expected) in [
            (0, None),
            (1, Some("waits for 1 task: 1 (T)")),
            (2, Some("waits for 2 tasks: 1 (T), 2 (T)")),
            (6, Some("waits for 6 tasks: 1 (T), 2 (T), 3 (T), 4 (T), 5 (T), …")),
        ] {
            let titles: Vec<String> = (1..=count).map(|row| format!("{row} (T)")).collect();
            assert_eq!(
                waits_for(&titles.iter().map(String::as_str).collect()).as_deref(),
                expected
            );
        }
    }
}
