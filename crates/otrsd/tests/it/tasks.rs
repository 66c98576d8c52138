//! A world with tasks: a daemon with a worker, on a database of its own, and the test's own way to it.

use std::{any::Any, env, fmt::Write as _, fs, time::Duration};

use jiff::Timestamp;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection, SqliteConnection,
};
use task_store::{
    Entry, Execution, Filter, HeldState, NewTask, Options, Outcome, State, Store, TaskId,
};
use tokio::runtime::{self, Runtime};

use crate::{
    harness::{World, example, setting, wait_until},
    registration::{escape, module},
};

pub(crate) const WORKER: &str = "SchedulerTaskWorker";
pub(crate) const MANAGER: &str = "SchedulerFutureTaskManager";
const PACKAGES: &str = "Kernel::System::Daemon::DaemonModules";

/// Where the tasks of a test are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
    MariaDb,
}

/// Each test on each database whose server `scripts/databases` started.
macro_rules! on_each_database {
    ($($test:ident)*) => {
        mod sqlite { $( #[test] fn $test() { super::$test(crate::tasks::Database::Sqlite); } )* }
        mod postgres { $( #[test] fn $test() { super::$test(crate::tasks::Database::Postgres); } )* }
        mod mariadb { $( #[test] fn $test() { super::$test(crate::tasks::Database::MariaDb); } )* }
    };
}
pub(crate) use on_each_database;

pub(crate) struct Tasks {
    pub(crate) world: World,
    pub(crate) url: String,
    store: Store,
    runtime: Runtime,
}

/// The setting of a task type whose command is a shell with a script.
pub(crate) fn shell(name: &str, script: &str, keys: &[(&str, &str)]) -> String {
    let mut items = String::new();
    for (key, text) in keys {
        let _ = write!(items, "<Item Key=\"{key}\">{}</Item>", escape(text));
    }
    let words = ["/bin/sh", "-c", script].map(|word| format!("<Item>{}</Item>", escape(word)));
    let command = format!("<Item Key=\"Command\"><Array>{}</Array></Item>", words.concat());
    task_type(name, &(command + &items))
}

/// The setting of a task type without a command.
pub(crate) fn policy(name: &str, keys: &[(&str, &str)]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|(key, text)| format!("<Item Key=\"{key}\">{}</Item>", escape(text)))
        .collect();
    task_type(name, &keys.concat())
}

/// The setting of a task type with these items.
pub(crate) fn task_type(name: &str, items: &str) -> String {
    format!(
        "<Setting Name=\"Daemon::SchedulerTaskWorker::TaskType###{name}\" Required=\"1\" Valid=\"1\">\
         <Value><Hash>{items}</Hash></Value></Setting>\n"
    )
}

impl Tasks {
    /// A daemon that is not yet started.
    pub(crate) fn new(database: Database, types: &[String]) -> Self {
        Self::of(World::stock(), database, types)
    }

    /// With the program whose functions run tasks.
    pub(crate) fn native(database: Database, types: &[String]) -> Self {
        Self::of(World::of(example("handlers_for_tests")), database, types)
    }

    /// In a world with a program of the stock kind.
    pub(crate) fn of(world: World, database: Database, types: &[String]) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = match database {
            Database::Sqlite => format!("sqlite:{}", world.text("state/tasks.db")),
            Database::Postgres => runtime.block_on(beside("OTRSD_TEST_POSTGRES")),
            Database::MariaDb => runtime.block_on(beside("OTRSD_TEST_MARIADB")),
        };
        let world = world
            .with("10-modules", &[registered(WORKER), registered(MANAGER)])
            .with("20-database", &[setting("DatabaseURL", &url)])
            .with("30-types", types);
        let inside = runtime.enter();
        let store = Store::connect(&url, Options { connections: 2, ..Options::default() }).unwrap();
        drop(inside);
        Self { world, url, store, runtime }
    }

    /// Node 2, on the same database, which it reaches by `url`.
    pub(crate) fn another_node(url: &str, types: &[String]) -> World {
        World::stock()
            .numbered(2)
            .with("10-modules", &[registered(WORKER), registered(MANAGER)])
            .with("20-database", &[setting("DatabaseURL", url)])
            .with("30-types", types)
    }

    /// Starts the daemon, and waits for its tables.
    pub(crate) fn start(&self) -> i32 {
        let pid = self.world.start();
        self.world.running(WORKER);
        wait_until("a registered worker", || {
            self.ask(|store| Box::pin(store.instances())).ok().filter(|all| !all.is_empty())
        });
        pid
    }

    /// Asks the database.
    pub(crate) fn ask<'s, T>(
        &'s self,
        question: impl FnOnce(&'s Store) -> std::pin::Pin<Box<dyn Future<Output = T> + 's>>,
    ) -> T {
        self.runtime.block_on(question(&self.store))
    }

    pub(crate) fn add(&self, task: &NewTask) -> TaskId {
        self.ask(|store| {
            let task = task.clone();
            Box::pin(async move { store.enqueue(&task, Timestamp::now()).await.unwrap() })
        });
        task.id
    }

    pub(crate) fn add_of(&self, task_type: &str, name: &str) -> TaskId {
        self.add(&NewTask::new(task_type, name, "{\"name\": \"value\"}"))
    }

    pub(crate) fn plan(&self, task: &NewTask, delay: Duration) {
        let now = Timestamp::now();
        let tasks = [task.clone()];
        self.runtime.block_on(self.store.schedule_at(&tasks, now + delay, now)).unwrap();
    }

    pub(crate) fn executions(&self, id: TaskId) -> Vec<Execution> {
        self.runtime.block_on(self.store.executions(id)).unwrap()
    }

    pub(crate) fn get(&self, id: TaskId) -> Option<Entry> {
        self.runtime.block_on(self.store.get(id)).unwrap()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Waits until the ledger has so many executions of a task.
    #[track_caller]
    pub(crate) fn ran(&self, id: TaskId, times: usize) -> Vec<Execution> {
        wait_until(
            &format!("{times} executions of {id}, there are {:?}", self.executions(id)),
            || Some(self.executions(id)).filter(|all| all.len() >= times),
        )
    }

    /// Waits until a task ran once; how.
    #[track_caller]
    pub(crate) fn outcome(&self, id: TaskId) -> Execution {
        self.ran(id, 1).remove(0)
    }

    /// Waits for a success, and looks that nothing is left of the task.
    #[track_caller]
    pub(crate) fn succeeds(&self, id: TaskId) -> Execution {
        let execution = self.outcome(id);
        assert_eq!(execution.outcome, Outcome::Success, "{execution:#?}");
        assert_eq!(self.get(id), None);
        execution
    }

    /// Waits until a task is held.
    #[track_caller]
    pub(crate) fn held(&self, id: TaskId, state: HeldState) -> Entry {
        wait_until(&format!("{id} to be held as {state:?}; it is {:?}", self.get(id)), || {
            self.get(id).filter(|entry| entry.state == State::Held(state))
        })
    }

    /// Runs SQL as another program would.
    pub(crate) fn sql(&self, text: &str) {
        self.block(raw(&self.url, text)).unwrap();
    }

    /// As [`sql`](Self::sql), in a transaction that stays open until the answer is dropped.
    pub(crate) fn hold(&self, text: &str) -> Box<dyn Any> {
        self.block(held(&self.url, text)).unwrap()
    }

    pub(crate) fn count(&self, state: State) -> usize {
        let filter = Filter { state, task_type: "", name: "", text: "", after: 0, limit: 10_000 };
        self.block(self.store.list(&filter)).unwrap().len()
    }
}

/// The registration of a module of the scheduler.
pub(crate) fn registered(name: &str) -> String {
    module(name).key("Module", &format!("{PACKAGES}::{name}")).xml()
}

impl World {
    /// What the worker complained of, in all its lives.
    pub(crate) fn worker_log(&self) -> String {
        let entries = fs::read_dir(self.path("log")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let own = names.filter(|name| name.starts_with(&format!("{WORKER}ERR")));
        own.map(|name| self.read(&format!("log/{name}"))).collect()
    }
}

/// Runs SQL on a connection of its own.
pub(crate) async fn raw(url: &str, text: &str) -> sqlx::Result<()> {
    let sql = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
    match url.split(':').next().unwrap() {
        "postgres" => PgConnection::connect(url).await?.execute(sql).await.map(drop),
        "mysql" => MySqlConnection::connect(url).await?.execute(sql).await.map(drop),
        _ => SqliteConnection::connect(url).await?.execute(sql).await.map(drop),
    }
}

async fn held(url: &str, text: &str) -> sqlx::Result<Box<dyn Any>> {
    let sql = |begin| sqlx::raw_sql(AssertSqlSafe(format!("{begin}; {text}")));
    Ok(match url.split(':').next().unwrap() {
        "postgres" => {
            let mut raw = PgConnection::connect(url).await?;
            raw.execute(sql("BEGIN")).await?;
            Box::new(raw)
        }
        "mysql" => {
            let mut raw = MySqlConnection::connect(url).await?;
            raw.execute(sql("BEGIN")).await?;
            Box::new(raw)
        }
        _ => {
            let mut raw = SqliteConnection::connect(url).await?;
            raw.execute(sql("BEGIN IMMEDIATE")).await?;
            Box::new(raw)
        }
    })
}

/// A new database on a server.
async fn beside(variable: &str) -> String {
    let url = env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: see scripts/databases"));
    let name = format!("otrsd_it_{}_{}", std::process::id(), fastrand::u32(..));
    let create = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")));
    if url.starts_with("postgres") {
        PgConnection::connect(&url).await.unwrap().execute(create).await.unwrap();
    } else {
        MySqlConnection::connect(&url).await.unwrap().execute(create).await.unwrap();
    }
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
