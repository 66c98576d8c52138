//! A word on this node that there may be work: an empty datagram to a socket beside the PID file, or in an installation
//! what its Perl does after an addition.
//!
//! A hint, as those of the database are: nobody listens, the queue is full, and nothing is lost, since the
//! worker looks in any case. Two lives of a worker speak by it, too: of which of them claims.

use std::{
    fs, future,
    io::{self, ErrorKind},
    os::unix::net,
    path::Path,
    process,
};

use anyhow::Context as _;
use sysconfig::SysConfig;
use tokio::net::UnixDatagram;

use crate::{config::daemon_paths::DaemonPaths, home::adds::Adds, logs, process::socket};

/// The socket of one life, until the next one binds its own.
#[derive(Debug)]
pub(super) struct Wake {
    place: DaemonPaths,
    socket: Option<UnixDatagram>,
    /// To the life that listened before.
    predecessor: Option<net::UnixDatagram>,
    adds: Option<Adds>,
}

/// What was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// There may be work.
    Work,
    /// By the next life: it can claim.
    Here,
    /// By the life before: it claims no more.
    Yours,
}

impl Wake {
    /// Listens from now on; who cannot is told, and goes without.
    pub(super) fn listen(settings: &SysConfig) -> Self {
        Self { adds: Adds::of(settings), ..Self::at(DaemonPaths::named(settings)) }
    }

    fn at(place: DaemonPaths) -> Self {
        let predecessor = socket::sender(&place.wake()).ok();
        let socket = bind(&place.wake());
        let socket = socket.inspect_err(|error| logs::warn(&format!("{error:#}"))).ok();
        Self { place, socket, predecessor, adds: None }
    }

    /// Resolves when somebody said something.
    pub(super) async fn heard(&mut self) -> Word {
        let adds = async {
            match &mut self.adds {
                Some(adds) => adds.heard().await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            word = word(self.socket.as_ref()) => word,
            () = adds => Word::Work,
        }
    }

    /// Tells the life that listens now: this one's successor, if there is one.
    pub(super) fn tell(&self) {
        tell(&self.place, Word::Work);
    }

    /// Tells the successor that this life claims no more.
    pub(super) fn offer(&self) {
        tell(&self.place, Word::Yours);
    }

    /// Tells the life before that this one can claim; false if nobody can hear it.
    pub(super) fn announce(&self) -> bool {
        self.predecessor
            .as_ref()
            .is_some_and(|predecessor| predecessor.send(Word::Here.bytes()).is_ok())
    }
}

impl Word {
    fn of(bytes: &[u8]) -> Self {
        let words = [Self::Here, Self::Yours];
        words.into_iter().find(|word| word.bytes() == bytes).unwrap_or(Self::Work)
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Work => b"",
            Self::Here => b"h",
            Self::Yours => b"y",
        }
    }
}

async fn word(socket: Option<&UnixDatagram>) -> Word {
    let Some(socket) = socket else { return future::pending().await };
    let mut byte = [0];
    let mut heard = match socket.recv(&mut byte).await {
        Ok(length) => Word::of(&byte[..length]),
        Err(_) => return future::pending().await,
    };
    // What was said meanwhile is answered by the same look.
    while let Ok(length) = socket.try_recv(&mut byte) {
        heard = Some(Word::of(&byte[..length])).filter(|it| *it != Word::Work).unwrap_or(heard);
    }
    heard
}

fn tell(place: &DaemonPaths, word: Word) {
    let _ = socket::sender(&place.wake()).and_then(|socket| socket.send(word.bytes()));
}

/// Bound under another name first: whoever sends meanwhile meets the old socket or the new one.
fn bind(path: &Path) -> anyhow::Result<UnixDatagram> {
    let fresh = path.with_extension(format!("wake.{}", process::id()));
    let listen = || -> io::Result<UnixDatagram> {
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = socket::bind(&fresh, 0o600, |path| UnixDatagram::bind(path))?;
        fs::rename(&fresh, path)?;
        Ok(socket)
    };
    listen().with_context(|| format!("cannot listen on {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::Duration};

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn place(directory: &Path) -> DaemonPaths {
        DaemonPaths { directory: directory.to_owned(), node_id: 1 }
    }

    #[tokio::test]
    async fn the_newest_life_hears_it_once() {
        let directory = tempfile::tempdir().unwrap();
        // Longer than a socket address holds.
        let long = directory.path().join("d".repeat(120));
        fs::create_dir(&long).unwrap();
        for directory in [directory.path(), &long] {
            let place = place(directory);
            let predecessor = Wake::at(place.clone());
            let mut successor = Wake::at(place.clone());
            let mode = fs::metadata(place.wake()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            predecessor.tell();
            tell(&place, Word::Work);
            assert_eq!(timeout(SOON, successor.heard()).await.unwrap(), Word::Work);
            let hears = |wake: &Wake| wake.socket.as_ref().unwrap().try_recv(&mut [0]).is_ok();
            assert!(!hears(&successor) && !hears(&predecessor));
        }
    }

    #[tokio::test]
    async fn two_lives_agree_who_claims() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path());
        let mut predecessor = Wake::at(place.clone());
        assert!(!predecessor.announce(), "there was nobody before");
        tell(&place, Word::Work);
        let mut successor = Wake::at(place.clone());
        assert!(successor.announce());
        assert_eq!(timeout(SOON, predecessor.heard()).await.unwrap(), Word::Here);
        predecessor.offer();
        tell(&place, Word::Work);
        assert_eq!(timeout(SOON, successor.heard()).await.unwrap(), Word::Yours);
    }

    #[tokio::test]
    async fn nobody_who_listens_or_a_full_queue_is_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path());
        tell(&place, Word::Work);
        let mut wake = Wake::at(place.clone());
        for _ in 0..10_000 {
            tell(&place, Word::Work);
        }
        timeout(SOON, wake.heard()).await.unwrap();
        drop(wake);
        tell(&place, Word::Work);
    }
}
