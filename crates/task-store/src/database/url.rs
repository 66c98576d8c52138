//! The URL of a database: what it names, and what is wrong with it, found without asking a server.
//!
//! No message repeats what may be part of a password.

mod parameters;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use self::parameters::{
    ENCODE, MARIADB, MODES, POSTGRES, ROOTS, decoded, invalid, parameters, query_of,
};
use super::tls::Trust;
use crate::database::error::Result;

/// What the URL of a database names: a file, or a server with its addresses in the order in which they are tried.
///
/// A server on another host must have a certificate that is good for its name, unless the URL asks for less by
/// `sslmode` or `ssl-mode`.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(super) target: Target,
    password: Option<String>,
    roots: Option<PathBuf>,
}

impl fmt::Debug for DatabaseUrl {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.target).finish()
    }
}

#[derive(Clone, Debug)]
pub(super) enum Target {
    Sqlite(PathBuf),
    Postgres(Vec<Address<PgConnectOptions>>),
    MariaDb(Vec<Address<MySqlConnectOptions>>),
}

/// One address of a server.
#[derive(Clone)]
pub(super) struct Address<O> {
    /// For people: host and port.
    pub(super) name: String,
    pub(super) options: O,
}

impl<O> fmt::Debug for Address<O> {
    /// The drivers' options print the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl DatabaseUrl {
    /// Reads a URL: `sqlite:/PATH`, `postgres://…`, `mysql://…`, `mariadb://…`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) tells what is wrong with it.
    pub fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        let target = match scheme {
            "sqlite" => Target::Sqlite(sqlite(url, rest)?),
            "postgres" | "postgresql" => {
                Target::Postgres(addresses("postgres", rest, POSTGRES, quiet_postgres)?)
            }
            "mysql" | "mariadb" => Target::MariaDb(addresses(
                "mysql",
                rest,
                MARIADB,
                MySqlConnectOptions::disable_statement_logging,
            )?),
            _ => return invalid("it must start with sqlite:/, postgres:// or mysql://"),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_server = !matches!(target, Target::Sqlite(_));
        let of = |names: &[&str]| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.rfind(|(name, _)| is_server && names.contains(name));
            found.map(|(_, value)| decoded(&value.replace('+', " ")))
        };
        let user = place.rsplit_once('@').filter(|_| is_server);
        let password = user.and_then(|(user, _)| user.split_once(':'));
        let password =
            password.map(|(_, password)| decoded(password)).or_else(|| of(&["password"]));
        // The drivers take certificates in the place of a file's name too.
        let roots = of(&ROOTS).filter(|it| !it.starts_with("-----BEGIN")).map(PathBuf::from);
        Ok(Self { target, password, roots })
    }

    /// The file of SQLite.
    pub fn file(&self) -> Option<&Path> {
        match &self.target {
            Target::Sqlite(file) => Some(file),
            _ => None,
        }
    }

    /// The password, if the URL has one.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// With a password from elsewhere.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.target =
            self.target.map(|it| it.with_password(password), |it| it.with_password(password));
        self
    }

    /// The file of certificates, beside the system's, that those of servers may be signed by.
    pub fn roots(&self) -> Option<&Path> {
        self.roots.as_deref()
    }

    /// With the text of that file: it is not opened again.
    #[must_use]
    pub fn with_roots(mut self, pem: &[u8]) -> Self {
        self.target = self.target.map(|it| it.with_roots(pem), |it| it.with_roots(pem));
        self
    }

    /// The hosts elsewhere in whose place another could answer, and get the password: the URL asks for less than a
    /// verified certificate.
    pub fn unverified(&self) -> Vec<&str> {
        fn of<O: Trust>(addresses: &[Address<O>]) -> Vec<&str> {
            let at_risk = |it: &&Address<O>| !it.options.is_local() && !it.options.is_verified();
            addresses.iter().filter(at_risk).map(|it| it.name.as_str()).collect()
        }
        match &self.target {
            Target::Sqlite(_) => Vec::new(),
            Target::Postgres(addresses) => of(addresses),
            Target::MariaDb(addresses) => of(addresses),
        }
    }
}

