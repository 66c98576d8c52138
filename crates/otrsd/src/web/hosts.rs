//! The names by which a browser calls the console. Each session has one of its own.

use super::Console;
use crate::config::{console::Listen, secret_hash::SecretHash};

const LOCAL: &str = ".localhost";

/// What a name of the console is good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// `localhost` and addresses: each user of the host has ports there, and a browser sends a cookie to all of them. No
    /// session is here.
    Shared,
    /// `NAME.localhost`, which browsers take for this host: a session's own, whose name no other user knows.
    Own,
    /// One of `WebConsole::AllowedHosts`: a proxy's, which speaks TLS.
    Proxy,
}

impl Kind {
    /// The name of the session's cookie. The prefix keeps it from all that speaks no TLS.
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

/// What such a name is good for, with or without its port; `None`: the console is not called so.
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
/// The kernel gives no random numbers.
pub(super) fn draw() -> anyhow::Result<String> {
    let (text, _) = SecretHash::draw()?;
    // 128 bits; a label of a name has 63 characters at most.
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
