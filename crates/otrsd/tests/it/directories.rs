//! The daemon's directories, when others may write there, and what others put into them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
};

use nix::{sys::stat::Mode, unistd::geteuid, unistd::mkfifo};

use crate::{
    harness::{World, setting},
    registration::idle,
    status::Status,
};

const STRANGER: u32 = 4711;

/// With the directories of the PID file, the logs and the database.
fn world() -> World {
    let world = World::new().with("modules", &[idle("A", 1), idle("B", 1)]);
    for name in ["run", "log", "state"] {
        fs::create_dir(world.path(name)).unwrap();
        set_mode(&world, name, 0o755);
    }
    let url = format!("sqlite:{}", world.text("state/tasks.db"));
    world.with("zz", &[setting("DatabaseURL", &url)])
}

fn set_mode(world: &World, name: &str, mode: u32) {
    fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

const SETTINGS: [(&str, &str); 3] =
    [("run", "Daemon::PID::Path"), ("log", "Daemon::Log::LogPath"), ("state", "DatabaseURL")];

#[track_caller]
fn is_refused(world: &World, told: &str) {
    let started = world.otrsd(&["start"]);
    assert_eq!((started.code, started.stdout.as_str()), (3, ""), "{started:?}");
    assert!(started.stderr.contains(told), "{told}: {started:?}");
    world.deserted();
}

#[test]
fn a_directory_that_others_may_write_is_refused_with_the_remedy() {
    for (name, of) in SETTINGS {
        let world = world();
        let path = world.text(name);
        for mode in [0o777, 0o775] {
            set_mode(&world, name, mode);
            let told = format!(
                "setting {of}: {path}: is refused, for others could write there: {path} can be written by others; \
                 chmod go-w {path}\n"
            );
            is_refused(&world, &told);
            let checked = world.otrsd(&["check"]);
            assert!(checked.code == 3 && checked.stdout.contains(&told), "{checked:?}");
        }
        set_mode(&world, name, 0o755);
        world.start();
    }
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    for (name, of) in SETTINGS {
        let world = world();
        chown(world.path(name), Some(STRANGER), None).unwrap();
        is_refused(&world, &format!("setting {of}: {}: is refused", world.text(name)));
        // So is the way to it.
        fs::rename(world.path(name), world.path("theirs")).unwrap();
        chown(world.path("theirs"), Some(0), None).unwrap();
        symlink("theirs", world.path(name)).unwrap();
        std::os::unix::fs::lchown(world.path(name), Some(STRANGER), None).unwrap();
        let told = format!("{} belongs to user {STRANGER}", world.text(name));
        is_refused(&world, &told);
    }
}

/// A database's other files are SQLite's to open.
#[test]
fn a_database_wants_a_directory_without_others() {
    let world = world();
    set_mode(&world, "state", 0o1777);
    is_refused(&world, "for others could lay files there that SQLite reads");
}

#[test]
fn a_reload_takes_no_log_directory_that_others_may_write() {
    let world = world();
    fs::create_dir(world.path("other")).unwrap();
    set_mode(&world, "other", 0o777);
    world.start();
    let a = world.running("A");
    world.configure("zzz", &[setting("Daemon::Log::LogPath", &world.text("other"))]);
    let told = world.otrsd(&["reload"]);
    assert!(told.code == 1 && told.stderr.contains("chmod go-w"), "{told:?}");
    assert_eq!(world.status().module("A").pid, Some(a));
    assert_eq!(fs::read_dir(world.path("other")).unwrap().count(), 0);
}

/// In a directory like `/tmp` others can put files in the way, and no more.
#[test]
fn what_others_put_in_the_place_of_a_log_is_refused_alone() {
    if !geteuid().is_root() {
        return;
    }
    let world = world();
    for name in ["run", "log"] {
        set_mode(&world, name, 0o1777);
    }
    world.file("victim", "precious\n");
    let victim = world.path("victim");
    let log = world.path("log/AERR.log");
    let theirs: [(&str, &dyn Fn()); 5] = [
        ("FIFO", &|| mkfifo(&log, Mode::S_IRWXU).unwrap()),
        ("symbolic link", &|| symlink(&victim, &log).unwrap()),
        ("directory", &|| fs::create_dir(&log).unwrap()),
        ("hard link", &|| fs::hard_link(&victim, &log).unwrap()),
        ("belongs to user 4711", &|| {
            fs::write(&log, "forged\n").unwrap();
            chown(&log, Some(STRANGER), None).unwrap();
        }),
    ];
    for (what, put) in theirs {
        put();
        world.start();
        world.running("B");
        let note = |status: &Status| status.module("A").note.clone();
        let note = world.wait_for("a note", note).1;
        assert!(note.contains(what) && note.contains(&world.text("log/A")), "{what}: {note}");
        world.running("A");
        world.otrsd(&["stop"]).ok();
        assert_eq!(world.read("victim"), "precious\n", "{what}");
        for entry in fs::read_dir(world.path("log")).unwrap().flatten() {
            let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir(entry.path()));
        }
    }
}
