//! A database that goes away and comes back, seen through a door that the test closes.

use task_store::Outcome;

use crate::{
    door::Door,
    harness::{setting, wait_until},
    tasks::{Database, Tasks, shell},
};

#[test]
fn postgres_comes_back() {
    comes_back(Database::Postgres);
}

#[test]
fn mariadb_comes_back() {
    comes_back(Database::MariaDb);
}

fn comes_back(database: Database) {
    let script = "echo begun >>\"$HOME/begun\"; sleep 0.5";
    let tasks = Tasks::new(database, &[shell("Brief", script, &[])]);
    let (door, url) = Door::before(&tasks.url);
    tasks.world.configure("20-database", &[setting("DatabaseURL", &url)]);
    // Away from the beginning.
    door.close();
    tasks.world.start();
    let told = |text: &str| tasks.world.worker_log().matches(text).count();
    wait_until("a word about it", || (told("trying again until it works") == 1).then_some(()));
    door.open();
    wait_until("a word about its end", || (told("is there again") == 1).then_some(()));
    // Away while a task runs: its end is written down when the database is back.
    let first = tasks.add_of("Brief", "first");
    wait_until("its begin", || tasks.world.read("begun").contains("begun").then_some(()));
    door.close();
    wait_until("another word", || (told("trying again until it works") == 2).then_some(()));
    let second = tasks.add_of("Brief", "second");
    door.open();
    for id in [first, second] {
        tasks.succeeds(id);
        let outcomes: Vec<_> = tasks.executions(id).iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Success]);
    }
    assert_eq!(told("trying again until it works"), 2, "{}", tasks.world.worker_log());
}
