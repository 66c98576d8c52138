//! From one life to the next without a gap: the old one claims until the new one can. What waits in its line is begun
//! there at a discard, and left to the new one at a change, whose settings it is to meet.
//!
//! The new one greets when it is registered, the old one answers, and never do both claim. A word that is lost
//! costs a moment, and no task: each goes on by itself after a while. The supervisor hears the end of it, too: a
//! `reload` returns when the old one claims no more.

use std::{sync::atomic::Ordering, time::Duration};

use super::{wake::Word, worker_loop::WorkerLoop};
use crate::{
    clock::{self, MonotonicTime},
    process::sd_notify,
};

/// How long a life that is to end claims on while there is no next one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a new one lets the one before.
const COURTESY: Duration = Duration::from_millis(100);

/// Where a life stands between the one before and the one after.
#[derive(Debug, Default)]
pub(super) struct Handoff {
    /// Why it is to end, and until when it claims if the next one does not come.
    over: Option<(&'static str, MonotonicTime)>,
    /// The next one may have other settings.
    changed: bool,
    /// Until when the one before may still claim.
    from: Option<MonotonicTime>,
}

impl Handoff {
    /// Whether the next life was asked for.
    pub(super) fn is_asked_for(&self) -> bool {
        self.over.is_some()
    }

    /// Whether it was asked for because something changed.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether this life is not to claim yet.
    pub(super) fn waits(&self) -> bool {
        self.from.is_some()
    }

    /// When the state changes by itself.
    pub(super) fn ends(&self) -> Option<MonotonicTime> {
        self.from.or(self.over.map(|(_, until)| until))
    }
}

impl WorkerLoop {
    /// Says to the life before that this one can claim.
    pub(super) fn announce(&mut self) {
        if self.wake.announce() {
            self.handoff.from = Some(clock::now() + COURTESY);
        } else {
            self.alone.notify_one();
        }
    }

    /// Asks for the next life, and claims on.
    pub(super) fn offer(&mut self, why: &'static str, now: MonotonicTime) {
        if self.handoff.is_asked_for() || sd_notify::send("X_SUCCESSOR=1").is_ok() {
            self.handoff.over.get_or_insert((why, now + PATIENCE));
        } else {
            self.stop_claiming(why);
        }
    }

    /// Asks for the next life, which is to do what does not run yet.
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

    /// Nobody need be waited for any more: this life claims, or it leaves that to the next one.
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

    /// From now on this life only ends what it began, beside the next one if there is to be one.
    pub(super) fn stop_claiming(&mut self, why: &'static str) {
        self.handoff.over = None;
        self.handoff.from = None;
        self.release_prefetched();
        self.end_claims(why);
    }

    fn end_claims(&mut self, why: &'static str) {
        // Whoever cannot be told starts the next life when this one is over.
        let _ = sd_notify::send("X_HANDOVER=1");
        self.ending = Some(why);
        self.shown_slots.store(0, Ordering::Relaxed);
        self.tell_what_runs();
    }
}
