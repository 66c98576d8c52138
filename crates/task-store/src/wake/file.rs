//! SQLite: whoever commits writes the log file beside the database, and the kernel tells us.

use std::io;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};

pub(super) struct FileWatch {
    events: AsyncFd<Events>,
    /// The names of database and log in their directory.
    names: [std::ffi::OsString; 2],
}

struct Events(Inotify);

impl std::os::fd::AsRawFd for Events {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsFd::as_fd(&self.0).as_raw_fd()
    }
}

impl FileWatch {
    /// Watches the directory: the log comes and goes with the connections.
    pub(super) fn new(database: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::Unavailable(format!("cannot watch {}: {error}", database.display()))
        };
        let name = database.file_name().unwrap_or_default().to_owned();
        let mut log = name.clone();
        log.push("-wal");
        let directory = database.parent().filter(|parent| !parent.as_os_str().is_empty());
        let watch = || {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            inotify
                .add_watch(directory.unwrap_or_else(|| Path::new(".")), AddWatchFlags::IN_MODIFY)?;
            AsyncFd::with_interest(Events(inotify), Interest::READABLE)
        };
        Ok(Self { events: watch().map_err(failed)?, names: [name, log] })
    }

    /// Waits until database or log were written.
    pub(super) async fn changed(&self) -> Result<()> {
        let failed = |error: io::Error| Error::Unavailable(format!("file watch: {error}"));
        loop {
            let mut ready = self.events.readable().await.map_err(failed)?;
            let read =
                ready.try_io(|events| events.get_ref().0.read_events().map_err(io::Error::from));
            let Ok(events) = read else { continue };
            let ours = |name: &std::ffi::OsString| self.names.contains(name);
            if events.map_err(failed)?.iter().any(|event| event.name.as_ref().is_some_and(ours)) {
                return Ok(());
            }
        }
    }
}
