//! `start`, `stop`, `reload`, `restart`.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpid},
};
use sysconfig::Problem;

use super::{Failure, Program, failure::ALREADY_RUNNING, terminal::print};
use crate::{
    config::{Configuration, daemon_paths::DaemonPaths, sources::described},
    logs::warn,
    ops::daemon::{self, Replies},
    process::pid_file,
    supervisor::{
        Options,
        control::{Reply, Request},
        daemonize::{self, Begin},
        start::{self, StartError},
        status::Status,
    },
};

/// How long `start` waits for the modules; the daemon itself continues.
const SETTLE: Duration = Duration::from_secs(7);

const TAKE_OVER_ATTEMPTS: usize = 10;

/// The result of a start.
pub(super) enum Started {
    /// A daemon with these sources was already running.
    Already(Option<i32>),
    /// It runs in the background, with this configuration.
    Now(Box<Configuration>),
    /// It ran in this process, and has stopped.
    Ended,
}

pub(super) fn start(
    program: Program,
    foreground: bool,
    debug: Option<Vec<String>>,
) -> Result<(), Failure> {
    match begin(program, foreground, debug, false)? {
        Started::Already(pid) => print(&format!("{}\n", StartError::AlreadyRunning(pid))),
        Started::Now(configuration) => tell_how_modules_started(&configuration)?,
        Started::Ended => {}
    }
    Ok(())
}

/// Starts the daemon: in this process, or in the background. `original_signals`: INT and TERM have the meaning of the
/// original.
pub(super) fn begin(
    program: Program,
    foreground: bool,
    debug: Option<Vec<String>>,
    original_signals: bool,
) -> Result<Started, Failure> {
    let daemonized = daemonize::is_background();
    if foreground || daemonized || getpid().as_raw() == 1 {
        let options = Options { debug, daemonized, original_signals };
        return match start::run(options, program.registry.natives().clone(), program.sources) {
            // The requested state is reached: a cron job that starts it again and again gets no error.
            Err(StartError::AlreadyRunning(pid)) if !daemonized => Ok(Started::Already(pid)),
            ended => ended.map(|()| Started::Ended).map_err(Failure::from),
        };
    }
    let configuration = program.load()?;
    if let Some(place) = program.find_running(Some(&configuration.place))? {
        return Ok(Started::Already(pid_file::pid_in(&place.pid_file())));
    }
    match daemonize::into_background().map_err(anyhow::Error::from)? {
        Begin::Started => Ok(Started::Now(Box::new(configuration))),
        // Another start was faster.
        Begin::Failed(ALREADY_RUNNING, _) => {
            Ok(Started::Already(pid_file::pid_in(&configuration.place.pid_file())))
        }
        Begin::Failed(code, text) => Err(Failure { code, text }),
    }
}

fn tell_how_modules_started(configuration: &Configuration) -> Result<(), Failure> {
    let place = &configuration.place;
    let settled = follow(daemon::ask(place, &Request::Settle, Some(SETTLE))?, |_| {});
    let pid = pid_file::pid_in(&place.pid_file()).unwrap_or_default();
    let how = match settled {
        Ok(true) => format!(", {} modules running", configuration.modules.len()),
        Ok(false) => "; modules are still starting: see otrsd status".to_owned(),
        Err(failure) => format!(", but {}", failure.text),
    };
    print(&format!("started (PID {pid}){how}\n"));
    warn_of(&configuration.problems);
    tell_of_degraded(place);
    Ok(())
}

/// Reports the settings that are refused or ignored.
fn warn_of(problems: &[Problem]) {
    for problem in problems {
        warn(&format!("warning: {problem}"));
    }
}

/// A module that runs but does not serve is no failure: it recovers by itself when it can.
fn tell_of_degraded(place: &DaemonPaths) {
    let Ok(status) = daemon::status(place) else { return };
    for module in status.degraded() {
        let note = module.note.as_deref().unwrap_or_default();
        warn(&format!("warning: {} is degraded: {note}", module.name));
    }
}

pub(super) fn stop(program: &Program, force: bool) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    if stop_and_wait(&place, force, |text| print(&format!("{text}\n")))? {
        print("stopped\n");
    } else {
        print("not running\n");
    }
    Ok(())
}

/// Stops the daemon, that of otrsd or of the original, and waits for its end; false if none was running.
pub(super) fn stop_and_wait(
    place: &DaemonPaths,
    force: bool,
    tell: impl FnMut(&str),
) -> Result<bool, Failure> {
    let pid_path = place.pid_file();
    if !pid_file::is_running(&pid_path)? {
        return Ok(false);
    }
    let end = pid_file::End::of_daemon(&pid_path)?;
    match daemon::ask(place, &Request::Stop { force }, None) {
        // The connection ends with the supervisor.
        Ok(replies) => drop(follow(replies, tell)),
        Err(failure) => {
            let Some(pid) = pid_file::holder(&pid_path) else { return Err(failure.into()) };
            let signal = if force { Signal::SIGTERM } else { Signal::SIGINT };
            kill(Pid::from_raw(pid), signal).map_err(anyhow::Error::from)?;
        }
    }
    end.wait()?;
    Ok(true)
}

pub(super) fn reload(program: &Program) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    let tell = |text: &str| print(&format!("{text}\n"));
    let Status { image, sources, .. } = daemon::status(&place)?;
    let asked = program.sources.places_read();
    if sources != asked {
        let (read, asked) = (described(&sources), described(&asked));
        warn(&format!(
            "warning: the daemon reloads {read}, not {asked}; stop and start it to change its sources"
        ));
    }
    let settled = follow(daemon::ask(&place, &Request::Reload, None)?, tell);
    if !matches!(settled, Ok(false)) {
        warn_of(&daemon::status(&place)?.configuration_problems);
        settled?;
        print("reloaded\n");
        tell_of_degraded(&place);
        return Ok(());
    }
    // The connection ended because another program takes over; the socket stays. A second request reports problems of
    // the configuration. At first, the old program may still be listening.
    let mut settled = Ok(false);
    for _ in 0..TAKE_OVER_ATTEMPTS {
        settled = follow(daemon::ask(&place, &Request::Reload, None)?, tell);
        if !matches!(settled, Ok(false)) {
            break;
        }
    }
    let status = daemon::status(&place)?;
    if status.image == image {
        return Err(Failure::failed(
            "the new program could not take over: see the supervisor's log",
        ));
    }
    settled?;
    warn_of(&status.configuration_problems);
    print("reloaded; the new program took over\n");
    tell_of_degraded(&place);
    Ok(())
}

pub(super) fn restart(program: &Program, module: Option<String>) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    let replies = daemon::ask(&place, &Request::Restart { module }, None)?;
    follow(replies, |text| print(&format!("{text}\n")))?;
    print("restarted\n");
    tell_of_degraded(&place);
    Ok(())
}

/// Reads the replies to their end; returns whether the supervisor reported success.
fn follow(replies: Replies, mut tell: impl FnMut(&str)) -> Result<bool, Failure> {
    for reply in replies {
        match reply {
            Reply::Event { text } => tell(&text),
            Reply::Done => return Ok(true),
            Reply::Failed { text } => return Err(Failure::failed(text)),
            Reply::Status(_) | Reply::Replacing => {}
        }
    }
    Ok(false)
}
