//! A worker in a few lines: claims the tasks of a database, prints the id of each, and completes it. A heartbeat in each
//! round keeps its lease: a worker that sends none for 15 s is taken for dead, and its tasks are reclaimed.
//!
//!     cargo run -p task-store --example drain -- sqlite:/tmp/tasks.db 1

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example is an application's edge"
)]

use std::error::Error;

use jiff::Timestamp;
use task_store::{Claim, Execution, Finished, LockKey, Options, Outcome, Owner, Store, Task, Then};

/// How many tasks are in work at the same time.
const SLOTS: u32 = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(node)) = (arguments.next(), arguments.next()) else {
        return Err("usage: drain URL NODE".into());
    };
    let store = Store::connect(&url, Options::default())?;
    let now = Timestamp::now();
    let owner = store.register(node.parse()?, "example", std::process::id(), SLOTS, now).await?;
    loop {
        let now = Timestamp::now();
        if !store.beat(owner, SLOTS, now).await? {
            return Err("the lease is lost: another worker has reclaimed the tasks".into());
        }
        let tasks = store
            .claim(&Claim { owner, slots: SLOTS, from_start: true, except: &[], holding: &[] }, now)
            .await?;
        if tasks.is_empty() && store.counts().await?.iter().all(|count| count.waiting == 0) {
            break;
        }
        let done: Vec<Finished> = tasks.iter().map(|task| done(task, owner, now)).collect();
        let finish = store.finish(owner, &done, None, Timestamp::now()).await?;
        for (task, _) in tasks.iter().zip(finish.ours).filter(|(_, ours)| *ours) {
            println!("{}", task.id);
        }
    }
    store.unregister(owner).await?;
    Ok(())
}

fn done(task: &Task, owner: Owner, now: Timestamp) -> Finished {
    let execution = Execution {
        id: task.id,
        task_type: task.task_type.clone(),
        name: task.name.clone(),
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
    Finished { row: task.row, execution: Some(execution), then: Then::Delete }
}
