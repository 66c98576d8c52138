//! SQLite: whoever commits writes the log file beside the database, and the kernel tells us.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe::Receiver;

use crate::error::{Error, Result};

pub(super) struct FileWatch {
    inotify: Inotify,
    /// The same descriptor, as the one kind that tokio waits for without unsafe code.
    ready: Receiver,
    /// The names of database and log in their directory.
    names: [OsString; 2],
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
            inotify.add_watch(directory, AddWatchFlags::IN_MODIFY)?;
            let same = File::from(inotify.as_fd().try_clone_to_owned()?);
            Ok((inotify, Receiver::from_file_unchecked(same)?))
        };
        let (inotify, ready) = watch().map_err(|error| {
            Error::Unavailable(format!("cannot watch {}: {error}", database.display()))
        })?;
        Ok(Self { inotify, ready, names: [name, log] })
    }

    /// Waits until database or log were written.
    pub(super) async fn changed(&self) -> Result<()> {
        loop {
            self.ready.readable().await.map_err(failed)?;
            let ours = self.read().map_err(failed)?;
            // With no event left, this tells tokio to wait for the next one; with one left, one byte is too
            // small for it, and it stays.
            let _ = self.ready.try_read(&mut [0]);
            if ours {
                return Ok(());
            }
        }
    }

    /// Whether one of the waiting events is about our files.
    fn read(&self) -> io::Result<bool> {
        let events = match self.inotify.read_events().map_err(io::Error::from) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            events => events?,
        };
        let ours = |name: &OsString| self.names.contains(name);
        Ok(events.iter().any(|event| event.name.as_ref().is_some_and(ours)))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> Error {
    Error::Unavailable(format!("file watch: {error}"))
}
