//! The host names of the console. Each session has a name of its own.

use super::Console;
use crate::config::{console::Listen, secret_hash::SecretHash};

const LOCAL: &str = ".localhost";

/// The kind of a host name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// `localhost` and addresses: every user of the host has ports there, and a browser sends a cookie to all of them.
    /// No session uses such a name.
    Shared,
    /// `NAME.localhost`, which browsers resolve to this host: the name of one session, unknown to other users.
    Own,
    /// One of `WebConsole::AllowedHosts`: that of a proxy, which terminates TLS.
    Proxy,
}

impl Kind {
    /// The name of the session's cookie. The prefix keeps it from connections without TLS.
    pub(super) fn cookie(self) -> Option<&'static str> {
        match self {
            Self::Shared => None,
            Self::Own => Some("otrsd"),
            Self::Proxy => Some("__Host-otrsd"),
        }
    }
}

/// The name in a `Host` header, without its port, and the port with its colon.
pub(super) fn split(host: &str) -> (String, &str) {
    let port = host.rfind(':').filter(|place| host[place + 1..].parse::<u16>().is_ok());
    let (name, port) = host.split_at(port.unwrap_or(host.len()));
    (name.to_ascii_lowercase(), port)
}

/// The kind of a name, with or without its port; `None`: it is not a name of the console.
pub(super) fn kind(console: &Console, name: &str, port: &str) -> Option<Kind> {
    let is_shared = match &console.web.listen {
        Listen::Tcp(address) => {
            ["localhost", "127.0.0.1", "[::1]"].contains(&name) || *name == address.ip().to_string()
        }
        Listen::Unix(_) => name == "localhost",
    };
    if is_shared {
        Some(Kind::Shared)
    } else if name.strip_suffix(LOCAL).is_some_and(|label| !label.is_empty()) {
        Some(Kind::Own)
    } else {
        let hosts = &console.web.hosts;
        (hosts.contains(name) || hosts.contains(&format!("{name}{port}"))).then_some(Kind::Proxy)
    }
}

/// A name for a new session.
///
/// # Errors
///
/// The kernel returns no random numbers.
pub(super) fn draw() -> anyhow::Result<String> {
    let (text, _) = SecretHash::draw()?;
    // 128 bits; a label of a name has at most 63 characters.
    Ok(format!("{}{LOCAL}", &text[..32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_and_a_port() {
        for (host, name, port) in [
            ("LocalHost:8440", "localhost", ":8440"),
            ("desk.example", "desk.example", ""),
            ("[::1]:8440", "[::1]", ":8440"),
            ("[::1]", "[::1]", ""),
            ("a:b", "a:b", ""),
            ("", "", ""),
        ] {
            assert_eq!(split(host), (name.to_owned(), port), "{host}");
        }
    }
}
