//! A way to a server that breaks at a chosen message.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

const ANSWER: Duration = Duration::from_secs(1);

/// When the connection ends.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Before the message reaches the server.
    Before,
    /// After the server did what it says; the answer is lost.
    After,
    /// Not at all, but the message is on its way until it is delivered, and its answer is lost.
    Late,
}

/// Of [`Proxy::left`], when a late message was answered.
const DELIVERED: i64 = i64::MIN;

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    /// How many messages pass before the cut; negative once it is over.
    left: Arc<AtomicI64>,
    away: Arc<AtomicBool>,
    server: Arc<Mutex<String>>,
    /// Connections of an earlier number are forgotten.
    epoch: Arc<AtomicI64>,
    delivery: Arc<Notify>,
}

impl Proxy {
    /// In front of the server of a URL; nothing is cut yet.
    pub async fn new(url: &str, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().to_string();
        let (head, path) = url.rsplit_once('/').unwrap();
        let (user, server) = head.rsplit_once('@').unwrap();
        let proxy = Self {
            url: format!("{user}@{here}/{path}"),
            left: Arc::new(AtomicI64::new(i64::MAX)),
            away: Arc::default(),
            server: Arc::new(Mutex::new(server.to_owned())),
            epoch: Arc::default(),
            delivery: Arc::default(),
        };
        tokio::spawn(forward(listener, proxy.clone(), cut));
        proxy
    }

    /// New connections lead to the server of a URL.
    pub fn lead_to(&self, url: &str) {
        let server = url.rsplit_once('/').unwrap().0.rsplit_once('@').unwrap().1;
        server.clone_into(&mut self.server.lock().unwrap());
    }

    /// Nothing passes any more on the connections that there are, which stay.
    pub fn forget_connections(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// How many messages have passed since the last cut was chosen, from this many.
    pub fn passed(&self, messages: i64) -> i64 {
        messages - self.left.load(Ordering::SeqCst)
    }

    /// Delivers the message that is on its way; returns when the server has answered.
    pub async fn deliver(&self) {
        self.delivery.notify_one();
        while self.left.load(Ordering::SeqCst) != DELIVERED {
            tokio::task::yield_now().await;
        }
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

async fn forward(listener: TcpListener, proxy: Proxy, cut: Cut) {
    while let Ok((client, _)) = listener.accept().await {
        if proxy.away.load(Ordering::SeqCst) {
            continue;
        }
        let server = proxy.server.lock().unwrap().clone();
        let server = TcpStream::connect(&server).await.unwrap();
        tokio::spawn(relay(client, server, proxy.clone(), cut));
    }
}

/// One connection. Clients of both protocols wait for the answer before they write again.
async fn relay(mut client: TcpStream, mut server: TcpStream, proxy: Proxy, cut: Cut) -> Option<()> {
    let epoch = proxy.epoch.load(Ordering::SeqCst);
    let is_forgotten = || proxy.epoch.load(Ordering::SeqCst) != epoch;
    let (mut question, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => {
                let read = read.ok().filter(|read| *read > 0)?;
                if is_forgotten() {
                    return std::future::pending().await;
                }
                let now = proxy.left.fetch_sub(1, Ordering::SeqCst) == 0;
                if now && matches!(cut, Cut::Late) {
                    proxy.delivery.notified().await;
                }
                if !now || !matches!(cut, Cut::Before) {
                    server.write_all(&question[..read]).await.ok()?;
                }
                if now {
                    if !matches!(cut, Cut::Before) {
                        // Some messages have none.
                        let _ = timeout(ANSWER, server.read(&mut answer)).await;
                    }
                    if matches!(cut, Cut::Late) {
                        proxy.left.store(DELIVERED, Ordering::SeqCst);
                    }
                    return None;
                }
            }
            read = server.read(&mut answer) => {
                let read = read.ok().filter(|read| *read > 0)?;
                if is_forgotten() {
                    return std::future::pending().await;
                }
                client.write_all(&answer[..read]).await.ok()?;
            }
        }
    }
}
