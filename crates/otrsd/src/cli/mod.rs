//! The command line: one match; the commands and options are in `arguments`.

mod arguments;
mod check;
mod console;
mod console_access;
mod cron;
mod database;
mod db;
mod event;
mod failure;
mod help;
mod layout;
mod lifecycle;
mod original;
mod progress;
mod quickstart;
mod settings;
mod status;
mod table;
mod task;
mod terminal;
mod worker;

use std::{env, process::ExitCode, thread::sleep, time::Duration};

use clap::FromArgMatches as _;

use self::arguments::{Command, CommandLine, ConfigCommand, ModuleCommand, SourceOptions};
use self::failure::{DATABASE, Failure, UNKNOWN};
use crate::{
    config::{self, Configuration, daemon_paths::DaemonPaths, sources::Sources},
    logs::warn,
    module::{process, registry::Registry},
    process::pid_file,
    supervisor::{daemonize, guard, state},
};

/// The interval and the number of checks for a daemon whose files are gone: longer than it takes to create them.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 30;

/// What every command may need.
struct Program {
    registry: Registry,
    sources: Sources,
}

impl Program {
    fn load(&self) -> Result<Configuration, Failure> {
        config::load(&self.sources, self.registry.natives())
            .map_err(|error| Failure::configuration(&error))
    }

    /// The paths of the running daemon, or those that it would have.
    fn find_daemon(&self) -> Result<DaemonPaths, Failure> {
        let configured = self.load().map(|configuration| configuration.place);
        match self.find_running(configured.as_ref().ok())? {
            None => configured,
            Some(place) => {
                if let Err(failure) = configured {
                    warn(&format!("warning: {}", failure.text));
                }
                Ok(place)
            }
        }
    }

    /// The running daemon of these sources. It is found even if its configuration is broken or names other paths by
    /// now.
    fn find_running(
        &self,
        configured: Option<&DaemonPaths>,
    ) -> Result<Option<DaemonPaths>, Failure> {
        if let Some(place) = configured
            && pid_file::is_running(&place.pid_file())?
        {
            return Ok(Some(place.clone()));
        }
        let Some(path) = guard::find_pid_file(&self.sources) else { return Ok(None) };
        for _ in 0..LOOKS {
            if pid_file::is_running(&path)? {
                break;
            }
            // The guard of a killed supervisor sweeps for a while.
            if guard::supervisor(&self.sources).is_none() {
                return Ok(None);
            }
            // Its files are gone, and it is about to create them again.
            sleep(PAUSE);
        }
        Ok(DaemonPaths::of(&path))
    }
}

/// Runs the command line of this process.
pub(crate) fn run(registry: Registry) -> ExitCode {
    if let Some(name) = original::called_as() {
        return finish(original::run(&name, registry));
    }
    let CommandLine { source, command } = parse();
    // These three are started by a supervisor and read no configuration.
    match &command {
        Command::Module(ModuleCommand::Run { name, debug }) => {
            return process::run(&registry, name, *debug);
        }
        Command::Module(ModuleCommand::Guard { run, .. }) => {
            return guard::watch(&run.to_string_lossy());
        }
        Command::Module(ModuleCommand::TakeoverCheck) => return state::check(registry.natives()),
        _ => {}
    }
    finish(dispatch(&source, command, registry))
}

/// Prints the requested help, or what is wrong with the command line, and exits.
fn parse() -> CommandLine {
    let read = CommandLine::from_arg_matches(&help::command().get_matches());
    read.unwrap_or_else(|error| error.exit())
}

fn dispatch(source: &SourceOptions, command: Command, registry: Registry) -> Result<(), Failure> {
    let sources = Sources::new(source.home.as_deref(), &source.config, source.node_id.as_deref())
        .map_err(|error| Failure::configuration(&error))?;
    if let Some(home) = &sources.home {
        home.leave_root().map_err(|error| Failure::configuration(&error))?;
    }
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
        Command::ConsoleUrl { view } => console_access::url(&program, view),
        Command::ConsoleApi => console_access::api(),
        Command::ConsoleToken { name, role } => console_access::token(&name, role),
        Command::Config(ConfigCommand::Get { name }) => settings::get(&program, &name),
        Command::Config(ConfigCommand::Describe { text, json, markdown }) => {
            settings::describe(text.as_deref().unwrap_or_default(), json, markdown)
        }
        Command::Config(ConfigCommand::List { prefix, origin, json }) => {
            settings::list(&program, prefix.as_deref(), origin, json)
        }
        Command::Task(command) => task::run(&program, command),
        Command::Event(command) => event::run(&program, &command),
        Command::Cron(command) => cron::run(&program, &command),
        Command::Worker(command) => worker::run(&program, command),
        Command::Db(command) => db::run(&program, &command),
        Command::Check => check::run(&program),
        Command::Quickstart { directory } => quickstart::run(program.registry, &directory),
        Command::Completions { shell } => {
            help::completions(shell);
            Ok(())
        }
        Command::Man { directory: Some(directory), .. } => help::manuals(&directory),
        Command::Man { command, directory: None } => help::manual(&command),
        Command::Module(_) => Ok(()),
    }
}

fn finish(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    match failure.text.as_str() {
        "" => {}
        // Standard error is a log file by now, or the caller's; standard output is the caller's.
        text if daemonize::is_background() => {
            tracing::error!("{text}");
            terminal::print(text);
        }
        text => warn(text),
    }
    ExitCode::from(failure.code)
}

/// The name by which the caller called this program, for the commands that it prints.
fn called() -> String {
    env::args().next().unwrap_or_else(|| "otrsd".to_owned())
}
