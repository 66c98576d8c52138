//! `DatabaseURL` and `OTRSTimeZone`: the task database.
//!
//! Every process opens the database by [`open`]: the modules, each in a process of its own, and the command line. The
//! standard path is a layer of the settings, so that all of them agree on it.

use std::{
    fs::DirBuilder,
    io::{self, Read as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use sysconfig::{Origin, Problem, Setting, SysConfig, Value};
use task_store::{DatabaseUrl, Notifier, Options, Store};

use super::{
    daemon_paths::DaemonPaths, default_paths::DefaultPaths, problem, secrets::Secret, text,
};
use crate::{config::home, file_trust, process::socket};

/// The setting that names the database.
pub(crate) const DATABASE_URL: &str = "DatabaseURL";
/// The same database with the console's own database user, if it has one.
pub(crate) const CONSOLE_URL: &str = "WebConsole::DatabaseURL";
/// The setting that names a file with the password.
pub(super) const PASSWORD_FILE: &str = "DatabasePasswordFile";
/// Larger than all certificates of a system.
const LONGEST_FILE: u64 = 1 << 20;

/// Opens the store of this installation. No connection is made before the first use.
///
/// # Errors
///
/// The URL or the time zone is invalid, or a directory cannot be created.
pub(crate) fn open(settings: &SysConfig, connections: u32) -> anyhow::Result<Store> {
    let time_zone = zone(settings)?;
    if let Some(file) = file(settings) {
        make_directory(&file)?;
    }
    let home = settings.get(home::SETTING).is_some();
    let wake = DaemonPaths::named(settings).wake();
    // A hint: a notification that cannot be sent is no error.
    let notify = move || drop(socket::sender(&wake).and_then(|worker| worker.send(&[])));
    let notifier = Some(Notifier::new(notify));
    let options = Options { home, time_zone, connections, notifier, ..Options::default() };
    // The URL holds a password: it stays out of the message.
    let url = url(settings).with_context(|| described(settings))?;
    Ok(Store::open(with_files(url, settings)?, options))
}

/// Adds what is read from files: the password, and the root certificates.
fn with_files(mut url: DatabaseUrl, settings: &SysConfig) -> anyhow::Result<DatabaseUrl> {
    // A password in the URL takes precedence.
    if let Some(path) = password_file(settings).filter(|_| url.password().is_none()) {
        let text =
            read(path.as_ref()).with_context(|| format!("setting {PASSWORD_FILE}: {path}"))?;
        let text = String::from_utf8(text).with_context(|| format!("{path} is no text"))?;
        let password = Secret::new(text.lines().next().unwrap_or_default());
        url = url.with_password(password.expose());
    }
    // A help desk's own files are trusted as much as its code.
    let roots = url.roots().filter(|_| settings.get(home::SETTING).is_none());
    if let Some(path) = roots.map(Path::to_path_buf) {
        let pem =
            read(&path).with_context(|| format!("{}: {}", described(settings), path.display()))?;
        url = url.with_roots(&pem);
    }
    Ok(url)
}

/// A relative path counts as not set; it is reported elsewhere.
fn password_file(settings: &SysConfig) -> Option<&str> {
    text(settings, PASSWORD_FILE).filter(|path| path.starts_with('/'))
}

/// Reads a file that no other user could have written.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file_trust::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// [`open`] for readers, which must not create an empty `SQLite` file.
///
/// # Errors
///
/// Those of [`open`], and a database that does not exist yet.
pub(crate) fn open_made(settings: &SysConfig, connections: u32) -> anyhow::Result<Store> {
    if let Some(what) = missing(settings) {
        anyhow::bail!(what);
    }
    open(settings, connections)
}

/// A message if the `SQLite` database does not exist yet.
pub(crate) fn missing(settings: &SysConfig) -> Option<String> {
    let file = file(settings).filter(|file| !file.exists())?;
    Some(format!(
        "there is no database yet: {}; otrsd db migrate makes it, so does the daemon's worker",
        file.display()
    ))
}

/// The store in `cell`, opened on first use.
///
/// # Errors
///
/// Those of [`open`].
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

/// The time zone of the wall clock times in the original's columns.
///
/// # Errors
///
/// The name is not that of a time zone.
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

/// What is wrong with the URL, if anything, found without a connection to a server.
pub(crate) fn fault(settings: &SysConfig) -> Option<Problem> {
    match DatabaseUrl::parse(text(settings, DATABASE_URL)?) {
        Err(error) => Some(problem(settings, DATABASE_URL, error.to_string())),
        Ok(url) => {
            let is_given = password_file(settings).is_some();
            let what = format!(
                "{DATABASE_URL} has a password, and the file does not count; take one away"
            );
            (is_given && url.password().is_some()).then(|| problem(settings, PASSWORD_FILE, what))
        }
    }
}

/// The database for display: its URL without user, password and options.
pub(crate) fn shown(settings: &SysConfig) -> String {
    shown_url(text(settings, DATABASE_URL).unwrap_or_default())
}

/// A database URL for display.
pub(super) fn shown_url(whole: &str) -> String {
    let url = whole.split('?').next().unwrap_or(whole);
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    // In an invalid URL, the part before a ? may be half of a password.
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

/// The decoded password of the URL; empty if there is none.
pub(crate) fn password(settings: &SysConfig) -> Secret {
    let url = url(settings).ok();
    Secret::new(url.as_ref().and_then(|url| url.password()).unwrap_or_default())
}

/// A warning about servers that another server could impersonate.
pub(crate) fn exposure(settings: &SysConfig) -> Option<String> {
    let url = url(settings).ok()?;
    let hosts = Some(url.unverified()).filter(|hosts| !hosts.is_empty())?.join(", ");
    let more = if settings.get(home::SETTING).is_some() {
        "DatabaseDSN asks for no verified TLS, as sslmode=verify-full (Pg) or mysql_ssl=1;mysql_ssl_verify_server_cert=1 do"
    } else {
        "sslmode or ssl-mode in the URL asks for less than a verified certificate"
    };
    Some(format!(
        "database {}: whatever answers in the place of {hosts} gets the password: {more}",
        described(settings)
    ))
}

/// The database, and the setting that names it, for messages about a misconfiguration.
pub(crate) fn described(settings: &SysConfig) -> String {
    let origin = settings.origin(DATABASE_URL).map(ToString::to_string).unwrap_or_default();
    format!("{} (setting {DATABASE_URL}, {origin})", shown(settings))
}

/// The address of the server, if it is not on this host: a cloned machine reaches the same server under the same name.
pub(crate) fn address(settings: &SysConfig) -> Option<String> {
    let shown = Some(shown(settings)).filter(|_| file(settings).is_none())?;
    let (_, rest) = shown.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_here = |name: &str| ["", "localhost", "[::1]", "::1"].contains(&name);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    (!is_here(name) && !is_here(host) && !host.starts_with("127.")).then(|| host.to_owned())
}

/// The standard database, below every other layer: a file in the state directory.
pub(super) fn standard(places: &DefaultPaths) -> Setting {
    Setting {
        name: DATABASE_URL.to_owned(),
        value: Value::Text(format!("sqlite:{}", places.state.join("tasks.db").display())),
        valid: true,
        required: true,
        read_only: false,
        origin: Origin::named("built-in"),
    }
}

/// Creates the directory with private permissions, because payloads may be private.
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
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use sysconfig::Setting;

    use super::*;

    fn settings(url: &str) -> SysConfig {
        let mut settings = SysConfig::default();
        let url = Setting {
            value: Value::Text(url.to_owned()),
            ..standard(&DefaultPaths::of_this_user())
        };
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

    /// The settings with a password file.
    fn with_file(url: &str, path: &Path) -> SysConfig {
        let mut settings = settings(url);
        let value = Value::Text(path.display().to_string());
        let usual = standard(&DefaultPaths::of_this_user());
        settings.overlay(vec![Setting { name: PASSWORD_FILE.to_owned(), value, ..usual }]);
        settings
    }

    #[test]
    fn a_password_comes_from_a_file_that_others_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "p@ss word\nmore\n").unwrap();
        let read = with_file("postgres://u@db.example/otrsd", &path);
        let whole = || with_files(url(&read).unwrap(), &read);
        assert_eq!(whole().unwrap().password(), Some("p@ss word"));
        assert!(fault(&read).is_none());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let error = format!("{:#}", whole().unwrap_err());
        assert!(error.starts_with("setting DatabasePasswordFile: "), "{error}");
        assert!(error.contains("others could have written it"), "{error}");
        let both = with_file("postgres://u:other@db.example/otrsd", &path);
        let told = fault(&both).unwrap().to_string();
        assert!(
            told.contains("has a password, and the file") && !told.contains("other@"),
            "{told}"
        );
    }

    #[test]
    fn a_server_in_whose_place_another_could_answer_is_told_of() {
        for (url, expected) in [
            ("postgres://u:secret@db.example/otrsd", None),
            (
                "postgres://u:secret@db.example:1/otrsd?sslmode=require",
                Some("db.example:1 gets the"),
            ),
            ("mysql://u:secret@127.0.0.1/otrsd", None),
            ("sqlite:/var/lib/otrsd/tasks.db", None),
        ] {
            let told = exposure(&settings(url));
            assert_eq!(told.is_some(), expected.is_some(), "{url}: {told:?}");
            let told = told.unwrap_or_default();
            assert!(
                told.contains(expected.unwrap_or_default()) && !told.contains("secret"),
                "{told}"
            );
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
