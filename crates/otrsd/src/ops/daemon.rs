//! Requests to the running supervisor, through its control socket.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use super::{Error, Result};
use crate::{
    config::daemon_paths::DaemonPaths,
    process::{pid_file, socket},
    supervisor::{
        control::{Reply, Request},
        status::Status,
    },
};

const DEADLINE: Duration = Duration::from_secs(10);

/// The replies to one request; they end when the supervisor has sent all of them.
pub(crate) struct Replies {
    lines: Lines<BufReader<UnixStream>>,
}

impl Iterator for Replies {
    type Item = Reply;

    /// An unreadable line or a passed deadline is the end.
    fn next(&mut self) -> Option<Reply> {
        serde_json::from_str(&self.lines.next()?.ok()?).ok()
    }
}

/// Asks for the daemon's status.
pub(crate) fn status(place: &DaemonPaths) -> Result<Status> {
    match ask(place, &Request::Status, Some(DEADLINE))?.next() {
        Some(Reply::Status(status)) => Ok(*status),
        _ => Err(Error::Conflict("the daemon did not answer in time".to_owned())),
    }
}

/// Sends `request`; each reply must come within `deadline`, if one is given.
///
/// # Errors
///
/// No daemon runs, or the running one does not reply: a Perl daemon has no control socket.
pub(crate) fn ask(
    place: &DaemonPaths,
    request: &Request,
    deadline: Option<Duration>,
) -> Result<Replies> {
    let path = place.socket();
    let mut stream = match socket::connect(&path) {
        Ok(stream) => stream,
        Err(error) => {
            let pid_path = place.pid_file();
            if !pid_file::is_running(&pid_path)? {
                return Err(Error::Conflict("not running".to_owned()));
            }
            let pid =
                pid_file::pid_in(&pid_path).map_or("unknown".to_owned(), |pid| pid.to_string());
            return Err(Error::Conflict(format!(
                "a daemon is running (PID {pid}), but {} does not answer: {error}. \
                 Is it another user's, or a Perl daemon?",
                path.display()
            )));
        }
    };
    let mut send = || -> anyhow::Result<()> {
        stream.set_read_timeout(deadline)?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        Ok(stream.write_all(&line)?)
    };
    send()?;
    Ok(Replies { lines: BufReader::new(stream).lines() })
}
