//! A way to a server that breaks at a chosen message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const ANSWER: Duration = Duration::from_secs(1);

/// When the connection ends.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Before the message reaches the server.
    Before,
    /// After the server did what it says; the answer is lost.
    After,
}

pub struct Proxy {
    pub url: String,
    /// How many messages pass before the cut; negative once it is over.
    left: Arc<AtomicI64>,
    away: Arc<AtomicBool>,
    connections: Connections,
}

/// How many were made, and up to which number they are dead: a firewall has forgotten them, and told nobody.
#[derive(Clone, Default)]
struct Connections {
    made: Arc<AtomicU64>,
    dead: Arc<AtomicU64>,
}

impl Proxy {
    /// In front of the server of a URL; nothing is cut yet.
    pub async fn new(url: &str, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().to_string();
        let (head, path) = url.rsplit_once('/').unwrap();
        let (user, server) = head.rsplit_once('@').unwrap();
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let away = Arc::new(AtomicBool::new(false));
        let connections = Connections::default();
        let way = Way { left: left.clone(), connections: connections.clone(), cut };
        tokio::spawn(forward(listener, server.to_owned(), away.clone(), way));
        Self { url: format!("{user}@{here}/{path}"), left, away, connections }
    }

    /// Nothing comes through the connections of now any more; new ones work.
    pub fn forget_connections(&self) {
        let made = self.connections.made.load(Ordering::SeqCst);
        self.connections.dead.store(made, Ordering::SeqCst);
    }

    /// Cuts at the message after `messages` from now.
    pub fn cut_after(&self, messages: i64) {
        self.left.store(messages, Ordering::SeqCst);
    }

    /// Whether new connections fail.
    pub fn be_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Whether the cut has come.
    pub fn has_cut(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

#[derive(Clone)]
struct Way {
    left: Arc<AtomicI64>,
    connections: Connections,
    cut: Cut,
}

async fn forward(listener: TcpListener, server: String, away: Arc<AtomicBool>, way: Way) {
    while let Ok((client, _)) = listener.accept().await {
        if away.load(Ordering::SeqCst) {
            continue;
        }
        let server = TcpStream::connect(&server).await.unwrap();
        tokio::spawn(relay(client, server, way.clone()));
    }
}

/// One connection. Clients of both protocols wait for the answer before they write again.
async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    Way { left, connections, cut }: Way,
) -> Option<()> {
    let number = connections.made.fetch_add(1, Ordering::SeqCst) + 1;
    let is_dead = || number <= connections.dead.load(Ordering::SeqCst);
    let (mut question, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => {
                let read = read.ok().filter(|read| *read > 0)?;
                if is_dead() {
                    continue;
                }
                let now = left.fetch_sub(1, Ordering::SeqCst) == 0;
                if !now || matches!(cut, Cut::After) {
                    server.write_all(&question[..read]).await.ok()?;
                }
                if now {
                    if matches!(cut, Cut::After) {
                        // Some messages have none.
                        let _ = timeout(ANSWER, server.read(&mut answer)).await;
                    }
                    return None;
                }
            }
            read = server.read(&mut answer) => {
                let read = read.ok().filter(|read| *read > 0)?;
                if !is_dead() {
                    client.write_all(&answer[..read]).await.ok()?;
                }
            }
        }
    }
}
