//! The sending side of systemd's notification protocol: the supervisor notifies the service manager, a module notifies
//! the supervisor. A message is a datagram of `KEY=value` lines to the socket in `NOTIFY_SOCKET`.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// The variable that names the socket (`sd_notify(3)`).
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `lines` to the parent's socket; without a socket no notification was requested.
pub(crate) fn send(lines: &str) -> io::Result<()> {
    let Some(name) = env::var_os(SOCKET) else { return Ok(()) };
    let name = name.as_encoded_bytes();
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    // The kernel queues ten datagrams: a busy receiver makes the sender wait, a dead one only up to the timeout.
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(lines.as_bytes(), &address)?;
    Ok(())
}
