//! What must not be done to a server that other tests use: it is made read-only, and waits for a standby that is
//! not there.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};
use task_store::{Added, Error, Options, Store, Woken};

use crate::place::{Kind, Place, after, now, task};
use crate::proxy::{Cut, Proxy};

/// Two servers of our own.
pub struct Servers {
    pub directory: tempfile::TempDir,
    postgres: String,
    mariadb: String,
}

fn databases(verb: &str, directory: &Path) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/databases");
    let done = Command::new(script).arg(verb).arg(directory).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

impl Servers {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let printed = databases("start", directory.path());
        let url = |name: &str| {
            let (_, rest) = printed.split_once(&format!("{name}=")).unwrap();
            rest.lines().next().unwrap().to_owned()
        };
        let (postgres, mariadb) = (url("OTRSD_TEST_POSTGRES"), url("OTRSD_TEST_MARIADB"));
        Self { directory, postgres, mariadb }
    }

    pub fn url(&self, kind: Kind) -> &str {
        if kind == Kind::Postgres { &self.postgres } else { &self.mariadb }
    }

    /// An administrator's statements, one after the other.
    pub async fn sql(&self, kind: Kind, statements: &[&str]) {
        for text in statements {
            let sql = sqlx::raw_sql(AssertSqlSafe((*text).to_owned()));
            if kind == Kind::Postgres {
                PgConnection::connect(&self.postgres).await.unwrap().execute(sql).await.unwrap();
            } else {
                MySqlConnection::connect(&self.mariadb).await.unwrap().execute(sql).await.unwrap();
            }
        }
    }

    async fn fence(&self, kind: Kind, read_only: bool) {
        let word = if read_only { "on" } else { "off" };
        if kind == Kind::Postgres {
            let set = format!("ALTER SYSTEM SET default_transaction_read_only = {word}");
            self.sql(kind, &[&set, "SELECT pg_reload_conf()"]).await;
        } else {
            self.sql(kind, &[&format!("SET GLOBAL read_only = {word}")]).await;
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        databases("stop", self.directory.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_our_own() {
    let servers = Servers::start();
    for kind in [Kind::Postgres, Kind::MariaDb] {
        fenced_while_connections_stay(&servers, kind).await;
        all_hosts_are_tried(&servers, kind).await;
    }
    a_standby_that_is_missing(&servers).await;
}

/// A name of a database on our server that the tests' server has too.
async fn twin(servers: &Servers, place: &Place) -> String {
    let name = place.url.rsplit_once('/').unwrap().1;
    servers.sql(place.kind, &[&format!("CREATE DATABASE {name}")]).await;
    let server = servers.url(place.kind).rsplit_once('/').unwrap().0;
    format!("{server}/{name}")
}

/// As behind a balancer that sends new connections to the new primary and leaves the others where they are.
async fn fenced_while_connections_stay(servers: &Servers, kind: Kind) {
    let new = Place::new(kind).await;
    let old = twin(servers, &new).await;
    let proxy = Proxy::new(&old, Cut::Before).await;
    let (writes, reads) = (store(&proxy.url), store(&proxy.url));
    writes.migrate(&crate::place::identity(), false).await.unwrap();
    let mut waiter = writes.waiter().await.unwrap();
    writes.enqueue(&task("on the old one"), now()).await.unwrap();
    let planned = task("planned");
    let ids = [planned.id];
    assert!(reads.known(&ids).await.unwrap().is_empty());
    servers.fence(kind, true).await;
    proxy.lead_to(&new.url);

    // Who writes hears of it at once, and so does who waits beside.
    while new.count("scheduler_task").await == 0 {
        // PostgreSQL's sessions read its configuration when they next do something.
        writes.enqueue(&task("on one of both"), now()).await.unwrap();
    }
    let long = Duration::from_secs(30);
    while waiter.wait(Duration::from_millis(300)).await.ok() != Some(Woken::Deadline) {}
    let (other, there) = (new.another(), task("there"));
    let (woken, added) = tokio::join!(waiter.wait(long), other.enqueue(&there, now()));
    assert_eq!((woken.unwrap(), added.unwrap()), (Woken::Work, Added::Added));

    // Who only reads asks now and then.
    new.store.schedule_at(&[planned], after(60), now()).await.unwrap();
    while reads.known(&ids).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    servers.fence(kind, false).await;
}

fn store(url: &str) -> Store {
    Store::connect(url, Options::default()).unwrap()
}

/// A host that is not there, one that takes no writes, one that does.
async fn all_hosts_are_tried(servers: &Servers, kind: Kind) {
    let primary = Place::new(kind).await;
    let standby = twin(servers, &primary).await;
    servers.fence(kind, true).await;
    let (head, rest) = standby.split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let good = primary.url.split_once('@').unwrap().1.split_once('/').unwrap().0;
    let all = store(&format!("{head}@127.0.0.1:1,{host},{good}/{name}"));
    assert_eq!(all.enqueue(&task("a"), now()).await.unwrap(), Added::Added);
    let none = store(&format!("{head}@127.0.0.1:1,{host}/{name}"));
    let error = none.enqueue(&task("a"), now()).await.unwrap_err();
    assert!(matches!(error, Error::NotWritable(_)), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("127.0.0.1:1: ") && said.contains("takes no writes"), "{said}");
    servers.fence(kind, false).await;
}

/// The addition has happened as soon as the standby is there, or nobody waits for it any more.
async fn a_standby_that_is_missing(servers: &Servers) {
    let kind = Kind::Postgres;
    let deadline = Duration::from_secs(1);
    let options = Options { deadline, ..Options::default() };
    let place = Place::new(kind).await;
    let url = twin(servers, &place).await;
    store(&url).migrate(&crate::place::identity(), false).await.unwrap();
    let name = url.rsplit_once('/').unwrap().1;
    let set = format!("ALTER DATABASE {name} SET synchronous_commit = on");
    let standby = "ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'";
    servers.sql(kind, &[&set, standby, "SELECT pg_reload_conf()"]).await;
    let hasty = Store::connect(&url, options).unwrap();
    let added = task("a");
    let error = hasty.enqueue(&added, now()).await.unwrap_err();
    assert!(matches!(error, Error::UnknownOutcome(_)), "{error:?}");
    let reset = "ALTER SYSTEM RESET synchronous_standby_names";
    servers.sql(kind, &[reset, "SELECT pg_reload_conf()"]).await;
    let ids = [added.id];
    while hasty.known(&ids).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
