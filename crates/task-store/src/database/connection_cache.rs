//! A cache of connections to a server; each is used for a transaction.
//!
//! The connection that was used last is used next. If its server is gone, its next statement fails; then all others are
//! given up too, since they lead to the same server and a new one may reach another. Connections that are unused for
//! minutes are closed.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::server::{OptionsOf, Server};
use super::tls;
use super::url::Address;
use crate::database::error::{Error, Result};

/// How long an unused connection is kept.
const MAX_IDLE: Duration = Duration::from_mins(3);

/// How long after its last write a connection is used without asking whether its server still takes writes.
const WRITABLE_FOR: Duration = Duration::from_secs(30);

/// How long the answer to that may take.
const WRITABLE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the orderly end of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct ConnectionCache<DB: Server> {
    /// Tried in turn, from the one that was writable last.
    addresses: Vec<Address<OptionsOf<DB>>>,
    writable: AtomicUsize,
    connections: u32,
    /// One permit for each connection that may be in use.
    permits: Semaphore,
    /// The longest wait for a permit.
    deadline: Duration,
    /// In the order in which they were given back.
    idle: Mutex<Vec<(Instant, CachedConnection<DB>)>>,
    /// Connections of an earlier epoch are given up.
    epoch: watch::Sender<u64>,
}

/// A connection to a server that took writes when it was asked.
#[derive(Debug)]
struct CachedConnection<DB: Server> {
    raw: DB::Connection,
    epoch: u64,
    proven: Instant,
}

/// What a session is needed for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Statements that a server answers even if it takes no writes; a session with such a server is used once.
    Read,
    /// Any statements.
    Write,
}

