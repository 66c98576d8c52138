//! The file of `SQLite`: a full disk, a file that is deleted, replaced, damaged or not to be written.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use nix::unistd::geteuid;
use task_store::{Instance, NewTask, Outcome};

use crate::{
    harness::{finish, setting, wait_until},
    tasks::{Database, Tasks, WORKER, shell},
};

/// A small file system, for as long as the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(path: PathBuf, size: &str) -> Self {
        assert!(geteuid().is_root(), "a file system is mounted by root: see scripts/test");
        fs::create_dir(&path).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("mode=755,size={size}"), "small"]).arg(&path);
        finish(command).ok();
        Self(path)
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let mut command = Command::new("dd");
        command.args(["if=/dev/zero", "bs=4k", "status=none"]);
        command.arg(format!("of={}", self.0.join("filler").display()));
        let said = finish(command);
        assert!(said.stderr.contains("No space left"), "{said:?}");
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still runs in a test that fails keeps it busy.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn tasks(script: &str) -> Tasks {
    Tasks::new(Database::Sqlite, &[shell("Waits", script, &[])])
}

const WAITS: &str = "echo begun >>\"$HOME/begun\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done";

fn told(tasks: &Tasks, text: &str) -> usize {
    tasks.world.worker_log().matches(text).count()
}

#[test]
fn what_ends_on_a_full_disk_is_written_down_later() {
    let tasks = tasks(WAITS);
    let disk = SmallDisk::new(tasks.world.path("state"), "4m");
    tasks.start();
    let waiting: Vec<_> =
        (0..40).map(|number| tasks.add_of("Waits", &number.to_string())).collect();
    wait_until("five to run", || (tasks.world.read("begun").lines().count() == 5).then_some(()));
    disk.fill();
    tasks.world.file("go", "");
    wait_until("a word about it", || {
        (told(&tasks, "trying again until it works") > 0).then_some(())
    });
    let log = tasks.world.worker_log();
    assert!(log.contains("disk is full") || log.contains("disk I/O error"), "{log}");
    // Who adds is told, and nothing is half there.
    let large = format!("\"{}\"", "x".repeat(100_000));
    tasks.world.file("large.json", &large);
    let refused = tasks.world.otrsd(&["task", "add", "--type", "Waits", "--data", "@large.json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (4, ""), "{refused:?}");
    assert!(refused.stderr.contains("full") && refused.stderr.contains("tasks.db"), "{refused:?}");
    disk.free();
    for id in waiting {
        tasks.succeeds(id);
        let outcomes: Vec<_> = tasks.executions(id).iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Success]);
    }
    assert_eq!(tasks.world.read("begun").lines().count(), 40);
    wait_until("a word about its end", || (told(&tasks, "is there again") == 1).then_some(()));
    assert_eq!(told(&tasks, "trying again until it works"), 1, "{}", tasks.world.worker_log());
    // What lies on the disk goes with it.
    tasks.world.otrsd(&["stop"]).ok();
}

/// Waits until the worker says that its file is another.
fn moved(tasks: &Tasks, times: usize) {
    wait_until("a word about the file", || {
        (told(tasks, "was deleted or replaced") == times).then_some(())
    });
}

#[test]
fn a_file_that_is_deleted_is_made_anew() {
    let tasks = tasks("true");
    tasks.start();
    tasks.succeeds(tasks.add_of("Waits", "one"));
    for name in ["tasks.db", "tasks.db-wal", "tasks.db-shm"] {
        fs::remove_file(tasks.world.path("state").join(name)).unwrap();
    }
    moved(&tasks, 1);
    let said = wait_until("a new file", || {
        Some(tasks.world.otrsd(&["task", "add", "--type", "Waits", "--wait"]))
            .filter(|it| it.code == 0)
    });
    assert!(said.stdout.contains("succeeded"), "{said:?}");
}

#[test]
fn a_backup_put_in_its_place_is_used() {
    let tasks = tasks("true");
    tasks.start();
    let planned = NewTask::new("Waits", "of the backup", "{}");
    tasks.world.otrsd(&["worker", "pause"]).ok();
    tasks.add(&planned);
    tasks.sql(&format!("VACUUM INTO '{}'", tasks.world.text("backup.db")));
    tasks.world.otrsd(&["worker", "resume"]).ok();
    tasks.succeeds(planned.id);
    for name in ["tasks.db-wal", "tasks.db-shm"] {
        fs::remove_file(tasks.world.path("state").join(name)).unwrap();
    }
    fs::rename(tasks.world.path("backup.db"), tasks.world.path("state/tasks.db")).unwrap();
    moved(&tasks, 1);
    // The backup was made while all was paused.
    wait_until("the backup", || (tasks.world.otrsd(&["worker", "resume"]).code == 0).then_some(()));
    wait_until("its task again", || {
        let id = planned.id.to_string();
        tasks.world.otrsd(&["task", "show", &id]).stdout.contains("done: success").then_some(())
    });
}

