//! `DatabaseURL` and `OTRSTimeZone`: where the tasks are.
//!
//! Everybody who opens the database does so by [`open`]: the modules, each in its own process, and the
//! command line. The standard place is a layer of the settings, so that all of them agree on it.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use sysconfig::{Origin, Problem, Setting, SysConfig, Value};
use task_store::{DatabaseUrl, Options, Store};

use super::{places::Places, problem, text};
use crate::home;

/// The setting that names the database.
pub(crate) const DATABASE_URL: &str = "DatabaseURL";
/// The same database as the console reaches it, if by a user of its own.
pub(crate) const CONSOLE_URL: &str = "WebConsole::DatabaseURL";

/// The store of this installation. Nothing connects before the first use.
///
/// # Errors
///
/// A URL or a time zone that means nothing, or a directory that cannot be made.
pub(crate) fn open(settings: &SysConfig, connections: u32) -> anyhow::Result<Store> {
    let url = text(settings, DATABASE_URL).unwrap_or_default();
    let time_zone = zone(settings)?;
    if let Some(file) = file(settings) {
        make_directory(&file)?;
    }
    let home = settings.get(home::SETTING).is_some();
    let options = Options { home, time_zone, connections, ..Options::default() };
    // The URL holds a password: it stays out of the message.
    Store::connect(url, options).with_context(|| described(settings))
}

/// [`open`] for whoever only looks: that must not make an empty `SQLite` file.
///
/// # Errors
///
/// As [`open`], and a database that nobody has made yet.
pub(crate) fn open_made(settings: &SysConfig, connections: u32) -> anyhow::Result<Store> {
    if let Some(what) = missing(settings) {
        anyhow::bail!(what);
    }
    open(settings, connections)
}

/// What there is to say if the `SQLite` database is not made yet.
pub(crate) fn missing(settings: &SysConfig) -> Option<String> {
    let file = file(settings).filter(|file| !file.exists())?;
    Some(format!(
        "there is no database yet: {}; otrsd db migrate makes it, so does the daemon's worker",
        file.display()
    ))
}

/// The store in `cell`, opened by the first who asks.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn shared(
    cell: &OnceLock<Store>,
    settings: &SysConfig,
    connections: u32,
) -> anyhow::Result<Store> {
    if let Some(store) = cell.get() {
        return Ok(store.clone());
    }
    let store = open(settings, connections)?;
    Ok(cell.get_or_init(|| store).clone())
}

/// The zone of the wall clock in the original's columns.
///
/// # Errors
///
/// A name that no time zone has.
pub(crate) fn zone(settings: &SysConfig) -> anyhow::Result<TimeZone> {
    let zone = text(settings, "OTRSTimeZone").filter(|zone| !zone.is_empty()).unwrap_or("UTC");
    super::time_zone(zone).with_context(|| format!("setting OTRSTimeZone: '{zone}'"))
}

fn url(settings: &SysConfig) -> task_store::Result<DatabaseUrl> {
    DatabaseUrl::parse(text(settings, DATABASE_URL).unwrap_or_default())
}

/// The file of a `SQLite` database.
pub(crate) fn file(settings: &SysConfig) -> Option<PathBuf> {
    url(settings).ok()?.file().map(Path::to_path_buf)
}

/// What is wrong with the URL, if there is one, found without asking any server.
pub(crate) fn fault(settings: &SysConfig) -> Option<Problem> {
    let error = DatabaseUrl::parse(text(settings, DATABASE_URL)?).err()?;
    Some(problem(settings, DATABASE_URL, error.to_string()))
}

/// The database for people: its URL without user, password and options.
pub(crate) fn shown(settings: &SysConfig) -> String {
    shown_url(text(settings, DATABASE_URL).unwrap_or_default())
}

/// A database's URL for people.
pub(crate) fn shown_url(whole: &str) -> String {
    let url = whole.split('?').next().unwrap_or(whole);
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    // What a wrong one has before a ? may be half of a password.
    if url != whole && DatabaseUrl::parse(whole).is_err() && !url.starts_with("sqlite:") {
        return format!("{scheme}://…");
    }
    match url.rsplit_once('@') {
        Some((_, place)) if !url.starts_with("sqlite:") => {
            if rest.is_empty() {
                place.to_owned()
            } else {
                format!("{scheme}://{place}")
            }
        }
        _ => url.to_owned(),
    }
}

/// The password in its URL as it was before it was written into a URL; empty if there is none.
pub(crate) fn password(settings: &SysConfig) -> String {
    let url = text(settings, DATABASE_URL).unwrap_or_default();
    let user =
        url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
    decoded(user.and_then(|user| user.split_once(':')).map_or("", |(_, password)| password))
}

