//! Notifications to the service manager: `Type=notify`, watchdog, reload.

use std::{env, time::Duration};

use crate::{
    clock::{self, MonotonicTime},
    process::sd_notify,
};

/// What the service manager expects.
#[derive(Debug)]
pub(super) struct ServiceManager {
    /// Half the time after which it would kill the daemon.
    interval: Option<Duration>,
    next: MonotonicTime,
}

impl ServiceManager {
    pub(super) fn from_environment(now: MonotonicTime) -> Self {
        let number = |variable| env::var_os(variable)?.to_str()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let longest = number("WATCHDOG_USEC").filter(|_| ours).map(Duration::from_micros);
        Self { interval: longest.map(|longest| longest / 2), next: now }
    }

    /// When the next watchdog notification is due.
    pub(super) fn next_sign(&self) -> Option<MonotonicTime> {
        self.interval.map(|_| self.next)
    }

    /// Called from the loop itself, so that the service manager notices a loop that hangs.
    pub(super) fn tell_alive(&mut self, now: MonotonicTime) {
        if let Some(interval) = self.interval
            && self.next <= now
        {
            tell("WATCHDOG=1");
            self.next = now + interval;
        }
    }
}

pub(super) fn ready(modules: usize) {
    tell(&format!("READY=1\nSTATUS={modules} modules registered"));
}

pub(super) fn reloading() {
    let now = clock::now().as_micros();
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
}

pub(super) fn stopping(grace: Duration) {
    let micros = (grace + Duration::from_secs(10)).as_micros();
    tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}"));
}

fn tell(lines: &str) {
    if let Err(error) = sd_notify::send(lines) {
        tracing::warn!("cannot reach the service manager: {error}");
    }
}
