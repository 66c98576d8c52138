//! Connections to a server, lent for a transaction.
//!
//! The one used last is lent first. Whose server is gone is found out by its next statement; then all others are
//! given up with it, since they lead to the same server, and the next one may reach another. Who was not wanted
//! for minutes is closed.

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

/// For so long an unused connection stays.
const UNUSED: Duration = Duration::from_mins(3);

/// After so long without a write, a session is asked whether its server still takes any.
const PROOF: Duration = Duration::from_secs(30);

/// How long it may take to answer that.
const ANSWER: Duration = Duration::from_secs(3);

/// How long a connection may take to end in good order.
const GOODBYE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Lender<DB: Server> {
    /// Tried in turn, from the one that was right last.
    addresses: Vec<Address<OptionsOf<DB>>>,
    right: AtomicUsize,
    connections: u32,
    /// One for each connection that may be on loan.
    turns: Semaphore,
    /// The longest wait for one.
    deadline: Duration,
    /// In the order in which they came back.
    idle: Mutex<Vec<(Instant, Member<DB>)>>,
    /// Connections of an earlier epoch are given up.
    epoch: watch::Sender<u64>,
}

/// A connection to a server that took writes when it was asked.
#[derive(Debug)]
struct Member<DB: Server> {
    raw: DB::Connection,
    epoch: u64,
    proven: Instant,
}

/// What a session is wanted for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Statements that also a server answers that takes no writes; such a session is used once.
    Read,
    /// Any statements.
    Write,
}

impl<DB: Server> Lender<DB> {
    pub(super) fn new(
        addresses: Vec<Address<OptionsOf<DB>>>,
        connections: u32,
        deadline: Duration,
    ) -> Arc<Self> {
        let turns = Semaphore::new(connections as usize);
        let (epoch, _) = watch::channel(0);
        let (idle, right) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { addresses, right, connections, turns, deadline, idle, epoch })
    }

    /// The address that was right last.
    pub(super) fn options(&self) -> &OptionsOf<DB> {
        &self.addresses[self.right.load(Ordering::Relaxed)].options
    }

    /// Changes whenever all connections are given up.
    pub(super) fn epoch(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    pub(super) async fn lend(self: &Arc<Self>, purpose: Purpose) -> Result<Loan<DB>> {
        let turn = match timeout(self.deadline, self.turns.acquire()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(Error::Unavailable("its connections are closed".into())),
            Err(_) => return Err(Error::Unavailable("all connections are in use".into())),
        };
        let (member, is_kept) = match self.proven().await {
            Some(member) => (member, true),
            None => self.connect(purpose).await?,
        };
        turn.forget();
        Ok(Loan { member: Some(member), is_kept, lender: Arc::clone(self) })
    }

    /// Gives up all connections: those on loan are closed when they come back.
    pub(super) fn give_up(&self) {
        let idle = {
            let mut idle = self.idle();
            self.epoch.send_modify(|epoch| *epoch += 1);
            std::mem::take(&mut *idle)
        };
        for (_, member) in idle {
            member.part();
        }
    }

    /// Waits for those on loan; a later request gets none.
    pub(super) async fn close(&self) {
        let all = timeout(self.deadline, self.turns.acquire_many(self.connections)).await;
        self.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for (_, member) in idle {
            let _ = timeout(GOODBYE, member.raw.close()).await;
        }
    }

    /// An idle connection whose server takes writes.
    async fn proven(&self) -> Option<Member<DB>> {
        let (_, mut member) = self.idle().pop()?;
        if member.proven.elapsed() < PROOF {
            return Some(member);
        }
        if let Ok(Ok(None)) = timeout(ANSWER.min(self.deadline), DB::refusal(&mut member.raw)).await
        {
            member.proven = Instant::now();
            return Some(member);
        }
        self.give_up();
        member.part();
        None
    }

    /// A new connection, and whether it may be kept: to the first address whose server takes writes, or, for
    /// statements that only read, to the first whose server answers.
    async fn connect(&self, purpose: Purpose) -> Result<(Member<DB>, bool)> {
        let (first, count) = (self.right.load(Ordering::Relaxed), self.addresses.len());
        let (mut standby, mut errors) = (None, Vec::with_capacity(count));
        for at in (first..first + count).map(|at| at % count) {
            match self.connect_to(at).await {
                Ok((member, None)) => {
                    self.right.store(at, Ordering::Relaxed);
                    return Ok((member, true));
                }
                Ok((member, Some(reason))) => {
                    standby = standby.or(Some(member));
                    errors.push((at, Error::NotWritable(reason)));
                }
                Err(error) => errors.push((at, error.given_up())),
            }
        }
        match standby {
            Some(member) if purpose == Purpose::Read => Ok((member, false)),
            _ => Err(self.all_of(errors)),
        }
    }

    /// A new connection, and why its server takes no writes, if it takes none.
    async fn connect_to(&self, at: usize) -> Result<(Member<DB>, Option<String>)> {
        let epoch = *self.epoch.borrow();
        let each = self.deadline / u32::try_from(self.addresses.len()).unwrap_or(1);
        let work = async {
            let mut raw = self.addresses[at].options.connect().await.map_err(tls::failure)?;
            let refusal = DB::begin(&mut raw, self.deadline).await?;
            Ok::<_, Error>((Member { raw, epoch, proven: Instant::now() }, refusal))
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

    fn take_back(&self, member: Member<DB>) {
        let now = Instant::now();
        let mut gone = Vec::new();
        {
            let mut idle = self.idle();
            // Both under the lock: see `give_up` and `close`.
            if member.epoch == *self.epoch.borrow() && !self.turns.is_closed() {
                idle.push((now, member));
            } else {
                gone.push(member);
            }
            let unused = idle.iter().take_while(|(since, _)| now - *since >= UNUSED).count();
            gone.extend(idle.drain(..unused).map(|(_, member)| member));
        }
        gone.into_iter().for_each(Member::part);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, Member<DB>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_connection(deadline: Duration) -> String {
    format!("no connection within {} s", deadline.as_secs())
}

impl<DB: Server> Member<DB> {
    /// Ends in good order, beside: servers complain about connections that break off. Without a runtime it breaks.
    fn part(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(GOODBYE, self.raw.close()));
        }
    }
}

/// A connection on loan.
pub(super) struct Loan<DB: Server> {
    /// Until it is closed.
    member: Option<Member<DB>>,
    is_kept: bool,
    lender: Arc<Lender<DB>>,
}

const LENT: &str = "a closed connection is not used";

impl<DB: Server> Loan<DB> {
    /// It is closed instead of going back.
    pub(super) fn close(&mut self) {
        if let Some(member) = self.member.take() {
            member.part();
        }
    }

    /// All connections are given up with it.
    pub(super) fn give_up(&self) {
        self.lender.give_up();
    }

    /// The server took a write.
    pub(super) fn wrote(&mut self) {
        if let Some(member) = &mut self.member {
            member.proven = Instant::now();
        }
    }
}

impl<DB: Server> Deref for Loan<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.member.as_ref().expect(LENT).raw
    }
}

impl<DB: Server> DerefMut for Loan<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.member.as_mut().expect(LENT).raw
    }
}

impl<DB: Server> Drop for Loan<DB> {
    fn drop(&mut self) {
        match self.member.take() {
            Some(member) if self.is_kept => self.lender.take_back(member),
            Some(member) => member.part(),
            None => {}
        }
        self.lender.turns.add_permits(1);
    }
}
