//! The supervisor: starts the registered modules, each in a process of its own, and tracks each of them until its end.
//!
//! One thread, one loop: an event arrives (a child's death, a signal, a request, a message of a module, a deadline),
//! the state changes, and processes are started or signalled. The supervisor needs no database and does no work that
//! could hang.

mod cgroup;
pub(crate) mod control;
pub(crate) mod daemonize;
mod datagram;
mod directories;
mod drain;
mod event;
pub(crate) mod guard;
mod image;
mod inbox;
mod launch;
mod life;
mod log;
mod module;
mod module_messages;
mod own_log;
mod reload;
mod replace;
mod requests;
mod restart;
pub(crate) mod spawn;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod status;
mod systemd;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    sync::Arc,
    time::Duration,
};

use nix::sys::signal::SigSet;
use tokio::sync::mpsc;

use self::{
    cgroup::Cgroup,
    control::{Call, Control},
    directories::Directories,
    event::{Event, Signals},
    guard::Guard,
    image::Image,
    inbox::Inbox,
    replace::Probe,
    restart::Streak,
    state::Past,
    systemd::ServiceManager,
    watch::Watches,
};
use crate::{
    clock::{self, MonotonicTime},
    config::natives::Natives,
    config::{
        Configuration,
        generation::Generation,
        sources::{Sources, Stamp},
    },
    process::{pid_file::PidFile, reaper, sweep},
};

/// The options of a start.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The modules in debug mode: `None` is none, an empty list is all.
    pub(crate) debug: Option<Vec<String>>,
    /// In the background: output without a log file is discarded.
    pub(crate) daemonized: bool,
    /// INT and TERM have the meaning of the original: 30 s and 5 s of grace.
    pub(crate) original_signals: bool,
}

/// A generation of the configuration that a process was started with.
struct Sealed {
    configuration: Arc<Configuration>,
    generation: Generation,
}

/// The supervisor's state.
pub(crate) struct Supervisor {
    options: Options,
    natives: Natives,
    sources: Sources,
    stamp: Stamp,
    /// Generations in use, the newest last.
    generations: BTreeMap<u64, Sealed>,
    configuration_error: Option<String>,
    past: Past,
    held: Held,
    image: Image,
    probe: Option<Probe>,
    /// The new binary can take over and is about to.
    replacing: bool,
    /// Modules that still run an earlier image and wait for their turn.
    outdated: BTreeSet<String>,
    /// Set once the daemon is stopping.
    stopping: Option<MonotonicTime>,
    watches: Watches,
    guard_streak: Streak,
    /// When a guard that ended is replaced.
    guard_due: Option<MonotonicTime>,
    service_manager: ServiceManager,
    directories: Directories,
    /// The channel of the control socket's requests.
    calls: Option<mpsc::Sender<Call>>,
    memory_check: MonotonicTime,
    logs_reopened: MonotonicTime,
    program: OsString,
}

/// What the supervisor holds as long as it runs.
struct Held {
    pid_file: PidFile,
    control: Control,
    inbox: Inbox,
    guard: Guard,
    cgroup: Option<Cgroup>,
}

const MEMORY_CHECK: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Runs until the daemon has stopped.
    async fn run(mut self, mut signals: Signals) -> anyhow::Result<()> {
        let (sender, mut calls) = mpsc::channel(16);
        self.held.control.serve(sender.clone())?;
        self.calls = Some(sender);
        // Children may have died before the signal handler was installed.
        self.on_event(Event::ChildDied);
        self.catch_up();
        while !self.is_over() {
            let event = self.next_event(&mut signals, &mut calls).await?;
            self.on_event(event);
            self.catch_up();
            if self.replacing {
                self.watches = Watches::default();
                self.held.control.drain().await;
                // From here on signals wait for the next image; those that came before are handled now.
                SigSet::all().thread_block()?;
                self.on_pending_events(&mut signals, &mut calls).await?;
                self.replace_image();
                SigSet::all().thread_unblock()?;
            }
        }
        self.watches = Watches::default();
        self.held.control.drain().await;
        self.finish();
        Ok(())
    }

    fn on_event(&mut self, event: Event) {
        let now = clock::now();
        match event {
            Event::ChildDied => self.reap(now),
            Event::Said(message) => self.on_message(&message, now),
            Event::Interrupt | Event::Terminate if self.stopping.is_some() => {
                self.stop(requests::FORCED_GRACE, now);
            }
            Event::Interrupt if self.options.original_signals => {
                self.stop(requests::ORIGINAL_GRACE, now);
            }
            Event::Terminate if self.options.original_signals => {
                self.stop(requests::FORCED_GRACE, now);
            }
            Event::Interrupt | Event::Terminate => {
                self.stop(self.configuration().stop_grace, now);
            }
            Event::Hangup => {
                self.reopen_logs(now);
                self.reload(None, now);
            }
            Event::ReopenLogs => self.reopen_logs(now),
            Event::DirectoryChanged => self.look_at_directories_soon(now),
            Event::Called((request, reply)) => self.on_request(request, reply, now),
            Event::Due => {}
        }
    }

    /// Does everything that is due after an event of any kind.
    fn catch_up(&mut self) {
        let now = clock::now();
        self.check_memory(now);
        self.keep_directories(now);
        self.on_time(now);
        self.check_probe(now);
        self.renew_guard(now);
        self.renew_next_outdated(now);
        self.forget_unused_generations();
        let going_on = self.past.draining.iter().filter(|it| it.goes_on).map(|it| &it.spec.name);
        let old = self.outdated.iter().chain(going_on).map(String::as_str).collect();
        self.watches.settle(&self.past.modules, &old, now);
        self.service_manager.tell_alive(now);
    }

    /// The configuration that the next process starts with.
    fn configuration(&self) -> &Arc<Configuration> {
        let newest = self.generations.last_key_value().map(|(_, sealed)| &sealed.configuration);
        #[expect(clippy::expect_used, reason = "it starts with one, and the newest is kept")]
        newest.expect("no generation")
    }

    fn is_over(&self) -> bool {
        self.stopping.is_some()
            && self.past.draining.is_empty()
            && self.past.modules.values().all(|module| module.process().is_none())
    }

    fn finish(self) {
        if let Some(cgroup) = &self.held.cgroup {
            cgroup.end_all();
        }
        // Processes that left their session end with the daemon.
        sweep::run(|mark| mark == self.past.run);
        crate::logs::delete_empty(&self.configuration().log);
        self.held.guard.dismiss();
        reaper::take_the_rest();
        self.held.control.close();
        self.held.pid_file.release();
        tracing::info!("stopped");
    }
}
