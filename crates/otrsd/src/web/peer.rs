//! The peer of a connection.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use nix::unistd::Uid;

/// The peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Peer {
    Tcp {
        ours: SocketAddr,
        theirs: SocketAddr,
    },
    /// As reported by the socket.
    Unix {
        uid: Option<u32>,
    },
}

impl Peer {
    /// For the log: with the user, which the kernel knows for local connections.
    pub(super) fn described(&self) -> String {
        let (place, uid) = match self {
            Self::Tcp { ours, theirs } => {
                let table = if ours.is_ipv4() { "tcp" } else { "tcp6" };
                let table = std::fs::read_to_string(format!("/proc/self/net/{table}"));
                (theirs.to_string(), table.ok().and_then(|table| user_in(&table, *theirs, *ours)))
            }
            Self::Unix { uid } => ("the Unix socket".to_owned(), uid.map(Uid::from_raw)),
        };
        uid.map_or_else(|| place.clone(), |uid| format!("{place} (user {uid})"))
    }
}

/// The user of a socket, from the kernel's socket table.
fn user_in(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<Uid> {
    let (local, remote) = (as_in_table(local), as_in_table(remote));
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let mut own = rows.filter(|row| row.get(1..3) == Some(&[local.as_str(), remote.as_str()]));
    own.next()?.get(7)?.parse().ok().map(Uid::from_raw)
}

/// An address in the kernel's format: its words in native byte order.
fn as_in_table(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.as_chunks::<4>().0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(*word));
    }
    format!("{text}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernel_knows_whose_connection_it_is() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:20F8 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 1 1 0 100\n   \
                     1: 0100007F:D6D8 0100007F:20F8 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 20\n";
        let [ours, theirs] = ["127.0.0.1:8440", "127.0.0.1:55000"].map(|it| it.parse().unwrap());
        if cfg!(target_endian = "little") {
            assert_eq!(user_in(table, theirs, ours), Some(Uid::from_raw(1000)));
        }
        assert_eq!(user_in(table, ours, theirs), None);
        for place in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(place) else { continue };
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, theirs) = listener.accept().unwrap();
            let peer = Peer::Tcp { ours: stream.local_addr().unwrap(), theirs };
            assert_eq!(peer.described(), format!("{theirs} (user {})", Uid::current()));
        }
    }
}