impl Target {
    /// With other options at each address.
    fn map(
        self,
        postgres: impl Fn(PgConnectOptions) -> PgConnectOptions,
        mariadb: impl Fn(MySqlConnectOptions) -> MySqlConnectOptions,
    ) -> Self {
        fn each<O>(addresses: Vec<Address<O>>, change: impl Fn(O) -> O) -> Vec<Address<O>> {
            let changed = |Address { name, options }| Address { name, options: change(options) };
            addresses.into_iter().map(changed).collect()
        }
        match self {
            Self::Sqlite(file) => Self::Sqlite(file),
            Self::Postgres(addresses) => Self::Postgres(each(addresses, postgres)),
            Self::MariaDb(addresses) => Self::MariaDb(each(addresses, mariadb)),
        }
    }
}

/// Poolers refuse what they do not know at the start of a connection: no number of ours is a fraction.
fn quiet_postgres(options: PgConnectOptions) -> PgConnectOptions {
    let options = options.extra_float_digits(None).disable_statement_logging();
    if options.get_application_name().is_some() {
        return options;
    }
    options.application_name("otrsd")
}

fn sqlite(url: &str, rest: &str) -> Result<PathBuf> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    for (name, value) in parameters(query, &["mode"])? {
        if value != "rwc" {
            return invalid(format!("{name}: only rwc fits, which is what holds without it"));
        }
    }
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        "" => return invalid("it names no file"),
        ":memory:" => {
            return invalid("each process would have its own database in memory; name a file");
        }
        path if path.starts_with('~') => {
            return invalid("only a shell knows what ~ is; write the path out");
        }
        path if path.ends_with('/') => return invalid("it names a directory; name a file in it"),
        _ => {}
    }
    let file = SqliteConnectOptions::from_str(url)?.get_filename().to_path_buf();
    if file.is_absolute() {
        return Ok(file);
    }
    let file = file.display();
    invalid(format!(
        "{file} is no absolute path: the daemon and commands would each take it from the directory they run in"
    ))
}

/// The addresses of a server. What they have in common is in each.
fn addresses<O>(
    scheme: &str,
    rest: &str,
    known: &[&str],
    finish: fn(O) -> O,
) -> Result<Vec<Address<O>>>
where
    O: Trust,
{
    let Some(rest) = rest.strip_prefix("//") else { return invalid("after the scheme comes //") };
    if rest.contains('#') {
        return invalid(format!("it has a #; {ENCODE}"));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    if database.contains(['/', '@']) {
        return invalid(format!("the name of the database has a / or @; {ENCODE}"));
    }
    if database.is_empty() && scheme == "mysql" {
        return invalid("it names no database: mysql://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    let parameters = parameters(query, known)?;
    let is_placed =
        parameters.iter().any(|(name, _)| matches!(*name, "host" | "hostaddr" | "socket"));
    let is_asked = parameters.iter().any(|(name, _)| MODES.contains(name));
    let query = query_of(&parameters)?;
    let (user, hosts) = authority
        .rsplit_once('@')
        .map_or(("", authority), |(_, hosts)| authority.split_at(authority.len() - hosts.len()));
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.len() > 1 && is_placed {
        return invalid("several hosts are written before the database, without a parameter host");
    }
    let address = |host: &&str| {
        check_host(host, hosts.len() > 1)?;
        let options = O::from_str(&format!("{scheme}://{user}{host}/{database}{query}"));
        let options = finish(options?);
        let is_enough = is_asked || options.is_local();
        let options = if is_enough { options } else { options.verified() };
        Ok(Address { name: (*host).to_owned(), options })
    };
    hosts.iter().map(address).collect()
}

/// An address of a socket is written with codes, and has no port.
fn check_host(host: &str, must_be: bool) -> Result<()> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    if port.is_some_and(|port| !port.parse().is_ok_and(|port: u16| port > 0)) {
        return invalid(format!("a port is a number from 1 to 65535; {ENCODE}"));
    }
    if name.is_empty() && (must_be || port.is_some()) {
        return invalid("a host is missing: HOST, HOST:PORT, or several with commas between");
    }
    if name.contains(char::is_whitespace) {
        return invalid(format!("a host has a space in it; {ENCODE}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
