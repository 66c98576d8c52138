//! The daemon's files in directories where other users may have put something else: a link to another file, a FIFO
//! without a writer, or one of their own files. In a help desk every directory is such, since the web server writes
//! there too.
//!
//! The directory was checked when the daemon started (`config/directories.rs`). The functions here check only the one
//! file in its place, and never block.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use nix::{libc, unistd::geteuid};

/// Opens a file of any user.
///
/// # Errors
///
/// The file cannot be opened, or is not a regular file. The error says what to do.
pub(crate) fn plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = match options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) => {
            let there = fs::symlink_metadata(path).ok();
            return Err(there.and_then(|it| not_plain(&it)).unwrap_or(error));
        }
    };
    not_plain(&file.metadata()?).map_or(Ok(file), Err)
}

/// Opens a file of this process's user, or of root.
///
/// # Errors
///
/// As [`plain`]; or the file belongs to another user, or has a second name elsewhere.
pub(crate) fn own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = plain(path, options)?;
    let metadata = file.metadata()?;
    let (uid, names) = (metadata.uid(), metadata.nlink());
    if uid != 0 && uid != geteuid().as_raw() {
        return Err(refused(&format!(
            "it belongs to user {uid}, not to root or the daemon's user"
        )));
    }
    // The other name may belong to a file of root or of the system.
    if names > 1 {
        return Err(refused("it has another name elsewhere (a hard link)"));
    }
    Ok(file)
}

/// Opens an own file for reading.
///
/// # Errors
///
/// As [`own`].
pub(crate) fn read(path: &Path) -> io::Result<File> {
    own(path, OpenOptions::new().read(true))
}

/// Replaces whatever is at the path with a new file. Readers see either the old file or the new one.
///
/// # Errors
///
/// The file cannot be written, or a directory is in its place.
pub(crate) fn replace(path: &Path, mode: u32, contents: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension(format!("new-{}", std::process::id()));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    // Independent of the umask.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(contents)?;
    fs::rename(&new, path).inspect_err(|_| drop(fs::remove_file(&new)))
}

fn not_plain(found: &Metadata) -> Option<io::Error> {
    let kind = found.file_type();
    let what = if kind.is_file() {
        return None;
    } else if kind.is_symlink() {
        "a symbolic link is not followed here"
    } else if kind.is_dir() {
        "it is a directory"
    } else if kind.is_fifo() {
        "it is a FIFO"
    } else {
        "it is no plain file"
    };
    Some(refused(what))
}

fn refused(what: &str) -> io::Error {
    io::Error::other(format!("{what}; remove it"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    fn append(path: &Path) -> Result<(), String> {
        let opened = own(path, OpenOptions::new().append(true).create(true).mode(0o640));
        opened.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn what_lies_in_the_place_of_a_file_is_refused_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("victim"), "precious").unwrap();
        symlink("victim", path("link")).unwrap();
        symlink("none", path("dangling")).unwrap();
        mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
        fs::create_dir(path("directory")).unwrap();
        fs::write(path("first"), "").unwrap();
        fs::hard_link(path("first"), path("second")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for (name, expected) in [
            ("link", "a symbolic link is not followed here; remove it"),
            ("dangling", "a symbolic link is not followed here; remove it"),
            ("fifo", "it is a FIFO; remove it"),
            ("directory", "it is a directory; remove it"),
            ("socket", "it is no plain file; remove it"),
            ("second", "it has another name elsewhere (a hard link); remove it"),
        ] {
            assert_eq!(append(&path(name)), Err(expected.to_owned()), "{name}");
            let error = read(&path(name)).unwrap_err().to_string();
            assert_eq!(error, expected, "{name}");
        }
        drop(socket);
        // With a reader it can be opened.
        let _reader = OpenOptions::new().read(true).write(true).open(path("fifo")).unwrap();
        assert!(append(&path("fifo")).unwrap_err().contains("FIFO"));
        assert_eq!(append(&path("new")), Ok(()));
        assert_eq!(append(&path("new")), Ok(()));
        assert!(!path("none").exists());
        assert_eq!(read(&path("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
        if geteuid().is_root() {
            chown(path("new"), Some(4711), None).unwrap();
            assert!(append(&path("new")).unwrap_err().contains("belongs to user 4711"));
            assert!(plain(&path("new"), OpenOptions::new().read(true)).is_ok());
        }
    }

    #[test]
    fn what_is_replaced_is_not_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("victim"), "precious").unwrap();
        symlink("victim", path("link")).unwrap();
        mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
        for name in ["link", "fifo", "new"] {
            replace(&path(name), 0o660, b"ours").unwrap();
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "ours");
            let mode = fs::symlink_metadata(path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o660, "{name}");
        }
        assert_eq!(fs::read_to_string(path("victim")).unwrap(), "precious");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
    }
}
