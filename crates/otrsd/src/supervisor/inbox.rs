//! The messages of modules to the supervisor: the receiving side of systemd's notification protocol.
//!
//! The socket has a random abstract name, so that modules of other users can reach it. The kernel attests the sender of
//! a message, and only messages of a module's own process count.

use std::{
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
        linux::net::SocketAddrExt as _,
        unix::net::UnixDatagram as StdDatagram,
    },
    time::Duration,
};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, bind, setsockopt, socket, sockopt::PassCred,
};
use tokio::{io::Interest, net::UnixDatagram, time::sleep};

use super::datagram::{Message, receive};

/// The receiving socket.
pub(super) struct Inbox {
    socket: UnixDatagram,
    /// The address in the form of `NOTIFY_SOCKET`.
    pub(super) address: String,
}

impl Inbox {
    pub(super) fn open() -> anyhow::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        // The kernel chooses a free name.
        bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
        setsockopt(&socket, PassCred, &true)?;
        Self::listen(socket)
    }

    /// Listens on a bound socket: a new one, or that of an earlier image.
    pub(super) fn listen(socket: OwnedFd) -> anyhow::Result<Self> {
        let socket = StdDatagram::from(socket);
        let address = socket.local_addr()?;
        let name = address.as_abstract_name().unwrap_or_default();
        let address = format!("@{}", String::from_utf8_lossy(name));
        Ok(Self { socket: UnixDatagram::from_std(socket)?, address })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The next message. No message can end the supervisor, whatever its sender.
    pub(super) async fn next(&self) -> Message {
        loop {
            let received = self.socket.async_io(Interest::READABLE, || receive(self.descriptor()));
            match received.await {
                Ok(message) => return message,
                Err(error) => {
                    tracing::debug!("a message was not understood: {error}");
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    /// A message that has already arrived. Asks the kernel, because the event loop may not know of it yet.
    pub(super) fn try_next(&self) -> Option<Message> {
        receive(self.descriptor()).ok()
    }
}
