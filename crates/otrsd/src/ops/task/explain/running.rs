//! The explanation of a locked task: which process holds it, and whether that process lives.

use task_store::{LockKey, Owner};

use super::{Facts, is_stale};
use crate::text::{
    escape::one_line,
    time::{age, local},
};

pub(super) fn running(name: &str, facts: &Facts) -> Vec<String> {
    let mut said = match facts.explanation.entry.lock {
        LockKey::Ours(owner) => ours(name, owner, facts),
        LockKey::Perl { node, pid } => vec![
            format!("{name} is run by a Perl daemon: process {pid} of node {node}."),
            "Its lock is taken back if it is not renewed for 270 s.".to_owned(),
        ],
        LockKey::Inserting => vec![
            format!("{name} is being inserted by a Perl process."),
            "If that lasts, the process died on the way: it will not run by itself.".to_owned(),
        ],
        lock => vec![
            format!("{name} has a lock in no known format: {}.", lock.key()),
            "No process renews it; workers free such a lock.".to_owned(),
        ],
    };
    if let Some(renewed) = facts.renewed {
        let (time, age) = (local(renewed), age(renewed, facts.now));
        said.push(format!("Its lock was last renewed {time}, {age} ago."));
    }
    said
}

fn ours(name: &str, owner: Owner, facts: &Facts) -> Vec<String> {
    let (node, instance) = (owner.node(), owner.instance());
    let Some(worker) = facts.instances.iter().find(|it| it.owner == owner) else {
        return vec![
            format!(
                "{name} is locked by instance {instance} of node {node}, which is not registered any more."
            ),
            "The next worker takes the lock back; without one, start the daemon (otrsd start)."
                .to_owned(),
        ];
    };
    let host = one_line(&worker.host, 80);
    let mut said = vec![format!(
        "{name} runs on node {node}: host {host}, process {}, instance {instance}.",
        worker.pid
    )];
    if is_stale(worker.beat, facts.now) {
        let age = worker.beat.map_or_else(String::new, |beat| age(beat, facts.now));
        said.push(format!(
            "The last heartbeat of that worker was {age} ago: if it is dead, another worker reclaims its \
             tasks; see otrsd status on {host}."
        ));
    }
    said
}
