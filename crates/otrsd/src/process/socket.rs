//! Sockets in the file system: bound with their mode, and connected to with a check of the listening process.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::net::{UnixDatagram, UnixStream},
    },
    path::Path,
};

use nix::{
    sys::{
        socket::{getsockopt, sockopt::PeerCredentials},
        stat::{Mode, umask},
    },
    unistd::geteuid,
};

use crate::file_trust;

/// Binds a socket that has its mode from the first moment.
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
/// No process listens there, or its user is neither this one nor root, nor, if root asks, the owner of the directory.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = short(path, |path| UnixStream::connect(path))?;
    let server = getsockopt(&stream, PeerCredentials)?.uid();
    let own = geteuid();
    let owner = || path.parent().filter(|_| own.is_root()).and_then(file_trust::owner);
    if server == 0 || server == own.as_raw() || Some(server) == owner() {
        return Ok(stream);
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("it is a socket of user {server}, which is not the daemon's: remove it"),
    ))
}

/// A socket that sends datagrams to the one at that path, and never blocks.
///
/// # Errors
///
/// No process listens there.
pub(crate) fn sender(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    short(path, |path| socket.connect(path))?;
    Ok(socket)
}

/// Socket addresses hold 107 bytes; a longer path is reached through its directory's descriptor.
pub(crate) fn short<T>(path: &Path, use_it: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    const MAX_LENGTH: usize = 107;
    if path.as_os_str().len() <= MAX_LENGTH {
        return use_it(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return use_it(path);
    };
    let directory = File::open(directory)?;
    use_it(&Path::new(&format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}
