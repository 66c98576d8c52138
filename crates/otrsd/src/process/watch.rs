//! A kernel watch for files and directories (inotify).

use std::{fs::File, io, os::fd::AsFd as _, path::Path};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};
use tokio::net::unix::pipe::Receiver;

/// A set of watched files and directories.
#[derive(Debug)]
pub(crate) struct Watch {
    inotify: Inotify,
    /// The same descriptor, in the one form for which tokio can wait without unsafe code.
    ready: Receiver,
}

impl Watch {
    /// A watch without any file or directory yet.
    pub(crate) fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let same = File::from(inotify.as_fd().try_clone_to_owned()?);
        Ok(Self { inotify, ready: Receiver::from_file_unchecked(same)? })
    }

    /// Watches for files of a directory that are written, replaced or removed.
    pub(crate) fn changes_in(&self, directory: &Path) -> anyhow::Result<()> {
        let what = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        let watched = self.inotify.add_watch(directory, what);
        watched.with_context(|| format!("cannot watch {}", directory.display()))?;
        Ok(())
    }

    /// Watches for writes into the files of a directory.
    pub(crate) fn writes_in(&self, directory: &Path) -> anyhow::Result<()> {
        let what = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        let watched = self.inotify.add_watch(directory, what);
        watched.with_context(|| format!("cannot watch {}", directory.display()))?;
        Ok(())
    }

    /// Watches one more path for the events `what`.
    pub(crate) fn also(&self, place: &Path, what: AddWatchFlags) -> io::Result<()> {
        self.inotify.add_watch(place, what)?;
        Ok(())
    }

    /// Watches for the removal of a file.
    pub(crate) fn end_of(&self, file: &Path) -> io::Result<()> {
        let what = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
        self.inotify.add_watch(file, what)?;
        Ok(())
    }

    /// Waits until an event occurred.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        self.ready.readable().await?;
        loop {
            match self.inotify.read_events() {
                Ok(_) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // With no event left, this makes tokio wait for the next one.
        let _ = self.ready.try_read(&mut [0]);
        Ok(())
    }
}
