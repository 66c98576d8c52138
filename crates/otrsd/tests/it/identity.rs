//! A container that is created anew, a host that is renamed, and a copy: the first two work on, the last must not.

use nix::unistd::geteuid;
use serde_json::json;

use crate::{
    harness::{Outcome, World, finish, setting, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    a_new_container_works_on_and_a_copy_does_not
}

/// Runs the program on a host of that name.
fn on(world: &World, host: &str, arguments: &str) -> Outcome {
    let mut command = world.command("unshare");
    let script = format!("hostname {host} && exec {} {arguments}", world.program.display());
    command.args(["--uts", "/bin/sh", "-c", &script]);
    finish(command)
}

fn a_new_container_works_on_and_a_copy_does_not(database: Database) {
    if !geteuid().is_root() {
        return;
    }
    let tasks = Tasks::new(database, &[shell("Alone", "true", &[])]);
    let world = &tasks.world;
    for host in ["3f1c9a0be1d2", "77d0c5e8aa41"] {
        let started = on(world, host, "start").ok();
        assert!(!started.stderr.contains("degraded"), "{started:?}");
        wait_until("a registered worker", || {
            let all = tasks.ask(|store| Box::pin(store.instances())).ok();
            all.filter(|all| !all.is_empty())
        });
        tasks.succeeds(tasks.add_of("Alone", host));
        on(world, host, "status").ok();
        world.otrsd(&["stop"]).ok();
    }
    let copy = Tasks::new(database, &[shell("Alone", "true", &[])]);
    copy.world.otrsd(&["db", "migrate"]).ok();
    if database == Database::Sqlite {
        tasks.sql(&format!("VACUUM INTO '{}'", copy.world.text("state/copy.db")));
        let url = setting("DatabaseURL", &format!("sqlite:{}", copy.world.text("state/copy.db")));
        copy.world.configure("20-database", &[url]);
    } else {
        let memory = tasks.ask(|store| Box::pin(store.identity())).unwrap().unwrap();
        let names = json!({"system": memory.system, "hosts": memory.hosts});
        for (name, value) in [("identity", names), ("hosts", json!(memory.facts))] {
            copy.sql(&format!("UPDATE otrsd_schema SET value = '{value}' WHERE name = '{name}'"));
        }
    }
    let started = on(&copy.world, "test", "start").ok();
    let said = "SchedulerTaskWorker is degraded: does nothing, since the database may be a copy";
    wait_until("a worker that is held back", || {
        let status = on(&copy.world, "test", "status");
        (status.code == 5 && status.stdout.contains("otrsd db adopt")).then_some(())
    });
    // Where others are registered, it looks at them for some seconds first.
    assert!(started.stderr.contains(said) || !started.stderr.contains("degraded"), "{started:?}");
    let adopted = on(&copy.world, "test", "db adopt").ok().stdout;
    assert!(adopted.starts_with("adopted: "), "{adopted}");
    wait_until("a worker that serves", || {
        (on(&copy.world, "test", "status").code == 0).then_some(())
    });
}

/// Until its next start, it is known by the name that it had.
#[test]
fn a_host_that_is_renamed_while_it_runs_works_on() {
    if !geteuid().is_root() {
        return;
    }
    let tasks = Tasks::new(Database::Postgres, &[shell("Alone", "true", &[])]);
    let world = &tasks.world;
    on(world, "early", "start").ok();
    let worker = world.running(WORKER);
    let mut rename = world.command("nsenter");
    rename.args(["--uts", "--target", &worker.to_string(), "hostname", "late"]);
    finish(rename).ok();
    world.otrsd(&["restart", WORKER]).ok();
    tasks.succeeds(tasks.add_of("Alone", "one"));
    let hosts: Vec<_> = tasks
        .ask(|store| Box::pin(store.instances()))
        .unwrap()
        .into_iter()
        .map(|it| it.host)
        .collect();
    assert_eq!(hosts, ["early"]);
    world.otrsd(&["stop"]).ok();
    on(world, "late", "start").ok();
    tasks.succeeds(tasks.add_of("Alone", "two"));
    on(world, "late", "status").ok();
}
