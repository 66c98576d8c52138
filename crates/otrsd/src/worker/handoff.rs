//! The handoff between two incarnations of the worker without a gap: the predecessor claims until its successor can. At
//! a discard, the predecessor runs the tasks in its ready queue itself. At a change it releases them to the successor,
//! so that they run with the new settings.
//!
//! The successor announces itself when it is registered, the predecessor offers the work, and they never both claim. A
//! lost message costs a short delay but no task: after a timeout, each continues by itself. The supervisor is also
//! notified: a `reload` returns when the predecessor has stopped claiming.

use std::{sync::atomic::Ordering, time::Duration};

use super::{wake::Word, worker_loop::WorkerLoop};
use crate::{
    clock::{self, MonotonicTime},
    process::sd_notify,
};

/// How long an incarnation that is to end continues to claim while it has no successor.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a successor lets its predecessor claim.
const COURTESY: Duration = Duration::from_millis(100);

/// The state of the handoff with the predecessor and with the successor.
#[derive(Debug, Default)]
pub(super) struct Handoff {
    /// Why it is to end, and until when it claims if no successor appears.
    over: Option<(&'static str, MonotonicTime)>,
    /// The successor may have other settings.
    changed: bool,
    /// Until when the predecessor may still claim.
    from: Option<MonotonicTime>,
}

impl Handoff {
    /// Whether a successor was requested.
    pub(super) fn is_asked_for(&self) -> bool {
        self.over.is_some()
    }

    /// Whether it was requested because of a change.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether this incarnation must not claim yet.
    pub(super) fn waits(&self) -> bool {
        self.from.is_some()
    }

    /// When the state changes by itself.
    pub(super) fn ends(&self) -> Option<MonotonicTime> {
        self.from.or(self.over.map(|(_, until)| until))
    }
}

impl WorkerLoop {
    /// Announces to the predecessor that this incarnation can claim.
    pub(super) fn announce(&mut self) {
        if self.wake.announce() {
            self.handoff.from = Some(clock::now() + COURTESY);
        } else {
            self.alone.notify_one();
        }
    }

    /// Requests a successor, and continues to claim.
    pub(super) fn offer(&mut self, why: &'static str, now: MonotonicTime) {
        if self.handoff.is_asked_for() || sd_notify::send("X_SUCCESSOR=1").is_ok() {
            self.handoff.over.get_or_insert((why, now + PATIENCE));
        } else {
            self.stop_claiming(why);
        }
    }

    /// Requests a successor that is to run the tasks which have not started yet.
    pub(super) fn change_over(&mut self, now: MonotonicTime) {
        self.handoff.changed = true;
        self.offer("its end was asked for", now);
    }

    pub(super) fn hear(&mut self, word: Word) {
        self.look = true;
        match word {
            Word::Yours if self.handoff.waits() => self.step(),
            Word::Work | Word::Yours => {}
            Word::Here if self.handoff.is_asked_for() => {
                self.handoff.from = None;
                self.step();
            }
            Word::Here => self.wake.offer(),
        }
    }

    /// Ends the wait: this incarnation starts claiming, or leaves that to its successor.
    pub(super) fn step(&mut self) {
        self.look = true;
        if self.handoff.from.take().is_some() {
            self.alone.notify_one();
        } else if let Some((why, _)) = self.handoff.over.take() {
            self.wake.offer();
            if self.handoff.changed {
                self.release_prefetched();
            }
            self.end_claims(why);
        }
    }

    /// From now on this incarnation only finishes what it started, beside a successor if there is to be one.
    pub(super) fn stop_claiming(&mut self, why: &'static str) {
        self.handoff.over = None;
        self.handoff.from = None;
        self.release_prefetched();
        self.end_claims(why);
    }

    fn end_claims(&mut self, why: &'static str) {
        // If the supervisor cannot be notified, it starts the successor when this process has ended.
        let _ = sd_notify::send("X_HANDOVER=1");
        self.ending = Some(why);
        self.shown_slots.store(0, Ordering::Relaxed);
        self.tell_what_runs();
    }
}
