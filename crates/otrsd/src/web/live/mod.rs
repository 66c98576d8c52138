//! The shared snapshot of the daemon: sampled once a second while a page is open, and rarely otherwise.

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
    time::{MissedTickBehavior, interval, timeout},
};

pub(super) use self::{
    attention::{Attention, Severity},
    sample::{Sample, quantile},
};
use super::{Console, pages::overview};
use crate::{clock, ops::daemon, supervisor::status::Status};

const WATCHED: Duration = Duration::from_secs(1);
/// Without watchers, one sample in this number of seconds.
const UNWATCHED: u32 = 60;
/// Sampling takes at most this fraction of the time (1/20), however long the queue is.
const SHARE: u32 = 20;
/// The maximum age of what is shown.
const LONGEST: Duration = Duration::from_secs(5);
/// The supervisor replies at once, or is stopped.
const ANSWER: Duration = Duration::from_secs(2);
/// The number of points of the charts.
const HISTORY: usize = 300;

/// One sample of the whole daemon.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) at: Timestamp,
    /// The supervisor and its modules, or why they are unknown.
    pub(super) status: Option<Result<Status, String>>,
    pub(super) counts: Vec<Count>,
    pub(super) instances: Vec<Instance>,
    pub(super) pauses: Vec<Pause>,
    /// When the oldest free task was added.
    pub(super) oldest_waiting: Option<Timestamp>,
    /// Why the database does not respond.
    pub(super) database: Option<String>,
    /// Oldest first.
    pub(super) history: VecDeque<Sample>,
    pub(super) attention: Vec<Attention>,
    /// How long sampling took.
    took: Duration,
    /// The snapshot as an event for the open pages.
    pub(super) event: Bytes,
}

/// The newest snapshot, and its watchers.
pub(super) struct Live {
    newest: Sender<Arc<Snapshot>>,
    /// Held while sampling.
    turn: Mutex<()>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self { newest: watch::channel(Arc::default()).0, turn: Mutex::new(()) }
    }

    /// Adds a watcher.
    pub(super) fn follow(&self) -> Receiver<Arc<Snapshot>> {
        self.newest.subscribe()
    }

    /// The number of watchers.
    pub(super) fn watchers(&self) -> usize {
        self.newest.receiver_count()
    }

    fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }
}

impl Snapshot {
    fn lasts(&self) -> Duration {
        (self.took * SHARE).clamp(WATCHED, LONGEST)
    }
}

impl Console {
    /// A snapshot that is at most a second old, or a little more where sampling takes long.
    pub(super) async fn snapshot(&self) -> Arc<Snapshot> {
        let _turn = self.live.turn.lock().await;
        let before = self.live.now();
        if clock::now_utc().duration_since(before.at).unsigned_abs() < before.lasts() {
            return before;
        }
        let begin = clock::now();
        let mut snapshot = look(self, &before).await;
        snapshot.took = clock::now().since(begin);
        let snapshot = Arc::new(snapshot);
        self.live.newest.send_replace(Arc::clone(&snapshot));
        snapshot
    }
}

/// Samples until the task is dropped.
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
    let asked = tokio::task::spawn_blocking(move || daemon::status(&place));
    let status = match timeout(ANSWER, asked).await {
        Ok(Ok(status)) => status.map_err(|error| error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it said nothing for {ANSWER:?}")),
    };
    let mut snapshot = Snapshot {
        at: clock::now_utc(),
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
