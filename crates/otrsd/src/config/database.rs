//! `DatabaseURL` and `OTRSTimeZone`: where the tasks are.
//!
//! Everybody who opens the database does so by [`open`]: the modules, each in its own process, and the
//! command line. The standard place is a layer of the settings, so that all of them agree on it.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt as _, path::Path};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use nix::unistd::gethostname;
use sysconfig::{Origin, Setting, SysConfig, Value};
use task_store::{Identity, Options, Store};

use super::{places::Places, text};

/// The setting that names the database.
pub(crate) const DATABASE_URL: &str = "DatabaseURL";

/// The store of this installation. Nothing connects before the first use.
///
/// # Errors
///
/// A URL or a time zone that means nothing, or a directory that cannot be made.
pub(crate) fn open(settings: &SysConfig, connections: u32) -> anyhow::Result<Store> {
    let url = text(settings, DATABASE_URL).unwrap_or_default();
    let zone = text(settings, "OTRSTimeZone").filter(|zone| !zone.is_empty()).unwrap_or("UTC");
    let time_zone =
        TimeZone::get(zone).with_context(|| format!("setting OTRSTimeZone: '{zone}'"))?;
    if let Some(file) = url.strip_prefix("sqlite:") {
        make_directory(Path::new(file.trim_start_matches("//")))?;
    }
    let options = Options { time_zone, connections, ..Options::default() };
    // The URL holds a password: it stays out of the message.
    Store::connect(url, options).with_context(|| format!("setting {DATABASE_URL}"))
}

/// Who uses the database: this host. A database that remembers others was copied, or restored elsewhere.
pub(crate) fn identity() -> anyhow::Result<Identity> {
    let host = gethostname()?.to_string_lossy().into_owned();
    Ok(Identity { system: String::new(), hosts: vec![host] })
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
