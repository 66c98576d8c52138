//! A server that stops taking writes, as at a failover: what ran is written down when it takes them again.

use task_store::Outcome;

use crate::{
    harness::{setting, wait_until},
    tasks::{Database, Tasks, raw, shell},
};

#[test]
fn postgres_turns_read_only() {
    turns_read_only(Database::Postgres);
}

#[test]
fn mariadb_turns_read_only() {
    turns_read_only(Database::MariaDb);
}

/// Who makes the database read-only is not the daemon's user.
struct Server {
    database: Database,
    administrator: String,
    name: String,
    user: String,
}

impl Server {
    fn new(database: Database, tasks: &Tasks) -> Self {
        let (server, name) = tasks.url.rsplit_once('/').unwrap();
        // What becomes read-only is the test's database, and not the administrator's.
        let beside = if database == Database::Postgres { "postgres" } else { name };
        let (administrator, name) = (format!("{server}/{beside}"), name.to_owned());
        let user = format!("user_{}", fastrand::u32(..));
        Self { database, administrator, name, user }
    }

    fn sql(&self, tasks: &Tasks, text: &str) {
        tasks.block(raw(&self.administrator, text)).unwrap();
    }

    fn turn(&self, tasks: &Tasks, read_only: bool) {
        let name = &self.name;
        if self.database == Database::Postgres {
            let state = if read_only { "on" } else { "off" };
            self.sql(
                tasks,
                &format!("ALTER DATABASE {name} SET default_transaction_read_only = {state}"),
            );
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
            self.sql(tasks, &format!("{end} = '{name}'"));
            return;
        }
        // `read_only` is the whole server's, and others work on it: this user loses its rights instead, and
        // its connections, which is what it hears of at a failover.
        let rights = "INSERT, UPDATE, DELETE, CREATE";
        let who = format!("{}@'127.0.0.1'", self.user);
        let change = if read_only {
            format!("REVOKE {rights} ON {name}.* FROM {who}")
        } else {
            format!("GRANT {rights} ON {name}.* TO {who}")
        };
        self.sql(tasks, &format!("{change}; KILL USER {}", self.user));
    }
}

fn turns_read_only(database: Database) {
    let script = "echo begun >>\"$HOME/begun\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done";
    let tasks = Tasks::new(database, &[shell("Waits", script, &[])]);
    let server = Server::new(database, &tasks);
    if database == Database::MariaDb {
        let (name, user) = (&server.name, &server.user);
        server.sql(
            &tasks,
            &format!("CREATE USER {user}@'127.0.0.1'; GRANT ALL ON {name}.* TO {user}@'127.0.0.1'"),
        );
        let at = tasks.url.split_once('@').unwrap().1;
        tasks
            .world
            .configure("20-database", &[setting("DatabaseURL", &format!("mysql://{user}@{at}"))]);
    }
    tasks.start();
    let ids = ["one", "two"].map(|name| tasks.add_of("Waits", name));
    wait_until("both to run", || (tasks.world.read("begun").lines().count() == 2).then_some(()));
    server.turn(&tasks, true);
    tasks.world.file("go", "");
    let told = |text: &str| tasks.world.worker_log().matches(text).count();
    wait_until("a word about it", || (told("trying again until it works") == 1).then_some(()));
    let refused = tasks.world.otrsd(&["task", "add", "--type", "Waits"]);
    assert!(refused.code == 4 && refused.stderr.lines().count() == 1, "{refused:?}");
    let words = if database == Database::Postgres { "takes no writes" } else { "denied" };
    assert!(refused.stderr.contains(words), "{refused:?}");
    assert_eq!(tasks.world.otrsd(&["task", "list"]).ok().stdout.matches("running").count(), 2);
    server.turn(&tasks, false);
    for id in ids {
        tasks.succeeds(id);
        let outcomes: Vec<_> = tasks.executions(id).iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Success]);
    }
    tasks.succeeds(tasks.add_of("Waits", "three"));
    wait_until("a word about its end", || (told("is there again") == 1).then_some(()));
    assert_eq!(told("trying again until it works"), 1, "{}", tasks.world.worker_log());
}
