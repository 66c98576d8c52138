//! One registered module across its incarnations: its phase, with times, and its exits.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    own_log::OwnLog,
    restart::{Ending, Streak},
};
use crate::{
    clock::{self, MonotonicTime},
    config::modules::ModuleSpec,
    process::exit::Exit,
};

/// The number of exits that are remembered.
const EXITS: usize = 10;

/// How long a client waits for a started module to report that it is ready.
const READY_PATIENCE: Duration = Duration::from_secs(5);

/// How long a client waits for a ready module to report its health, or to die at once.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// A registered module. Its whole state can be serialized and taken over by another image.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Module {
    pub(super) spec: ModuleSpec,
    pub(super) phase: Phase,
    /// The configuration generation of the newest incarnation.
    pub(super) generation: u64,
    /// Incarnations after the first.
    pub(super) restarts: u64,
    pub(super) streak: Streak,
    /// Newest first.
    pub(super) exits: VecDeque<Exit>,
    /// The end of the last incarnation.
    pub(super) ended: Option<MonotonicTime>,
    /// How long no process was ready before the present one was.
    pub(super) gap: Option<Duration>,
}

/// The phase of a module.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    /// No process; the next one starts at this time.
    Waiting { until: MonotonicTime },
    /// A process; `ready` once it has reported so.
    Running { process: Process, ready: bool },
    /// A process that was asked to end.
    Stopping { process: Process, asked: MonotonicTime, limit: Limit, cause: Cause, then: Then },
    /// No process, and none will start: the daemon is stopping.
    Stopped,
}

/// How long a process that was asked to end may continue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Limit {
    /// When its whole group is asked for the last time.
    pub(super) last_call: Option<MonotonicTime>,
    /// When it is killed; never, when a planned change waits for the end of a round.
    pub(super) kill: Option<MonotonicTime>,
}

/// What follows the end of a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) enum Then {
    /// The next incarnation starts.
    Start,
    /// Nothing: the module is no longer registered.
    Forget,
    /// Nothing: the daemon is stopping.
    Stop,
}

/// Why a process ends.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Cause {
    pub(super) reason: String,
    pub(super) ending: Ending,
}

/// A running process of a module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// Unique among all processes of a run; its descendants carry it in their environment.
    pub(super) instance: u64,
    pub(super) started: Timestamp,
    pub(super) since: MonotonicTime,
    /// The last finished round, or the start.
    pub(super) last_round: MonotonicTime,
    /// When peers may take over its work: by then it has renewed the lease, or must be dead.
    #[serde(default)]
    pub(super) lease: Option<MonotonicTime>,
    /// The supervisor image that started it.
    pub(super) image: u64,
    pub(super) out: Option<OwnLog>,
    pub(super) err: Option<OwnLog>,
    /// The reason it gave before a discard.
    pub(super) discard: Option<String>,
    /// The reason it gave before a failure.
    pub(super) failure: Option<String>,
    /// Its own status message, or why its output is not kept.
    pub(super) note: Option<String>,
    /// Why it runs but does not serve.
    #[serde(default)]
    pub(super) degraded: Option<String>,
    /// It has reported its health: well or degraded.
    #[serde(default)]
    pub(super) has_begun: bool,
}

/// Between the last call and the kill.
const LAST_CALL: Duration = Duration::from_secs(5);

impl Limit {
    /// `grace` from `now`; without a grace there is no limit.
    pub(super) fn after(grace: Option<Duration>, now: MonotonicTime) -> Self {
        Self {
            last_call: grace.map(|grace| now + grace.saturating_sub(LAST_CALL)),
            kill: grace.map(|grace| now + grace),
        }
    }

    /// The next deadline: the last call or the kill.
    pub(super) fn deadline(self) -> Option<MonotonicTime> {
        self.last_call.into_iter().chain(self.kill).min()
    }

