//! Sockets in the file system: made with their mode, and met with a look at who listens.

use std::{io, os::unix::net::UnixStream, path::Path};

use nix::{
    sys::{
        socket::{getsockopt, sockopt::PeerCredentials},
        stat::{Mode, umask},
    },
    unistd::geteuid,
};

use crate::{config::trust, supervisor::control::short};

/// Binds a socket that has its mode from its first moment on.
pub(crate) fn bind<T>(
    path: &Path,
    mode: u32,
    bind: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let before = umask(Mode::from_bits_truncate(0o777 & !mode));
    let bound = short(path, bind);
    umask(before);
    bound
}

/// Connects to the daemon that listens on a socket.
///
/// # Errors
///
/// Nothing listens there, or a user who is neither this one nor root, nor, if root asks, the owner of the directory.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = short(path, |path| UnixStream::connect(path))?;
    let server = getsockopt(&stream, PeerCredentials)?.uid();
    let own = geteuid();
    let owner = || path.parent().filter(|_| own.is_root()).and_then(trust::owner);
    if server == 0 || server == own.as_raw() || Some(server) == owner() {
        return Ok(stream);
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("it is a socket of user {server}, which is not the daemon's: remove it"),
    ))
}
