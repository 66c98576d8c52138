//! One control group per incarnation of a module, where systemd delegated the daemon's group: it holds every
//! descendant, including those that left their session.

use std::{
    ffi::{CStr, CString},
    fs::{self, File, OpenOptions},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use nix::{libc, unistd::geteuid};

use crate::config::daemon_paths::DaemonPaths;

/// The delegated group, which holds one group per module.
#[derive(Debug)]
pub(super) struct Cgroup {
    root: PathBuf,
    /// The prefix of the names of this daemon's groups.
    prefix: String,
}

impl Cgroup {
    /// The daemon's own group, if it was delegated.
    pub(super) fn delegated(place: &DaemonPaths) -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let root = mount_point()?.join(path);
        let prefix = format!("otrsd-{}-", place.node_id);
        is_delegated(&root).then_some(Self { root, prefix })
    }

    /// Creates the group of an incarnation; a process that writes `0` to the file moves itself into the group.
    pub(super) fn make(&self, module: &str, instance: u64) -> Option<File> {
        let group = self.group(module, instance);
        let made = fs::create_dir(&group);
        let file = OpenOptions::new().write(true).open(group.join("cgroup.procs"));
        match file {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!("no control group for {module}: {error} ({made:?})");
                None
            }
        }
    }

    /// Kills everything in the group of an incarnation.
    pub(super) fn end(&self, module: &str, instance: u64) {
        end(&self.group(module, instance));
    }

    /// Kills everything in every group of this daemon.
    pub(super) fn end_all(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().as_bytes().starts_with(self.prefix.as_bytes()) {
                end(&entry.path());
            }
        }
    }

    fn group(&self, module: &str, instance: u64) -> PathBuf {
        self.root.join(format!("{}{module}.{instance}", self.prefix))
    }
}

fn end(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
    // Fails while its processes are dying; the next incarnation uses the group again.
    let _ = fs::remove_dir(group);
}

fn mount_point() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    mount.split(' ').nth(4).map(PathBuf::from)
}

/// systemd marks what it delegates; for a service that does not run as root, it changes the owner of the directory.
fn is_delegated(root: &Path) -> bool {
    let uid = geteuid();
    let given = !uid.is_root() && root.metadata().is_ok_and(|file| file.uid() == uid.as_raw());
    given || [c"user.delegate", c"trusted.delegate"].iter().any(|name| is_set(root, name))
}

#[expect(unsafe_code, reason = "nix has no getxattr")]
fn is_set(path: &Path, attribute: &CStr) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut value = [0u8; 2];
    // SAFETY: both strings end with NUL, and the buffer has the length that is passed.
    let length = unsafe {
        libc::getxattr(path.as_ptr(), attribute.as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    length == 1 && value[0] == b'1'
}
