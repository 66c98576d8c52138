//! Planned tasks, and the tables of both modules on the console.

use std::time::{Duration, Instant};

use task_store::{NewTask, State};

use crate::{
    harness::wait_until,
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    a_planned_task_runs_when_it_is_due
    the_tables_of_the_console
}

fn a_planned_task_runs_when_it_is_due(database: Database) {
    let tasks = Tasks::new(database, &[shell("Echo", "true", &[])]);
    tasks.start();
    let (soon, later) = (NewTask::new("Echo", "soon", "{}"), NewTask::new("Echo", "later", "{}"));
    let planned = Instant::now();
    tasks.plan(&later, Duration::from_hours(1));
    tasks.plan(&soon, Duration::from_secs(2));
    tasks.succeeds(soon.id);
    let took = planned.elapsed().as_secs_f64();
    // The column has whole seconds.
    assert!((1.0..5.0).contains(&took), "{took} s");
    assert_eq!(tasks.get(later.id).unwrap().state, State::Future);
    assert!(tasks.executions(later.id).is_empty());
}

fn the_tables_of_the_console(database: Database) {
    let tasks = Tasks::new(database, &[shell("Long", "exec sleep 3609", &[])]);
    tasks.start();
    let empty = tasks.world.otrsd(&["summary"]).ok().stdout;
    for text in [
        "  Tasks to be executed in future:\n    There are currently no tasks to be executed in future.\n",
        "  Unhandled Worker Tasks:\n    There are currently no tasks waiting to be executed.\n",
        "  Handled Worker Tasks:\n    There are currently no tasks being executed.\n",
    ] {
        assert!(empty.contains(text), "{empty}");
    }
    tasks.plan(&NewTask::new("Long", "planned one", "{}"), Duration::from_hours(1));
    tasks.block(tasks.store().pause("Echo", 0, "a test", jiff::Timestamp::now())).unwrap();
    tasks.add_of("Echo", "waiting one");
    tasks.add_of("Long", "running one");
    tasks.world.process("sleep 3609");
    let full = wait_until("the tables", || {
        let text = tasks.world.otrsd(&["summary"]).ok().stdout;
        text.contains("running one").then_some(text)
    });
    for text in ["planned one", "waiting one", "To Execute At", "Create Time", "| NID ", "Duration"]
    {
        assert!(full.contains(text), "{text} in {full}");
    }
}
