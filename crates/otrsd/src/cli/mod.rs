//! The command line: one match; what there is stands in `arguments`.

mod arguments;
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

use std::{env, process::ExitCode};

use clap::Parser as _;

use self::{
    arguments::{Command, CommandLine, ConfigCommand, ModuleCommand, SourceOptions},
    failure::Failure,
};
use crate::{
    config::{self, Configuration, place::Place, sources::Sources},
    logs::complain,
    module::{process, registry::Registry},
    supervisor::{guard, pid_file, replace},
};

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
        let pid_file = guard::find_pid_file(&self.sources);
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
