//! Who may have written a file of settings, or a program that a reload executes.
//!
//! Settings give their author a shell: they name programs, databases, directories and tokens. Hence a file is read
//! only if root or the daemon's user owns it and every directory above it, and no other user can write to them. A
//! directory with the sticky bit, like `/tmp`, is fine: others cannot replace in it what is not theirs. So is
//! one of a mode for everybody that is mounted read-only, as Kubernetes does it with settings: no user can write it
//! (`mounts.rs`).
//!
//! A file is opened once, directory by directory and link by link, and each is judged by its descriptor: what is read
//! is what was judged, whatever is exchanged meanwhile.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{File, Metadata},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Component, Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, open as open_at_root, openat, readlinkat},
    sys::stat::Mode,
    unistd::geteuid,
};

use super::mounts;

const OTHERS_MAY_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;
/// As the kernel's.
const MOST_LINKS: u32 = 40;

/// Opens the file of an absolute path for reading.
///
/// # Errors
///
/// It cannot be opened, or others could have written it: with what to do.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut way = Way::begin()?;
    let mut names = names(path);
    let mut links = 0;
    while let Some(name) = names.pop_front() {
        match way.step(&name)? {
            Step::Directory => {}
            Step::File(file) if names.is_empty() => return Ok(file),
            Step::File(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Step::Link(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("too many links"));
                }
                if target.is_absolute() {
                    way = Way::begin()?;
                }
                names = self::names(&target).into_iter().chain(names).collect();
            }
        }
    }
    // A directory.
    Err(io::ErrorKind::InvalidInput.into())
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

/// What a name leads to.
enum Step {
    Directory,
    File(File),
    Link(PathBuf),
}

/// A directory that was judged, with all above it.
struct Way {
    directory: File,
    /// Without links.
    path: PathBuf,
}

impl Way {
    fn begin() -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = File::from(open_at_root("/", flags, Mode::empty())?);
        let way = Self { directory, path: "/".into() };
        judge(&way.directory, &way.path)?;
        Ok(way)
    }

    fn step(&mut self, name: &OsString) -> io::Result<Step> {
        let path = if name.as_bytes() == b".." {
            self.path.parent().unwrap_or(&self.path).to_owned()
        } else {
            self.path.join(name)
        };
        let seen = self.open(name, OFlag::O_PATH)?;
        let kind = judge(&seen, &path)?.file_type();
        if kind.is_symlink() {
            return Ok(Step::Link(readlinkat(&seen, c"")?.into()));
        }
        if kind.is_dir() {
            *self = Self { directory: seen, path };
            return Ok(Step::Directory);
        }
        if !kind.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // The name may be another file's by now: what was opened is judged.
        let file = self.open(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
        judge(&file, &path)?;
        Ok(Step::File(file))
    }

    fn open(&self, name: &OsString, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.directory, name.as_os_str(), flags, Mode::empty())?.into())
    }
}

/// Of what was opened by `path`, which has no links in it.
fn judge(file: &File, path: &Path) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    match refusal(&metadata, file, path) {
        None => Ok(metadata),
        Some(why) => {
            let what = format!("is refused, for others could have written it: {why}");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
        }
    }
}

