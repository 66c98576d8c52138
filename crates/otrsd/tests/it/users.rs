//! Modules of other users: a supervisor run by root starts them as the user that `User` names.

use std::{
    fs,
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
};

use nix::{
    sys::signal::Signal::{SIGKILL, SIGUSR1},
    unistd::geteuid,
};

use crate::{
    harness::{World, finish, gone, setting, signal, wait_until},
    registration::{Registration, idle, module},
};

const NOBODY: u32 = 65534;

/// Modules of the user `nobody`, in a directory that it may enter; `None` unless run by root.
fn world(modules: &[Registration]) -> Option<World> {
    let settings: Vec<_> = modules.iter().map(Registration::xml).collect();
    let world = World::new().with("modules", &settings);
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    geteuid().is_root().then_some(world)
}

fn native() -> Registration {
    module("Native")
        .native(1)
        .does("Run", "complain err")
        .key("SleepPost", "0.05")
        .key("User", "nobody")
}

fn command(script: &str) -> Registration {
    module("Command").shell(script).key("User", "nobody")
}

#[test]
fn a_module_runs_as_its_user_and_ends_with_the_supervisor() {
    let hidden = "setsid sleep 7301 & exec sleep 7302";
    let Some(world) = world(&[native(), command(hidden)]) else { return };
    let supervisor = world.start();
    for name in ["Native", "Command"] {
        let pid = world.running(name);
        assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), NOBODY, "{name}");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        for ids in ["Uid:", "Gid:"] {
            let line = status.lines().find_map(|line| line.strip_prefix(ids)).unwrap();
            assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["65534"; 4], "{name} {ids}");
        }
    }
    let helper = world.process("sleep 7301 ");
    let command = world.running("Command");
    signal(command, SIGKILL);
    world.running_anew("Command", command);
    gone(helper);
    world.process("sleep 7301 ");
    world.running("Native");
    signal(supervisor, SIGKILL);
    world.deserted();
}

#[test]
fn a_module_of_another_user_writes_into_its_log_after_an_external_rotation() {
    let Some(world) = world(&[native()]) else { return };
    let world = world.with("zz", &[setting("Daemon::Log::RotationType", "external")]);
    let supervisor = world.start();
    let pid = world.running("Native");
    let log = "log/NativeERR.log";
    wait_until("a filled log", || (!world.read(log).is_empty()).then_some(()));
    fs::rename(world.path(log), world.path("log/old")).unwrap();
    signal(supervisor, SIGUSR1);
    wait_until("the new log", || world.read(log).contains("err").then_some(()));
    // It may not open files there itself: its next life was given new ones.
    world.running_anew("Native", pid);
}

#[test]
fn a_module_has_its_users_surroundings() {
    let tell = "printf '{\"Header\":\"%s\",\"NoDataMessage\":\"-\"}' \
                \"$(id -un) $HOME $USER $LOGNAME $(id -G) $OTRSD_CONFIG$SECRET\"";
    let trace = "id -un; echo \"$HOME $USER $LOGNAME$OTRSD_CONFIG$SECRET\"; id -G";
    let Some(world) = world(&[
        module("Command").shell(&format!("({trace}) >&2; exec sleep 1000")).key("User", "nobody"),
        module("Rounds")
            .shell(&format!("({trace}) >&2"))
            .key("User", "nobody")
            .key("SleepPost", "60"),
        module("Summed")
            .shell("exec sleep 1000")
            .key("User", "nobody")
            .list("SummaryCommand", &["/bin/sh", "-c", tell]),
    ]) else {
        return;
    };
    for verb in ["start", "reload"] {
        let mut daemon = world.command(&world.program);
        daemon.arg(verb).env("SECRET", "of the administrator");
        finish(daemon).ok();
    }
    let mut id = world.command("id");
    id.args(["-G", "nobody"]);
    let groups = finish(id).ok().stdout;
    let home = nix::unistd::User::from_name("nobody").unwrap().unwrap().dir;
    let expected = format!("nobody\n{} nobody nobody\n{groups}", home.display());
    for name in ["Command", "Rounds"] {
        let log = format!("log/{name}ERR.log");
        wait_until("what it sees", || (world.read(&log) == expected).then_some(()));
        let pid = world.running(name);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        assert_eq!(line.trim(), groups.trim(), "{name}");
    }
    let mut summary = world.command(&world.program);
    summary.args(["summary", "Summed"]).env("SECRET", "of the administrator");
    let shown = finish(summary).ok().stdout;
    let line = format!("nobody {} nobody nobody {} ", home.display(), groups.trim());
    assert!(shown.contains(line.trim_end()), "{line}: {shown}");
    assert!(!shown.contains(&world.text("config")), "the operator's environment: {shown}");
}

/// Its user can read the memory of the process that calls it each round.
#[test]
fn a_command_of_another_user_finds_no_secret() {
    let rounds = module("Rounds").shell("true").key("User", "nobody").key("SleepPost", "0.05");
    let Some(world) = world(&[rounds]) else { return };
    let secret = "correct-horse-battery-staple";
    let url = format!("postgres://otrsd:{secret}@127.0.0.1:1/none");
    let world = world.with("zz", &[setting("DatabaseURL", &url)]);
    let supervisor = world.start();
    let pid = world.running("Rounds");
    assert!(is_in_memory(supervisor, secret), "it is to be found where it is");
    assert!(!is_in_memory(pid, secret));
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains(secret));
    // The descriptors too, which its commands may inherit.
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let is_memory = fs::read_link(entry.path()).is_ok_and(|it| it.starts_with("/memfd:"));
        let text = if is_memory { fs::read(entry.path()).unwrap() } else { Vec::new() };
        assert!(!String::from_utf8_lossy(&text).contains(secret));
    }
}

fn is_in_memory(pid: i32, wanted: &str) -> bool {
    let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines().filter(|line| line.contains(" rw")).any(|line| {
        let (begin, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [begin, end] = [begin, end].map(|it| u64::from_str_radix(it, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - begin).unwrap()];
        let read = memory.read_at(&mut bytes, begin).unwrap_or(0);
        bytes[..read].windows(wanted.len()).any(|it| it == wanted.as_bytes())
    })
}

#[test]
fn an_unknown_user_is_told_and_harms_no_other() {
    let user = module("A").shell("exec sleep 1000").key("User", "no-such-user");
    if !geteuid().is_root() {
        return;
    }
    let world = World::new().with("modules", &[user.xml(), idle("B", 1)]);
    let checked = world.otrsd(&["check"]);
    assert!(checked.stdout.contains("module A: there is no user 'no-such-user'\n"), "{checked:?}");
    world.start();
    world.running("B");
    let ended = |status: &crate::status::Status| status.module("A").last_exit.clone();
    let (_, exit) = world.wait_for("a failure of A", ended);
    assert!(exit.how.starts_with("cannot start"), "{exit:?}");
    assert!(exit.how.contains("there is no user 'no-such-user'"), "{exit:?}");
}

#[test]
fn a_user_that_is_not_root_cannot_start_modules_of_others() {
    let user = module("A").shell("exec sleep 1000").key("User", "daemon").xml();
    let world = World::new().by_nobody().with("modules", &[user, idle("B", 1)]);
    world.start();
    world.running("B");
    let status = world.status();
    let note = status.module("A").note.clone().unwrap();
    assert!(
        note.ends_with("setting DaemonModules###A: 'User' needs a daemon started by root"),
        "{note}"
    );
}
