//! The command line: what there is, and one match.

#![expect(
    clippy::doc_markdown,
    reason = "the comments on commands and options are their help texts"
)]

mod check;
mod client;
mod console;
mod failure;
mod lifecycle;
mod original;
mod quickstart;
mod settings;
mod shell;
mod status;
mod terminal;

use std::{env, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use self::failure::Failure;
use crate::{
    config::{self, Configuration, place::Place, sources::Sources},
    logs::complain,
    module::{process, registry::Registry},
    supervisor::{guard, pid_file, replace},
};

/// Runs daemon modules, each as a process of its own, and never loses one.
#[derive(Debug, Parser)]
#[command(name = "otrsd", version, propagate_version = true, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(flatten)]
    source: SourceOptions,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 it failed or is not running, 2 usage, 3 configuration.";

#[derive(Args, Debug)]
struct SourceOptions {
    /// A setting XML file, or a directory of them; later ones go before earlier ones.
    ///
    /// Default: the paths in OTRSD_CONFIG, else /etc/otrsd as root, `$XDG_CONFIG_HOME/otrsd` as a user.
    #[arg(long, global = true, value_name = "PATH")]
    config: Vec<PathBuf>,
    /// This node's number in a cluster, 1 to 999.
    #[arg(long, global = true, value_name = "N")]
    node_id: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    /// The original's console commands: Maint::Daemon::List, Maint::Daemon::Summary [MODULE].
    Console {
        /// The console command.
        name: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Show effective settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the configuration and what it needs; starts nothing.
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
    },
    /// The supervisor's own helpers.
    #[command(subcommand, hide = true)]
    Module(ModuleCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
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
}

#[derive(Debug, Subcommand)]
enum ModuleCommand {
    /// Live one life of a module.
    Run {
        name: String,
        #[arg(long)]
        debug: bool,
    },
    /// Wait for the supervisor's death and end its run.
    Guard { run: String, paths: Vec<PathBuf> },
    /// Tell whether this binary can take over.
    TakeoverCheck,
}

/// What every command may need.
struct Program {
    registry: Registry,
    sources: Sources,
}

impl Program {
    fn load(&self) -> Result<Configuration, Failure> {
        config::load(&self.sources, &self.registry).map_err(|error| Failure::configuration(&error))
    }

    /// Where the running daemon is, or where it would be.
    ///
    /// It is found although its configuration broke, or says something else by now.
    fn find_daemon(&self) -> Result<Place, Failure> {
        let configured = self.load().map(|configuration| configuration.place);
        if let Ok(place) = &configured
            && pid_file::is_running(&place.pid_file())
        {
            return configured;
        }
        let pid_file = guard::find_pid_file(&self.sources.paths);
        let Some(place) = pid_file.and_then(|path| Place::of(&path)) else { return configured };
        if let Err(failure) = configured {
            complain(&format!("warning: {}", failure.text));
        }
        Ok(place)
    }
}

/// Runs the command line of this process.
pub(crate) fn run(registry: Registry) -> ExitCode {
    if let Some(name) = original::called_as() {
        return finish(original::run(&name, registry));
    }
    let CommandLine { source, command } = CommandLine::parse();
    // These three are started by a supervisor and read no configuration.
    match &command {
        Command::Module(ModuleCommand::Run { name, debug }) => {
            return process::run(&registry, name, *debug);
        }
        Command::Module(ModuleCommand::Guard { run, .. }) => return guard::watch(run),
        Command::Module(ModuleCommand::TakeoverCheck) => return replace::check(),
        _ => {}
    }
    finish(dispatch(&source, command, registry))
}

fn dispatch(source: &SourceOptions, command: Command, registry: Registry) -> Result<(), Failure> {
    let sources = Sources::new(&source.config, source.node_id.as_deref())?;
    let program = Program { registry, sources };
    match command {
        Command::Start { foreground, debug } => lifecycle::start(program, foreground, debug),
        Command::Stop { force } => lifecycle::stop(&program, force),
        Command::Status { json } => status::show(&program, json),
        Command::Reload => lifecycle::reload(&program),
        Command::Restart { module } => lifecycle::restart(&program, module),
        Command::List { json } => console::list(&program, json),
        Command::Summary { module, json } => console::summary(&program, module.as_deref(), json),
        Command::Console { name, arguments } => console::run(&program, &name, &arguments),
        Command::Config(ConfigCommand::Get { name }) => settings::get(&program, &name),
        Command::Config(ConfigCommand::List { prefix, origin, json }) => {
            settings::list(&program, prefix.as_deref(), origin, json)
        }
        Command::Check => check::run(&program),
        Command::Quickstart { directory } => quickstart::run(program.registry, &directory),
        Command::Completions { shell } => {
            shell::completions(shell);
            Ok(())
        }
        Command::Man { command } => shell::manual(&command),
        Command::Module(_) => Ok(()),
    }
}

fn finish(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if !failure.text.is_empty() {
        complain(&failure.text);
    }
    ExitCode::from(failure.code)
}

/// How the caller called this program, for the commands that it prints.
fn called() -> String {
    env::args().next().unwrap_or_else(|| "otrsd".to_owned())
}