fn refusal(metadata: &Metadata, file: &File, path: &Path) -> Option<String> {
    let (uid, mode, shown) = (metadata.uid(), metadata.mode(), path.display());
    if uid != 0 && uid != geteuid().as_raw() {
        let hint = if geteuid().is_root() {
            "; if that is the daemon's user, run this as that user"
        } else {
            ""
        };
        return Some(format!(
            "{shown} belongs to user {uid}, not to root or the daemon's user{hint}"
        ));
    }
    let sticky = metadata.is_dir() && mode & STICKY != 0;
    // The mode of a link means nothing.
    let may_write = mode & OTHERS_MAY_WRITE != 0 && !sticky && !metadata.is_symlink();
    (may_write && !mounts::is_read_only(file, path))
        .then(|| format!("{shown} can be written by others; chmod go-w {shown}"))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        io::Read as _,
        os::unix::fs::{PermissionsExt as _, chown, lchown, symlink},
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    /// `/` and `/tmp` above it are as on every machine.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        for place in ["own", "own/below", "open"] {
            fs::create_dir(path.join(place)).unwrap();
            fs::set_permissions(path.join(place), Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(path.join("own/below/a.xml"), "own").unwrap();
        fs::write(path.join("open/a.xml"), "open").unwrap();
        fs::set_permissions(path.join("open"), Permissions::from_mode(0o777)).unwrap();
        for file in ["own/below/a.xml", "open/a.xml"] {
            fs::set_permissions(path.join(file), Permissions::from_mode(0o644)).unwrap();
        }
        (directory, path)
    }

    fn read(path: &Path) -> Result<String, String> {
        let mut text = String::new();
        let mut file = open(path).map_err(|error| error.to_string())?;
        file.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn every_directory_and_link_on_the_way_counts() {
        let (_directory, path) = tree();
        let link = |target: &str, name: &str| symlink(target, path.join(name)).unwrap();
        link("below/a.xml", "own/link.xml");
        link("../open/a.xml", "own/out.xml");
        link("../own/below/a.xml", "open/in.xml");
        link("below", "own/directory");
        link("loop.xml", "own/loop.xml");
        link(path.join("own/below/a.xml").to_str().unwrap(), "own/absolute.xml");
        for (name, expected) in [
            ("own/below/a.xml", Ok("own")),
            ("own/../own/./below/a.xml", Ok("own")),
            ("own/link.xml", Ok("own")),
            ("own/directory/a.xml", Ok("own")),
            ("own/absolute.xml", Ok("own")),
            ("open/a.xml", Err("open can be written by others; chmod go-w ")),
            ("own/out.xml", Err("open can be written by others; chmod go-w ")),
            // A trusted file, but others choose which.
            ("open/in.xml", Err("open can be written by others; chmod go-w ")),
            ("open/../own/below/a.xml", Err("open can be written by others; chmod go-w ")),
            ("own/loop.xml", Err("too many links")),
            ("own/below", Err("invalid input")),
            ("own/below/a.xml/b", Err("not a directory")),
            ("own/none.xml", Err("No such file")),
        ] {
            let found = read(&path.join(name));
            match expected {
                Ok(text) => assert_eq!(found.as_deref(), Ok(text), "{name}"),
                Err(part) => {
                    let error = found.unwrap_err();
                    assert!(error.contains(part), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn what_is_of_another_user_is_refused() {
        if !geteuid().is_root() {
            return;
        }
        let (_directory, path) = tree();
        symlink("a.xml", path.join("own/below/foreign.xml")).unwrap();
        lchown(path.join("own/below/foreign.xml"), Some(4711), None).unwrap();
        let told = "belongs to user 4711, not to root or the daemon's user; if that is the daemon's user, run this";
        assert!(read(&path.join("own/below/foreign.xml")).unwrap_err().contains(told));
        for place in ["own/below/a.xml", "own/below", "own"] {
            chown(path.join(place), Some(4711), None).unwrap();
            let error = read(&path.join("own/below/a.xml")).unwrap_err();
            assert!(error.contains(told), "{place}: {error}");
            chown(path.join(place), Some(0), None).unwrap();
        }
    }

    /// A reader that was fooled would read what the other one wrote.
    #[test]
    fn a_name_that_is_exchanged_all_the_time_never_fools() {
        let (_directory, path) = tree();
        let name = path.join("own/below/a.xml");
        let (good, bad) = (path.join("own/good"), path.join("open/a.xml"));
        fs::copy(&name, &good).unwrap();
        let is_over = AtomicBool::new(false);
        let exchange = |target| {
            let new = path.join("own/below/new");
            symlink(target, &new).unwrap();
            fs::rename(&new, &name).unwrap();
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    [&good, &bad].into_iter().for_each(exchange);
                }
            });
            for _ in 0..2000 {
                match read(&name) {
                    Ok(text) => assert_eq!(text, "own"),
                    Err(error) => assert!(error.contains("open can be written"), "{error}"),
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}
