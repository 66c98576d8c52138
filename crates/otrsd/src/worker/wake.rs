//! Wake-ups on this node: a hint that there may be work. It is an empty datagram to a socket beside the PID file, or in
//! an installation the effect of its Perl after an addition.
//!
//! Like those of the database, it is only a hint: without a receiver, or with a full queue, nothing is lost, since the
//! worker polls in any case. Two incarnations of a worker also use the socket to agree on which of them claims.

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

/// The socket of one incarnation, until its successor binds another one.
#[derive(Debug)]
pub(super) struct Wake {
    place: DaemonPaths,
    socket: Option<UnixDatagram>,
    /// To the incarnation that listened before.
    predecessor: Option<net::UnixDatagram>,
    adds: Option<Adds>,
}

/// A received message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// There may be work.
    Work,
    /// From the successor: it can claim.
    Here,
    /// From the predecessor: it has stopped claiming.
    Yours,
}

impl Wake {
    /// Listens from now on. If it cannot, it logs that, and works without hints.
    pub(super) fn listen(settings: &SysConfig) -> Self {
        Self { adds: Adds::of(settings), ..Self::at(DaemonPaths::named(settings)) }
    }

    fn at(place: DaemonPaths) -> Self {
        let predecessor = socket::sender(&place.wake()).ok();
        let socket = bind(&place.wake());
        let socket = socket.inspect_err(|error| logs::warn(&format!("{error:#}"))).ok();
        Self { place, socket, predecessor, adds: None }
    }

    /// Resolves at the next message.
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

    /// Wakes the incarnation that listens now: this one's successor, if there is one.
    pub(super) fn tell(&self) {
        tell(&self.place, Word::Work);
    }

    /// Tells the successor that this incarnation has stopped claiming.
    pub(super) fn offer(&self) {
        tell(&self.place, Word::Yours);
    }

    /// Announces to the predecessor that this incarnation can claim; false if none receives it.
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
    // Messages that arrived meanwhile are answered by the same check.
    while let Ok(length) = socket.try_recv(&mut byte) {
        heard = Some(Word::of(&byte[..length])).filter(|it| *it != Word::Work).unwrap_or(heard);
    }
    heard
}

fn tell(place: &DaemonPaths, word: Word) {
    let _ = socket::sender(&place.wake()).and_then(|socket| socket.send(word.bytes()));
}

/// Binds under another name first, so that a concurrent sender reaches either the old socket or the new one.
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
        assert!(!predecessor.announce(), "there is no predecessor");
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
