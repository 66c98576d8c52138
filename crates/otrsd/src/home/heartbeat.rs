//! What the web interface looks at: an entry of the cache that says that this node's daemon runs.
//!
//! The original's task worker writes it every 10 seconds, and it holds for 30; without it, every user of the
//! web interface is told that the daemon is not running.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use nix::fcntl::{Flock, FlockArg};
use perl_storable::{Hash, Key, Value};
use sysconfig::{Problem, SysConfig};
use tokio::{task::spawn_blocking, time::sleep};

use super::SETTING;
use crate::{
    clock,
    config::{self, node, text},
    logs,
};

const CACHE: &str = "Cache::Module";
const MODULE: &str = "Kernel::System::Cache::FileStorable";
const TYPE: &str = "DaemonRunning";
const PERIOD: Duration = Duration::from_secs(10);
const SECONDS: i64 = 30;
/// Directories between the type's and the file.
const USUAL_LEVELS: usize = 2;

/// Keeps the entry alive. Outside of an installation, or where its cache is not in files, there is none.
pub(crate) async fn keep(settings: SysConfig) {
    let Some(file) = place(&settings) else { return };
    let mut told = false;
    loop {
        let path = file.clone();
        let written = spawn_blocking(move || write(&path, clock::wall())).await;
        match written {
            Ok(Err(error)) if !std::mem::replace(&mut told, true) => logs::complain(&format!(
                "cannot write {}: {error:#}; the web interface will say that the daemon is not running",
                file.display()
            )),
            Ok(Ok(())) => told = false,
            _ => {}
        }
        sleep(PERIOD).await;
    }
}

/// The installation keeps its cache where only its own Perl can write.
pub(crate) fn problem(settings: &SysConfig) -> Option<Problem> {
    let what = format!(
        "{} is reached by Perl alone; the web interface will say that the daemon is not running. \
         Daemon::PerlModules 1 runs the worker in Perl",
        unreachable(settings)?
    );
    Some(config::problem(settings, CACHE, what))
}

fn unreachable(settings: &SysConfig) -> Option<&str> {
    settings.get(SETTING)?;
    text(settings, CACHE).filter(|module| *module != MODULE)
}

fn place(settings: &SysConfig) -> Option<PathBuf> {
    let home = text(settings, SETTING)?;
    if unreachable(settings).is_some() {
        return None;
    }
    let usual = || format!("{home}/var/tmp");
    let directory = text(settings, "TempDir").map_or_else(usual, str::to_owned);
    let levels = text(settings, "Cache::SubdirLevels").and_then(|text| text.parse().ok());
    let digest = Md5::digest(node(settings).to_string());
    let name = format!("{:032x}", u128::from_be_bytes(digest.into()));
    let mut path = PathBuf::from(directory).join("CacheFileStorable").join(TYPE);
    path.extend(name.chars().take(levels.unwrap_or(USUAL_LEVELS)).map(String::from));
    Some(path.join(name))
}

/// As the original writes it: whoever reads holds a lock.
fn write(path: &Path, now: Timestamp) -> anyhow::Result<()> {
    let directory = path.parent().context("a file without a directory")?;
    DirBuilder::new().recursive(true).mode(0o770).create(directory)?;
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o660).open(path)?;
    let mut file =
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error): (File, _)| error)?;
    file.set_len(0)?;
    file.write_all(&entry(now)?)?;
    file.set_permissions(Permissions::from_mode(0o660))?;
    Ok(())
}

fn entry(now: Timestamp) -> Result<Vec<u8>, perl_storable::FreezeError> {
    let mut entry = Hash::default();
    entry.insert(Key::from("TTL"), Value::Int(now.as_second() + SECONDS));
    entry.insert(Key::from("Value"), Value::Int(1));
    perl_storable::freeze(&Value::Hash(entry))
}

#[cfg(test)]
mod tests {
    use perl_storable::thaw;

    use super::*;

    #[test]
    fn an_entry_holds_for_half_a_minute() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("DaemonRunning/c/4/entry");
        for second in [1_800_000_000, 5] {
            write(&file, Timestamp::from_second(second).unwrap()).unwrap();
            let Value::Hash(entry) = thaw(&std::fs::read(&file).unwrap()).unwrap() else {
                panic!()
            };
            assert_eq!(entry.get("TTL"), Some(&Value::Int(second + 30)));
            assert_eq!(entry.get("Value"), Some(&Value::Int(1)));
        }
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }
}
