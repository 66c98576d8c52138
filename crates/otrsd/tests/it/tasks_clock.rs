//! A wall clock that jumps while tasks run, wait for their retry, and are planned.

use std::{path::Path, time::Duration};

use task_store::{HeldState, NewTask, Outcome, State};

use crate::{
    harness::wait_until,
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    an_hour_forward_and_back
    a_day_forward_and_back
}

/// With the monotonic clock too, as if nothing had run for that long: tasks may run again, and none is lost.
#[test]
fn all_clocks_jump_forward() {
    let tasks = Faked::new(Database::Sqlite, false);
    let long = tasks.running();
    tasks.jump("+1h");
    let meanwhile = tasks.add_of("Brief", "meanwhile");
    ends_well(&tasks, meanwhile);
    tasks.jump("+1d");
    let after = tasks.add_of("Brief", "after");
    ends_well(&tasks, after);
    tasks.world.file("go", "");
    ends_well(&tasks, long);
}

/// However often it had to begin.
#[track_caller]
fn ends_well(tasks: &Tasks, id: task_store::TaskId) {
    wait_until(&format!("a success of {:#?}", tasks.executions(id)), || {
        let last = tasks.executions(id).pop()?;
        (last.outcome == Outcome::Success && tasks.get(id).is_none()).then_some(())
    });
}

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// A daemon whose clock is what a file says.
pub(crate) struct Faked {
    tasks: Tasks,
}

impl std::ops::Deref for Faked {
    type Target = Tasks;

    fn deref(&self) -> &Tasks {
        &self.tasks
    }
}

impl Faked {
    fn new(database: Database, only_wall: bool) -> Self {
        let long = "echo begun >>\"$HOME/begun\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done";
        let retry = "[ \"$OTRSD_TASK_TRY\" = 2 ] || exit 75";
        let types = [
            // A day of the monotonic clock is a day of its time.
            shell("Long", long, &[("Timeout", "864000")]),
            shell("Brief", "true", &[]),
            shell("Later", retry, &[("RetryDelay", "1800"), ("RetryDelayMax", "1800")]),
        ];
        Self::start(Tasks::new(database, &types), only_wall)
    }

    pub(crate) fn start(tasks: Tasks, only_wall: bool) -> Self {
        assert!(Path::new(LIBRARY).exists(), "{LIBRARY} is missing: apt-get install faketime");
        let faked = Self { tasks };
        faked.jump("+0");
        let mut command = faked.world.command(&faked.world.program);
        // The handlers' clock is the machine's: it is not what is looked at.
        command.args(["start", "--foreground"]).env("LD_PRELOAD", LIBRARY);
        command
            .env("FAKETIME_TIMESTAMP_FILE", faked.world.path("clock"))
            .env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", if only_wall { "1" } else { "0" });
        faked.world.spawn(command);
        wait_until("a registered worker", || {
            faked.block(faked.store().instances()).ok().filter(|all| !all.is_empty())
        });
        faked.world.running(WORKER);
        faked
    }

    /// Sets the daemon's clock, as a distance from the machine's.
    pub(crate) fn jump(&self, distance: &str) {
        self.world.file("clock.new", distance);
        std::fs::rename(self.world.path("clock.new"), self.world.path("clock")).unwrap();
    }

    /// Starts a task that runs until it is told.
    fn running(&self) -> task_store::TaskId {
        let id = self.add_of("Long", "one");
        wait_until("its begin", || self.world.read("begun").contains("begun").then_some(()));
        id
    }
}

fn an_hour_forward_and_back(database: Database) {
    forward_and_back(database, "+1h", "-1h");
}

fn a_day_forward_and_back(database: Database) {
    forward_and_back(database, "+1d", "-1d");
}

fn forward_and_back(database: Database, forward: &str, back: &str) {
    let tasks = Faked::new(database, true);
    let worker = tasks.world.running(WORKER);
    let long = tasks.running();
    let retry = tasks.add_of("Later", "one");
    tasks.held(retry, HeldState::Retry);
    let planned = NewTask::new("Brief", "planned", "{}");
    tasks.plan(&planned, Duration::from_mins(30));
    let far = NewTask::new("Brief", "far", "{}");
    tasks.plan(&far, Duration::from_hours(48));

    tasks.jump(back);
    tasks.succeeds(tasks.add_of("Brief", "before its time"));
    assert_eq!(tasks.get(planned.id).unwrap().state, State::Future);
    assert_eq!(tasks.get(retry).unwrap().state, State::Held(HeldState::Retry));

    tasks.jump(forward);
    tasks.succeeds(planned.id);
    let outcomes: Vec<_> = tasks.ran(retry, 2).iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Postponed, Outcome::Success]);
    tasks.succeeds(tasks.add_of("Brief", "after its time"));
    assert_eq!(tasks.get(far.id).unwrap().state, State::Future);

    tasks.jump("+0");
    tasks.world.file("go", "");
    tasks.succeeds(long);
    assert_eq!(tasks.executions(long).len(), 1, "it ran once, through all of it");
    assert_eq!(tasks.world.read("begun"), "begun\n");
    tasks.succeeds(tasks.add_of("Brief", "at the end"));
    assert_eq!(tasks.world.running(WORKER), worker, "its lease was never in danger");
}
