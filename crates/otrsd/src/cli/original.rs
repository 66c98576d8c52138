//! Called as `otrs.Daemon.pl`, `znuny.Daemon.pl` or `otobo.Daemon.pl`: exactly that command line.

use std::{
    env,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::{
    Failure, Program,
    lifecycle::{self, Started},
    terminal::print,
};
use crate::{
    config::{place::Place, sources::Sources},
    logs::complain,
    module::registry::Registry,
    supervisor::{daemonize, pid_file},
};

/// The names, with the product and its user.
const NAMES: [(&str, &str, &str); 3] = [
    ("otrs.Daemon.pl", "OTRS", "otrs"),
    ("znuny.Daemon.pl", "Znuny", "znuny"),
    ("otobo.Daemon.pl", "OTOBO", "otobo"),
];

/// The original's name that this process was called by, if it was.
pub(super) fn called_as() -> Option<String> {
    let called = env::args_os().next()?;
    let name = Path::new(&called).file_name()?.to_str()?.to_owned();
    let is_module = env::args_os().nth(1).is_some_and(|argument| argument == "module");
    (!is_module && NAMES.iter().any(|(known, ..)| *known == name)).then_some(name)
}

/// The installation that a link in its `bin` belongs to.
fn home() -> Option<PathBuf> {
    let called = PathBuf::from(env::args_os().next()?);
    let directory = std::path::absolute(called).ok()?.parent()?.parent()?.to_owned();
    directory.join("Kernel/Config.pm").is_file().then_some(directory)
}

/// Runs the original's command line.
pub(super) fn run(name: &str, registry: Registry) -> Result<(), Failure> {
    let Some((name, product, user)) = NAMES.iter().find(|(known, ..)| *known == name) else {
        return Err(Failure::usage(format!("{name} is unknown")));
    };
    let arguments: Vec<String> = env::args().skip(1).collect();
    let in_background = daemonize::is_background();
    if !in_background {
        print(&format!("\nManage the {product} daemon process.\n\n"));
    }
    if geteuid().is_root() {
        return Err(Failure::failed(format!(
            "Error: You cannot run {name} as root. \
             Please run it as the '{user}' user or with the help of su:\n  \
             su -c \"bin/{name} ...\" -s /bin/bash {user}"
        )));
    }
    let program = Program { registry, sources: Sources::new(home().as_deref(), &[], None)? };
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let lower = words.iter().take(2).map(|word| word.to_lowercase()).collect::<Vec<_>>();
    match lower.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["start"] => start(program, None, false),
        ["start", "--debug"] => start(program, Some(names(&words[2..])), false),
        // Of Znuny 7.1 and later.
        ["start", "--foreground"] => start(program, None, true),
        ["stop"] => stop(&program.find_daemon()?, false),
        ["stop", "--force"] => stop(&program.find_daemon()?, true),
        ["status"] => status(&program),
        [_, option] if *option != "--help" => {
            complain(&format!("Invalid option: {}\n", words[1]));
            usage(&program, name)
        }
        _ => usage(&program, name),
    }
}

fn status(program: &Program) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    if pid_file::is_running(&place.pid_file())? {
        print("Daemon running\n");
        return Ok(());
    }
    print("Daemon not running\n");
    Err(Failure::failed(""))
}

fn names(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn start(program: Program, debug: Option<Vec<String>>, foreground: bool) -> Result<(), Failure> {
    let is_debugged = debug.is_some();
    match lifecycle::begin(program, foreground, debug, true)? {
        Started::Already(_) => print("Daemon already running!\n"),
        Started::Ended => {}
        Started::Now(configuration) => {
            print("Daemon started\n");
            if is_debugged {
                let log = configuration.log.directory.display();
                print(&format!(
                    "\nDebug information is stored in the daemon log files localed under: {log}\n\n"
                ));
            }
        }
    }
    Ok(())
}

/// The original says so right after the signal; here it is true when it is said.
fn stop(place: &Place, force: bool) -> Result<(), Failure> {
    lifecycle::stop_and_wait(place, force, |_| {})?;
    print("Daemon stopped\n");
    Ok(())
}

fn usage(program: &Program, name: &str) -> Result<(), Failure> {
    let log = program.load()?.log.directory;
    let log = log.display();
    print(&format!(
        "\
Usage:
 {name} action [--debug] [--force]

Options:
 [--debug]              - Run the daemon in debug mode.
 [--force]              - Reduce the time the main daemon waits other daemons to stop.

Actions:
 start                  - Start the daemon process.
 stop                   - Stop the daemon process.
 status                 - Show daemon process current state.
 help                   - Display help for this command.

Help:
In debug mode if a daemon module is specified the debug mode will be activated only for that daemon.
Debug information is stored in the daemon log files localed under: {log}

 {name} start --debug SchedulerTaskWorker SchedulerCronTaskManager

Forced stop reduces the time the main daemon waits other daemons to stop from normal 30 seconds to 5.

 {name} stop --force

"
    ));
    Ok(())
}
