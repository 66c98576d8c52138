//! The original's daemon before, after and beside otrsd, on one installation of a real Znuny.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    harness::{wait_until, wait_within},
    installation::Installation,
    tasks::Database,
};

#[test]
fn on_postgres_tasks_that_outlive_the_original() {
    tasks_that_outlive_the_original(Database::Postgres);
}

#[test]
fn on_mariadb_tasks_that_outlive_the_original() {
    tasks_that_outlive_the_original(Database::MariaDb);
}

#[test]
fn on_postgres_both_ways_under_load() {
    both_ways_under_load(Database::Postgres);
}

#[test]
fn on_mariadb_both_ways_under_load() {
    both_ways_under_load(Database::MariaDb);
}

/// A Znuny whose two daemons have the same place for their PID files, and the handler Probe.
pub(crate) fn together(database: Database, workers: u32) -> Installation {
    let it = Installation::new(database).with_probe();
    let run = it.world.text("run");
    it.edit(&format!(
        "$Self->{{'Daemon::PID::Path'}} = '{run}/'; \
         $Self->{{'Daemon::SchedulerTaskWorker::MaximumWorkers'}} = {workers};"
    ));
    it
}

/// What the tasks say, in their order.
pub(crate) fn notes(it: &Installation) -> Vec<String> {
    it.world.read("run/notes").lines().map(str::to_owned).collect()
}

/// Adds tasks by the installation's own code. Each notes its beginning, does something, and notes its end.
pub(crate) fn add(it: &Installation, names: impl IntoIterator<Item = u32>, body: &str) {
    let notes = it.world.text("run/notes");
    let mut script = String::new();
    for name in names {
        let code = format!(
            "open my $F, '>>', '{notes}'; my $Name = {name}; syswrite $F, qq(begin $Name $$\n); {body}; \
             syswrite $F, qq(end $Name\n); return 1"
        );
        let _ = write!(
            script,
            "$Kernel::OM->Get('Kernel::System::Scheduler')->TaskAdd(
                 Type => 'Probe', Name => 'probe {name}', Data => {{ Code => q[{code}] }} ) or die;\n"
        );
    }
    it.perl(&script);
}

