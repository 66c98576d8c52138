//! A check whether a file lies on a mount that accepts no writes, whatever its mode says.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

/// File systems to which no other host writes, and whose files come from the kernel and not from a program.
const LOCAL: [&str; 9] =
    ["btrfs", "erofs", "ext2", "ext3", "ext4", "overlay", "squashfs", "tmpfs", "xfs"];

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
struct Mount {
    id: u64,
    device: String,
    /// The directory of the file system that is mounted.
    root: PathBuf,
    point: PathBuf,
    is_read_only: bool,
    kind: String,
    /// The file system itself, however it is mounted.
    is_all_read_only: bool,
}

/// Whether the file opened by `path`, which contains no links, is on a read-only mount and cannot be reached through
/// another mount. An unknown case counts as writable.
pub(crate) fn is_read_only(file: &File, path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mount_id(file).is_ok_and(|id| is_read_only_by(&mounts, id, path))
}

/// The mount that the file is really on: one mount may hide another.
fn mount_id(file: &File) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| io::Error::other("the kernel tells no mnt_id"))
}

fn is_read_only_by(mounts: &str, id: u64, path: &Path) -> bool {
    let mounts: Option<Vec<_>> = mounts.lines().map(parse).collect();
    let Some(mounts) = mounts else { return false };
    let Some(own) = mounts.iter().find(|mount| mount.id == id) else { return false };
    let Ok(below) = path.strip_prefix(&own.point) else { return false };
    let inside = own.root.join(below);
    // A service confined by systemd sees every file system as read-only, while other processes can still write to it.
    let is_own = own.point != Path::new("/");
    let reaches = |other: &&Mount| {
        other.device == own.device && !other.is_read_only && inside.starts_with(&other.root)
    };
    LOCAL.contains(&own.kind.as_str())
        && (own.is_all_read_only
            || (own.is_read_only && is_own && !mounts.iter().any(|it| reaches(&it))))
}

fn parse(line: &str) -> Option<Mount> {
    let (mount, system) = line.split_once(" - ")?;
    let mount: Vec<_> = mount.split(' ').collect();
    let system: Vec<_> = system.split(' ').collect();
    let has = |options: &str, wanted| options.split(',').any(|it| it == wanted);
    Some(Mount {
        id: mount.first()?.parse().ok()?,
        device: (*mount.get(2)?).to_owned(),
        root: unescaped(mount.get(3)?)?,
        point: unescaped(mount.get(4)?)?,
        is_read_only: has(mount.get(5)?, "ro"),
        kind: (*system.first()?).to_owned(),
        is_all_read_only: has(system.last()?, "ro"),
    })
}

/// A path whose blanks and backslashes are octal codes.
fn unescaped(text: &str) -> Option<PathBuf> {
    let mut parts = text.split('\\');
    let mut path = parts.next()?.to_owned();
    for part in parts {
        let code = u8::from_str_radix(part.get(..3)?, 8).ok()?;
        path.push(char::from(code));
        path.push_str(&part[3..]);
    }
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_write() {
        let root = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
        let file = Path::new("/settings/c.xml");
        for (what, mounts, expected) in [
            ("a file system that is read-only", "2 1 0:50 / /settings ro - tmpfs tmpfs ro", true),
            ("one that is remounted alone", "2 1 0:50 / /settings ro - tmpfs tmpfs rw", true),
            ("a volume of a pod", "2 1 8:2 /pods/1/map /settings ro - ext4 /dev/sdb rw", true),
            (
                "beside another volume of the disk",
                "2 1 8:2 /pods/1/map /settings ro - ext4 /dev/sdb rw\n\
                 3 1 8:2 /pods/1/mapped /data rw - ext4 /dev/sdb rw",
                true,
            ),
            ("one that can be written", "2 1 0:50 / /settings rw - tmpfs tmpfs rw", false),
            (
                "one that is there a second time",
                "2 1 0:50 /a /settings ro - tmpfs tmpfs rw\n3 1 0:50 / /open rw - tmpfs tmpfs rw",
                false,
            ),
            (
                "a directory of the root's file system",
                "2 1 8:1 /upload /settings ro - ext4 /dev/sda1 rw",
                false,
            ),
            ("another host's", "2 1 0:50 / /settings ro - nfs4 server:/ ro", false),
            ("a user's program", "2 1 0:50 / /settings ro - fuse.x x ro", false),
            ("a mount elsewhere", "2 1 0:50 / /other ro - tmpfs tmpfs ro", false),
            ("a line that means nothing", "2 1 0:50", false),
            ("ro as the name of something", "2 1 0:50 / /settings rw - tmpfs ro rw,size=1", false),
            ("no such mount", "4 1 0:50 / /settings ro - tmpfs tmpfs ro", false),
        ] {
            assert_eq!(is_read_only_by(&format!("{root}{mounts}"), 2, file), expected, "{what}");
        }
        // As systemd's ProtectSystem=strict shows it, and a root that is truly read-only.
        for (line, expected) in [
            ("1 0 8:1 / / ro - ext4 /dev/sda1 rw", false),
            ("1 0 8:1 / / ro - ext4 /dev/sda1 ro", true),
        ] {
            assert_eq!(is_read_only_by(line, 1, file), expected, "{line}");
        }
        let odd = r"2 1 0:50 / /a\040b\134c ro - tmpfs tmpfs ro";
        assert!(is_read_only_by(odd, 2, Path::new(r"/a b\c/x")));
    }

    #[test]
    fn this_directory_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        assert!(!is_read_only(&File::open(&path).unwrap(), &path));
    }
}
