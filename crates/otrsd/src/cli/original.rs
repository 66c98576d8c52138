//! The command line of `otrs.Daemon.pl`, `znuny.Daemon.pl` and `otobo.Daemon.pl`, for calls by one of these names.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::{
    Failure, Program,
    lifecycle::{self, Started},
    terminal::print,
};
use crate::{
    config::{daemon_paths::DaemonPaths, sources::Sources},
    logs::warn,
    module::registry::Registry,
    process::pid_file,
    supervisor::daemonize,
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
    let is_module = env::args_os().nth(1).is_some_and(|argument| argument == "module");
    Some(name_of(Path::new(&called))?.to_owned()).filter(|_| !is_module)
}

/// The original's name for a path. A link from one of the names to another stands for the other: in Znuny 7,
/// `otrs.Daemon.pl` is a link to `znuny.Daemon.pl`.
fn name_of(path: &Path) -> Option<&'static str> {
    let known = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        NAMES.iter().map(|(known, ..)| *known).find(|known| *known == name)
    };
    let name = known(path)?;
    Some(fs::read_link(path).ok().and_then(|target| known(&target)).unwrap_or(name))
}

/// The request of a command line of the original.
#[derive(Debug, Eq, PartialEq)]
enum Asked {
    /// `debug`: the modules to debug, all if none is named.
    Start {
        debug: Option<Vec<String>>,
        foreground: bool,
    },
    Stop {
        force: bool,
    },
    Status,
    Usage,
    /// The usage, after an error about this word.
    Invalid(String),
}

/// Parses the words after the name. For Znuny, as in Znuny since 7.1, options may be anywhere, and other words are
/// names of modules.
fn asked(product: &str, words: &[&str]) -> Asked {
    let Some((action, rest)) = words.split_first() else { return Asked::Usage };
    let lower: Vec<String> = rest.iter().map(|word| word.to_lowercase()).collect();
    if product == "Znuny" {
        let has = |option: &str| lower.iter().any(|word| word == option);
        let is_name = |(_, lower): &(&&str, &String)| !OPTIONS.contains(&lower.as_str());
        let given = rest.iter().zip(&lower).filter(is_name);
        let names = given.map(|(name, _)| (*name).to_owned()).collect();
        return match action.to_lowercase().as_str() {
            "start" => Asked::Start {
                debug: has("--debug").then_some(names),
                foreground: has("--foreground"),
            },
            "stop" => Asked::Stop { force: has("--force") },
            "status" => Asked::Status,
            _ => Asked::Usage,
        };
    }
    let first = lower.first().map(String::as_str);
    match (action.to_lowercase().as_str(), first) {
        ("start", None) => Asked::Start { debug: None, foreground: false },
        ("start", Some("--debug")) => {
            let names = rest[1..].iter().map(|name| (*name).to_owned()).collect();
            Asked::Start { debug: Some(names), foreground: false }
        }
        // Not in the original; but callers of these names need it too.
        ("start", Some("--foreground")) => Asked::Start { debug: None, foreground: true },
        ("stop", None) => Asked::Stop { force: false },
        ("stop", Some("--force")) => Asked::Stop { force: true },
        ("status", None) => Asked::Status,
        (_, Some(option)) if option != "--help" => Asked::Invalid(rest[0].to_owned()),
        _ => Asked::Usage,
    }
}

/// Those of Znuny 7.1.
const OPTIONS: [&str; 3] = ["--debug", "--force", "--foreground"];

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
    match asked(product, &words) {
        Asked::Start { debug, foreground } => start(program, debug, foreground),
        Asked::Stop { force } => stop(&program.find_daemon()?, force),
        Asked::Status => status(&program),
        Asked::Usage => usage(&program, name, product),
        Asked::Invalid(word) => {
            warn(&format!("Invalid option: {word}\n"));
            usage(&program, name, product)
        }
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

/// The original prints this right after the signal; here it is true when it is printed.
fn stop(place: &DaemonPaths, force: bool) -> Result<(), Failure> {
    lifecycle::stop_and_wait(place, force, |_| {})?;
    print("Daemon stopped\n");
    Ok(())
}

fn usage(program: &Program, name: &str, product: &str) -> Result<(), Failure> {
    let log = program.load()?.log.directory;
    let log = log.display();
    let (option, foreground) = match product {
        "Znuny" => (" [--foreground]", "\n [--foreground]         - Run the daemon in foreground."),
        _ => ("", ""),
    };
    print(&format!(
        "\
Usage:
 {name} action [--debug] [--force]{option}

Options:
 [--debug]              - Run the daemon in debug mode.
 [--force]              - Reduce the time the main daemon waits other daemons to stop.{foreground}

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_asked_for() {
        let start = |debug: Option<&[&str]>, foreground| {
            let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            Asked::Start { debug: debug.map(names), foreground }
        };
        let invalid = |word: &str| Asked::Invalid(word.to_owned());
        for (words, others, znuny) in [
            ("", Asked::Usage, Asked::Usage),
            ("START", start(None, false), start(None, false)),
            ("start --debug A B", start(Some(&["A", "B"]), false), start(Some(&["A", "B"]), false)),
            ("start --foreground", start(None, true), start(None, true)),
            ("start A --Debug B", invalid("A"), start(Some(&["A", "B"]), false)),
            ("start --foreground --debug", start(None, true), start(Some(&[]), true)),
            ("start --bogus", invalid("--bogus"), start(None, false)),
            ("stop now --force", invalid("now"), Asked::Stop { force: true }),
            ("stop", Asked::Stop { force: false }, Asked::Stop { force: false }),
            ("status --force", invalid("--force"), Asked::Status),
            ("status --help", Asked::Usage, Asked::Status),
            ("--debug start", invalid("start"), Asked::Usage),
        ] {
            let words: Vec<&str> = words.split_whitespace().collect();
            for product in ["OTRS", "OTOBO"] {
                assert_eq!(asked(product, &words), others, "{words:?}");
            }
            assert_eq!(asked("Znuny", &words), znuny, "{words:?}");
        }
    }

    #[test]
    fn a_link_to_another_name_means_that_one() {
        let bin = tempfile::tempdir().unwrap();
        let path = |name: &str| bin.path().join(name);
        symlink("/usr/bin/otrsd", path("znuny.Daemon.pl")).unwrap();
        symlink("znuny.Daemon.pl", path("otrs.Daemon.pl")).unwrap();
        for (name, expected) in [
            ("znuny.Daemon.pl", Some("znuny.Daemon.pl")),
            ("otrs.Daemon.pl", Some("znuny.Daemon.pl")),
            ("otobo.Daemon.pl", Some("otobo.Daemon.pl")),
            ("otrsd", None),
        ] {
            assert_eq!(name_of(&path(name)), expected, "{name}");
        }
    }
}
