//! A daemon program: its modules and the command line.

use std::process::ExitCode;

use crate::{
    cli,
    config::packages,
    handler::{Function, Functions, Task, TaskContext, TaskError},
    home::sync::SystemConfigurationSyncManager,
    module::{DaemonModule, ModuleContext, registry::Registry, test_daemon::TestDaemon},
    scheduler::{
        cron::SchedulerCronTaskManager, future::SchedulerFutureTaskManager,
        generic_agent::SchedulerGenericAgentTaskManager,
    },
    web::{WebConsole, confine},
    worker::SchedulerTaskWorker,
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
    functions: Functions,
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
        registry.register(packages::TEST_DAEMON, TestDaemon::new);
        registry.register(packages::CRON_MANAGER, SchedulerCronTaskManager::new);
        registry.register(packages::FUTURE_MANAGER, SchedulerFutureTaskManager::new);
        registry.register(packages::GENERIC_AGENT_MANAGER, SchedulerGenericAgentTaskManager::new);
        registry.register(packages::CONFIGURATION_SYNC, SystemConfigurationSyncManager::new);
        registry.register(packages::WEB_CONSOLE, WebConsole::new);
        registry.confine(packages::WEB_CONSOLE, confine::confine);
        Self { registry, functions: Functions::new() }
    }

    /// Adds a native module, which registrations name by `module`, for example `Acme::Poll`. It replaces an earlier
    /// module of that name, including a stock module.
    #[must_use]
    pub fn module<M: DaemonModule + 'static>(
        mut self,
        module: &str,
        constructor: impl Fn(ModuleContext) -> M + Send + Sync + 'static,
    ) -> Self {
        self.registry.register(module, constructor);
        self
    }

    /// Runs the tasks of a type with a function inside the worker's process. It replaces an earlier function for that
    /// type.
    ///
    /// ```no_run
    /// use otrsd::{Task, TaskContext, TaskError};
    ///
    /// async fn render(task: Task, context: TaskContext) -> Result<(), TaskError> {
    ///     let file = task.data["file"].as_str().ok_or_else(|| TaskError::never("no file"))?;
    ///     context.say(&format!("rendering {file}"));
    ///     let _image = std::fs::read(file)?;
    ///     Ok(())
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     otrsd::Daemon::new().handler("Thumbnail", render).run()
    /// }
    /// ```
    ///
    /// The setting `Daemon::SchedulerTaskWorker::TaskType###<Type>` holds its policy, as for every type. A `Command` or
    /// `Http` in that setting takes precedence over the function.
    ///
    /// Functions run on up to 16 threads of a separate Tokio runtime. A function that works for long without an await
    /// withholds a thread from the others: use `tokio::task::spawn_blocking` for such work. Work that a function passes
    /// to other threads or tasks must check whether to end ([`TaskContext::is_stopping`]): it is not tracked when the
    /// function is dropped, and would continue beside the next attempt.
    ///
    /// A panic is a failure. A panic that aborts the process also ends all other tasks in that process; each of them
    /// then runs alone until the one at fault is known. Run programs by a `Command` instead: the worker waits for all
    /// children of its process itself, so `std::process` cannot.
    #[must_use]
    pub fn handler<F>(
        mut self,
        task_type: &str,
        handler: impl Fn(Task, TaskContext) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        self.functions.insert(task_type.to_owned(), Function::new(handler));
        self
    }

    /// Runs the command line of this process.
    pub fn run(mut self) -> ExitCode {
        if !self.registry.natives().contains(packages::TASK_WORKER) {
            let functions = self.functions;
            self.registry.set_handled(functions.keys().cloned());
            let worker = move |context| SchedulerTaskWorker::new(context, functions.clone());
            self.registry.register(packages::TASK_WORKER, worker);
        }
        cli::run(self.registry)
    }
}