impl<DB: Server> ConnectionCache<DB> {
    pub(super) fn new(
        addresses: Vec<Address<OptionsOf<DB>>>,
        connections: u32,
        deadline: Duration,
    ) -> Arc<Self> {
        let permits = Semaphore::new(connections as usize);
        let (epoch, _) = watch::channel(0);
        let (idle, writable) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { addresses, writable, connections, permits, deadline, idle, epoch })
    }

    /// The options of the address that was writable last.
    pub(super) fn options(&self) -> &OptionsOf<DB> {
        &self.addresses[self.writable.load(Ordering::Relaxed)].options
    }

    /// Changes whenever all connections are given up.
    pub(super) fn epoch(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    pub(super) async fn get(self: &Arc<Self>, purpose: Purpose) -> Result<ConnectionGuard<DB>> {
        let permit = match timeout(self.deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Error::Unavailable("its connections are closed".into())),
            Err(_) => return Err(Error::Unavailable("all connections are in use".into())),
        };
        let (connection, is_kept) = match self.proven().await {
            Some(connection) => (connection, true),
            None => self.connect(purpose).await?,
        };
        permit.forget();
        Ok(ConnectionGuard { connection: Some(connection), is_kept, cache: Arc::clone(self) })
    }

    /// Gives up all connections: those in use are closed when they are given back.
    pub(super) fn give_up(&self) {
        let idle = {
            let mut idle = self.idle();
            self.epoch.send_modify(|epoch| *epoch += 1);
            std::mem::take(&mut *idle)
        };
        for (_, connection) in idle {
            connection.close_later();
        }
    }

    /// Waits for the connections in use; a later request gets none.
    pub(super) async fn close(&self) {
        let all = timeout(self.deadline, self.permits.acquire_many(self.connections)).await;
        self.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for (_, connection) in idle {
            let _ = timeout(CLOSE_TIMEOUT, connection.raw.close()).await;
        }
    }

    /// An idle connection whose server takes writes.
    async fn proven(&self) -> Option<CachedConnection<DB>> {
        let (_, mut connection) = self.idle().pop()?;
        if connection.proven.elapsed() < WRITABLE_FOR {
            return Some(connection);
        }
        if let Ok(Ok(None)) =
            timeout(WRITABLE_TIMEOUT.min(self.deadline), DB::refusal(&mut connection.raw)).await
        {
            connection.proven = Instant::now();
            return Some(connection);
        }
        self.give_up();
        connection.close_later();
        None
    }

    /// A new connection, and whether it may be kept: to the first address whose server takes writes, or, for
    /// statements that only read, to the first whose server answers.
    async fn connect(&self, purpose: Purpose) -> Result<(CachedConnection<DB>, bool)> {
        let (first, count) = (self.writable.load(Ordering::Relaxed), self.addresses.len());
        let (mut standby, mut errors) = (None, Vec::with_capacity(count));
        for at in (first..first + count).map(|at| at % count) {
            match self.connect_to(at).await {
                Ok((connection, None)) => {
                    self.writable.store(at, Ordering::Relaxed);
                    return Ok((connection, true));
                }
                Ok((connection, Some(reason))) => {
                    standby = standby.or(Some(connection));
                    errors.push((at, Error::NotWritable(reason)));
                }
                Err(error) => errors.push((at, error.given_up())),
            }
        }
        match standby {
            Some(connection) if purpose == Purpose::Read => Ok((connection, false)),
            _ => Err(self.all_of(errors)),
        }
    }

    /// A new connection, and why its server takes no writes, if it takes none.
    async fn connect_to(&self, at: usize) -> Result<(CachedConnection<DB>, Option<String>)> {
        let epoch = *self.epoch.borrow();
        let each = self.deadline / u32::try_from(self.addresses.len()).unwrap_or(1);
        let work = async {
            let mut raw = self.addresses[at].options.connect().await.map_err(tls::failure)?;
            let refusal = DB::begin(&mut raw, self.deadline).await?;
            Ok::<_, Error>((CachedConnection { raw, epoch, proven: Instant::now() }, refusal))
        };
        let late = |_| Err(Error::Unavailable(no_connection(each)));
        timeout(each, work).await.unwrap_or_else(late)
    }

    /// The errors of all addresses as one, of the kind that promises most.
    fn all_of(&self, mut errors: Vec<(usize, Error)>) -> Error {
        if let [(_, _)] = errors[..]
            && let Some((_, error)) = errors.pop()
        {
            return error;
        }
        let said =
            errors.iter().map(|(at, error)| format!("{}: {error}", self.addresses[*at].name));
        let text = said.collect::<Vec<_>>().join("; ");
        if errors.iter().any(|(_, error)| matches!(error, Error::NotWritable(_))) {
            Error::NotWritable(text)
        } else if errors.iter().any(|(_, error)| error.is_transient()) {
            Error::Unavailable(text)
        } else {
            Error::Refused(text)
        }
    }

    fn take_back(&self, connection: CachedConnection<DB>) {
        let now = Instant::now();
        let mut gone = Vec::new();
        {
            let mut idle = self.idle();
            // Both under the lock: see `give_up` and `close`.
            if connection.epoch == *self.epoch.borrow() && !self.permits.is_closed() {
                idle.push((now, connection));
            } else {
                gone.push(connection);
            }
            let unused = idle.iter().take_while(|(since, _)| now - *since >= MAX_IDLE).count();
            gone.extend(idle.drain(..unused).map(|(_, connection)| connection));
        }
        gone.into_iter().for_each(CachedConnection::close_later);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, CachedConnection<DB>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_connection(deadline: Duration) -> String {
    format!("no connection within {} s", deadline.as_secs())
}

impl<DB: Server> CachedConnection<DB> {
    /// Ends in good order, in a task of its own: servers log connections that break off. Without a runtime it breaks.
    fn close_later(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(CLOSE_TIMEOUT, self.raw.close()));
        }
    }
}

/// A connection in use, given back to the cache when dropped.
pub(super) struct ConnectionGuard<DB: Server> {
    /// Until it is closed.
    connection: Option<CachedConnection<DB>>,
    is_kept: bool,
    cache: Arc<ConnectionCache<DB>>,
}

const CLOSED: &str = "a closed connection is not used";

impl<DB: Server> ConnectionGuard<DB> {
    /// Closes it instead of giving it back.
    pub(super) fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close_later();
        }
    }

    /// Gives up all connections, this one too.
    pub(super) fn give_up(&self) {
        self.cache.give_up();
    }

    /// The server took a write.
    pub(super) fn wrote(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.proven = Instant::now();
        }
    }
}

impl<DB: Server> Deref for ConnectionGuard<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection.as_ref().expect(CLOSED).raw
    }
}

impl<DB: Server> DerefMut for ConnectionGuard<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection.as_mut().expect(CLOSED).raw
    }
}

impl<DB: Server> Drop for ConnectionGuard<DB> {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(connection) if self.is_kept => self.cache.take_back(connection),
            Some(connection) => connection.close_later(),
            None => {}
        }
        self.cache.permits.add_permits(1);
    }
}
