//! systemd's notification protocol, the sending side: the supervisor tells the service manager, a
//! module tells the supervisor. A datagram of `KEY=value` lines to the socket in `NOTIFY_SOCKET`.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// The variable that names the socket (`sd_notify(3)`).
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";

/// Sends `lines` to whoever started this process; without a socket nobody asked.
pub(crate) fn send(lines: &str) -> io::Result<()> {
    let Some(name) = env::var_os(SOCKET) else { return Ok(()) };
    let name = name.as_encoded_bytes();
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::path::Path::new(env_path(name)))?,
    };
    let socket = UnixDatagram::unbound()?;
    // A listener that no longer reads must not hold up the sender's work.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(lines.as_bytes(), &address)?;
    Ok(())
}

fn env_path(name: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(name)
}
