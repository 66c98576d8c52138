//! The packages that this program implements natively: the original's, by which registrations name their modules, and
//! its own.

pub(crate) const TASK_WORKER: &str = "Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker";
pub(crate) const CRON_MANAGER: &str =
    "Kernel::System::Daemon::DaemonModules::SchedulerCronTaskManager";
pub(crate) const FUTURE_MANAGER: &str =
    "Kernel::System::Daemon::DaemonModules::SchedulerFutureTaskManager";
pub(crate) const GENERIC_AGENT_MANAGER: &str =
    "Kernel::System::Daemon::DaemonModules::SchedulerGenericAgentTaskManager";
pub(crate) const CONFIGURATION_SYNC: &str =
    "Kernel::System::Daemon::DaemonModules::SystemConfigurationSyncManager";
/// The example of the original's documentation.
pub(crate) const TEST_DAEMON: &str = "Kernel::System::Daemon::DaemonModules::TestDaemon";
pub(crate) const WEB_CONSOLE: &str = "Otrsd::WebConsole";

/// The packages that work by schedules.
pub(crate) const PLANNERS: [&str; 2] = [CRON_MANAGER, GENERIC_AGENT_MANAGER];
