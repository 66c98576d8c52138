//! The messages that modules send about themselves, and the checks of their memory.

use nix::unistd::{Pid, getsid};

use super::{
    MEMORY_CHECK, Supervisor,
    datagram::Message,
    module::{Cause, Module, Phase, Process, Then},
    requests, status,
};
use crate::{clock::MonotonicTime, process::exit::printable};

const LAST_WORDS: usize = 1000;
/// The module takes no new work any more.
const HANDOVER: &str = "X_HANDOVER=1";
/// The module keeps working until its next incarnation can take over.
const SUCCESSOR: &str = "X_SUCCESSOR=1";

impl Supervisor {
    /// Reads the messages that were sent before a death; from a module that floods the socket, only some of them.
    pub(super) fn hear_last_words(&mut self, now: MonotonicTime) {
        for message in
            std::iter::from_fn(|| self.held.inbox.try_next()).take(LAST_WORDS).collect::<Vec<_>>()
        {
            self.on_message(&message, now);
        }
    }

    /// Handles a message of a module's own process.
    pub(super) fn on_message(&mut self, message: &Message, now: MonotonicTime) {
        let stopping = self.stopping.is_some();
        if let Some(draining) = self.draining_mut(message.pid) {
            let name = draining.spec.name.clone();
            draining.goes_on &= !message.text.lines().any(|line| line == HANDOVER);
            message.text.lines().for_each(|line| hear(&mut draining.process, &name, line, now));
            message.text.lines().for_each(|line| self.watches.pass_on(&name, line, stopping));
            return;
        }
        let Some(name) = self.sender(message.pid) else { return };
        let Some(module) = self.past.modules.get_mut(&name) else { return };
        let mut hands_over = None;
        for line in message.text.lines() {
            if [HANDOVER, SUCCESSOR].contains(&line) {
                hands_over = Some(line == SUCCESSOR);
            } else if line == "READY=1" {
                module.get_ready(now);
                let told = module.spec.user.is_none();
                let process = module.process().filter(|it| told && it.since < self.logs_reopened);
                if let Some(process) = process {
                    requests::tell_to_reopen(process.pid);
                }
            } else if let Some(process) = module.process_mut() {
                hear(process, &name, line, now);
                self.watches.pass_on(&name, line, stopping);
            }
        }
        if let Some(goes_on) = hands_over {
            self.hand_over(&name, goes_on, now);
        }
    }

    /// The module of a sender: its own process, or, for a command, a process of its session, because a shell script
    /// notifies through `systemd-notify`.
    fn sender(&self, pid: i32) -> Option<String> {
        self.name_of(pid).or_else(|| {
            let session = getsid(Some(Pid::from_raw(pid))).ok()?;
            let name = self.name_of(session.as_raw())?;
            (!self.past.modules[&name].spec.kind.is_ours()).then_some(name)
        })
    }

    pub(super) fn limits_memory(&self) -> bool {
        self.past.modules.values().any(|module| module.spec.memory_max.is_some())
    }

    /// Discards the modules that grew above their limit, after their round.
    pub(super) fn check_memory(&mut self, now: MonotonicTime) {
        if now < self.memory_check {
            return;
        }
        self.memory_check = now + MEMORY_CHECK;
        let grown: Vec<(String, Cause)> = self
            .past
            .modules
            .iter()
            .filter(|(_, module)| matches!(module.phase, Phase::Running { .. }))
            .filter_map(|(name, module)| Some((name.clone(), too_big(module)?)))
            .collect();
        for (name, cause) in grown {
            self.end(&name, cause, Then::Start, None, now);
        }
    }
}

fn too_big(module: &Module) -> Option<Cause> {
    let limit_kb = module.spec.memory_max? >> 10;
    let rss_kb = status::rss_kb(module.process()?.pid)?;
    (rss_kb > limit_kb).then(|| {
        Cause::asked(format!("its memory, {rss_kb} kB, is above MemoryMax, {limit_kb} kB"))
    })
}

fn hear(process: &mut Process, name: &str, line: &str, now: MonotonicTime) {
    match line.split_once('=').map(|(key, value)| (key, printable(value))) {
        Some(("WATCHDOG", value)) if value == "1" => process.last_round = now,
        Some(("X_LEASE", micros)) => {
            process.lease = micros.parse().ok().map(MonotonicTime::from_micros);
        }
        Some(("STATUS", note)) => process.note = Some(note),
        Some(("X_DEGRADED", reason)) => hear_degraded(process, name, reason),
        Some(("X_DISCARD", reason)) => process.discard = Some(reason),
        Some(("X_FAILURE", reason)) => process.failure = Some(reason),
        Some(("X_OUTPUT_LOST", error)) => {
            tracing::error!("{name}: output is being lost: {error}");
            process.note = Some(format!("output is being lost: {error}"));
        }
        _ => {}
    }
}

/// Handles a report that a module runs but does not serve; without a reason it is well.
fn hear_degraded(process: &mut Process, name: &str, reason: String) {
    process.has_begun = true;
    match (process.degraded.take(), reason.is_empty()) {
        (None, true) => return,
        (None, false) => tracing::warn!("{name} is degraded: {reason}"),
        (Some(_), true) => tracing::info!("{name} is not degraded any more"),
        (Some(_), false) => {}
    }
    process.degraded = Some(reason).filter(|reason| !reason.is_empty());
}
