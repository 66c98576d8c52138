//! Commands and options. The comments on them are their help texts.

#![expect(clippy::doc_markdown, reason = "help texts are no Markdown")]

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use super::cron::CronCommand;
use super::event::EventCommand;
use super::task::arguments::TaskCommand;
use crate::config::console::Role;

/// Supervise daemon modules and run durable tasks.
///
/// otrsd runs each daemon module in a process of its own and restarts it when it fails. Its modules run tasks
/// that are kept in a database: now, later, on a schedule, or at an event. With --home, otrsd replaces the
/// daemon of an installation of OTRS, Znuny or OTOBO.
#[derive(Debug, Parser)]
#[command(name = "otrsd", version, propagate_version = true)]
pub(super) struct CommandLine {
    #[command(flatten)]
    pub(super) source: SourceOptions,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(super) struct SourceOptions {
    /// Settings: XML file or directory; repeatable, the last one wins [env: OTRSD_CONFIG].
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,
    /// Help desk: installation of OTRS, Znuny or OTOBO [env: OTRS_HOME].
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) home: Option<PathBuf>,
    /// Number of this node in a cluster, 1 to 999 [env: OTRSD_NODE_ID].
    #[arg(long, global = true, value_name = "N")]
    pub(super) node_id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the daemon; return once it runs or has failed.
    Start {
        /// Stay in the foreground; implied for PID 1.
        #[arg(long)]
        foreground: bool,
        /// Log more for the named modules, or for all.
        #[arg(long, value_name = "MODULE", num_args = 0..)]
        debug: Option<Vec<String>>,
    },
    /// Stop the daemon; return once all its processes have ended.
    Stop {
        /// Give the modules 5 s to end instead of Daemon::StopGrace.
        #[arg(long)]
        force: bool,
    },
    /// Show the daemon and the state of its modules.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Apply a changed configuration or program; only what changed restarts.
    Reload,
    /// Restart one module, or all.
    Restart {
        /// Name of the module.
        module: Option<String>,
    },
    /// List the registered modules.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what each module, or one, is doing and has done.
    Summary {
        /// Name of the module.
        module: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a console command of the original.
    Console {
        /// Maint::Daemon::List or Maint::Daemon::Summary.
        name: String,
        /// For Maint::Daemon::Summary: the name of a module.
        arguments: Vec<String>,
    },
    /// Print a link to the web console that works once, within a minute.
    ConsoleUrl {
        /// Read-only session, without payloads and output.
        #[arg(long)]
        view: bool,
    },
    /// Create an API token for a program; print the token and its setting.
    ConsoleToken {
        /// Name of the program.
        name: String,
        /// What the token permits.
        #[arg(long, value_enum, default_value = "view")]
        role: Role,
    },
    /// Print the OpenAPI description of the console's API.
    ConsoleApi,
    /// Enqueue, inspect, retry and cancel tasks.
    #[command(subcommand)]
    Task(TaskCommand),
    /// Inspect, run and pause cron tasks.
    #[command(subcommand)]
    Cron(CronCommand),
    /// Fire events, which enqueue tasks.
    #[command(subcommand)]
    Event(EventCommand),
    /// Pause and resume the workers.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Inspect, create and remove otrsd's tables.
    #[command(subcommand)]
    Db(DbCommand),
    /// Show effective settings, and describe all.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the configuration and what it needs; start nothing.
    Check,
    /// Write a small working configuration and run it in the foreground.
    Quickstart {
        /// Directory for all files.
        #[arg(default_value = "otrsd-quickstart")]
        directory: PathBuf,
    },
    /// Print a shell completion script.
    Completions {
        /// Shell.
        shell: clap_complete::Shell,
    },
    /// Show the manual page of otrsd or of a command.
    Man {
        /// Command, for example: task add.
        command: Vec<String>,
        /// Write the pages of all commands into this directory.
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        directory: Option<PathBuf>,
    },
    /// Internal commands of the supervisor.
    #[command(subcommand, hide = true)]
    Module(ModuleCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the value of a setting: text, or JSON for hashes and arrays.
    Get {
        /// Setting, for example Daemon::Log::LogPath or DaemonModules###TestDaemon.
        name: String,
    },
    /// List the effective settings, one per line.
    List {
        /// Only settings whose names start with this text.
        prefix: Option<String>,
        /// Add the origin of each: file and line, variable or option.
        #[arg(long)]
        origin: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Describe all settings: values, defaults and meanings.
    Describe {
        /// Only settings whose names contain this text, for example Timeout.
        text: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Print Markdown: the handbook's chapter.
        #[arg(long, conflicts_with_all = ["text", "json"])]
        markdown: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum WorkerCommand {
    /// Stop claiming tasks; running tasks continue. Survives restarts.
    Pause(Paused),
    /// Claim tasks again.
    Resume(Paused),
}

/// What is paused: the same words begin and end it.
#[derive(Args, Debug)]
pub(super) struct Paused {
    /// Only tasks of this type.
    #[arg(long = "type", value_name = "T", default_value = "", hide_default_value = true)]
    pub(super) task_type: String,
    /// Only this node.
    #[arg(long, value_name = "N|all", default_value = "all", value_parser = node)]
    pub(super) node: u16,
}

/// 0 means all.
fn node(text: &str) -> Result<u16, String> {
    match (text, text.parse::<u16>()) {
        ("all", _) => Ok(0),
        (_, Ok(node @ 1..=999)) => Ok(node),
        _ => Err("expected a number from 1 to 999, or all".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Show the version of the tables, the number of tasks, and the workers.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Create the missing tables; does nothing if all exist.
    Migrate {
        /// Help desk on PostgreSQL: also create a trigger on scheduler_task that wakes workers when Perl enqueues.
        #[arg(long)]
        wake_trigger: bool,
    },
    /// Print the SQL of migrate, for a database administrator.
    Schema {
        /// Include the trigger.
        #[arg(long)]
        wake_trigger: bool,
    },
    /// Accept a restored or copied database, so that the workers run its tasks.
    Adopt,
    /// Put held tasks back into the original's tables, then drop otrsd's tables, including the ledger.
    Remove {
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ModuleCommand {
    /// Run one incarnation of a module.
    Run {
        name: String,
        #[arg(long)]
        debug: bool,
    },
    /// Wait for the supervisor's death and end its processes.
    Guard { run: OsString, sources: Vec<OsString> },
    /// Report whether this binary can take over.
    TakeoverCheck,
}
