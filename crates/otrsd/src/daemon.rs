//! A daemon program: its modules and the command line.

use std::process::ExitCode;

use crate::{
    cli,
    module::{
        DaemonModule, ModuleContext,
        registry::Registry,
        test_daemon::{self, TestDaemon},
    },
    scheduler::future::{self, SchedulerFutureTaskManager},
    worker::{self, SchedulerTaskWorker},
};

/// A daemon: the modules that registrations can name, and the whole command line.
///
/// ```no_run
/// # use otrsd::{DaemonModule, Round, async_trait};
/// # struct Poll;
/// # #[async_trait]
/// # impl DaemonModule for Poll {
/// #     async fn run(&mut self) -> anyhow::Result<Round> { Ok(Round::Continue) }
/// # }
/// fn main() -> std::process::ExitCode {
///     otrsd::Daemon::new().module("Acme::Poll", |_context| Poll).run()
/// }
/// ```
pub struct Daemon {
    registry: Registry,
}

impl Default for Daemon {
    fn default() -> Self {
        Self::new()
    }
}

impl Daemon {
    /// A daemon with the stock modules.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        registry.register(test_daemon::MODULE, TestDaemon::new);
        registry.register(worker::MODULE, SchedulerTaskWorker::new);
        registry.register(future::MODULE, SchedulerFutureTaskManager::new);
        Self { registry }
    }

    /// Adds a native module: registrations name it by `module`, for example `Acme::Poll`. A module
    /// of that name that was added before is replaced, a stock module too.
    #[must_use]
    pub fn module<M: DaemonModule + 'static>(
        mut self,
        module: &str,
        constructor: impl Fn(ModuleContext) -> M + Send + Sync + 'static,
    ) -> Self {
        self.registry.register(module, constructor);
        self
    }

    /// Runs the command line of this process.
    pub fn run(self) -> ExitCode {
        cli::run(self.registry)
    }
}
