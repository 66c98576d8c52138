//! An entry of an installation's file cache, as `Kernel::System::Cache::FileStorable` stores it.

use std::{
    fs::{self, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use perl_storable::{Hash, Key, Value};
use sysconfig::SysConfig;

use crate::{
    config::{home::SETTING, text},
    process::own_file,
};

const CACHE: &str = "Cache::Module";
const MODULE: &str = "Kernel::System::Cache::FileStorable";
/// Directories between the directory of the type and the file.
const USUAL_LEVELS: usize = 2;

/// One entry, whether it exists or not.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    path: PathBuf,
}

/// Whether the installation has not chosen another module.
pub(super) fn is_in_files(settings: &SysConfig) -> bool {
    text(settings, CACHE).is_none_or(|module| module == MODULE)
}

impl Entry {
    /// `None` outside of an installation, and where its cache is not in files.
    pub(super) fn of(settings: &SysConfig, kind: &str, key: &str) -> Option<Self> {
        let home = text(settings, SETTING)?;
        if !is_in_files(settings) {
            return None;
        }
        let usual = || format!("{home}/var/tmp");
        let directory = text(settings, "TempDir").map_or_else(usual, str::to_owned);
        let levels = text(settings, "Cache::SubdirLevels").and_then(|text| text.parse().ok());
        let name = format!("{:032x}", u128::from_be_bytes(Md5::digest(key).into()));
        let mut path = PathBuf::from(directory).join("CacheFileStorable").join(kind);
        path.extend(name.chars().take(levels.unwrap_or(USUAL_LEVELS)).map(String::from));
        Some(Self { path: path.join(name) })
    }

    #[cfg(test)]
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file. The original writes into the existing file, and waits for a lock that any program of the
    /// group can hold.
    pub(super) fn write(&self, value: Value, until: Timestamp) -> anyhow::Result<()> {
        make(self.path.parent().context("a file without a directory")?)?;
        own_file::replace(&self.path, 0o660, &frozen(value, until)?)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The web server is another user of the same group, whatever the umask is.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    directory.parent().map_or(Ok(()), make)?;
    match fs::create_dir(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let mode = fs::metadata(directory)?.permissions().mode();
            fs::set_permissions(directory, Permissions::from_mode(mode | 0o770))
        }
    }
}

fn frozen(value: Value, until: Timestamp) -> Result<Vec<u8>, perl_storable::FreezeError> {
    let mut entry = Hash::default();
    entry.insert(Key::from("TTL"), Value::Int(until.as_second()));
    entry.insert(Key::from("Value"), value);
    perl_storable::freeze(&Value::Hash(entry))
}

#[cfg(test)]
mod tests {
    use perl_storable::thaw;

    use super::*;

    #[test]
    fn what_is_written_is_what_perl_reads() {
        let directory = tempfile::tempdir().unwrap();
        let entry = Entry::at(directory.path().join("DaemonRunning/c/4/entry"));
        for second in [1_800_000_000, 5] {
            entry.write(Value::Int(1), Timestamp::from_second(second).unwrap()).unwrap();
            let Value::Hash(entry) = thaw(&fs::read(entry.path()).unwrap()).unwrap() else {
                panic!()
            };
            assert_eq!(entry.get("TTL"), Some(&Value::Int(second)));
            assert_eq!(entry.get("Value"), Some(&Value::Int(1)));
        }
        let mode = fs::metadata(entry.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }
}
