//! What handlers may do, and what becomes of their tasks.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use task_store::{HeldState, NewTask, Outcome, State};

use crate::{
    harness::{is_alive, signal, wait_until, wait_within},
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    success
    failures_are_held_with_their_text
    what_cannot_be_run_is_held
    a_retry_comes_by_itself
    what_is_put_off_uses_up_no_attempt
    a_timeout_ends_the_whole_group
    term_may_be_ignored
    children_do_not_outlive_their_task
    a_gigabyte_of_output
    a_killed_handler_runs_three_times
    many_tasks_once_each
    handlers_go_first_when_memory_runs_out
    who_grows_above_its_limit_has_failed
}

fn success(database: Database) {
    let script = "cd \"$HOME\"; cat >letter; env >variables; echo done; echo 'and said' >&2";
    let tasks = Tasks::new(database, &[shell("Echo", script, &[])]);
    tasks.start();
    let mut task = NewTask::new("Echo", "a name", r#"{"a": [1, "ü"]}"#);
    task.attempts = 2;
    let id = tasks.add(&task);
    let execution = tasks.succeeds(id);
    assert_eq!(execution.output.as_deref(), Some("done\nand said\n"));
    assert_eq!((execution.error, execution.node), (None, 1));
    let letter: serde_json::Value = serde_json::from_str(&tasks.world.read("letter")).unwrap();
    let expected = serde_json::json!({
        "id": id.to_string(), "type": "Echo", "name": "a name", "try": 1, "data": {"a": [1, "ü"]},
    });
    assert_eq!(letter, expected);
    let variables = tasks.world.read("variables");
    let has = |line: &str| variables.lines().any(|it| it == line);
    assert!(has(&format!("OTRSD_TASK_ID={id}")) && has("OTRSD_TASK_TYPE=Echo"), "{variables}");
    assert!(has("OTRSD_TASK_NAME=a name") && has("OTRSD_TASK_TRY=1"), "{variables}");
    assert!(
        !variables.contains("NOTIFY_SOCKET") && !variables.contains("OTRSD_CONFIG"),
        "{variables}"
    );
    assert!(execution.cpu.is_some() && execution.peak_memory > Some(100), "{:?}", execution.cpu);
}

fn failures_are_held_with_their_text(database: Database) {
    let script = "echo 'no such customer' >&2; echo; exit 3";
    let tasks = Tasks::new(database, &[shell("Fail", script, &[])]);
    tasks.start();
    let id = tasks.add_of("Fail", "one");
    assert_eq!(tasks.held(id, HeldState::Failed).reason, "exit 3: no such customer");
    let execution = tasks.outcome(id);
    assert_eq!(execution.outcome, Outcome::Failed);
    assert_eq!(execution.error.as_deref(), Some("exit 3: no such customer"));
}

fn what_cannot_be_run_is_held(database: Database) {
    let missing = shell("Missing", "", &[]).replace("/bin/sh", "/no/such/program");
    let tasks = Tasks::new(database, &[shell("Echo", "true", &[]), missing]);
    tasks.start();
    let unknown = tasks.add_of("Unknown", "one");
    let damaged = tasks.add(&NewTask::new("Echo", "damaged", "%%% neither of both"));
    let missing = tasks.add_of("Missing", "one");
    let neighbour = tasks.add_of("Echo", "neighbour");
    tasks.succeeds(neighbour);
    assert!(tasks.held(unknown, HeldState::NoHandler).reason.contains("'Unknown'"));
    assert!(tasks.held(damaged, HeldState::Failed).reason.contains("payload"));
    assert!(tasks.held(missing, HeldState::Failed).reason.contains("/no/such/program"));
    // A handler appears.
    let types = [shell("Echo", "true", &[]), shell("Unknown", "true", &[])];
    tasks.world.configure("30-types", &types);
    tasks.world.otrsd(&["reload"]).ok();
    tasks.succeeds(unknown);
}

fn a_retry_comes_by_itself(database: Database) {
    let keys = [("Attempts", "3"), ("RetryDelay", "0.2"), ("RetryDelayMax", "0.5")];
    let script = "echo try $OTRSD_TASK_TRY; [ $OTRSD_TASK_TRY = 3 ]";
    let temporary = shell("Later", "[ $OTRSD_TASK_TRY = 2 ] || exit 75", &[("RetryDelay", "0.1")]);
    let tasks = Tasks::new(database, &[shell("Third", script, &keys), temporary]);
    tasks.start();
    let (third, later) = (tasks.add_of("Third", "one"), tasks.add_of("Later", "one"));
    let outcomes: Vec<_> = tasks.ran(third, 3).iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Failed, Outcome::Success]);
    let outcomes: Vec<_> = tasks.ran(later, 2).iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Postponed, Outcome::Success]);
    assert_eq!((tasks.get(third), tasks.get(later)), (None, None));
}

