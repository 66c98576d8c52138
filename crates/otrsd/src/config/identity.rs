//! The identity of this daemon in the database: the installation and the host, with identifiers of both.

use std::{env, fs, io, os::unix::fs::MetadataExt as _, path::Path, time::UNIX_EPOCH};

use nix::{
    sys::{
        statfs::{OVERLAYFS_SUPER_MAGIC, statfs},
        statvfs::statvfs,
    },
    unistd::gethostname,
};
use sha2::{Digest as _, Sha256};
use sysconfig::SysConfig;
use task_store::{Facts, FileId, Identity};

use super::{database, text};
use crate::config::home;

/// The host's name as the supervisor read it at its start: a module's next incarnation keeps it when the host is
/// renamed.
pub(crate) const HOST: &str = "OTRSD_HOST";

/// The name under which this host's workers are known.
///
/// # Errors
///
/// The kernel does not report it.
#[expect(clippy::disallowed_methods, reason = "the supervisor's word to its modules is no setting")]
pub(crate) fn host() -> io::Result<String> {
    match env::var(HOST) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Ok(gethostname()?.to_string_lossy().into_owned()),
    }
}

/// The identity of the user of the database. What cannot be read is unknown; then the host's name decides.
///
/// # Errors
///
/// Those of [`host`].
pub(crate) fn present(settings: &SysConfig) -> anyhow::Result<Identity> {
    let host = host()?;
    let facts = Facts {
        machine: machine(),
        hardware: hashed("/sys/class/dmi/id/product_uuid"),
        boot: hashed("/proc/sys/kernel/random/boot_id"),
        file: database::file(settings).and_then(|file| file_id(&file).ok()),
        server: None,
        addresses: database::address(settings).into_iter().collect(),
    };
    let system = text(settings, home::SYSTEM_ID).unwrap_or_default().to_owned();
    Ok(Identity { system, hosts: vec![host.clone()], facts: [(host, facts)].into() })
}

/// The machine ID. In a container it may be that of the image, the same in all containers, and identifies nothing.
fn machine() -> Option<String> {
    let is_image = statfs("/").is_ok_and(|root| root.filesystem_type() == OVERLAYFS_SUPER_MAGIC);
    if is_image { None } else { hashed("/etc/machine-id") }
}

/// Hashed, because identifiers of machines should not be visible to every reader of the database.
fn hashed(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    // At its first boot the system writes `uninitialized`.
    let id = text.trim().replace('-', "");
    let is_id = id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
    let digest = Sha256::digest(format!("otrsd {}", id.to_lowercase()));
    let half = |digit: u8| char::from_digit(u32::from(digit), 16);
    is_id.then(|| {
        digest[..12].iter().flat_map(|byte| [half(byte >> 4), half(byte & 15)]).flatten().collect()
    })
}

fn file_id(file: &Path) -> io::Result<FileId> {
    let metadata = file.metadata()?;
    let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.and_then(|born| i64::try_from(born.as_nanos()).ok()).filter(|born| *born > 0);
    let system = statvfs(file)?.filesystem_id();
    Ok(FileId { inode: metadata.ino(), born, system })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_itself_and_a_copy_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        fs::write(&one, "data").unwrap();
        let before = file_id(&one).unwrap();
        fs::write(&one, "other data").unwrap();
        assert_eq!(file_id(&one).unwrap(), before);
        fs::copy(&one, &other).unwrap();
        assert_ne!(file_id(&other).unwrap(), before);
    }

    #[test]
    fn only_an_identifier_identifies() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("machine-id");
        let id = "3d1219c7c4c5404aaa1f6d2a48adfda4";
        for (text, is_known) in [
            (format!("{id}\n"), true),
            ("3D1219C7-c4c5-404a-aa1f-6d2a48adfda4\n".to_owned(), true),
            ("uninitialized\n".to_owned(), false),
            (String::new(), false),
        ] {
            fs::write(&path, &text).unwrap();
            let hash = hashed(path.to_str().unwrap());
            assert_eq!(hash.is_some(), is_known, "{text}");
            assert!(hash.is_none_or(|hash| !hash.contains(&id[..6])));
        }
        assert_eq!(hashed("/nowhere"), None);
    }
}