/// Percent-encoded bytes as they are.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code =
            tail.get(..2).filter(|_| *first == b'%').and_then(|it| std::str::from_utf8(it).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The database, and where it is said which one: for whoever must mend something.
pub(crate) fn described(settings: &SysConfig) -> String {
    let origin = settings.origin(DATABASE_URL).map(ToString::to_string).unwrap_or_default();
    format!("{} (setting {DATABASE_URL}, {origin})", shown(settings))
}

/// Where the server is, if that is not this host: a cloned server is reached there too, under the same words.
pub(crate) fn address(settings: &SysConfig) -> Option<String> {
    let shown = Some(shown(settings)).filter(|_| file(settings).is_none())?;
    let (_, rest) = shown.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_here = |name: &str| ["", "localhost", "[::1]", "::1"].contains(&name);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    (!is_here(name) && !is_here(host) && !host.starts_with("127.")).then(|| host.to_owned())
}

/// The standard database, below every other layer: a file in the state directory.
pub(super) fn standard(places: &Places) -> Setting {
    Setting {
        name: DATABASE_URL.to_owned(),
        value: Value::Text(format!("sqlite:{}", places.state.join("tasks.db").display())),
        valid: true,
        required: true,
        read_only: false,
        origin: Origin::named("built-in"),
    }
}

/// Payloads may be private.
fn make_directory(file: &Path) -> anyhow::Result<()> {
    let Some(directory) = file.parent().filter(|directory| !directory.exists()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use sysconfig::Setting;

    use super::*;

    fn settings(url: &str) -> SysConfig {
        let mut settings = SysConfig::default();
        let url =
            Setting { value: Value::Text(url.to_owned()), ..standard(&Places::of_this_user()) };
        settings.overlay(vec![url]);
        settings
    }

    #[test]
    fn no_password_is_shown() {
        for (url, expected) in [
            ("postgres://otrs:p@ss/w@db.example/otrs?sslmode=require", "postgres://…"),
            (
                "postgres://otrs:p%40ss@db.example/otrs?sslmode=require",
                "postgres://db.example/otrs",
            ),
            ("mysql://otrs:secret@127.0.0.1:3306/otrs", "mysql://127.0.0.1:3306/otrs"),
            ("postgres:///otrs?password=secret", "postgres:///otrs"),
            ("sqlite:/var/lib/otrsd/tasks.db?mode=rwc", "sqlite:/var/lib/otrsd/tasks.db"),
            ("sqlite:/srv/a@b.db", "sqlite:/srv/a@b.db"),
            ("user:secret@host/otrs", "host/otrs"),
            ("postgres://u:s?cret@db/otrs", "postgres://…"),
        ] {
            assert_eq!(shown(&settings(url)), expected);
        }
    }

    #[test]
    fn the_password_is_what_it_was() {
        for (url, expected) in [
            ("postgres://otrs:p%40ss%C3%A4%@db/otrs", "p@ss\u{e4}%"),
            ("mysql://otrs@db/otrs", ""),
            ("sqlite:/a:b@c", ""),
        ] {
            assert_eq!(password(&settings(url)), expected);
        }
    }

    #[test]
    fn a_server_elsewhere_has_an_address() {
        for (url, expected) in [
            ("postgres://otrs:secret@db.example/otrs", Some("db.example")),
            ("mysql://otrs@10.0.0.5:3306/otrs", Some("10.0.0.5:3306")),
            ("postgres://[2001:db8::1]/otrs", Some("[2001:db8::1]")),
            ("mysql://otrs@127.0.0.1:3306/otrs", None),
            ("mysql://otrs@localhost/otrs?socket=/run/mysqld/mysqld.sock", None),
            ("postgres://[::1]:5432/otrs", None),
            ("postgres:///otrs?host=/run/postgresql", None),
            ("sqlite:/var/lib/otrsd/tasks.db", None),
        ] {
            assert_eq!(address(&settings(url)).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_sqlite_file_is_found_in_its_url() {
        for (url, expected) in [
            ("sqlite:/a/b.db", Some("/a/b.db")),
            ("sqlite:///a/b.db?mode=rwc", Some("/a/b.db")),
            ("sqlite:/a%20b.db", Some("/a b.db")),
            ("sqlite://b.db", None),
            ("mysql://host/a", None),
        ] {
            assert_eq!(file(&settings(url)), expected.map(PathBuf::from), "{url}");
        }
    }
}
