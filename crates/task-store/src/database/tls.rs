//! Whether a server is known to be the right one: by being on this host, or by a verified certificate.
//!
//! An impostor needs nothing else: it gets the password of every client that connects.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::database::error::Error;

/// The options of a driver, as far as they say whom it trusts.
pub(super) trait Trust: FromStr<Err = sqlx::Error> + Sized {
    /// Whether the server is reached without a network.
    fn is_local(&self) -> bool;
    /// Whether the server's certificate must be good, and be that of its name.
    fn is_verified(&self) -> bool;
    /// With a certificate that must be so.
    fn verified(self) -> Self;
    /// With certificates (PEM) beside the system's that those of servers may be signed by.
    fn with_roots(self, pem: &[u8]) -> Self;
    fn with_password(self, password: &str) -> Self;
}

impl Trust for PgConnectOptions {
    fn is_local(&self) -> bool {
        is_local(self.get_host(), self.get_socket().map(AsRef::as_ref))
    }

    fn is_verified(&self) -> bool {
        matches!(self.get_ssl_mode(), PgSslMode::VerifyFull)
    }

    fn verified(self) -> Self {
        let host = bare(self.get_host()).to_owned();
        self.host(&host).ssl_mode(PgSslMode::VerifyFull)
    }

    fn with_roots(self, pem: &[u8]) -> Self {
        self.ssl_root_cert_from_pem(pem.to_vec())
    }

    fn with_password(self, password: &str) -> Self {
        self.password(password)
    }
}

impl Trust for MySqlConnectOptions {
    fn is_local(&self) -> bool {
        is_local(self.get_host(), self.get_socket().map(AsRef::as_ref))
    }

    fn is_verified(&self) -> bool {
        matches!(self.get_ssl_mode(), MySqlSslMode::VerifyIdentity)
    }

    fn verified(self) -> Self {
        let host = bare(self.get_host()).to_owned();
        self.host(&host).ssl_mode(MySqlSslMode::VerifyIdentity)
    }

    fn with_roots(self, pem: &[u8]) -> Self {
        self.ssl_ca_from_pem(pem.to_vec())
    }

    fn with_password(self, password: &str) -> Self {
        self.password(password)
    }
}

fn is_local(host: &str, socket: Option<&Path>) -> bool {
    let host = bare(host);
    let is_loopback = || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    socket.is_some() || host.starts_with('/') || host == "localhost" || is_loopback()
}

/// An IPv6 address as certificates have it.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// What a connection failed by: to wait makes no certificate good.
pub(super) fn failure(error: sqlx::Error) -> Error {
    let why = match &error {
        sqlx::Error::Tls(why) => why.to_string(),
        // What the TLS library does not accept.
        sqlx::Error::Io(why) if why.kind() == io::ErrorKind::InvalidData => why.to_string(),
        _ => return error.into(),
    };
    Error::Refused(format!(
        "no verified TLS: {why}. A server on another host must show by a certificate that it is the right one: name what \
         signed it by sslrootcert (PostgreSQL) or ssl-ca (MariaDB) in the URL. Where the way to it is safe, ask for less by \
         sslmode or ssl-mode"
    ))
}