fn what_is_put_off_uses_up_no_attempt(database: Database) {
    let script =
        "echo try $OTRSD_TASK_TRY; [ $OTRSD_TASK_TRY -gt 3 ] || exit 75; [ $OTRSD_TASK_TRY -gt 5 ]";
    let keys = [("Attempts", "3"), ("RetryDelay", "0.1"), ("RetryDelayMax", "0.2")];
    let expires = [("RetryDelay", "0.1"), ("RetryDelayMax", "0.2"), ("Expires", "0.3")];
    let types = [shell("Snooze", script, &keys), shell("Never", "exit 75", &expires)];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let (snooze, never) = (tasks.add_of("Snooze", "one"), tasks.add_of("Never", "one"));
    let outcomes: Vec<_> = tasks.ran(snooze, 6).iter().map(|it| it.outcome).collect();
    let [put_off, failed] = [Outcome::Postponed, Outcome::Failed];
    assert_eq!(outcomes, [put_off, put_off, put_off, failed, failed, Outcome::Success]);

    let reason = tasks.held(never, HeldState::Failed).reason;
    assert!(reason.starts_with("put off ") && reason.contains("'Expires'"), "{reason}");
    let store_says = tasks.executions(never);
    let (last, before) = store_says.split_last().unwrap();
    assert_eq!(last.outcome, Outcome::Failed, "somebody is to see it");
    assert!(before.iter().all(|it| it.outcome == put_off) && !before.is_empty());
}

#[test]
fn the_attempts_of_a_task_are_those_of_its_type() {
    let types = [shell("Five", "true", &[("Attempts", "5")])];
    let tasks = Tasks::new(Database::Sqlite, &types);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    let ident = 500_000_000_000_000_001;
    tasks.sql(&format!(
        "INSERT INTO scheduler_task (ident, task_type, name, task_data) VALUES ({ident}, 'Five', 'by SQL', '{{}}')"
    ));
    let id = task_store::TaskId::from_ident(ident).to_string();
    let shown = tasks.world.otrsd(&["task", "show", &id]).ok().stdout;
    assert!(shown.contains("\nattempts  5\n"), "{shown}");
    let shown = tasks.world.otrsd(&["task", "show", &id, "--json"]).ok().stdout;
    assert!(shown.contains("\"attempts\": 5,"), "{shown}");
}

fn a_timeout_ends_the_whole_group(database: Database) {
    let script = "sleep 3601 & echo working; wait";
    let types = [shell("Slow", script, &[("Timeout", "0.5")])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Slow", "one");
    let sleep = sleeper(&tasks, 3601);
    let execution = tasks.outcome(id);
    assert_eq!(execution.outcome, Outcome::TimedOut);
    assert_eq!(execution.output.as_deref(), Some("working\n"));
    assert!(!is_alive(sleep), "the group outlived its leader");
    tasks.held(id, HeldState::Failed);
}

fn term_may_be_ignored(database: Database) {
    let script = "trap '' TERM; while :; do sleep 0.1; done";
    let types = [shell("Deaf", script, &[("Timeout", "0.2")])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let execution = tasks.outcome(tasks.add_of("Deaf", "one"));
    assert_eq!(execution.outcome, Outcome::TimedOut);
    let took = execution.ended.duration_since(execution.started).as_secs_f64();
    assert!((5.0..9.0).contains(&took), "{took} s");
}

fn children_do_not_outlive_their_task(database: Database) {
    let script = "sleep 3602 & setsid sleep 3603 & (setsid sh -c 'sleep 3604; true' &) & \
                  until [ -e \"$HOME/go\" ]; do sleep 0.05; done";
    let tasks = Tasks::new(database, &[shell("Forks", script, &[])]);
    tasks.start();
    let id = tasks.add_of("Forks", "one");
    let children = [3602, 3603, 3604].map(|seconds| sleeper(&tasks, seconds));
    tasks.world.file("go", "");
    tasks.succeeds(id);
    for child in children {
        assert!(!is_alive(child), "{child} outlived its task");
    }
}

/// The process that sleeps, and not the shell whose script says so.
fn sleeper(tasks: &Tasks, seconds: u32) -> i32 {
    let line = format!("sleep {seconds} ");
    wait_until(&line, || {
        tasks.world.processes().into_iter().find(|(_, it)| *it == line).map(|(pid, _)| pid)
    })
}

fn a_gigabyte_of_output(database: Database) {
    let script = "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo the end";
    let tasks = Tasks::new(database, &[shell("Loud", script, &[])]);
    tasks.start();
    let worker = tasks.world.running(crate::tasks::WORKER);
    let id = tasks.add_of("Loud", "one");
    wait_within(Duration::from_mins(3), "a gigabyte", || tasks.executions(id).pop());
    let execution = tasks.succeeds(id);
    let output = execution.output.unwrap();
    assert!(output.ends_with("xxx\nthe end\n") && output.len() < 20_000, "{}", output.len());
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 60_000, "the worker had {peak} kB");
}

fn a_killed_handler_runs_three_times(database: Database) {
    let script = "echo here; kill -KILL $$";
    let types = [shell("Dies", script, &[]), shell("Kept", script, &[("OnCrash", "keep")])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let (dies, kept) = (tasks.add_of("Dies", "one"), tasks.add_of("Kept", "one"));
    let entry = tasks.held(dies, HeldState::Quarantined);
    assert_eq!(entry.reason, "signal 9 (SIGKILL): here");
    let outcomes: Vec<_> = tasks.executions(dies).iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Crashed; 3]);
    tasks.held(kept, HeldState::Failed);
    assert_eq!(tasks.executions(kept).len(), 1);
    // By hand from outside, while another runs.
    let types = [shell("Long", "exec sleep 3605", &[("OnCrash", "keep")])];
    tasks.world.configure("30-types", &types);
    tasks.world.otrsd(&["reload"]).ok();
    let long = tasks.add_of("Long", "one");
    signal(tasks.world.process("sleep 3605"), Signal::SIGKILL);
    assert_eq!(tasks.held(long, HeldState::Failed).reason, "signal 9 (SIGKILL)");
}

