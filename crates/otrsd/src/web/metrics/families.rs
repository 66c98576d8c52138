//! The metrics of the newest snapshot: the daemon, its modules, the workers and the queue.

use task_store::Count;

use super::scrape::{Scrape, Value};
use crate::{supervisor::status::Status, web::live::Snapshot};

pub(super) fn of_snapshot(scrape: &mut Scrape, snapshot: &Snapshot) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    scrape.add(
        Value::Gauge,
        "otrsd_build_info",
        "The program of this console",
        [(&version[..], 1.0)],
    );
    let status = snapshot.status.as_ref().and_then(|it| it.as_ref().ok());
    let bit = |is: bool| if is { 1.0 } else { 0.0 };
    scrape.add(
        Value::Gauge,
        "otrsd_supervisor_up",
        "Whether the supervisor answers",
        [(&[][..], bit(status.is_some()))],
    );
    scrape.add(
        Value::Gauge,
        "otrsd_database_up",
        "Whether the database answers",
        [(&[][..], bit(snapshot.database.is_none()))],
    );
    if let Some(status) = status {
        modules(scrape, status);
    }
    // Counts from before an outage of the database are stale.
    if snapshot.database.is_none() {
        workers(scrape, snapshot);
        tasks(scrape, &snapshot.counts);
        if let Some(oldest) = snapshot.oldest_waiting {
            let age = snapshot.at.duration_since(oldest).as_secs_f64().max(0.0);
            scrape.add(
                Value::Gauge,
                "otrsd_oldest_waiting_task_seconds",
                "For how long the oldest free task has been waiting",
                [(&[][..], age)],
            );
        }
        scrape.add(
            Value::Gauge,
            "otrsd_pauses",
            "Pauses of the workers that are in force",
            [(&[][..], snapshot.pauses.len() as f64)],
        );
    }
}

fn modules(scrape: &mut Scrape, status: &Status) {
    let bytes = |kilobytes: u64| kilobytes as f64 * 1024.0;
    let labels: Vec<[(&str, &str); 1]> =
        status.modules.iter().map(|it| [("module", it.name.as_str())]).collect();
    let each = || labels.iter().zip(&status.modules).map(|(labels, it)| (&labels[..], it));
    scrape.add(
        Value::Gauge,
        "otrsd_supervisor_start_time_seconds",
        "When the supervisor started",
        [(&[][..], status.started.as_second() as f64)],
    );
    scrape.add(
        Value::Gauge,
        "otrsd_supervisor_resident_bytes",
        "Memory of the supervisor",
        [(&[][..], bytes(status.rss_kb))],
    );
    scrape.add(
        Value::Gauge,
        "otrsd_configuration_outdated",
        "Whether the configuration on disk is broken, so that an earlier one runs",
        [(&[][..], if status.configuration_error.is_some() { 1.0 } else { 0.0 })],
    );
    let is = |states: &'static [&'static str]| {
        each().map(|(labels, it)| (labels, f64::from(states.contains(&it.state.as_str()))))
    };
    scrape.add(
        Value::Gauge,
        "otrsd_module_running",
        "Whether the module runs",
        is(&["running", "degraded"]),
    );
    scrape.add(
        Value::Gauge,
        "otrsd_module_degraded",
        "Whether the module runs but does not serve",
        is(&["degraded"]),
    );
    scrape.add(
        Value::Counter,
        "otrsd_module_restarts",
        "New lives of the module since the daemon started",
        each().map(|(labels, it)| (labels, it.restarts as f64)),
    );
    let memory = each().filter_map(|(labels, it)| Some((labels, bytes(it.rss_kb?))));
    scrape.add(
        Value::Gauge,
        "otrsd_module_resident_bytes",
        "Memory of the module's process",
        memory,
    );
}

fn workers(scrape: &mut Scrape, snapshot: &Snapshot) {
    let names: Vec<[String; 2]> = snapshot
        .instances
        .iter()
        .map(|it| [it.owner.node().to_string(), it.owner.instance().to_string()])
        .collect();
    let labels: Vec<[(&str, &str); 2]> = names
        .iter()
        .map(|[node, instance]| [("node", node.as_str()), ("instance", instance.as_str())])
        .collect();
    let each = || labels.iter().zip(&snapshot.instances).map(|(labels, it)| (&labels[..], it));
    scrape.add(
        Value::Gauge,
        "otrsd_worker_slots",
        "Tasks that the worker runs at once",
        each().map(|(labels, it)| (labels, f64::from(it.slots))),
    );
    let ages = each().filter_map(|(labels, it)| {
        Some((labels, snapshot.at.duration_since(it.beat?).as_secs_f64().max(0.0)))
    });
    scrape.add(
        Value::Gauge,
        "otrsd_worker_last_sign_of_life_seconds",
        "How long ago the last heartbeat of the worker was",
        ages,
    );
}

fn tasks(scrape: &mut Scrape, counts: &[Count]) {
    let all: Vec<([(&str, &str); 2], f64)> = counts
        .iter()
        .flat_map(|it| {
            let states = [
                ("waiting", it.waiting),
                ("running", it.running),
                ("future", it.future),
                ("retry", it.retry),
                ("failed", it.failed),
                ("quarantined", it.quarantined),
                ("no-handler", it.no_handler),
            ];
            states.map(|(state, number)| {
                ([("type", it.task_type.as_str()), ("state", state)], number as f64)
            })
        })
        .collect();
    scrape.add(
        Value::Gauge,
        "otrsd_tasks",
        "Tasks that are not done",
        all.iter().map(|(labels, number)| (&labels[..], *number)),
    );
}
