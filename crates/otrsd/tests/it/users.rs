//! Modules of other users: a supervisor run by root starts them as the user that `User` names.

use std::{
    fs,
    os::unix::{
        fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
};

use nix::{
    sys::signal::Signal::{SIGKILL, SIGUSR1},
    unistd::geteuid,
};
use task_store::Outcome;

use crate::{
    harness::{World, finish, gone, setting, signal, wait_until},
    registration::{Registration, idle, module},
    tasks::{Database, Tasks, policy, shell},
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
    let groups = groups_of_nobody(&world);
    let home = nix::unistd::User::from_name("nobody").unwrap().unwrap().dir;
    let expected = format!("nobody\n{} nobody nobody\n{groups}\n", home.display());
    for name in ["Command", "Rounds"] {
        let log = format!("log/{name}ERR.log");
        wait_until("what it sees", || (world.read(&log) == expected).then_some(()));
        let pid = world.running(name);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        assert_eq!(line.trim(), groups, "{name}");
    }
    let mut summary = world.command(&world.program);
    summary.args(["summary", "Summed"]).env("SECRET", "of the administrator");
    let shown = finish(summary).ok().stdout;
    let line = format!("nobody {} nobody nobody {} ", home.display(), groups);
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
        note.contains("setting DaemonModules###A: 'User' needs a daemon started by root, or with "),
        "{note}"
    );
}

/// Tasks in a directory that other users may enter; `None` unless run by root.
fn tasks(types: &[String]) -> Option<Tasks> {
    let world = world(&[])?;
    Some(Tasks::of(world, Database::Sqlite, types))
}

/// Prints what it can of what is not for it, and then what it has.
const REACH: &str = "\
cd \"$0\"
exec 2>/dev/null
for file in environ maps mem fd/0; do cat /proc/$PPID/$file >/dev/null && echo \"reads $file\"; done
for file in config/20-database.xml state/tasks.db run; do ls $file/. && echo \"looks into $file\"; cat $file; done
for socket in run/*.sock; do [ -w \"$socket\" ] && echo \"reaches $socket\"; done
echo $(id -un; id -G)
ls /proc/self/fd
echo $(grep -E '^(Cap(Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status | cut -f2)
echo $(env | cut -d= -f1 | grep -v ^LC_ | sort)";

const OF_NOBODY: [(&str, &str); 1] = [("User", "nobody")];

/// A task may run what others wrote: it gets nothing of the daemon's.
#[test]
fn a_task_of_another_user_has_no_secret_in_reach() {
    let Some(tasks) = tasks(&[]) else { return };
    let world = &tasks.world;
    let script = REACH.replace("$0", &world.text(""));
    world.configure("30-types", &[shell("Reach", &script, &OF_NOBODY)]);
    let settings = world.path("config/20-database.xml");
    fs::set_permissions(settings, fs::Permissions::from_mode(0o640)).unwrap();
    let mut daemon = world.command(&world.program);
    daemon.arg("start").env("SECRET", "of the administrator").env("TZ", "UTC").env("LANG", "C");
    finish(daemon).ok();
    let told = tasks.succeeds(tasks.add_of("Reach", "one")).output.unwrap();
    // Two are the shell's own.
    let names = "HOME LANG LOGNAME OLDPWD OTRSD_INSTANCE OTRSD_MODULE OTRSD_RUN OTRSD_TASK_ID \
                 OTRSD_TASK_NAME OTRSD_TASK_TRY OTRSD_TASK_TYPE PATH PWD TZ USER";
    let none = "0000000000000000";
    let groups = groups_of_nobody(world);
    // The fourth descriptor is the directory that is listed.
    let expected = format!("nobody {groups}\n0\n1\n2\n3\n{none} {none} {none} 1\n{names}");
    assert_eq!(told.trim_end(), expected);
}

/// What is left of it is ended as that of others.
#[test]
fn a_task_of_another_user_is_ended() {
    let script = "setsid sleep 7303 & exec sleep 7304";
    let types = [shell("Linger", script, &[("User", "nobody"), ("Timeout", "0.3")])];
    let Some(tasks) = tasks(&types) else { return };
    tasks.start();
    let ran = tasks.outcome(tasks.add_of("Linger", "one"));
    assert_eq!(ran.outcome, Outcome::TimedOut, "{ran:?}");
    wait_until("the end of what it left", || {
        let is_left = |line: &str| line.contains("sleep 730");
        (!tasks.world.processes().iter().any(|(_, line)| is_left(line))).then_some(())
    });
}

/// Without root, by the three capabilities alone; the command gets none of them.
#[test]
fn a_daemon_with_capabilities_starts_tasks_of_other_users() {
    if !geteuid().is_root() {
        return;
    }
    let script = "echo $(id -un) $(grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status | cut -f2)";
    let types = [shell("Tell", script, &[("User", "daemon")])];
    let tasks = Tasks::of(World::stock().by_nobody(), Database::Sqlite, &types);
    let mut daemon = tasks.world.command("setpriv");
    let capabilities = "+setuid,+setgid,+kill";
    daemon.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    daemon.args(["--inh-caps", capabilities, "--ambient-caps", capabilities, "--"]);
    daemon.arg(&tasks.world.program).arg("start").uid(0).gid(0);
    finish(daemon).ok();
    let told = tasks.succeeds(tasks.add_of("Tell", "one")).output.unwrap();
    let none = "0000000000000000";
    assert_eq!(told.trim_end(), format!("daemon {none} {none} {none}"));
}

#[test]
fn a_user_that_no_task_can_have_is_told_before() {
    let types = [
        shell("Unknown", "true", &[("User", "no-such-user")]),
        policy("Function", &OF_NOBODY),
        shell("Known", "true", &OF_NOBODY),
    ];
    let told = |world: World| world.with("types", &types).otrsd(&["check"]).stdout;
    let said = told(World::stock().by_nobody());
    assert_eq!(said.matches("'User' needs a daemon started by root, or with").count(), 3, "{said}");
    if geteuid().is_root() {
        let said = told(World::stock());
        assert!(said.contains("Unknown: 'User': there is no user 'no-such-user'"), "{said}");
        assert!(said.contains("Function: 'User' needs a 'Command'"), "{said}");
        assert!(!said.contains("Known: 'User' needs a d"), "{said}");
    }
}

fn groups_of_nobody(world: &World) -> String {
    let mut id = world.command("id");
    id.args(["-G", "nobody"]);
    finish(id).ok().stdout.trim().to_owned()
}
