//! Commands and options. The comments on them are their help texts.

#![expect(clippy::doc_markdown, reason = "help texts are no Markdown")]

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use super::cron::CronCommand;
use super::event::EventCommand;
use super::task::arguments::TaskCommand;
use crate::config::console::Role;

/// Runs daemon modules, each as a process of its own, and never loses one.
#[derive(Debug, Parser)]
#[command(name = "otrsd", version, propagate_version = true, after_help = EXIT_CODES)]
pub(super) struct CommandLine {
    #[command(flatten)]
    pub(super) source: SourceOptions,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 it failed or is not running, 2 usage, 3 configuration, \
                          4 database, 5 a module is degraded, 6 the outcome is not known.";

#[derive(Args, Debug)]
pub(super) struct SourceOptions {
    /// An installation of OTRS, Znuny or OTOBO; its configuration comes first.
    ///
    /// Default: OTRS_HOME.
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) home: Option<PathBuf>,
    /// A setting XML file, or a directory of them; later ones go before earlier ones.
    ///
    /// Default: the paths in OTRSD_CONFIG, else /etc/otrsd as root, `$XDG_CONFIG_HOME/otrsd` as a user.
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,
    /// This node's number in a cluster, 1 to 999.
    #[arg(long, global = true, value_name = "N")]
    pub(super) node_id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the daemon; returns when it runs or has failed.
    Start {
        /// Stay in the foreground (also as PID 1).
        #[arg(long)]
        foreground: bool,
        /// Let all modules, or those named, tell more in their log files.
        #[arg(long, value_name = "MODULE", num_args = 0..)]
        debug: Option<Vec<String>>,
    },
    /// Stop the daemon; returns when everything has stopped.
    Stop {
        /// Give the modules 5 s instead of Daemon::StopGrace.
        #[arg(long)]
        force: bool,
    },
    /// Show the daemon and its modules.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take over a changed configuration or program; only what changed restarts.
    Reload,
    /// Restart a module, or all of them.
    Restart {
        /// The name that the module is registered under.
        module: Option<String>,
    },
    /// List the registered modules.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a module, or each of them, is doing or has done.
    Summary {
        /// The name that the module is registered under.
        module: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run one of the original's console commands: Maint::Daemon::List, Maint::Daemon::Summary.
    Console {
        /// The console command.
        name: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Print a link that opens the web console once, within a minute.
    ConsoleUrl {
        /// The session may look, but neither change anything nor see payloads and output.
        #[arg(long)]
        view: bool,
    },
    /// Make a token for a program that uses the web console's API; prints it and its setting.
    ConsoleToken {
        /// What uses it.
        name: String,
        /// What it may do: view or operate.
        #[arg(long, value_enum, default_value = "view")]
        role: Role,
    },
    /// Print the OpenAPI description of the web console's API.
    ConsoleApi,
    /// Add tasks, look at them, try them again, end them.
    #[command(subcommand)]
    Task(TaskCommand),
    /// Look at what runs by the clock.
    #[command(subcommand)]
    Cron(CronCommand),
    /// Say that something happened.
    #[command(subcommand)]
    Event(EventCommand),
    /// Hold the workers from taking tasks.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Look at the database, make its tables, take them away.
    #[command(subcommand)]
    Db(DbCommand),
    /// Show effective settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the configuration, in a help desk also what it needs there; starts nothing.
    Check,
    /// Write a small working configuration and run it in the foreground.
    Quickstart {
        /// The directory for everything that it writes.
        #[arg(default_value = "otrsd-quickstart")]
        directory: PathBuf,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or that of a command.
    Man {
        /// The command, for example: config list.
        command: Vec<String>,
        /// Write the pages of all commands into this directory instead.
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        directory: Option<PathBuf>,
    },
    /// The supervisor's own helpers.
    #[command(subcommand, hide = true)]
    Module(ModuleCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print a setting: its text, else its JSON.
    Get {
        /// The setting, for example Daemon::Log::LogPath or DaemonModules###TestDaemon.
        name: String,
    },
    /// List the settings, one a line.
    List {
        /// Only those whose names begin so.
        prefix: Option<String>,
        /// With the file and line, or the variable, that each came from.
        #[arg(long)]
        origin: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what there is to set, with defaults and meanings.
    Describe {
        /// Only what has this in its name, for example Timeout.
        text: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// As the handbook's chapter.
        #[arg(long, conflicts_with_all = ["text", "json"])]
        markdown: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum WorkerCommand {
    /// Take no more tasks; what runs, runs on. Kept over restarts.
    Pause(Paused),
    /// Take tasks again.
    Resume(Paused),
}

/// What is paused: the same words begin and end it.
#[derive(Args, Debug)]
pub(super) struct Paused {
    /// Only tasks of this type.
    #[arg(long = "type", value_name = "T", default_value = "", hide_default_value = true)]
    pub(super) task_type: String,
    /// Only on this node.
    #[arg(long, value_name = "N|all", default_value = "all", value_parser = node)]
    pub(super) node: u16,
}

/// 0 stands for all.
fn node(text: &str) -> Result<u16, String> {
    match (text, text.parse::<u16>()) {
        ("all", _) => Ok(0),
        (_, Ok(node @ 1..=999)) => Ok(node),
        _ => Err("expected a number from 1 to 999, or all".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Show which tables there are, their version, and how many tasks.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make what tables are missing; done already, it does nothing.
    Migrate {
        /// In a help desk on PostgreSQL, also a trigger on `scheduler_task`, by which what Perl adds on other hosts begins at once.
        #[arg(long)]
        wake_trigger: bool,
    },
    /// Print the statements of migrate, for a database administrator.
    Schema {
        /// With the trigger.
        #[arg(long)]
        wake_trigger: bool,
    },
    /// Take the tasks of a restored or copied database for one's own: the workers run them.
    Adopt,
    /// Put held tasks back into the original's tables and drop otrsd's own, the ledger too.
    Remove {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ModuleCommand {
    /// Live one life of a module.
    Run {
        name: String,
        #[arg(long)]
        debug: bool,
    },
    /// Wait for the supervisor's death and end its run.
    Guard { run: OsString, sources: Vec<OsString> },
    /// Tell whether this binary can take over.
    TakeoverCheck,
}
