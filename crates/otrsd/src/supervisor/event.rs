//! The events that the supervisor's loop waits for.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

use super::{Supervisor, control::Call, datagram, drain::Draining, module::Module};
use crate::clock::{self, MonotonicTime};

/// One event.
pub(super) enum Event {
    ChildDied,
    Hangup,
    Interrupt,
    Terminate,
    ReopenLogs,
    DirectoryChanged,
    Called(Call),
    Said(datagram::Message),
    Due,
}

pub(super) struct Signals {
    child: Signal,
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    reopen: Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }
}

impl Supervisor {
    /// Waits for the next event.
    pub(super) async fn next_event(
        &self,
        signals: &mut Signals,
        calls: &mut mpsc::Receiver<Call>,
    ) -> anyhow::Result<Event> {
        let due = async {
            let now = clock::now();
            match self.deadline(now) {
                Some(deadline) => sleep(deadline.since(now)).await,
                None => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            message = self.held.inbox.next() => Event::Said(message),
            _ = signals.child.recv() => Event::ChildDied,
            _ = signals.terminate.recv() => Event::Terminate,
            _ = signals.interrupt.recv() => Event::Interrupt,
            _ = signals.hangup.recv() => Event::Hangup,
            _ = signals.reopen.recv() => Event::ReopenLogs,
            () = self.directories.changed() => Event::DirectoryChanged,
            Some(call) = calls.recv() => Event::Called(call),
            () = due => Event::Due,
        })
    }

    /// Handles everything that has happened by now.
    pub(super) async fn on_pending_events(
        &mut self,
        signals: &mut Signals,
        calls: &mut mpsc::Receiver<Call>,
    ) -> anyhow::Result<()> {
        loop {
            // Lets the runtime poll the descriptors.
            tokio::task::yield_now().await;
            let event = tokio::select! {
                biased;
                event = self.next_event(signals, calls) => event?,
                () = std::future::ready(()) => return Ok(()),
            };
            if matches!(event, Event::Due) {
                return Ok(());
            }
            self.on_event(event);
        }
    }

    fn deadline(&self, now: MonotonicTime) -> Option<MonotonicTime> {
        let modules = self.past.modules.values().filter_map(Module::deadline);
        let memory = self.limits_memory().then_some(self.memory_check);
        let probe = self.probe.as_ref().map(|probe| probe.deadline);
        let sign = self.service_manager.next_sign();
        let is_awaited = !self.watches.is_empty() || !self.outdated.is_empty();
        let coming = self.past.modules.values().filter_map(Module::begin_deadline);
        let ready = coming.filter(|due| is_awaited && *due > now).min();
        modules
            .chain(self.past.draining.iter().filter_map(Draining::deadline))
            .chain(memory)
            .chain(probe)
            .chain(sign)
            .chain(ready)
            .chain(self.renewal_deadline(now))
            .chain(self.guard_due)
            .chain(self.directories.due)
            .min()
    }
}