    /// The earlier of two.
    pub(super) fn min(self, other: Self) -> Self {
        let nearer =
            |a: Option<MonotonicTime>, b: Option<MonotonicTime>| a.into_iter().chain(b).min();
        Self {
            last_call: nearer(self.last_call, other.last_call),
            kill: nearer(self.kill, other.kill),
        }
    }
}

impl Cause {
    /// The supervisor asks for the end because of `reason`.
    pub(super) fn asked(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ending: Ending::Asked }
    }
}

impl Process {
    /// A process that was started just now by the supervisor's `image`, without log files.
    pub(super) fn new(pid: i32, instance: u64, image: u64, since: MonotonicTime) -> Self {
        Self {
            pid,
            instance,
            started: clock::now_utc(),
            since,
            last_round: since,
            lease: None,
            image,
            out: None,
            err: None,
            discard: None,
            failure: None,
            note: None,
            degraded: None,
            has_begun: false,
        }
    }

    /// The log files that it writes to.
    pub(super) fn logs(&self) -> impl Iterator<Item = &OwnLog> {
        self.out.iter().chain(&self.err)
    }
}

impl Module {
    pub(super) fn new(spec: ModuleSpec, now: MonotonicTime) -> Self {
        Self {
            spec,
            phase: Phase::Waiting { until: now },
            generation: 0,
            restarts: 0,
            streak: Streak::default(),
            exits: VecDeque::new(),
            ended: None,
            gap: None,
        }
    }

    pub(super) fn process(&self) -> Option<&Process> {
        match &self.phase {
            Phase::Running { process, .. } | Phase::Stopping { process, .. } => Some(process),
            Phase::Waiting { .. } | Phase::Stopped => None,
        }
    }

    /// The process of this phase.
    pub(super) fn process_mut(&mut self) -> Option<&mut Process> {
        match &mut self.phase {
            Phase::Running { process, .. } | Phase::Stopping { process, .. } => Some(process),
            Phase::Waiting { .. } | Phase::Stopped => None,
        }
    }

    /// Marks the process as ready.
    pub(super) fn get_ready(&mut self, now: MonotonicTime) {
        if let Phase::Running { ready, .. } = &mut self.phase
            && !*ready
        {
            *ready = true;
            self.gap = self.ended.map(|ended| now.since(ended));
        }
    }

    pub(super) fn remember(&mut self, exit: Exit, now: MonotonicTime) {
        self.ended = Some(now);
        self.keep_exit(exit);
    }

    pub(super) fn keep_exit(&mut self, exit: Exit) {
        self.exits.truncate(EXITS - 1);
        self.exits.push_front(exit);
    }

    /// Whether a process of the module works, or has reported why it does not.
    pub(super) fn has_begun(&self, now: MonotonicTime) -> bool {
        matches!(&self.phase, Phase::Running { process, ready: true }
            if process.has_begun || process.since + FIRST_WORDS <= now)
    }

    /// When a client stops waiting for the module to begin.
    pub(super) fn begin_deadline(&self) -> Option<MonotonicTime> {
        match &self.phase {
            Phase::Running { process, ready: true } if !process.has_begun => {
                Some(process.since + FIRST_WORDS)
            }
            _ => self.ready_deadline(),
        }
    }

    /// When a client stops waiting for the module to become ready.
    pub(super) fn ready_deadline(&self) -> Option<MonotonicTime> {
        match &self.phase {
            Phase::Running { process, ready: false } => Some(process.since + READY_PATIENCE),
            _ => None,
        }
    }

    /// The next deadline of this module: a start, a kill, the watchdog, the end of a lease.
    pub(super) fn deadline(&self) -> Option<MonotonicTime> {
        match &self.phase {
            Phase::Waiting { until } => Some(*until),
            Phase::Stopping { process, limit, .. } => {
                limit.deadline().into_iter().chain(process.lease).min()
            }
            Phase::Running { process, .. } => {
                let watchdog = self.spec.watchdog.map(|longest| process.last_round + longest);
                watchdog.into_iter().chain(process.lease).min()
            }
            Phase::Stopped => None,
        }
    }
}
