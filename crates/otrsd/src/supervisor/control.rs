//! The control socket: one request per connection, as a line of JSON; the replies are lines until the request is done.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
        unix::{fs::MetadataExt as _, net::UnixListener as StdListener},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::status::Status;
use crate::process::socket;

/// A request of a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    Status,
    /// Wait until every module is ready, or has failed once.
    Settle,
    Reload,
    Restart {
        module: Option<String>,
    },
    Stop {
        force: bool,
    },
}

/// A reply of the supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    Status(Box<Status>),
    /// A progress event.
    Event {
        text: String,
    },
    /// A new image takes over; the client sends `Settle` to it.
    Replacing,
    Done,
    Failed {
        text: String,
    },
}

/// A request and the channel for its replies; the connection ends when the sender is dropped.
pub(super) type Call = (Request, mpsc::Sender<Reply>);

const REQUEST_LIMIT: u64 = 64 << 10;
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 64;
/// Replies that may wait for a slow client; further ones are lost.
const BACKLOG: usize = 1024;

/// The listening socket, accessible only to the daemon's user and root.
pub(super) struct Control {
    listener: StdListener,
    path: PathBuf,
    /// The identity of the socket file.
    file: Option<(u64, u64)>,
    /// One permit per connection, and one for the next.
    places: Arc<Semaphore>,
}

impl Control {
    /// Binds `path`. The caller holds the daemon's lock, so an existing file is stale.
    pub(super) fn bind(path: &Path) -> anyhow::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot replace {}", path.display()));
            }
            _ => {}
        }
        let listener = socket::bind(path, 0o600, |path| StdListener::bind(path))
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        Ok(Self::adopt(path, listener.into()))
    }

    pub(super) fn adopt(path: &Path, listener: OwnedFd) -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
        Self { listener: listener.into(), path: path.to_owned(), file: identity(path), places }
    }

    /// Whether the socket file is still the one that was created.
    pub(super) fn is_in_place(&self) -> bool {
        self.file.is_some() && self.file == identity(&self.path)
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.listener.as_raw_fd()
    }

    /// Forwards every request to `calls`.
    pub(super) fn serve(&self, calls: mpsc::Sender<Call>) -> anyhow::Result<()> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let places = Arc::clone(&self.places);
        tokio::spawn(async move {
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                let Ok((stream, _)) = listener.accept().await else {
                    // Most likely no descriptors are left: let some connections end.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let calls = calls.clone();
                tokio::spawn(async move {
                    let answered = answer(stream, &calls).await;
                    let _ = answered.inspect_err(|error| tracing::debug!("control: {error:#}"));
                    drop(place);
                });
            }
        });
        Ok(())
    }

    /// Lets the connections whose senders are gone write what is left. A client that does not read delays this by at
    /// most one second.
    pub(super) async fn drain(&self) {
        let all_but_the_next = self.places.acquire_many(CONNECTIONS - 1);
        let _ = timeout(Duration::from_secs(1), all_but_the_next).await;
    }

    pub(super) fn close(self) {
        let _ = fs::remove_file(&self.path);
        // No process listens there any more.
        let _ = fs::remove_file(self.path.with_extension("wake"));
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

async fn answer(stream: UnixStream, calls: &mpsc::Sender<Call>) -> anyhow::Result<()> {
    let uid = stream.peer_cred()?.uid();
    anyhow::ensure!(uid == 0 || uid == geteuid().as_raw(), "user {uid} may not ask");
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader.take(REQUEST_LIMIT));
    let mut line = String::new();
    timeout(REQUEST_DEADLINE, reader.read_line(&mut line)).await??;
    let request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            return say(&mut writer, &Reply::Failed { text: format!("no request: {error}") }).await;
        }
    };
    let (sender, mut replies) = mpsc::channel(BACKLOG);
    calls.send((request, sender)).await?;
    loop {
        tokio::select! {
            reply = replies.recv() => match reply {
                Some(reply) => say(&mut writer, &reply).await?,
                None => return Ok(()),
            },
            // A connection has one request: if a byte or end of file comes now, the client has most likely left.
            _ = reader.read_u8() => return Ok(()),
        }
    }
}

async fn say(writer: &mut OwnedWriteHalf, reply: &Reply) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    Ok(timeout(REQUEST_DEADLINE, writer.write_all(&line)).await??)
}
