//! A database that goes away and comes back, seen through a door that the test closes.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use task_store::Outcome;

use crate::{
    harness::{setting, wait_until},
    tasks::{Database, Tasks, shell},
};

/// Lets connections through to a server, or none.
struct Door {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    through: Arc<Mutex<Vec<TcpStream>>>,
}

impl Door {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let through = Arc::new(Mutex::new(Vec::new()));
        let door = Self { address, open: Arc::clone(&open), through: Arc::clone(&through) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !open.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                carry(&client, &server);
                carry(&server, &client);
                through.lock().unwrap().extend([client, server]);
            }
        });
        door
    }

    fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        for stream in self.through.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// Carries bytes until one side ends.
fn carry(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

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
    let Some(tasks) = Tasks::new(database, &[shell("Brief", script, &[])]) else { return };
    let (before, rest) = tasks.url.split_once('@').unwrap();
    let (server, name) = rest.rsplit_once('/').unwrap();
    let door = Door::to(server.to_owned());
    let url = format!("{before}@{}/{name}", door.address);
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
