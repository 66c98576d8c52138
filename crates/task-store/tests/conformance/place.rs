//! A fresh database of one of the three kinds, and stores on it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};
use task_store::{Identity, NewTask, Options, Owner, Store, Task};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Sqlite,
    Postgres,
    MariaDb,
}

pub struct Place {
    pub kind: Kind,
    pub url: String,
    pub store: Store,
    /// Holds the file of SQLite.
    _directory: tempfile::TempDir,
}

/// A transaction of another program. Its connection ends with it.
pub enum Held {
    Sqlite(sqlx::SqliteConnection),
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Held {
    pub async fn commit(self) {
        let sql = sqlx::raw_sql("COMMIT");
        match self {
            Self::Sqlite(mut raw) => raw.execute(sql).await.map(drop).unwrap(),
            Self::Postgres(mut raw) => raw.execute(sql).await.map(drop).unwrap(),
            Self::MariaDb(mut raw) => raw.execute(sql).await.map(drop).unwrap(),
        }
    }
}

/// When tests happen: the store takes every time from its caller.
pub fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

pub fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub fn identity() -> Identity {
    Identity { system: "10".into(), hosts: vec!["alpha".into()], ..Identity::default() }
}

pub fn worker(instance: u32) -> Owner {
    Owner::new(1, 10_000_000 + instance).unwrap()
}

pub fn task(name: &str) -> NewTask {
    NewTask::new("Echo", name, "{}")
}

pub fn names(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.name.as_str()).collect()
}

/// The URL of a test server, as `scripts/databases` prints it.
fn server(variable: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "how the tests learn of their servers")]
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set; run: eval \"$(scripts/databases start DIR)\"")
    })
}

impl Place {
    /// A database with all tables made.
    pub async fn new(kind: Kind) -> Self {
        // Beside other tests a machine may be so busy that a statement takes longer than it ever should.
        let options = Options { deadline: Duration::from_mins(1), ..Options::default() };
        let place = Self::bare(kind, options).await;
        place.store.migrate(&identity(), false).await.unwrap();
        place
    }

    /// The tables of a home, and ours; a home is never on SQLite.
    pub async fn home(kind: Kind) -> Self {
        let time_zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let place = Self::bare(kind, Options { home: true, time_zone, ..Options::default() }).await;
        for statement in super::home_tables::statements(kind) {
            place.sql(statement).await;
        }
        place.store.migrate(&identity(), true).await.unwrap();
        place
    }

    /// A database of PostgreSQL that keeps texts as Latin 1, with all tables made.
    pub async fn latin_1() -> Self {
        let as_latin_1 = " ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
        let url = beside(&server("OTRSD_TEST_POSTGRES"), Kind::Postgres, as_latin_1).await;
        let store = Store::connect(&url, Options::default()).unwrap();
        store.migrate(&identity(), false).await.unwrap();
        Self { kind: Kind::Postgres, url, store, _directory: tempfile::tempdir().unwrap() }
    }

