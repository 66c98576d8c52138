//! Handlers that die, stop, hang or misbehave: the outcome is right, and the worker is unharmed.

use nix::sys::signal::Signal;
use task_store::{HeldState, NewTask, Outcome};

use crate::{
    harness::{signal, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    each_deadly_signal_is_named
    a_stopped_handler_ends_at_its_timeout
    handlers_without_manners
    a_handler_that_eats_memory
}

fn each_deadly_signal_is_named(database: Database) {
    let kill = |name: &str| {
        shell(name, &format!("echo last words; kill -{name} $$"), &[("OnCrash", "keep")])
    };
    let names = ["SEGV", "ABRT", "BUS", "PIPE", "TERM", "KILL"];
    let tasks = Tasks::new(database, &names.map(kill));
    tasks.start();
    let worker = tasks.world.running(WORKER);
    let ids = names.map(|name| tasks.add_of(name, "one"));
    for (name, id) in names.into_iter().zip(ids) {
        let number = name_to_signal(name) as i32;
        let expected = format!("signal {number} (SIG{name}): last words");
        assert_eq!(tasks.held(id, HeldState::Failed).reason, expected);
        let execution = tasks.outcome(id);
        assert_eq!((execution.outcome, execution.error), (Outcome::Crashed, Some(expected)));
    }
    assert_eq!(tasks.world.running(WORKER), worker);
}

fn name_to_signal(name: &str) -> Signal {
    format!("SIG{name}").parse().unwrap()
}

fn a_stopped_handler_ends_at_its_timeout(database: Database) {
    let types =
        [shell("Stops", "kill -STOP $$", &[("Timeout", "0.3")]), shell("Echo", "true", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Stops", "one");
    tasks.succeeds(tasks.add_of("Echo", "neighbour"));
    let execution = tasks.outcome(id);
    assert_eq!(execution.outcome, Outcome::TimedOut, "{execution:?}");
    assert_eq!(execution.error.as_deref(), Some("took longer than 300ms"));
}

fn handlers_without_manners(database: Database) {
    let closes = "exec >&- 2>&-; sleep 0.3; exit 4";
    let leaves = "perl -e 'for (1..20) { fork or exit 0 } sleep 0.2; print qq(done\\n)'";
    let types = [
        shell("Closes", closes, &[]),
        shell("Ignores", "echo not interested", &[]),
        shell("Leaves", leaves, &[]),
        shell("Hangs", "exec <&-; exec sleep 0.3", &[]),
    ];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let worker = tasks.world.running(WORKER);
    let closes = tasks.add_of("Closes", "one");
    let letter = format!("\"{}\"", "x".repeat(4 << 20));
    let large =
        ["Ignores", "Hangs"].map(|name| tasks.add(&NewTask::new(name, "large", letter.clone())));
    let leaves = tasks.add_of("Leaves", "one");
    assert_eq!(tasks.held(closes, HeldState::Failed).reason, "exit 4");
    assert_eq!(tasks.succeeds(large[0]).output.as_deref(), Some("not interested\n"));
    tasks.succeeds(large[1]);
    assert_eq!(tasks.succeeds(leaves).output.as_deref(), Some("done\n"));
    wait_until("an end of all zombies", || {
        let stat =
            |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let children =
            std::fs::read_to_string(format!("/proc/{worker}/task/{worker}/children")).ok()?;
        let pids: Vec<i32> = children.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        (!pids.iter().any(|pid| stat(pid).contains(") Z "))).then_some(())
    });
    assert_eq!(tasks.world.running(WORKER), worker);
    // And one that is stopped for ever is no hindrance to the worker's end.
    signal(worker, Signal::SIGTERM);
    tasks.world.running_anew(WORKER, worker);
}

fn a_handler_that_eats_memory(database: Database) {
    let eats = "ulimit -v 200000; exec perl -e 'my $all = q(); $all .= q(x) x 1e7 while 1'";
    let types = [shell("Eats", eats, &[]), shell("Echo", "true", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Eats", "one");
    tasks.succeeds(tasks.add_of("Echo", "neighbour"));
    let reason = tasks.held(id, HeldState::Failed).reason;
    assert!(reason.contains("Out of memory"), "{reason}");
    assert!(tasks.outcome(id).peak_memory > Some(20_000), "{:?}", tasks.outcome(id));
}
