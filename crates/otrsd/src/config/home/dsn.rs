//! The database of an installation: its DSN, as Perl's DBI reads it, is converted to a URL.

use std::fmt::Write as _;

/// The database access of an installation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) dsn: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

impl Access<'_> {
    /// The URL, or why there is none.
    pub(crate) fn url(self) -> Result<String, String> {
        let (driver, rest) = self
            .dsn
            .strip_prefix("DBI:")
            .or_else(|| self.dsn.strip_prefix("dbi:"))
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(|| format!("'{}' is no DSN like DBI:Pg:dbname=otrs", self.dsn))?;
        let parts = Parts::of(rest);
        match driver {
            "Pg" => Ok(parts.postgres(self)),
            "mysql" | "MariaDB" => Ok(parts.mysql(self)),
            "Oracle" => {
                Err("Oracle is not supported; PostgreSQL, MariaDB and MySQL are".to_owned())
            }
            other => Err(format!("driver '{other}' is not supported; Pg, mysql and MariaDB are")),
        }
    }
}

/// `key=value` pairs, separated by semicolons; a word alone is the database's name.
#[derive(Debug, Default)]
struct Parts<'a> {
    name: &'a str,
    host: Option<&'a str>,
    port: Option<&'a str>,
    socket: Option<&'a str>,
    tls: Vec<(&'static str, &'a str)>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or(("database", part));
            match key.trim() {
                "dbname" | "database" | "db" => parts.name = value,
                "host" => parts.host = Some(value),
                "port" => parts.port = Some(value),
                "mysql_socket" | "mariadb_socket" => parts.socket = Some(value),
                "sslmode" => parts.tls.push(("sslmode", value)),
                "sslrootcert" => parts.tls.push(("sslrootcert", value)),
                // Of two modes the last one counts.
                "mysql_ssl" | "mariadb_ssl" if value == "1" => {
                    parts.tls.insert(0, ("ssl-mode", "REQUIRED"));
                }
                "mysql_ssl_verify_server_cert" | "mariadb_ssl_verify_server_cert"
                    if value == "1" =>
                {
                    parts.tls.push(("ssl-mode", "VERIFY_IDENTITY"));
                }
                "mysql_ssl_ca_file" | "mariadb_ssl_ca_file" => parts.tls.push(("ssl-ca", value)),
                _ => {}
            }
        }
        parts
    }

    /// A DSN without a mode requires no verified TLS: a server that was reachable before must stay reachable.
    fn postgres(&self, dsn: Access<'_>) -> String {
        // Without a host, or with a directory as host, the client connects to a socket.
        match self.host {
            Some(host) if !host.starts_with('/') => {
                self.url("postgres", dsn, host, &[("sslmode", "prefer")])
            }
            Some(directory) => self.url("postgres", dsn, "localhost", &[("host", directory)]),
            None => self.url("postgres", dsn, "localhost", &[("host", "/var/run/postgresql")]),
        }
    }

    fn mysql(&self, dsn: Access<'_>) -> String {
        // The client of MySQL connects to the socket for localhost, unless a port is given.
        let is_local = self.host.is_none_or(|host| host.is_empty() || host == "localhost");
        let usual = Some("/run/mysqld/mysqld.sock").filter(|_| is_local && self.port.is_none());
        if let Some(socket) = self.socket.or(usual) {
            return self.url("mysql", dsn, "localhost", &[("socket", socket)]);
        }
        self.url("mysql", dsn, self.host.unwrap_or("localhost"), &[("ssl-mode", "PREFERRED")])
    }

    fn url(&self, scheme: &str, dsn: Access<'_>, host: &str, more: &[(&str, &str)]) -> String {
        let (user, password) = (encoded(dsn.user), encoded(dsn.password));
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let mut url = format!("{scheme}://{user}:{password}@{host}{port}/{}", encoded(self.name));
        let options = more.iter().copied().chain(self.tls.iter().copied());
        for (number, (key, value)) in options.enumerate() {
            let separator = if number == 0 { '?' } else { '&' };
            let _ = write!(url, "{separator}{key}={}", encoded(value));
        }
        url
    }
}

/// Decodes a password that was written by `Maint::Database::PasswordCrypt`: each byte is reversed, its lower half
/// first. Others stay as they are.
pub(crate) fn plain(password: &str) -> String {
    let inner = password.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(digits) = inner.and_then(|inner| inner.chars().map(|c| c.to_digit(16)).collect())
    else {
        return password.to_owned();
    };
    let digits: Vec<u32> = digits;
    let byte =
        |pair: &[u32]| u8::try_from(pair[0] | pair[1] << 4).map(|byte| !byte).unwrap_or_default();
    let bytes: Vec<u8> = digits.chunks_exact(2).map(byte).collect();
    // Perl reads bytes beyond ASCII as characters of the same numbers.
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
}

/// Percent-encodes everything that is not plain in every part of a URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_the_console() {
        for (text, expected) in [
            ("{c8ccc9d8a9b8fdfab1}", "s3cret P\u{e4}"),
            ("{}", ""),
            ("p@ss", "p@ss"),
            ("{not hex}", "{not hex}"),
            ("{c8", "{c8"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn what_perl_connects_to() {
        for (dsn, expected) in [
            (
                "DBI:Pg:dbname=otrs;host=127.0.0.1;",
                "postgres://otrs:p%40ss@127.0.0.1/otrs?sslmode=prefer",
            ),
            (
                "DBI:Pg:dbname=otrs;host=db.example.org;port=5433;sslmode=require",
                "postgres://otrs:p%40ss@db.example.org:5433/otrs?sslmode=prefer&sslmode=require",
            ),
            (
                "DBI:Pg:dbname=otrs",
                "postgres://otrs:p%40ss@localhost/otrs?host=%2Fvar%2Frun%2Fpostgresql",
            ),
            ("DBI:Pg:dbname=otrs;host=/tmp", "postgres://otrs:p%40ss@localhost/otrs?host=%2Ftmp"),
            (
                "DBI:mysql:database=otrs;host=db;port=3307;",
                "mysql://otrs:p%40ss@db:3307/otrs?ssl-mode=PREFERRED",
            ),
            (
                "DBI:mysql:otrs;host=127.0.0.1",
                "mysql://otrs:p%40ss@127.0.0.1/otrs?ssl-mode=PREFERRED",
            ),
            (
                "DBI:mysql:database=otrs;host=localhost;mysql_socket=/s.sock",
                "mysql://otrs:p%40ss@localhost/otrs?socket=%2Fs.sock",
            ),
            (
                "DBI:MariaDB:database=otrs;host=db;mariadb_ssl=1;mariadb_ssl_ca_file=/ca.pem",
                "mysql://otrs:p%40ss@db/otrs?ssl-mode=PREFERRED&ssl-mode=REQUIRED&ssl-ca=%2Fca.pem",
            ),
            (
                "DBI:mysql:database=otrs;host=db;mysql_ssl_verify_server_cert=1;mysql_ssl=1",
                "mysql://otrs:p%40ss@db/otrs?ssl-mode=PREFERRED&ssl-mode=REQUIRED&ssl-mode=VERIFY_IDENTITY",
            ),
        ] {
            let url = Access { dsn, user: "otrs", password: "p@ss" }.url();
            assert_eq!(url.as_deref(), Ok(expected), "{dsn}");
        }
        for (dsn, expected) in [
            ("DBI:Oracle://db:1521/otrs", "Oracle is not supported"),
            ("DBI:ODBC:x", "driver 'ODBC'"),
            ("nonsense", "no DSN"),
        ] {
            let error = Access { dsn, user: "", password: "" }.url().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