#[test]
fn a_damaged_file_is_said_to_be_one() {
    let tasks = tasks("true");
    fs::create_dir(tasks.world.path("state")).unwrap();
    tasks.world.file("state/tasks.db", &"this is no database at all\n".repeat(1000));
    tasks.world.start();
    wait_until("a word about it", || (told(&tasks, "file is not a database") == 1).then_some(()));
    let said = tasks.world.otrsd(&["task", "list"]);
    assert!(
        said.code == 4 && said.stderr.contains("state/tasks.db (setting DatabaseURL, "),
        "{said:?}"
    );
    assert!(said.stderr.contains("file is not a database"), "{said:?}");
    fs::remove_file(tasks.world.path("state/tasks.db")).unwrap();
    wait_until("a new one", || {
        let added = tasks.world.otrsd(&["task", "add", "--type", "Waits", "--wait"]);
        (added.code == 0).then_some(())
    });
    assert_eq!(told(&tasks, "file is not a database"), 1);
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    let tasks = tasks("true");
    let by_nobody = crate::harness::World::stock().by_nobody();
    fs::create_dir(by_nobody.path("state")).unwrap();
    let url = format!("sqlite:{}", by_nobody.text("state/tasks.db"));
    let settings = fs::read_to_string(tasks.world.path("config/10-modules.xml")).unwrap();
    by_nobody.file("config/10-modules.xml", &settings);
    by_nobody.configure("20-database", &[setting("DatabaseURL", &url)]);
    by_nobody.start();
    wait_until("a word about it", || {
        let log = by_nobody.worker_log();
        (log.contains("state/tasks.db (setting DatabaseURL, ")
            && log.contains("unable to open database file"))
        .then_some(())
    });
    let said = by_nobody.otrsd(&["db", "migrate"]);
    assert!(said.code == 4 && said.stderr.contains("unable to open database file"), "{said:?}");
    fs::set_permissions(by_nobody.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
    wait_until("its tables", || (by_nobody.otrsd(&["db", "status"]).code == 0).then_some(()));
}

/// Payloads are nobody else's, wherever the file is.
#[test]
fn only_its_user_reads_the_database() {
    let tasks = Tasks::new(Database::Sqlite, &[shell("Any", "true", &[])]);
    tasks.start();
    tasks.world.running(WORKER);
    tasks.world.otrsd(&["task", "add", "--type", "Any", "--wait"]).ok();
    for entry in fs::read_dir(tasks.world.path("state")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert!(!name.contains(".db") || mode.trailing_zeros() >= 6, "{name}: {mode:o}");
    }
    assert!(tasks.world.path("state/tasks.db").exists());
}

/// Another program writes for longer than a lease lasts: what runs goes on, beside another node too.
#[test]
fn a_file_that_is_locked_for_long_ends_nothing() {
    let tasks = tasks(WAITS);
    tasks.start();
    let id = tasks.add_of("Waits", "one");
    wait_until("its beginning", || (tasks.world.read("begun") == "begun\n").then_some(()));
    let other = Tasks::another_node(&tasks.url, &[shell("Waits", WAITS, &[])]);
    other.start();
    other.running(WORKER);
    let beats = || tasks.block(tasks.store().instances()).unwrap();
    wait_until("two workers", || (beats().len() == 2).then_some(()));
    let held = tasks.hold("SELECT 1");
    let since = Instant::now();
    wait_until("the end of all leases", || {
        (since.elapsed() > Duration::from_secs(20)).then_some(())
    });
    let before = beats();
    drop(held);
    wait_until("a heartbeat of both", || {
        let moved = |(then, now): (&Instance, &Instance)| now.beats > then.beats;
        let now = beats();
        (now.len() == 2 && before.iter().zip(&now).all(moved)).then_some(())
    });
    tasks.world.file("go", "");
    assert_eq!(tasks.succeeds(id).node, 1);
    assert_eq!((tasks.executions(id).len(), other.read("begun")), (1, String::new()));
    assert_eq!(tasks.world.read("begun"), "begun\n");
}
