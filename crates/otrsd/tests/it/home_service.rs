//! How an installation's daemon is started for good: by the original's name, beside it, in a container.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, symlink},
        process::CommandExt as _,
    },
};

use nix::{sys::signal::Signal, unistd::geteuid};

use crate::{
    harness::{finish, is_alive, signal, wait_until},
    installation::Installation,
    tasks::Database,
};

/// The original's program, or whatever is called so, exits with 0 and says something.
#[track_caller]
fn daemon_pl(it: &Installation, verb: &str, expected: &str) {
    let mut command = it.world.command("/bin/sh");
    // One that starts keeps the output of whoever calls it open.
    command.current_dir(&it.home).args(["-c", "bin/otrs.Daemon.pl \"$0\" >said 2>&1", verb]);
    finish(command).ok();
    // The original speaks from the background.
    wait_until(&format!("'{expected}' of {verb}"), || {
        let said = fs::read_to_string(it.home.join("said")).unwrap();
        said.contains(expected).then_some(())
    });
}

/// Processes of the original's daemon: Perl, and not one of ours by its title.
fn daemons_in_perl(it: &Installation) -> usize {
    let is_perl =
        |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.ends_with("perl"));
    let lines = it.world.processes();
    lines.iter().filter(|(pid, line)| line.contains("otrs.Daemon.pl") && is_perl(*pid)).count()
}

/// The crontab's line calls a link to us; an upgrade of the installation puts the original's file there again. There is
/// never a second daemon, whoever is called, and whoever runs.
#[test]
fn an_upgrade_that_brings_the_original_back() {
    let it = Installation::new(Database::Postgres).with_probe();
    // The original puts the file's name behind it without more.
    it.edit(&format!("$Self->{{'Daemon::PID::Path'}} = '{}/';", it.world.text("run")));
    let file = it.home.join("bin/otrs.Daemon.pl");
    let kept = it.home.join("bin/kept");
    fs::rename(&file, &kept).unwrap();
    symlink(&it.world.program, &file).unwrap();
    daemon_pl(&it, "start", "Daemon started");
    let pid = it.world.status().pid;
    assert_eq!(it.ended(&it.probe("return 1"))["state"], "done");
    daemon_pl(&it, "start", "Daemon already running!");

    fs::rename(&kept, &file).unwrap();
    daemon_pl(&it, "start", "Daemon already running!");
    daemon_pl(&it, "status", "Daemon running");
    assert_eq!((it.world.status().pid, daemons_in_perl(&it)), (pid, 0));
    assert_eq!(it.ended(&it.probe("return 1"))["state"], "done");
    daemon_pl(&it, "stop", "Daemon stopped");
    it.world.deserted();

    it.original("start");
    let refused = it.otrsd(&["start"]);
    assert!(refused.stdout.contains("already running"), "{refused:?}");
    it.original("stop");
    wait_until("the original's end", || (daemons_in_perl(&it) == 0).then_some(()));
}

/// PID 1 of a container, with the check that a container's engine makes.
#[test]
fn in_a_container() {
    if !geteuid().is_root() {
        return;
    }
    let it = Installation::new(Database::Postgres).with_probe();
    let user = fs::metadata(&it.home).unwrap();
    let mut command = it.world.command("unshare");
    let ids = [format!("--reuid={}", user.uid()), format!("--regid={}", user.gid())];
    command.uid(0).gid(0).env("OTRS_HOME", &it.home);
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "setpriv"]).args(ids);
    command.arg("--clear-groups").arg(&it.world.program).args(["start", "--foreground"]);
    it.world.spawn(command);
    assert_eq!(it.world.status().pid, 1);
    it.otrsd(&["status"]).ok();
    let code = "if ( !fork ) { POSIX::setsid(); exit 0 } print $$; return 1";
    let task = it.ended(&it.probe(code));
    assert_eq!(task["executions"][0]["outcome"], "success", "{task:#}");
    let ours = wait_until("the daemon as seen from here", || {
        let named = |line: &str| line.starts_with(it.world.program.to_str().unwrap());
        let lines = it.world.processes();
        lines.into_iter().find(|(_, line)| named(line) && line.contains(" start --foreground"))
    });
    signal(ours.0, Signal::SIGTERM);
    assert_eq!(it.world.exit_code(), Some(0));
    assert!(!is_alive(ours.0));
    it.otrsd(&["status"]).failed(1);
    it.world.deserted();
}
