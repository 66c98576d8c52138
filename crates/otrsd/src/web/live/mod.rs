//! What is going on, looked at once a second while somebody watches and now and then while nobody does.

mod attention;
mod sample;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::body::Bytes;
use jiff::Timestamp;
use task_store::{Count, Instance, Pause};
use tokio::{
    sync::{
        Mutex,
        watch::{self, Receiver, Sender},
    },
    time::{MissedTickBehavior, interval},
};

pub(super) use self::{
    attention::{Attention, Severity},
    sample::{Sample, quantile},
};
use super::{Console, pages::overview};
use crate::{cli::client, clock, supervisor::status::Status};

const WATCHED: Duration = Duration::from_secs(1);
/// While nobody watches, each of so many seconds.
const UNWATCHED: u32 = 10;
/// Points of the charts.
const HISTORY: usize = 300;

/// One look at everything.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) at: Timestamp,
    /// The supervisor and its modules; the text says why not.
    pub(super) status: Option<Result<Status, String>>,
    pub(super) counts: Vec<Count>,
    pub(super) instances: Vec<Instance>,
    pub(super) pauses: Vec<Pause>,
    /// When the oldest free task was added.
    pub(super) oldest_waiting: Option<Timestamp>,
    /// Why the database does not answer.
    pub(super) database: Option<String>,
    /// Oldest first.
    pub(super) history: VecDeque<Sample>,
    pub(super) attention: Vec<Attention>,
    /// All of this as an event for those who watch.
    pub(super) event: Bytes,
}

/// The newest snapshot, for whoever waits for it.
pub(super) struct Live {
    newest: Sender<Arc<Snapshot>>,
    /// Whose turn it is to look.
    turn: Mutex<()>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self { newest: watch::channel(Arc::default()).0, turn: Mutex::new(()) }
    }

    /// Somebody who watches.
    pub(super) fn follow(&self) -> Receiver<Arc<Snapshot>> {
        self.newest.subscribe()
    }

    /// How many watch.
    pub(super) fn watchers(&self) -> usize {
        self.newest.receiver_count()
    }

    fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }
}

impl Console {
    /// A snapshot that is not older than a second.
    pub(super) async fn snapshot(&self) -> Arc<Snapshot> {
        let _turn = self.live.turn.lock().await;
        let before = self.live.now();
        if clock::wall().duration_since(before.at).unsigned_abs() < WATCHED {
            return before;
        }
        let snapshot = Arc::new(look(self, &before).await);
        self.live.newest.send_replace(Arc::clone(&snapshot));
        snapshot
    }
}

/// Looks until the task is dropped.
pub(super) async fn watch(console: Arc<Console>) {
    let mut ticks = interval(WATCHED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unwatched = 0;
    loop {
        ticks.tick().await;
        unwatched = (unwatched + 1) % UNWATCHED;
        if unwatched == 1 || console.live.watchers() > 0 {
            console.snapshot().await;
        }
    }
}

async fn look(console: &Console, before: &Snapshot) -> Snapshot {
    let place = console.place.clone();
    let status = tokio::task::spawn_blocking(move || client::status(&place)).await;
    let status = match status {
        Ok(status) => status.map_err(|failure| failure.text),
        Err(error) => Err(error.to_string()),
    };
    let mut snapshot = Snapshot {
        at: clock::wall(),
        status: Some(status),
        history: before.history.clone(),
        ..Snapshot::default()
    };
    if console.has_database()
        && let Err(why) = tasks(console, &mut snapshot, before).await
    {
        snapshot.database = Some(why);
    }
    while snapshot.history.len() > HISTORY {
        snapshot.history.pop_front();
    }
    snapshot.attention = attention::of(&snapshot);
    snapshot.event = overview::event(&snapshot);
    snapshot
}

async fn tasks(
    console: &Console,
    snapshot: &mut Snapshot,
    before: &Snapshot,
) -> Result<(), String> {
    let store = console.store.as_ref().map_err(Clone::clone)?;
    let text = |error: task_store::Error| error.to_string();
    snapshot.counts = store.counts().await.map_err(text)?;
    snapshot.instances = store.instances().await.map_err(text)?;
    snapshot.pauses = store.pauses().await.map_err(text)?;
    snapshot.oldest_waiting = store.oldest_waiting().await.map_err(text)?;
    let sample = sample::of(store, snapshot, before.history.back()).await.map_err(text)?;
    snapshot.history.push_back(sample);
    Ok(())
}
