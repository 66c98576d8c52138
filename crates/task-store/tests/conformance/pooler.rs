//! A real PgBouncer before a real server.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use task_store::{Added, Error, Options, Store, Woken};

use crate::claiming::claim;
use crate::finishing::done;
use crate::place::{Kind, Place, identity, now, task, worker};

struct Pooler {
    process: Child,
    at: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Pooler {
    /// With the settings of Debian's package beside those that a test needs.
    async fn start(server: &str, mode: &str) -> Self {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (host, port) = server.split_once(':').unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let file = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={port} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\n",
            at.port()
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        // It does not run as root.
        command
            .args(["-q", "-u", "postgres"])
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let pooler = Self { process: command.spawn().unwrap(), at, _directory: directory };
        for _ in 0..500 {
            if TcpStream::connect(at).is_ok() {
                return pooler;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("PgBouncer does not listen");
    }

    fn store(&self, database: &str) -> Store {
        let url = format!("postgres://otrsd@{}/{database}", self.at);
        Store::connect(&url, Options::default()).unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

async fn behind(mode: &str) -> (Place, Pooler, Store) {
    let place = Place::bare(Kind::Postgres, Options::default()).await;
    let (before, database) = place.url.rsplit_once('/').unwrap();
    let pooler = Pooler::start(before.rsplit_once('@').unwrap().1, mode).await;
    let store = pooler.store(database);
    (place, pooler, store)
}

/// As Debian ships it.
#[tokio::test]
async fn in_session_mode_everything_works() {
    let (place, pooler, store) = behind("session").await;
    store.migrate(&identity(), false).await.unwrap();
    let mut waiter = store.waiter().await.unwrap();
    while waiter.wait(Duration::from_millis(300)).await.unwrap() == Woken::Work {}
    let (other, first) = (place.another(), task("first"));
    let (woken, added) =
        tokio::join!(waiter.wait(Duration::from_secs(9)), other.enqueue(&first, now()));
    assert_eq!((woken.unwrap(), added.unwrap()), (Woken::Work, Added::Added));
    let tasks = claim(&store, worker(1), 9).await;
    let finish = store.finish(worker(1), &done(&tasks, worker(1)), None, now()).await.unwrap();
    assert_eq!(finish.ours, [true]);
    assert_eq!(place.count("otrsd_execution").await, 1);
    // A session that the pooler uses again was cleaned by it.
    drop(waiter);
    drop(store);
    let again = pooler.store(place.url.rsplit_once('/').unwrap().1);
    assert_eq!(again.enqueue(&task("second"), now()).await.unwrap(), Added::Added);
}

/// The first client is served; the next one finds a session that was the first one's.
#[tokio::test]
async fn in_transaction_mode_it_is_named() {
    let (place, pooler, store) = behind("transaction").await;
    let first = store.migrate(&identity(), false).await;
    let next = pooler.store(place.url.rsplit_once('/').unwrap().1);
    let error = first.and(next.instances().await.map(drop)).unwrap_err();
    assert!(
        matches!(&error, Error::Refused(text) if text.contains("pool_mode = session")),
        "{error:?}"
    );
}
