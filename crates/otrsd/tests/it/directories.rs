//! The daemon's directories, when others may write there, and what others put into them.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
        process::CommandExt as _,
    },
};

use nix::{
    sys::{
        signal::Signal::{SIGCONT, SIGKILL, SIGSTOP},
        stat::Mode,
    },
    unistd::{geteuid, mkfifo},
};

use crate::{
    harness::{World, finish, gone, setting, signal, wait_until},
    installation::Installation,
    registration::{idle, module},
    status::Status,
    tasks::{Database, WORKER},
};

const STRANGER: u32 = 4711;

/// With the directories of the PID file, the logs and the database.
fn world() -> World {
    let world = World::new().with("modules", &[idle("A", 1), idle("B", 2)]);
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
            if mode == 0o775 && chown(world.path(name), None, Some(STRANGER)).is_err() {
                // Its user's group may be that user's alone.
                continue;
            }
            set_mode(&world, name, mode);
            let told = format!(
                "setting {of}: {path}: is refused, for others could write there: {path} can be written by others; chmod "
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

/// A database's other files are for the library to open.
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
    assert!(told.code == 1 && told.stderr.contains("can be written by others; chmod "), "{told:?}");
    assert_eq!(world.status().module("A").pid, Some(a));
    assert_eq!(fs::read_dir(world.path("other")).unwrap().count(), 0);
}

/// In a directory like `/tmp` others can put files in the way, and no more.
#[test]
fn what_others_put_in_the_place_of_a_log_is_refused_alone() {
    if !geteuid().is_root() {
        return;
    }
    // So that nothing is renamed first.
    let world = world().with("zzz", &[setting("Daemon::Log::RotationType", "external")]);
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

/// A process of another user that holds a lock on a file, or listens on a socket.
fn stranger(world: &World, script: &str) -> i32 {
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.command("python3");
    let begin = "import fcntl, os, socket, sys, time\n";
    let end = "\nprint('ready', flush=True)\ntime.sleep(1000)\n";
    command.args(["-c", &format!("{begin}{script}{end}")]).uid(STRANGER).gid(STRANGER);
    let pid = world.spawn(command);
    wait_until("the stranger", || world.read("out").contains("ready").then_some(()));
    pid
}

const PID_FILE: &str = "run/Daemon-NodeID-1.pid";
const LOCK: &str = "run/Daemon-NodeID-1.lock";

/// As a help desk's group reads it.
fn readable(world: &World, name: &str) {
    world.file(name, "1");
    set_mode(world, name, 0o664);
}

#[test]
fn a_stranger_that_locks_the_pid_file_blocks_neither_start_nor_stop() {
    if !geteuid().is_root() {
        return;
    }
    // The second one leaves the lock to a process of his.
    for then in ["", "if os.fork() != 0: print('ready', flush=True); os._exit(0)"] {
        let world = world();
        readable(&world, PID_FILE);
        let file = world.text(PID_FILE);
        let held = format!("f = open('{file}'); fcntl.flock(f, fcntl.LOCK_EX)\n{then}");
        stranger(&world, &held);
        assert_eq!(world.otrsd(&["stop"]).all(), (0, "not running\n", ""));
        let pid = world.start();
        assert_eq!(world.read(PID_FILE), pid.to_string());
        // The new file may be locked too.
        set_mode(&world, PID_FILE, 0o664);
        stranger(&world, &format!("f = open('{file}'); fcntl.flock(f, fcntl.LOCK_SH)\n{then}"));
        assert_eq!(world.status().pid, pid);
        assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
        assert_eq!(world.otrsd(&["status"]).code, 1);
    }
}

#[test]
fn only_the_daemons_user_opens_the_lock() {
    let world = world();
    // As an earlier version made it, or a program that sets all rights of a help desk.
    readable(&world, LOCK);
    let pid = world.start();
    assert_eq!(fs::metadata(world.path(LOCK)).unwrap().mode() & 0o7777, 0o600);
    signal(pid, SIGKILL);
    world.deserted();
    if !geteuid().is_root() {
        return;
    }
    set_mode(&world, LOCK, 0o664);
    let held = format!("f = open('{}'); fcntl.flock(f, fcntl.LOCK_EX)", world.text(LOCK));
    let holder = stranger(&world, &held);
    let told = world.otrsd(&["start"]);
    let text = format!("another user's process holds a lock on {}", world.text(LOCK));
    assert!(told.code == 1 && told.stderr.contains(&text), "{told:?}");
    signal(holder, SIGKILL);
    gone(holder);
    world.start();
    world.otrsd(&["stop"]).ok();
    chown(world.path(LOCK), Some(STRANGER), None).unwrap();
    let told = world.otrsd(&["start"]);
    let text = format!("{}: it belongs to user {STRANGER}", world.text(LOCK));
    assert!(told.code == 1 && told.stderr.contains(&text), "{told:?}");
}

/// Root's command line tells nothing that another user made up.
#[test]
fn a_socket_of_a_stranger_is_not_believed() {
    if !geteuid().is_root() {
        return;
    }
    let world = world();
    set_mode(&world, "run", 0o1777);
    let pid = world.start();
    // It would make its own anew.
    signal(pid, SIGSTOP);
    let path = world.path("run/Daemon-NodeID-1.sock");
    fs::remove_file(&path).unwrap();
    let listen =
        format!("s = socket.socket(socket.AF_UNIX); s.bind('{}'); s.listen()", path.display());
    stranger(&world, &listen);
    for command in ["status", "reload", "restart"] {
        let told = world.otrsd(&[command]);
        let text = format!("{} does not answer: it is a socket of user {STRANGER}", path.display());
        assert!(told.code == 1 && told.stderr.contains(&text), "{told:?}");
    }
    signal(pid, SIGCONT);
    wait_until("a socket of its own", || (world.otrsd(&["status"]).code == 0).then_some(()));
}

/// Root asks the daemon of another user, whose directory it is.
#[test]
fn root_believes_the_daemon_whose_directory_it_is() {
    if !geteuid().is_root() {
        return;
    }
    let world = world().by_nobody();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["run", "log", "state"] {
        chown(world.path(name), Some(65534), Some(65534)).unwrap();
    }
    let pid = world.start();
    let mut command = std::process::Command::new(&world.program);
    command.args(["--config", &world.text("config"), "status"]);
    // Root reads no settings of another user.
    for entry in fs::read_dir(world.path("config")).unwrap() {
        chown(entry.unwrap().path(), Some(0), Some(0)).unwrap();
    }
    for name in ["config", ""] {
        chown(world.path(name), Some(0), Some(0)).unwrap();
    }
    let said = finish(command).ok().stdout;
    assert!(said.contains(&format!("is running: PID {pid}")), "{said}");
}

#[test]
fn what_modules_write_is_not_for_everybody() {
    let script = "umask > \"$HOME/A.trace\"; exec sleep 1000";
    for (given, expected) in [("000", "0027"), ("022", "0027"), ("077", "0077")] {
        let world = World::new().with("modules", &[module("A").shell(script).xml()]);
        let mut command = world.command("/bin/sh");
        command.args(["-c", &format!("umask {given}; exec {} start", world.program.display())]);
        finish(command).ok();
        world.traced("A", expected);
    }
}

/// The web server writes into each directory of a help desk, and its processes are put up with.
#[test]
fn the_group_of_a_help_desk_may_write() {
    if !geteuid().is_root() {
        return;
    }
    let it = Installation::new(Database::Postgres);
    let world = &it.world;
    let user = fs::metadata(&it.home).unwrap().uid();
    for name in ["run", "log"] {
        chown(world.path(name), Some(user), Some(STRANGER)).unwrap();
        set_mode(world, name, 0o2775);
    }
    // As the help desk's program that sets all rights leaves them.
    for name in [LOCK, PID_FILE] {
        world.file(name, "1");
        set_mode(world, name, 0o664);
    }
    let files = format!(
        "f = open('{}'); fcntl.flock(f, fcntl.LOCK_EX); os.mkfifo('{}')",
        world.text(PID_FILE),
        world.text(&format!("log/{WORKER}ERR.log"))
    );
    stranger(world, &files);
    it.otrsd(&["start"]).ok();
    world.running(WORKER);
    let note = |status: &Status| status.module(WORKER).note.clone();
    let note = world.wait_for("a note", note).1;
    assert!(note.contains("it is a FIFO; remove it"), "{note}");
    assert_eq!(fs::metadata(world.path(LOCK)).unwrap().mode() & 0o7777, 0o600);
    it.otrsd(&["stop"]).ok();
}
