use task_store::{Owner, Pause, TaskId};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn facts(state: State, lock: LockKey) -> Facts {
    let entry = Entry {
        row: 1,
        id: TaskId::from_ident(500_000_000_000_000_001),
        task_type: "T".into(),
        name: "n".into(),
        attempts: 1,
        state,
        lock,
        locked: None,
        created: Some(at(-100)),
        due: None,
        reason: "broken".into(),
    };
    Facts {
        explanation: Explanation { entry, ahead: 0, parallel: 1, pauses: Vec::new() },
        history: History::default(),
        last: None,
        instances: vec![worker(1, at(-5))],
        running: 0,
        moved: None,
        expires: Some(Duration::from_secs(1000)),
        wanted: "set something".to_owned(),
        renewed: None,
        now: at(0),
    }
}

fn owner(instance: u32) -> Owner {
    Owner::new(2, 10_000_000 + instance).unwrap()
}

fn worker(instance: u32, beat: Timestamp) -> Instance {
    Instance {
        owner: owner(instance),
        host: "beta".into(),
        pid: 4711,
        started: None,
        beats: 1,
        beat: Some(beat),
        slots: 2,
    }
}

fn execution(outcome: Outcome) -> Execution {
    Execution {
        id: TaskId::from_ident(500_000_000_000_000_001),
        task_type: "T".into(),
        name: "n".into(),
        lock: LockKey::Ours(owner(1)),
        node: 2,
        outcome,
        started: at(-10),
        ended: at(-9),
        cpu: None,
        peak_memory: None,
        error: None,
        output: None,
    }
}

/// The sentences, without the task's own name.
fn said(facts: &Facts) -> String {
    let name = format!("{} (T n)", facts.explanation.entry.id);
    sentences(facts).join("\n").replace(&name, "It")
}

#[test]
fn a_lock_tells_who_has_the_task() {
    for (lock, expected) in [
        (LockKey::Ours(owner(1)), "runs on node 2: host beta, process 4711, instance 10000001."),
        (
            LockKey::Ours(owner(9)),
            "is locked by instance 10000009 of node 2, which is not registered any more.\nThe next worker",
        ),
        (
            LockKey::Perl { node: 3, pid: 77 },
            "is run by a Perl daemon: process 77 of node 3.\nIts lock",
        ),
        (LockKey::Inserting, "is being inserted by a Perl process.\nIf that lasts"),
        (LockKey::Other(12), "has a lock in no known format: 12.\nNo process renews it"),
    ] {
        let mut facts = facts(State::Running, lock);
        facts.renewed = Some(at(-70));
        let said = said(&facts);
        assert!(said.contains(expected) && said.ends_with("1m 10s ago."), "{said}");
        assert!(!said.contains("heartbeat"), "{said}");
    }
}

#[test]
fn a_silent_worker_is_said_to_be_silent() {
    let mut running = facts(State::Running, LockKey::Ours(owner(1)));
    running.instances = vec![worker(1, at(-31))];
    assert!(
        said(&running).contains("The last heartbeat of that worker was 31s ago: if it is dead")
    );
    let mut waiting = facts(State::Waiting, LockKey::Free);
    waiting.instances = vec![worker(1, at(-31)), worker(2, at(-40))];
    assert!(said(&waiting).contains("No worker has sent a heartbeat for 30 s"));
    waiting.instances.push(worker(3, at(-29)));
    assert!(!said(&waiting).contains("heartbeat"));
}

#[test]
fn a_waiting_task_is_told_what_it_waits_for() {
    let free = || facts(State::Waiting, LockKey::Free);
    let is =
        |facts: &Facts, expected: &str| assert!(said(facts).ends_with(expected), "{}", said(facts));
    is(&free(), "waits for a worker.\nIt is the next to be taken.");
    let mut full = free();
    (full.running, full.explanation.ahead) = (2, 1);
    is(&full, "says how many there are.\n1 task is to be taken before it.");
    let mut alone = free();
    alone.history.crashed_together = true;
    is(&alone, "so it runs alone: it waits until its worker has nothing else to do.");
    let pause = |task_type: &str, node| Pause {
        task_type: task_type.into(),
        node,
        since: None,
        reason: "mail".into(),
    };
    let mut paused = free();
    paused.explanation.pauses = vec![pause("it's", 0)];
    is(&paused, "taken on all nodes (mail): otrsd worker resume --type 'it'\\''s' ends that.");
    paused.explanation.pauses = vec![pause("", 7)];
    is(
        &paused,
        "on node 7 (mail): otrsd worker resume --node 7 ends that.\nIt is the next to be taken.",
    );
}

#[test]
fn a_due_task_is_overdue_and_a_retry_has_its_time() {
    let mut planned = facts(State::Future, LockKey::Free);
    assert!(said(&planned).contains("its time cannot be read"));
    planned.explanation.entry.due = Some(at(90));
    assert!(said(&planned).contains(", in 1m 30s.\nSchedulerFutureTaskManager puts it"));
    planned.explanation.entry.due = Some(at(-90));
    assert!(said(&planned).contains(", 1m 30s ago.\nIt is not in the queue yet"));
    planned.explanation.entry.lock = LockKey::Ours(owner(1));
    assert!(said(&planned).contains("node 2, instance 10000001 is putting it into the queue"));

    let mut retry = facts(State::Held(HeldState::Retry), LockKey::Free);
    retry.explanation.entry.due = Some(at(61));
    retry.history.failed = 2;
    let told = said(&retry);
    assert!(
        told.starts_with("It failed 2 times: broken.\n") && told.contains(", in 1m 1s. "),
        "{told}"
    );
    retry.history.postponed = 3;
    retry.history.postponed_since = Some(at(-900));
    retry.last = Some(execution(Outcome::Postponed));
    let told = said(&retry);
    let end = local(at(100));
    let expected = format!(
        "It was put off 3 times, which uses up no attempts: broken. \
         If that goes on, it is held as failed after {end}. It failed 2 times before.\n"
    );
    assert!(told.starts_with(&expected), "{told}");
    retry.expires = None;
    assert!(said(&retry).contains("broken. 'Expires' of its type sets no end to that."));
    retry.explanation.entry.due = Some(at(-1));
    assert!(said(&retry).contains(", as soon as a worker looks. "));
}