fn many_tasks_once_each(database: Database) {
    let tasks = Tasks::new(database, &[shell("Count", "echo $OTRSD_TASK_NAME", &[])]);
    tasks.start();
    let new: Vec<_> =
        (0..200).map(|number| NewTask::new("Count", format!("{number}"), "{}")).collect();
    let begin = Instant::now();
    tasks.block(tasks.store().enqueue_many(&new, jiff::Timestamp::now())).unwrap();
    wait_until("an empty queue", || {
        (tasks.count(State::Waiting) + tasks.count(State::Running) == 0).then_some(())
    });
    eprintln!("{database:?}: 200 tasks in {:?}", begin.elapsed());
    for task in &new {
        let all = tasks.executions(task.id);
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(all[0].output.as_deref(), Some(format!("{}\n", task.name).as_str()));
    }
    assert!(begin.elapsed() < Duration::from_secs(20));
}

fn handlers_go_first_when_memory_runs_out(database: Database) {
    let types = [shell("Score", "cat /proc/self/oom_score_adj", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    assert_eq!(tasks.succeeds(tasks.add_of("Score", "one")).output.as_deref(), Some("1000\n"));
    let worker = tasks.world.running(crate::tasks::WORKER);
    let own = std::fs::read_to_string(format!("/proc/{worker}/oom_score_adj")).unwrap();
    assert_ne!(own, "1000\n");
}

/// `MemoryMax`: as programs of four kinds speak of it; what stays below is not touched.
fn who_grows_above_its_limit_has_failed(database: Database) {
    let limit = [("MemoryMax", "64M")];
    let eater = |name: &str, script: &str| shell(name, script, &limit);
    let types = [
        eater("Perl", "perl -e 'my @all; push @all, q{x} x 1e6 while 1'"),
        eater("AtOnce", "exec perl -e 'my $n = 4e9; my $x = q{x} x $n'"),
        eater("Python", "exec python3 -c 'x = bytearray(1 << 30)'"),
        eater("Deaf", "perl -e 'my @all; push @all, q{x} x 1e6 while 1' 2>/dev/null; exit 9"),
        eater("Modest", "perl -e 'my $x = q{x} x 2e7; print length $x'"),
        shell("Free", "perl -e 'my $x = q{x} x 1e8; print length $x'", &[]),
    ];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    for (name, why) in [
        ("Perl", "exit 1: Out of memory!"),
        ("AtOnce", "exit 1: Out of memory"),
        ("Python", "exit 1: MemoryError"),
        ("Deaf", "exit 9"),
    ] {
        let id = tasks.add_of(name, "one");
        let expected = format!("above its memory limit of 64 MB (MemoryMax): {why}");
        let reason = tasks.held(id, HeldState::Failed).reason;
        assert!(reason.starts_with(&expected), "{name}: {reason}");
        let outcomes: Vec<_> = tasks.executions(id).iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Failed], "{name}");
    }
    for (name, output) in [("Modest", "20000000"), ("Free", "100000000")] {
        let execution = tasks.succeeds(tasks.add_of(name, "one"));
        assert_eq!(execution.output.as_deref(), Some(output));
    }
}
