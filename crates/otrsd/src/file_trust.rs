//! The trust check for files and directories: who may have written a settings file or a program that a reload executes,
//! and who may write into the daemon's directories.
//!
//! Settings give their author a shell: they name programs, databases, directories and tokens. A file is therefore read
//! only if root or the daemon's user owns it and every directory above it, and no other user can write to any of them.
//! Two exceptions:
//!
//! * A directory with the sticky bit, like `/tmp`, is accepted: other users cannot replace files there that they do not
//!   own.
//! * A world-writable file or directory on a read-only mount, as Kubernetes mounts settings, is accepted: no user can
//!   write to it (`mounts.rs`).
//!
//! A file is opened once, directory by directory and link by link, and each step is checked by its descriptor. What is
//! read is thus what was checked, even if files are exchanged meanwhile.

pub(crate) mod mounts;
mod rule;

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::File,
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use nix::{
    fcntl::{OFlag, open as open_at_root, openat, readlinkat},
    sys::stat::Mode,
};

pub(crate) use self::rule::{Group, Rule};

/// The kernel's limit.
const MOST_LINKS: u32 = 40;

/// Opens the file of an absolute path for reading.
///
/// # Errors
///
/// The file cannot be opened, or other users could have written it. The error says what to do.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match walk(path, Rule::own()).map_err(|error| refused(error, "could have written it"))? {
        End::File(file) => Ok(file),
        End::Directory(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Opens the directory of an absolute path for inspection. `None` if it does not exist yet and the directories above it
/// are trusted.
///
/// # Errors
///
/// The path is not a directory, or other users could replace it or write into it. The error says what to do.
pub(crate) fn directory(path: &Path, rule: Rule) -> io::Result<Option<File>> {
    match walk(path, rule) {
        Ok(End::Directory(way)) => {
            // Root may have given a directory above to a group, but not this one.
            let judged = way.rule.without_groups_of_root().judge(&way.directory, &way.path);
            judged.map_err(|error| refused(error, "could write there"))?;
            Ok(Some(way.directory))
        }
        Ok(End::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(error, "could write there")),
    }
}

/// The owner of a directory, if it is not root and if only root or that user could have put the directory there.
pub(crate) fn owner(path: &Path) -> Option<u32> {
    match walk(path, Rule::of_owner()) {
        Ok(End::Directory(way)) => way.rule.user(),
        _ => None,
    }
}

/// Adds the reason to a refusal by the rule; an error of the kernel stays as it is.
fn refused(error: io::Error, what: &str) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied || error.raw_os_error().is_some() {
        return error;
    }
    io::Error::new(error.kind(), format!("is refused, for others {what}: {error}"))
}

/// The target of a path.
enum End {
    Directory(Way),
    File(File),
}

fn walk(path: &Path, rule: Rule) -> io::Result<End> {
    let mut way = Way::begin(rule)?;
    let mut names = names(path);
    let mut links = 0;
    while let Some(name) = names.pop_front() {
        match way.step(&name)? {
            Step::Directory => {}
            Step::File(file) if names.is_empty() => return Ok(End::File(file)),
            Step::File(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Step::Link(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("too many links"));
                }
                if target.is_absolute() {
                    way = Way::begin(way.rule)?;
                }
                names = self::names(&target).into_iter().chain(names).collect();
            }
        }
    }
    Ok(End::Directory(way))
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

/// The target of a name.
enum Step {
    Directory,
    File(File),
    Link(PathBuf),
}

/// A directory that was checked together with all directories above it.
struct Way {
    directory: File,
    /// Without links.
    path: PathBuf,
    rule: Rule,
}

