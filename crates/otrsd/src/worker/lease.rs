//! The worker's lease: it shows other workers that this one is alive, and ends its executions when it cannot.
//!
//! Other workers take a worker for dead when its counter has not moved for 15 s. A worker that could not move it for 12
//! s therefore ends what it runs, before another one starts the same tasks. If it cannot even do that, because it is
//! stopped or hangs, the supervisor kills it and all its handlers a second later. For types that continue without the
//! lease, the same holds with five minutes.

use std::{
    convert::Infallible,
    fs::File,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use task_store::{LifeLock, Owner, Store};
use tokio::{io::AsyncReadExt as _, net::unix::pipe::Receiver, sync::watch::Sender, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{self, MonotonicTime},
    logs,
    process::sd_notify,
};

/// The heartbeat interval.
const BEAT: Duration = Duration::from_secs(3);
/// Left for ending the executions before the supervisor acts.
const MARGIN: Duration = Duration::from_millis(500);
/// Without a heartbeat for this long, nothing new is started.
pub(super) const CAREFUL: Duration = Duration::from_secs(8);
/// The tasks for which the lease is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum For {
    All,
    /// Those of types that continue when it is lost for the others.
    TheRest,
}

impl For {
    /// Without a heartbeat for this long, other workers may soon reclaim the tasks. They also wait five minutes for the
    /// original's workers.
    fn limit(self) -> Duration {
        Duration::from_secs(if self == Self::All { 12 } else { 280 })
    }

    /// When the supervisor acts, if the worker does not.
    fn last(self) -> Duration {
        Duration::from_secs(if self == Self::All { 13 } else { 285 })
    }
}

/// The lease and what depends on it.
pub(super) struct Lease {
    pub(super) store: Store,
    pub(super) owner: Owner,
    /// The lock that shows on `SQLite` that this worker is alive.
    pub(super) life: Option<LifeLock>,
    /// The number of slots; zero when this worker only finishes what it started.
    pub(super) slots: Arc<AtomicU32>,
    /// The time of this worker's last successful heartbeat.
    pub(super) alive: Sender<MonotonicTime>,
    /// Cancelled when other workers may have reclaimed the tasks.
    pub(super) lost: CancellationToken,
    /// Cancelled when they may also have reclaimed tasks that continue without the lease.
    pub(super) gone: CancellationToken,
}

impl Lease {
    /// Keeps the lease until it is lost, and then for the tasks that continue.
    pub(super) async fn keep(self) {
        let mut seen = *self.alive.borrow();
        let Err(why) = self.hold(For::All, &mut seen).await;
        logs::warn(&format!("what runs is ended, but for OnLeaseLost continue: {why:#}"));
        self.lost.cancel();
        let Err(why) = self.hold(For::TheRest, &mut seen).await;
        logs::warn(&format!("what went on is ended: {why:#}"));
        self.gone.cancel();
        // All executions have been told to end: there is no lease left for which the supervisor must kill this process.
        let _ = sd_notify::send("X_LEASE=");
    }

    /// Sends heartbeats until it cannot; `seen` is the time of the last one.
    async fn hold(&self, tasks: For, seen: &mut MonotonicTime) -> anyhow::Result<Infallible> {
        let mut beats = Beats::new()?;
        let mut promised = promise(tasks)?;
        loop {
            beats.next().await?;
            let asked = clock::boottime();
            let left = tasks.limit().saturating_sub(asked.since(*seen));
            let patience = patience(left, promised.since(clock::now()));
            let shown = match timeout(patience, self.beat(tasks)).await {
                // Other workers count from the heartbeat, which was after the query was sent and before its answer.
                Ok(Ok(true)) => Some(asked),
                Ok(Ok(false)) => anyhow::bail!("others took this worker for dead"),
                // Missing tables, or a different database file, are not a temporary condition.
                Ok(Err(error)) if !error.is_transient() => None,
                _ => self.life.as_ref().filter(|it| it.is_visible()).map(|_| clock::boottime()),
            };
            if let Some(shown) = shown {
                *seen = shown;
                self.alive.send_replace(shown);
                promised = promise(tasks)?;
            } else if clock::boottime().since(*seen) >= tasks.limit() {
                anyhow::bail!("the database could not be reached in time");
            }
        }
    }

    async fn beat(&self, tasks: For) -> task_store::Result<bool> {
        let slots = self.slots.load(Ordering::Relaxed);
        match tasks {
            For::All => self.store.beat(self.owner, slots, clock::now_utc()).await,
            For::TheRest => self.store.beat_on(self.owner, clock::now_utc()).await,
        }
    }
}

/// The timeout of one heartbeat: the rest of the lease. Without a lease, as after a suspend, one attempt is still made,
/// since perhaps no other node noticed; but it must be answered before the supervisor acts.
fn patience(left: Duration, promised: Duration) -> Duration {
    left.max(BEAT.min(promised.saturating_sub(MARGIN)))
}

/// Tells the supervisor until when it need not act, and that this worker is alive.
fn promise(tasks: For) -> std::io::Result<MonotonicTime> {
    let until = clock::now() + tasks.last();
    sd_notify::send(&format!("X_LEASE={}\nWATCHDOG=1", until.as_micros()))?;
    Ok(until)
}

/// Ticks of the clock that continues while the machine is suspended: after a suspend the next one is due at once.
struct Beats {
    timer: Receiver,
}

impl Beats {
    fn new() -> anyhow::Result<Self> {
        let timer = TimerFd::new(
            ClockId::CLOCK_BOOTTIME,
            TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
        )?;
        let beat = TimeSpec::from_duration(BEAT);
        timer.set(Expiration::Interval(beat), TimerSetTimeFlags::empty())?;
        Ok(Self { timer: Receiver::from_file_unchecked(File::from(OwnedFd::from(timer)))? })
    }

    async fn next(&mut self) -> std::io::Result<()> {
        self.timer.read_exact(&mut [0; 8]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_ends_with_the_lease_or_before_the_supervisor_acts() {
        for (left, promised, expected) in [
            (12_000, 13_000, 12_000),
            (1_500, 2_500, 2_000),
            (0, 1_000, 500),
            (0, 400, 0),
            // The machine was suspended: the supervisor's clock stood still.
            (0, 12_000, 3_000),
        ] {
            let [left, promised, expected] = [left, promised, expected].map(Duration::from_millis);
            assert_eq!(patience(left, promised), expected, "{left:?} {promised:?}");
        }
    }
}
