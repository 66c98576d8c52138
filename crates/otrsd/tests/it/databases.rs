//! A fresh database for a world, and a hand in it: what workers do to tasks, without a worker.

use std::env;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};
use task_store::{
    Claim, Execution, Finished, HeldState, Hold, Identity, LockKey, NewTask, Options, Outcome,
    Owner, Store, Task, Then,
};
use tokio::runtime::Runtime;

use crate::harness::{self, World, finish, setting};

/// Which database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MariaDb,
}

/// A world with a database.
pub(crate) struct Place {
    pub(crate) world: World,
    pub(crate) store: Store,
    runtime: Runtime,
}

/// The URL of a test server, as `scripts/databases` prints it.
fn server(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set; run: eval \"$(scripts/databases start DIR)\"")
    })
}

/// A new database beside the one that the URL names; the scripts take the server away afterwards.
async fn beside(url: &str, kind: Kind) -> String {
    let name = format!("it_{:016x}", fastrand::u64(..));
    let create = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")));
    if kind == Kind::Postgres {
        PgConnection::connect(url).await.unwrap().execute(create).await.unwrap();
    } else {
        MySqlConnection::connect(url).await.unwrap().execute(create).await.unwrap();
    }
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

impl Place {
    /// On `SQLite`, with all tables.
    pub(crate) fn new() -> Self {
        let place = Self::bare(Kind::Sqlite);
        place.run(&["db", "migrate"]).ok();
        place
    }

    /// Without a table.
    pub(crate) fn bare(kind: Kind) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let world = World::stock();
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", world.text("state/tasks.db")),
            Kind::Postgres => runtime.block_on(beside(&server("OTRSD_TEST_POSTGRES"), kind)),
            Kind::MariaDb => runtime.block_on(beside(&server("OTRSD_TEST_MARIADB"), kind)),
        };
        let world = world.with("database", &[setting("DatabaseURL", &url)]);
        let store = {
            let _inside = runtime.enter();
            Store::connect(&url, Options::default()).unwrap()
        };
        Self { world, store, runtime }
    }

    /// A command that is not run yet, in a zone that is not UTC.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.world.command(&self.world.program);
        command.args(arguments).env("TZ", "Asia/Tokyo");
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> harness::Outcome {
        finish(self.command(arguments))
    }

    /// What a command prints as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let said = self.run(arguments).ok();
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    }

    /// Adds a task on the command line; its id.
    #[track_caller]
    pub(crate) fn add(&self, arguments: &[&str]) -> String {
        let said = self.run(&[&["task", "add"], arguments].concat()).ok();
        assert_eq!((said.stdout.len(), said.stderr.as_str()), (13, ""), "{said:?}");
        said.stdout.trim_end().to_owned()
    }

    /// Lets a future end.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Adds a task as another program does.
    pub(crate) fn add_raw(&self, task: &NewTask) {
        self.wait(self.store.enqueue(task, now())).unwrap();
    }

    /// A worker of node 2 on host `beta`, with two slots.
    pub(crate) fn worker(&self) -> Owner {
        self.wait(self.store.register(2, "beta", 4711, 2, now())).unwrap()
    }

    /// Takes the next tasks for a worker.
    pub(crate) fn claim(&self, owner: Owner, slots: u32) -> Vec<Task> {
        let claim = Claim { owner, slots, from_start: true, except: &[], holding: &[] };
        self.wait(self.store.claim(&claim, now())).unwrap()
    }

    /// Ends a task that a worker has.
    pub(crate) fn end(
        &self,
        owner: Owner,
        task: &Task,
        outcome: Outcome,
        error: Option<&str>,
        then: Then,
    ) {
        let execution = Execution {
            id: task.id,
            task_type: task.task_type.clone(),
            name: task.name.clone(),
            lock: LockKey::Ours(owner),
            node: owner.node(),
            outcome,
            started: now(),
            ended: now(),
            cpu: None,
            peak_memory: None,
            error: error.map(str::to_owned),
            output: Some("first line\nsecond line\n".into()),
        };
        let finished = Finished { row: task.row, execution: Some(execution), then };
        let finish = self.wait(self.store.finish(owner, &[finished], None, now())).unwrap();
        assert_eq!(finish.ours, [true]);
    }

    /// Adds a task and makes it held.
    pub(crate) fn held(&self, name: &str, state: HeldState, due: Option<Timestamp>) -> String {
        self.add_raw(&NewTask::new("Held", name, "{}"));
        let owner = Owner::draw(2).unwrap();
        let task = self.claim(owner, 1).remove(0);
        let hold = Hold { state, due, reason: format!("{name} went wrong") };
        self.end(owner, &task, Outcome::Failed, Some("exit 3"), Then::Hold(hold));
        task.id.to_string()
    }

    /// The database is a copy of one that another host used.
    pub(crate) fn copied(&self) {
        let elsewhere = Identity { hosts: vec!["elsewhere".into()], ..Identity::default() };
        self.wait(self.store.adopt(&elsewhere)).unwrap();
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
