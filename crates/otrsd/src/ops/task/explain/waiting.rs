//! The explanation of a waiting task: what prevents the workers from claiming it, and which tasks are before it.

use task_store::{Moved, Pause};

use super::{Facts, counted, is_stale};
use crate::text::{escape::one_line, time::local};

pub(super) fn waiting(name: &str, facts: &Facts) -> Vec<String> {
    let mut said = vec![format!("{name} waits for a worker.")];
    said.extend(hindrances(facts));
    let is_paused = facts.explanation.pauses.iter().any(|pause| pause.node == 0);
    if is_paused || facts.moved.is_some() || facts.instances.is_empty() {
        return said;
    }
    let slots: u64 = facts.instances.iter().map(|it| u64::from(it.slots)).sum();
    let workers = facts.instances.len();
    if facts.running >= slots {
        said.push(format!(
            "All {slots} slots of {} are taken: it waits for one, see otrsd task list --state running. \
             Daemon::SchedulerTaskWorker::MaximumWorkers says how many there are.",
            counted(workers, "worker")
        ));
    }
    match facts.explanation.ahead {
        0 => said.push("It is the next to be taken.".to_owned()),
        ahead => said.push(format!("{} to be taken before it.", are(ahead))),
    }
    if facts.history.crashed_together {
        said.push(
            "It once died together with others, so it runs alone: it waits until its worker has nothing else to do."
                .to_owned(),
        );
    }
    said
}

/// What prevents all workers, or one of them, from claiming it.
fn hindrances(facts: &Facts) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(Moved { remembered, present, difference }) = &facts.moved {
        said.push(format!(
            "The database remembers {remembered} and not {present}{difference}: it was copied or restored, and nothing is taken. \
             If its tasks are to run here, run otrsd db adopt.",
        ));
    }
    said.extend(facts.explanation.pauses.iter().map(paused));
    if facts.instances.is_empty() {
        said.push(
            "No worker is registered: start the daemon with SchedulerTaskWorker (otrsd start)."
                .to_owned(),
        );
    } else if facts.instances.iter().all(|it| is_stale(it.beat, facts.now)) {
        said.push(
            "No worker has sent a heartbeat for 30 s: see otrsd status on their nodes.".to_owned(),
        );
    }
    said
}

fn paused(pause: &Pause) -> String {
    let mut option = String::new();
    let (mut what, mut place) = ("tasks", "on all nodes".to_owned());
    if !pause.task_type.is_empty() {
        what = "tasks of its type";
        let task_type = one_line(&pause.task_type, 150).replace('\'', "'\\''");
        option = format!(" --type '{task_type}'");
    }
    if pause.node > 0 {
        place = format!("on node {}", pause.node);
        option = format!("{option} --node {}", pause.node);
    }
    let since = pause.since.map_or_else(String::new, |since| format!(" since {}", local(since)));
    let reason = one_line(&pause.reason, 200);
    format!("No {what} are taken {place}{since} ({reason}): otrsd worker resume{option} ends that.")
}

fn are(count: u64) -> String {
    if count == 1 { "1 task is".to_owned() } else { format!("{count} tasks are") }
}