/// The process that began a task last.
pub(crate) fn begun(it: &Installation, name: u32) -> Option<i32> {
    let line = notes(it).into_iter().rfind(|line| line.starts_with(&format!("begin {name} ")))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// The processes of the original that live.
pub(crate) fn originals(it: &Installation) -> Vec<i32> {
    let all = it.world.processes();
    all.iter().filter(|(_, line)| line.contains("otrs.Daemon.pl")).map(|(pid, _)| *pid).collect()
}

pub(crate) fn sql(it: &Installation, statement: &str) {
    it.perl(&format!("$Kernel::OM->Get('Kernel::System::DB')->Do( SQL => q[{statement}] ) or die"));
}

pub(crate) fn select(it: &Installation, statement: &str) -> String {
    it.perl(&format!(
        "my $DB = $Kernel::OM->Get('Kernel::System::DB'); $DB->Prepare( SQL => q[{statement}] ) or die;
         while ( my @Row = $DB->FetchrowArray() ) {{ print join( ' ', @Row ), qq(\\n) }}"
    ))
}

/// The original's stop does not wait for them. Their locks are kept, they have their slots, and what dies runs
/// again at once, not after the 270 s by which other dead locks of Perl are known.
fn tasks_that_outlive_the_original(database: Database) {
    let it = together(database, 2);
    let go = it.world.text("run/go");
    it.original("start");
    add(&it, 1..=3, &format!("select undef, undef, undef, 0.02 while !-e qq({go}-$Name)"));
    let pids = [1, 2].map(|name| wait_until("its beginning", || begun(&it, name)));
    it.original("stop");
    wait_until("the end of all but the tasks", || {
        let mut left = originals(&it);
        left.sort_unstable();
        let mut pids = pids.to_vec();
        pids.sort_unstable();
        (left == pids).then_some(())
    });
    let file = "run/Daemon/Scheduler/Worker-NodeID-1.pid";
    assert!(it.world.path(file).exists(), "the original writes it");
    sql(
        &it,
        "UPDATE scheduler_task SET lock_update_time = '2020-01-01 00:00:00' WHERE lock_key > 1",
    );
    it.otrsd(&["start"]).ok();
    wait_until("renewed locks", || {
        let times = select(&it, "SELECT lock_update_time FROM scheduler_task WHERE lock_key > 1");
        (times.lines().count() == 2 && !times.contains("2020")).then_some(())
    });
    it.world.file("run/go-1", "");
    wait_until("a slot for the third", || begun(&it, 3));
    let seen: Vec<_> = notes(&it).iter().map(|line| line[..line.len().min(7)].to_owned()).collect();
    assert_eq!(seen[2..], ["end 1", "begin 3"], "{seen:?}");

    kill(Pid::from_raw(pids[1]), Signal::SIGKILL).unwrap();
    wait_until("its second beginning", || begun(&it, 2).filter(|pid| *pid != pids[1]));
    for name in ["run/go-2", "run/go-3"] {
        it.world.file(name, "");
    }
    wait_until("the end of all", || {
        select(&it, "SELECT id FROM scheduler_task").is_empty().then_some(())
    });
    assert_eq!(counts(&it), BTreeMap::from([(1, (1, 1)), (2, (2, 1)), (3, (1, 1))]));
    assert!(!it.world.path(file).exists(), "nothing in it runs any more");
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

/// The original's `stop` returns before its processes have ended, each of which takes seconds.
const ITS_STOP: Duration = Duration::from_mins(1);

/// From the original to otrsd and back while tasks wait and run, by the commands of each, and by those of the
/// original alone: each task runs once.
fn both_ways_under_load(database: Database) {
    const TASKS: u32 = 240;
    let it = together(database, 5);
    let body = "select undef, undef, undef, 0.1";
    let begun = |count| {
        wait_until(&format!("{count} tasks to begin"), || {
            (counts(&it).len() >= count).then_some(())
        });
    };
    add(&it, 1..=TASKS, body);
    it.original("start");
    begun(15);
    it.original("stop");
    it.otrsd(&["start"]).ok();
    begun(80);
    it.otrsd(&["stop"]).ok();
    it.otrsd(&["db", "remove", "--yes"]).ok();
    it.original("start");
    let left = counts(&it).len();
    assert!(left < 230, "{left} of {TASKS} tasks were done before the way back");
    each_ran_once(&it, TASKS);
    it.original("stop");
    wait_within(ITS_STOP, "the original's end", || originals(&it).is_empty().then_some(()));

    // Whoever knows the original's commands alone, and does not wait. They take seconds to begin.
    add(&it, TASKS + 1..=2 * TASKS, "select undef, undef, undef, 0.4");
    it.otrsd(&["start"]).ok();
    begun(TASKS as usize + 40);
    it.original("stop");
    it.original("start");
    wait_until("the end of otrsd", || {
        let all = it.world.processes();
        all.iter().all(|(_, line)| line.contains("otrs.Daemon.pl")).then_some(())
    });
    let left = counts(&it).len();
    assert!(left < 2 * TASKS as usize - 10, "{left} tasks were done before the original came");
    each_ran_once(&it, 2 * TASKS);
    it.original("status");
    it.original("stop");
    wait_within(ITS_STOP, "the original's end", || originals(&it).is_empty().then_some(()));
}

/// Waits until nothing is in the queue.
#[track_caller]
fn each_ran_once(it: &Installation, tasks: u32) {
    let (all, long) = (tasks as usize, Duration::from_mins(5));
    wait_within(long, "all ends", || {
        (notes(it).iter().filter(|line| line.starts_with("end")).count() >= all).then_some(())
    });
    let probes = "SELECT id FROM scheduler_task WHERE task_type = 'Probe'";
    wait_until("an empty queue", || select(it, probes).is_empty().then_some(()));
    assert_eq!(counts(it), (1..=tasks).map(|name| (name, (1, 1))).collect());
}

/// How often each task began and ended.
pub(crate) fn counts(it: &Installation) -> BTreeMap<u32, (u32, u32)> {
    let mut counts = BTreeMap::<u32, (u32, u32)>::new();
    for line in notes(it) {
        let words: Vec<_> = line.split(' ').collect();
        let count = counts.entry(words[1].parse().unwrap()).or_default();
        if words[0] == "begin" { count.0 += 1 } else { count.1 += 1 }
    }
    counts
}