impl Way {
    fn begin(rule: Rule) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = File::from(open_at_root("/", flags, Mode::empty())?);
        let mut way = Self { directory, path: "/".into(), rule };
        way.rule.judge(&way.directory, &way.path)?;
        Ok(way)
    }

    fn step(&mut self, name: &OsString) -> io::Result<Step> {
        let path = if name.as_bytes() == b".." {
            self.path.parent().unwrap_or(&self.path).to_owned()
        } else {
            self.path.join(name)
        };
        let seen = self.open(name, OFlag::O_PATH)?;
        let kind = seen.metadata()?.file_type();
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            let shown = path.display();
            return Err(io::Error::other(format!("{shown} is neither a file nor a directory")));
        }
        self.rule.judge(&seen, &path)?;
        if kind.is_symlink() {
            return Ok(Step::Link(readlinkat(&seen, c"")?.into()));
        }
        if kind.is_dir() {
            (self.directory, self.path) = (seen, path);
            return Ok(Step::Directory);
        }
        // The name may refer to another file by now: the opened file is checked.
        let file = self.open(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
        self.rule.judge(&file, &path)?;
        Ok(Step::File(file))
    }

    fn open(&self, name: &OsString, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.directory, name.as_os_str(), flags, Mode::empty())?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        io::Read as _,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink},
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use nix::unistd::geteuid;

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
            // The file is trusted, but other users choose which file it is.
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

    fn judged(path: &Path, rule: Rule) -> Result<bool, String> {
        directory(path, rule).map(|it| it.is_some()).map_err(|error| error.to_string())
    }

    /// Ubuntu's `/var/log` is such a directory.
    #[test]
    fn root_may_give_a_directory_above_to_a_group() {
        let (_directory, path) = tree();
        fs::create_dir_all(path.join("log/own")).unwrap();
        fs::set_permissions(path.join("log"), Permissions::from_mode(0o775)).unwrap();
        let is_roots = fs::metadata(path.join("log")).unwrap().uid() == 0;
        let rule = Rule::own().with_groups_of_root();
        assert_eq!(judged(&path.join("log/own"), rule).is_ok(), is_roots);
        assert!(judged(&path.join("log"), rule).is_err());
        assert!(judged(&path.join("log/own"), Rule::own()).is_err());
    }

    #[test]
    fn a_directory_is_judged_as_far_as_it_is_there() {
        let (_directory, path) = tree();
        symlink("../open", path.join("own/out")).unwrap();
        fs::create_dir(path.join("group")).unwrap();
        fs::set_permissions(path.join("group"), Permissions::from_mode(0o2775)).unwrap();
        let open = "is refused, for others could write there: ";
        let gid = fs::metadata(path.join("group")).unwrap().gid();
        for (name, own, with_group) in [
            ("own/below", Ok(true), Ok(true)),
            ("own/none/below", Ok(false), Ok(false)),
            ("own/below/a.xml", Err("not a directory"), Err("not a directory")),
            ("open", Err("chmod go-w "), Err("chmod o-w ")),
            ("open/none", Err(open), Err(open)),
            ("own/out/none", Err(open), Err(open)),
            ("group", Err("group can be written by others; chmod go-w "), Ok(true)),
            ("group/none", Err(open), Ok(false)),
        ] {
            let rules = [
                (Group::None, own),
                (Group::Own(gid + 1), own),
                (Group::Own(gid), with_group),
                (Group::Any, with_group),
            ];
            for (group, expected) in rules {
                let rule = Rule::own().with_group(group);
                let found = judged(&path.join(name), rule);
                match expected {
                    Ok(is_there) => assert_eq!(found, Ok(is_there), "{name}"),
                    Err(part) => assert!(found.clone().unwrap_err().contains(part), "{found:?}"),
                }
            }
        }
    }

    #[test]
    fn a_directorys_owner_is_known_where_root_alone_could_put_it() {
        if !geteuid().is_root() {
            return;
        }
        let (_directory, path) = tree();
        fs::set_permissions(path.join("open"), Permissions::from_mode(0o1777)).unwrap();
        for (name, user) in [("own/theirs", 4711), ("own/theirs/below", 4711), ("open/x", 4711)] {
            fs::create_dir(path.join(name)).unwrap();
            chown(path.join(name), Some(user), None).unwrap();
        }
        fs::create_dir(path.join("own/theirs/other")).unwrap();
        chown(path.join("own/theirs/other"), Some(4712), None).unwrap();
        for (name, expected) in [
            ("own/theirs", Some(4711)),
            ("own/theirs/below", Some(4711)),
            // Any user could have created it.
            ("open/x", None),
            ("own/theirs/other", None),
            ("own/below", None),
            ("none", None),
        ] {
            assert_eq!(owner(&path.join(name)), expected, "{name}");
        }
        assert!(judged(&path.join("own/theirs/below"), Rule::of_owner()).unwrap());
        assert!(judged(&path.join("own/theirs/below"), Rule::own()).is_err());
    }

    /// A deceived reader would read what the other thread wrote.
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
