//! Several processes on one database.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};

use task_store::{Death, NewTask};

use crate::place::{Kind, Place, now, task};

/// The example `drain`, which cargo builds beside the tests.
fn drain(url: &str, node: u32) -> Child {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/drain");
    Command::new(&program)
        .args([url, &node.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{}: {error}; run: cargo build --examples", program.display())
        })
}

pub async fn each_task_in_one_of_them(kind: Kind) {
    let place = Place::new(kind).await;
    let new: Vec<NewTask> = (0..500).map(|number| task(&number.to_string())).collect();
    place.store.enqueue_many(&new, now()).await.unwrap();
    let children: Vec<Child> = (1..=3).map(|node| drain(&place.url, node)).collect();
    let mut ids = Vec::new();
    for child in children {
        let output =
            tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{:?}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        ids.extend(text.lines().map(str::to_owned));
    }
    assert_eq!(ids.len(), 500);
    let expected: HashSet<String> = new.iter().map(|task| task.id.to_string()).collect();
    assert_eq!(ids.into_iter().collect::<HashSet<_>>(), expected);
    assert_eq!(place.count("otrsd_execution").await, 500);
    assert_eq!(place.count("otrsd_instance").await, 0);
}

/// A process that is killed in the middle leaves locks and nothing else; a reclaim gives all of it back.
pub async fn one_is_killed(kind: Kind) {
    let place = Place::new(kind).await;
    let new: Vec<NewTask> = (0..2000).map(|number| task(&number.to_string())).collect();
    place.store.enqueue_many(&new, now()).await.unwrap();
    for round in 0..5 {
        let mut child = drain(&place.url, 1);
        // Killed once it has done something, wherever it is by then.
        let before = 10 * round;
        while place.count("otrsd_execution").await <= before {
            tokio::task::yield_now().await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let dead = place.store.instances().await.unwrap();
    for instance in dead {
        place.store.reclaim(instance.owner, Death::Known, &[], &[], now()).await.unwrap();
    }
    while place.count("scheduler_task").await > 0 {
        // What a killed process had sent, its server may have done after the reclaim: nobody's locks.
        for lock in place.store.locks().await.unwrap() {
            place.store.free(&lock).await.unwrap();
        }
        let mut child = drain(&place.url, 2);
        let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
        assert!(status.success());
    }
    assert_eq!(place.count("otrsd_execution WHERE outcome = 'success'").await, 2000, "each once");
}
