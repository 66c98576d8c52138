//! The URL of a database: what it names, and what is wrong with it, found without asking a server.
//!
//! No message repeats what may be part of a password.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::tls::Trust;
use crate::error::{Error, Result};

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

/// The parameters that a URL of PostgreSQL may have; `options[NAME]` too.
const POSTGRES: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
];

/// The parameters that a URL of MariaDB or MySQL may have.
const MARIADB: &[&str] = &[
    "charset",
    "collation",
    "socket",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslca",
    "sslcert",
    "sslkey",
    "sslmode",
    "statement-cache-capacity",
    "time-zone",
    "timezone",
];

/// How much is asked of a server's certificate.
const MODES: [&str; 2] = ["ssl-mode", "sslmode"];

/// Who may have signed it.
const ROOTS: [&str; 4] = ["ssl-ca", "ssl-root-cert", "sslca", "sslrootcert"];

/// Which server is wanted: ours is always one that takes writes.
const ATTRIBUTES: &str = "target_session_attrs";

const ENCODE: &str = "in a user or password, : is %3A, / is %2F, @ is %40, ? is %3F, # is %23";

impl DatabaseUrl {
    /// Reads a URL: `sqlite:/PATH`, `postgres://…`, `mysql://…`, `mariadb://…`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] tells what is wrong with it.
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

/// Percent-encoded bytes as they are.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|it| str::from_utf8(it).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Poolers refuse what they do not know at the start of a connection: no number of ours is a fraction.
fn quiet_postgres(options: PgConnectOptions) -> PgConnectOptions {
    let options = options.extra_float_digits(None).disable_statement_logging();
    if options.get_application_name().is_some() {
        return options;
    }
    options.application_name("otrsd")
}

fn invalid<T>(what: impl Into<String>) -> Result<T> {
    Err(Error::Invalid(format!("the URL of the database: {}", what.into())))
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

/// The names and values, of which each name is known.
fn parameters<'a>(query: &'a str, known: &[&str]) -> Result<Vec<(&'a str, &'a str)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut parameters = Vec::new();
    for (name, value) in pairs {
        let is_option = name.starts_with("options[") && known.contains(&"options");
        if !known.contains(&name) && !is_option {
            if query.contains('@') {
                return invalid(format!(
                    "a parameter is not known, or a ? is no parameter's; {ENCODE}"
                ));
            }
            let nearest = nearest(name, known).map_or_else(
                || format!("known are {}", known.join(", ")),
                |nearest| format!("did you mean {nearest}?"),
            );
            return invalid(format!("the parameter {name} is not known; {nearest}"));
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// The query as the driver knows it.
fn query_of(parameters: &[(&str, &str)]) -> Result<String> {
    let mut query = String::new();
    for (name, value) in parameters {
        if *name != ATTRIBUTES {
            query.push(if query.is_empty() { '?' } else { '&' });
            let _ = write!(query, "{name}={value}");
        } else if !matches!(*value, "any" | "primary" | "read-write") {
            return invalid(format!(
                "{ATTRIBUTES}: tasks are written, so it is read-write, with or without this parameter"
            ));
        }
    }
    Ok(query)
}

/// The known name that was meant, it seems.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let far = name.len() / 3 + 1;
    let near = known.iter().map(|it| (distance(name, it), *it)).filter(|(steps, _)| *steps <= far);
    near.min().map(|(_, it)| it)
}

/// How many letters must be changed, added or left out.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.bytes().enumerate() {
        let mut corner = line;
        row[0] = line + 1;
        for (column, other) in other.bytes().enumerate() {
            let change = corner + usize::from(letter != other);
            corner = row[column + 1];
            row[column + 1] = change.min(corner + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with it, or its addresses, or its file.
    fn read(url: &str) -> String {
        fn names<O>(addresses: &[Address<O>]) -> String {
            addresses.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" ")
        }
        match DatabaseUrl::parse(url) {
            Ok(DatabaseUrl { target: Target::Sqlite(file), .. }) => file.display().to_string(),
            Ok(DatabaseUrl { target: Target::Postgres(addresses), .. }) => names(&addresses),
            Ok(DatabaseUrl { target: Target::MariaDb(addresses), .. }) => names(&addresses),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_named() {
        for (url, expected) in [
            ("sqlite:/a/b.db", "/a/b.db"),
            ("sqlite:///a/b.db?mode=rwc", "/a/b.db"),
            ("sqlite:/a%20b.db", "/a b.db"),
            ("postgres://u:p%40%2F@db.example/tasks", "db.example"),
            ("postgresql://db:5433/tasks?sslmode=require&options[a.b]=c", "db:5433"),
            ("postgres://u:p@ss@[::1]:5433,b/tasks", "[::1]:5433 b"),
            ("postgres://a,b:1,c/tasks?target_session_attrs=read-write", "a b:1 c"),
            ("postgres:///tasks?host=/var/run/postgresql&user=u", ""),
            ("postgres://%2Fvar%2Frun/tasks", "%2Fvar%2Frun"),
            ("postgres://db", "db"),
            ("mysql://u:p@a:3306,b/tasks", "a:3306 b"),
            ("mariadb://u@localhost/tasks?socket=/run/mysqld/mysqld.sock", "localhost"),
        ] {
            assert_eq!(read(url), expected, "{url}");
        }
    }

    #[test]
    fn a_server_elsewhere_is_verified_unless_less_is_asked_for() {
        for (url, expected) in [
            ("sqlite:/a/b.db", ""),
            ("postgres://u:p@db.example/tasks", ""),
            ("postgres://u:p@[2001:db8::1]/tasks?sslrootcert=/ca.pem", ""),
            ("postgres://u:p@a,localhost,b:1/tasks?sslmode=require", "a b:1"),
            ("postgres://u:p@a/tasks?sslmode=verify-ca", "a"),
            ("postgres://u:p@a/tasks?ssl-mode=verify-full", ""),
            ("postgres://u:p@10.0.0.5/tasks?sslmode=disable", "10.0.0.5"),
            ("postgres://u:p@127.0.0.7/tasks", ""),
            ("postgres:///tasks?host=db.example", ""),
            ("postgres:///tasks?host=/run/postgresql&sslmode=disable", ""),
            ("mysql://u:p@a,b/tasks?ssl-mode=PREFERRED", "a b"),
            ("mysql://u:p@a/tasks?sslmode=VERIFY_IDENTITY", ""),
            ("mysql://u:p@a/tasks?socket=/run/mysqld.sock&ssl-mode=DISABLED", ""),
            ("mysql://u:p@[::1]/tasks?ssl-mode=DISABLED", ""),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().unverified().join(" "), expected, "{url}");
        }
        let is_verified = |url: &str| match DatabaseUrl::parse(url).unwrap().target {
            Target::Sqlite(_) => false,
            Target::Postgres(addresses) => addresses.iter().all(|it| it.options.is_verified()),
            Target::MariaDb(addresses) => addresses.iter().all(|it| it.options.is_verified()),
        };
        for (url, expected) in [
            ("postgres://db.example/tasks", true),
            ("mysql://[2001:db8::1]:1/tasks", true),
            // What the original's clients do on one host.
            ("postgres://localhost/tasks", false),
            ("mysql://127.0.0.1/tasks", false),
            ("mysql://a/tasks?socket=/run/mysqld.sock", false),
        ] {
            assert_eq!(is_verified(url), expected, "{url}");
        }
    }

    #[test]
    fn passwords_and_certificates() {
        for (url, password, roots) in [
            ("postgres://otrs:p%40ss%C3%A4%@db/otrs", Some("p@ss\u{e4}%"), None),
            ("postgres:///otrs?user=u&password=p%26ss", Some("p&ss"), None),
            ("mysql://otrs@db/otrs?ssl-ca=%2Fa%20b%2Fca.pem", None, Some("/a b/ca.pem")),
            ("sqlite:/a:b@c", None, None),
        ] {
            let read = DatabaseUrl::parse(url).unwrap();
            assert_eq!((read.password(), read.roots()), (password, roots.map(Path::new)), "{url}");
            let read = read.with_password("s3cret").with_roots(b"pem");
            let shown = format!("{read:?}");
            assert!(!shown.contains("ss") && !shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong() {
        for (url, expected) in [
            ("", "it must start with"),
            ("tasks.db", "it must start with"),
            ("oracle://db/tasks", "it must start with"),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite:tasks.db", "tasks.db is no absolute path"),
            ("sqlite://data/tasks.db", "data/tasks.db is no absolute path"),
            ("sqlite:./tasks.db", "is no absolute path"),
            ("sqlite:~/tasks.db", "only a shell knows"),
            ("sqlite::memory:", "in memory"),
            ("sqlite:/var/lib/", "names a directory"),
            ("sqlite:/a.db?mode=ro", "only rwc fits"),
            ("sqlite:/a.db?mod=rwc", "did you mean mode?"),
            ("postgres:db/tasks", "after the scheme comes //"),
            ("postgres://u:s/cret@db/tasks", "has a / or @"),
            ("postgres://u/s:cret@db/tasks", "has a / or @"),
            ("postgres://u:s#cret@db/tasks", "has a #"),
            ("postgres://u:s?cret@db/tasks", "a ? is no parameter's"),
            ("postgres://db:0/tasks", "a port is a number"),
            ("postgres://db:65536/tasks", "a port is a number"),
            ("postgres://db:/tasks", "a port is a number"),
            ("postgres://a,,b/tasks", "a host is missing"),
            ("postgres://:5432/tasks", "a host is missing"),
            ("postgres://my db/tasks", "a space in it"),
            ("postgres://a,b/tasks?host=/run", "several hosts are written before"),
            ("postgres://db/tasks?slmode=require", "slmode is not known; did you mean sslmode?"),
            ("postgres://db/tasks?frobnicate=1", "is not known; known are application_name"),
            ("postgres://db/tasks?target_session_attr=any", "did you mean target_session_attrs?"),
            ("postgres://db/tasks?target_session_attrs=standby", "it is read-write"),
            ("postgres://db/tasks?sslmode=perhaps", "perhaps"),
            ("mysql://u:p@db", "names no database"),
            ("mysql://u:p@db/", "names no database"),
            ("mysql://u@db/tasks?ssl_mode=REQUIRED", "did you mean ssl-mode?"),
            ("mysql://u@db/tasks?options[a]=b", "is not known"),
        ] {
            let said = read(url);
            assert!(said.contains(expected), "{url}: {said}");
            assert!(!said.contains("cret"), "{url}: {said}");
        }
    }
}
