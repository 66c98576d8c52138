//! SQLite: a commit writes the log file beside the database, and the kernel reports that.
//!
//! The log is written before the commit is complete. A worker that claims at once finds the database locked, and SQLite
//! sleeps for a millisecond or two before it retries. So our commits also touch the log at their end, and a worker waits for
//! that touch. Only if none comes, as after commits of other programs, the write itself counts.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent};
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, timeout_at};

use crate::database::error::{Error, Result};

/// How long a written log may wait for the touch.
const COMMIT_TIMEOUT: Duration = Duration::from_millis(2);

pub(crate) struct FileWatch {
    inotify: Inotify,
    /// The same descriptor, as the one kind that tokio waits for without unsafe code.
    ready: Receiver,
    /// The names of database and log in their directory.
    names: [OsString; 2],
    /// Until when a written log waits for the touch.
    due: Option<Instant>,
}

impl FileWatch {
    /// Watches the directory: the log comes and goes with the connections.
    pub(super) fn new(database: &Path) -> Result<Self> {
        let name = database.file_name().unwrap_or_default().to_owned();
        let mut log = name.clone();
        log.push("-wal");
        let directory = database.parent().filter(|parent| !parent.as_os_str().is_empty());
        let watch = || -> io::Result<(Inotify, Receiver)> {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            let directory = directory.unwrap_or_else(|| Path::new("."));
            inotify.add_watch(directory, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB)?;
            let same = File::from(inotify.as_fd().try_clone_to_owned()?);
            Ok((inotify, Receiver::from_file_unchecked(same)?))
        };
        let (inotify, ready) = watch().map_err(|error| {
            Error::Unavailable(format!("cannot watch {}: {error}", database.display()))
        })?;
        Ok(Self { inotify, ready, names: [name, log], due: None })
    }

    /// Waits until something was committed. May be cancelled.
    pub(super) async fn changed(&mut self) -> Result<()> {
        loop {
            let due = self.due;
            let seen = async { self.seen().await.map_err(failed) };
            let touched = match due {
                None => seen.await?,
                Some(due) => timeout_at(due, seen).await.unwrap_or(Ok(true))?,
            };
            if touched {
                self.due = None;
                return Ok(());
            }
            self.due = due.or_else(|| Some(Instant::now() + COMMIT_TIMEOUT));
        }
    }

    /// Waits for events about our files: whether one was touched, or only written.
    async fn seen(&self) -> io::Result<bool> {
        loop {
            self.ready.readable().await?;
            let events = self.read()?;
            // With no event left, this tells tokio to wait for the next one; with one left, one byte is too
            // small for it, and it stays.
            let _ = self.ready.try_read(&mut [0]);
            if !events.is_empty() {
                return Ok(events
                    .iter()
                    .any(|event| event.mask.contains(AddWatchFlags::IN_ATTRIB)));
            }
        }
    }

    /// The waiting events about our files.
    fn read(&self) -> io::Result<Vec<InotifyEvent>> {
        let mut events = match self.inotify.read_events().map_err(io::Error::from) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Vec::new()),
            events => events?,
        };
        let ours = |name: &OsString| self.names.contains(name);
        events.retain(|event| event.name.as_ref().is_some_and(ours));
        Ok(events)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> Error {
    Error::Unavailable(format!("file watch: {error}"))
}
