//! The directories that the daemon writes to, and the check that other users cannot write there.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::{getegid, geteuid};

use super::{Configuration, database, text};
use crate::{
    config::home::Home,
    file_trust::{self, Group, Rule},
};

const OTHERS_MAY_WRITE: u32 = 0o002;
const PID_PATH: &str = "Daemon::PID::Path";
const LOG_PATH: &str = "Daemon::Log::LogPath";
const LISTEN: &str = "WebConsole::Listen";

/// The directories with the settings that name them: those of the PID file, of the logs, of a database that is a file,
/// and of the console's socket.
pub(crate) fn all(configuration: &Configuration) -> Vec<(&'static str, PathBuf)> {
    let file = database::file(&configuration.settings);
    let database = file.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let own = [
        (PID_PATH, configuration.place.directory.clone()),
        (LOG_PATH, configuration.log.directory.clone()),
    ];
    let database = database.map(|directory| (database::DATABASE_URL, directory));
    let listen = text(&configuration.settings, LISTEN);
    let socket = listen.and_then(|listen| listen.strip_prefix("unix:")).map(Path::new);
    // A relative path is refused elsewhere.
    let socket = socket.filter(|path| path.is_absolute()).and_then(Path::parent);
    let socket = socket.map(|directory| (LISTEN, directory.to_path_buf()));
    own.into_iter().chain(database).chain(socket).collect()
}

/// What is wrong with the directories. The rules are those for settings, except that some groups may write.
pub(crate) fn faults(configuration: &Configuration, rule: Rule) -> Vec<String> {
    let group = match Home::of(&configuration.settings) {
        Some(_) => Group::Any,
        None => own_group(),
    };
    let rule = rule.with_group(group).with_groups_of_root();
    all(configuration)
        .into_iter()
        .filter_map(|(setting, path)| fault(setting, &path, rule))
        .collect()
}

fn fault(setting: &str, path: &Path, rule: Rule) -> Option<String> {
    let shown = path.display();
    match file_trust::directory(path, rule) {
        // SQLite opens files beside a database by their names: the sticky bit does not help there.
        Ok(Some(found)) if setting == database::DATABASE_URL && is_open(&found) => Some(format!(
            "setting {setting}: {shown} is refused, for others could lay files there that SQLite reads; name a \
             directory of the daemon's own below it"
        )),
        Ok(_) => None,
        Err(error) => Some(format!("setting {setting}: {shown}: {error}")),
    }
}

/// The group of this process, if no other user is a member: a volume may be given to the group alone, as Kubernetes
/// does by `fsGroup`.
fn own_group() -> Group {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    if is_private(&read("/etc/passwd"), &read("/etc/group"), uid, gid) {
        Group::Own(gid)
    } else {
        Group::None
    }
}

/// Whether a group has the name of a user, and no other user is known to be a member. Groups of a directory service are
/// in no file, so they are not private.
fn is_private(passwd: &str, group: &str, uid: u32, gid: u32) -> bool {
    let words = |line: &'_ str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let (uid, gid) = (uid.to_string(), gid.to_string());
    let users: Vec<_> = passwd.lines().map(words).collect();
    let groups: Vec<_> = group.lines().map(words).collect();
    let user = users.iter().find(|it| it.get(2) == Some(&uid)).and_then(|it| it.first());
    let Some(user) = user else { return false };
    let own: Vec<_> = groups.iter().filter(|it| it.get(2) == Some(&gid)).collect();
    let is_others = |it: &&Vec<String>| it.get(3) == Some(&gid) && it.get(2) != Some(&uid);
    // A second line with the same number may have other members.
    let mut members = own.iter().flat_map(|it| it.get(3).map_or("", String::as_str).split(','));
    own.first().is_some_and(|it| it.first() == Some(user))
        && !users.iter().any(|it| is_others(&it))
        && members.all(|member| member.is_empty() || member == user)
}

fn is_open(directory: &File) -> bool {
    directory.metadata().is_ok_and(|it| it.mode() & OTHERS_MAY_WRITE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_one_user() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\notrsd:x:10001:10001::/:\nanna:x:1000:100::/srv/anna:/bin/sh\n";
        let group = "root:x:0:\notrsd:x:10001:otrsd\nusers:x:100:\n";
        for (passwd, group, uid, gid, expected) in [
            (passwd, group, 10001, 10001, true),
            (passwd, group, 0, 0, true),
            // A group with a name that is not the user's, a group without a name, a user without a name.
            (passwd, group, 1000, 100, false),
            (passwd, group, 10001, 2000, false),
            (passwd, group, 4711, 10001, false),
            ("", "", 10001, 10001, false),
            // The group has other members.
            (passwd, "otrsd:x:10001:otrsd,anna\n", 10001, 10001, false),
            (passwd, "otrsd:x:10001:\nalias:x:10001:anna\n", 10001, 10001, false),
            ("otrsd:x:10001:10001::/:\nb:x:5:10001::/:\n", group, 10001, 10001, false),
        ] {
            assert_eq!(is_private(passwd, group, uid, gid), expected, "{group} {uid} {gid}");
        }
    }
}