    /// An empty database.
    pub async fn bare(kind: Kind, options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", directory.path().join("tasks.db").display()),
            Kind::Postgres => beside(&server("OTRSD_TEST_POSTGRES"), kind, "").await,
            Kind::MariaDb => beside(&server("OTRSD_TEST_MARIADB"), kind, "").await,
        };
        let store = Store::connect(&url, options).unwrap();
        Self { kind, url, store, _directory: directory }
    }

    /// Another store on the same database, as another process has it.
    pub fn another(&self) -> Store {
        Store::connect(&self.url, Options::default()).unwrap()
    }

    /// Runs SQL as another program would.
    pub async fn sql(&self, text: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        match self.kind {
            Kind::Sqlite => {
                let mut raw = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                raw.execute(sql).await.unwrap();
            }
            Kind::Postgres => {
                PgConnection::connect(&self.url).await.unwrap().execute(sql).await.unwrap();
            }
            Kind::MariaDb => {
                MySqlConnection::connect(&self.url).await.unwrap().execute(sql).await.unwrap();
            }
        }
    }

    /// Runs SQL in a transaction that stays open, as another program's would: what it locks is held until the answer is
    /// dropped. On SQLite that is the file.
    pub async fn hold(&self, text: &str) -> Held {
        let begin = if self.kind == Kind::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let sql = || sqlx::raw_sql(AssertSqlSafe(format!("{begin}; {text}")));
        match self.kind {
            Kind::Sqlite => {
                let mut raw = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                raw.execute(sql()).await.unwrap();
                Held::Sqlite(raw)
            }
            Kind::Postgres => {
                let mut raw = PgConnection::connect(&self.url).await.unwrap();
                raw.execute(sql()).await.unwrap();
                Held::Postgres(raw)
            }
            Kind::MariaDb => {
                let mut raw = MySqlConnection::connect(&self.url).await.unwrap();
                raw.execute(sql()).await.unwrap();
                Held::MariaDb(raw)
            }
        }
    }

    /// Resolves when so many transactions wait for a lock here. SQLite does not tell: there it resolves at once.
    pub async fn until_waiting(&self, count: i64) {
        let waiting = match self.kind {
            Kind::Sqlite => return,
            Kind::Postgres => {
                "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            }
            Kind::MariaDb => {
                "information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id \
                 WHERE db = database() AND trx_state = 'LOCK WAIT'"
            }
        };
        for _ in 0..200 {
            if self.count(waiting).await >= count {
                return;
            }
            // InnoDB shows nothing new within 100 ms.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        panic!("nobody waits for a lock");
    }

    /// Runs statements one by one as another program would, of the laxest kind; how many the database took.
    pub async fn try_all(&self, statements: &[String]) -> usize {
        let mut taken = 0;
        match self.kind {
            Kind::Sqlite => {
                let mut raw = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                raw.execute("PRAGMA synchronous = OFF").await.unwrap();
                for text in statements {
                    let sql = sqlx::raw_sql(AssertSqlSafe(text.clone()));
                    taken += usize::from(raw.execute(sql).await.is_ok());
                }
            }
            Kind::Postgres => {
                let mut raw = PgConnection::connect(&self.url).await.unwrap();
                for text in statements {
                    let sql = sqlx::raw_sql(AssertSqlSafe(text.clone()));
                    taken += usize::from(raw.execute(sql).await.is_ok());
                }
            }
            Kind::MariaDb => {
                let mut raw = MySqlConnection::connect(&self.url).await.unwrap();
                raw.execute("SET sql_mode = ''").await.unwrap();
                for text in statements {
                    let sql = sqlx::raw_sql(AssertSqlSafe(text.clone()));
                    taken += usize::from(raw.execute(sql).await.is_ok());
                }
            }
        }
        taken
    }

    /// The first value of a query, as text.
    pub async fn value(&self, text: &str) -> Option<String> {
        let sql = AssertSqlSafe(text.to_owned());
        match self.kind {
            Kind::Sqlite => {
                let mut raw = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_optional(&mut raw).await.unwrap().flatten()
            }
            Kind::Postgres => {
                let mut raw = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_optional(&mut raw).await.unwrap().flatten()
            }
            Kind::MariaDb => {
                let mut raw = MySqlConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_optional(&mut raw).await.unwrap().flatten()
            }
        }
    }

    /// The text to cast a column to.
    pub fn text(&self) -> &'static str {
        if self.kind == Kind::Postgres { "text" } else { "char" }
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT CAST(COUNT(*) AS {}) FROM {table}", self.text());
        self.value(&sql).await.unwrap().parse().unwrap()
    }

    /// Ends all other connections to the database, in whatever they are doing.
    pub async fn cut(&self) {
        match self.kind {
            Kind::Sqlite => (),
            Kind::Postgres => {
                self.value(
                    "SELECT CAST(COUNT(pg_terminate_backend(pid)) AS text) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
                .await;
            }
            Kind::MariaDb => {
                let list = self
                    .value(
                        "SELECT GROUP_CONCAT(CONCAT('KILL ', id) SEPARATOR ';') FROM information_schema.processlist \
                         WHERE db = database() AND id <> connection_id()",
                    )
                    .await;
                for kill in list.unwrap_or_default().split(';').filter(|kill| !kill.is_empty()) {
                    let mut raw = MySqlConnection::connect(&self.url).await.unwrap();
                    // It may have gone by itself.
                    let _ = raw.execute(sqlx::raw_sql(AssertSqlSafe(kill.to_owned()))).await;
                }
            }
        }
    }
}

/// A new database on a server.
async fn beside(url: &str, kind: Kind, options: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("otrsd_test_{}_{number}_{}", std::process::id(), fastrand::u32(..));
    let create = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}{options}")));
    if kind == Kind::Postgres {
        PgConnection::connect(url).await.unwrap().execute(create).await.unwrap();
    } else {
        MySqlConnection::connect(url).await.unwrap().execute(create).await.unwrap();
    }
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
