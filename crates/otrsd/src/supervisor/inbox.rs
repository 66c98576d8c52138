//! What modules tell the supervisor: systemd's notification protocol, the receiving side.
//!
//! The socket has a random abstract name, so that modules of other users reach it; the kernel says
//! who sent a message, and only a module's own process is heard.

use std::{
    io::{self, IoSliceMut},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        linux::net::SocketAddrExt as _,
        unix::net::UnixDatagram as StdDatagram,
    },
    time::Duration,
};

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, recvmsg,
    setsockopt, socket, sockopt::PassCred,
};
use tokio::{io::Interest, net::UnixDatagram, time::sleep};

/// A message is a few lines; more is cut off.
const LONGEST: usize = 4096;

/// As many as the kernel lets anybody attach (`SCM_MAX_FD`): none must stay open unseen.
const DESCRIPTORS: usize = 253;

/// The receiving socket.
pub(super) struct Inbox {
    socket: UnixDatagram,
    /// As `NOTIFY_SOCKET` wants it.
    pub(super) address: String,
}

/// One message of one process.
pub(super) struct Message {
    pub(super) pid: i32,
    pub(super) text: String,
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

    /// Listens on a bound socket, a new one or an earlier image's.
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

    /// The next message. What anybody sends, nothing of it ends the supervisor.
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

    /// A message that is already here. Asks the kernel: the event loop may not know of it yet.
    pub(super) fn try_next(&self) -> Option<Message> {
        receive(self.descriptor()).ok()
    }
}

fn receive(socket: RawFd) -> io::Result<Message> {
    let mut bytes = [0; LONGEST];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut space = nix::cmsg_space!(nix::libc::ucred, [RawFd; DESCRIPTORS]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<UnixAddr>(socket, &mut parts, Some(&mut space), flags)?;
    let mut pid = 0;
    for message in received.cmsgs()? {
        match message {
            ControlMessageOwned::ScmCredentials(sender) => pid = sender.pid(),
            ControlMessageOwned::ScmRights(descriptors) => descriptors.into_iter().for_each(close),
            _ => {}
        }
    }
    let length = received.bytes;
    Ok(Message { pid, text: String::from_utf8_lossy(&bytes[..length]).into_owned() })
}

/// Descriptors that a sender attached are nobody's: taken and closed.
#[expect(unsafe_code, reason = "received descriptors come as numbers")]
fn close(descriptor: RawFd) {
    // SAFETY: the kernel just gave us this descriptor, and nothing else knows of it.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
}
