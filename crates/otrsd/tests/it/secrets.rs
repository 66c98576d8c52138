//! No secret reaches a process list, an environment or a file; modules get the settings as sealed
//! memory.

use std::{fs, os::unix::fs::MetadataExt as _};

use task_store::HeldState;

use crate::{
    harness::{World, finish, setting, wait_until},
    registration::{idle, module},
    tasks::{Database, Tasks, shell},
};

const SECRET: &str = "hunter2-is-no-password";

fn world() -> World {
    World::new().with(
        "modules",
        &[
            setting("DatabasePw", SECRET),
            module("Native").native(1).does("Run", "show DatabasePw; pause 3600").xml(),
            module("Command").shell("exec sleep 1000").xml(),
            module("Rounds").shell("sleep 999").key("SleepPost", "60").xml(),
            idle("Other", 2),
        ],
    )
}

/// The descriptors of a process that lead to a sealed configuration.
fn memory(pid: i32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let named = entries.flatten().filter(|entry| {
        fs::read_link(entry.path())
            .is_ok_and(|it| it.to_string_lossy().contains("memfd:otrsd-configuration"))
    });
    named.map(|entry| entry.path().to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_secret_is_only_where_it_is_needed() {
    let world = world();
    world.start();
    world.traced("Native", SECRET);
    wait_until("the round's command", || {
        world.processes().iter().any(|it| it.1 == "sleep 999 ").then_some(())
    });
    fs::remove_file(world.path("Native.trace")).unwrap();
    for (pid, line) in world.processes() {
        // Those with secrets show it to root alone.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&environment).contains(SECRET), "environment of {line}");
        assert!(!line.contains(SECRET), "{line}");
    }
    for directory in ["log", "run"] {
        for entry in fs::read_dir(world.path(directory)).unwrap().flatten() {
            let path = entry.path();
            let text = if path.extension().is_some_and(|it| it == "sock") {
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            assert!(!String::from_utf8_lossy(&text).contains(SECRET), "{}", path.display());
            assert_eq!(
                entry.metadata().unwrap().mode() & 0o007,
                0,
                "{} is for everybody",
                path.display()
            );
        }
    }
    let answer = world.ask("{\"request\":\"status\"}\n").unwrap().concat();
    assert!(!answer.contains(SECRET));
    for arguments in [&["status"][..], &["list"], &["check"], &["summary"]] {
        let said = world.otrsd(arguments);
        assert!(!said.stdout.contains(SECRET) && !said.stderr.contains(SECRET), "{arguments:?}");
    }
}

/// Prints the seals of a descriptor and whether it can be written, grown or truncated.
const TRY: &str = "import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDWR)
F_GET_SEALS = 1034
print(fcntl.fcntl(file, F_GET_SEALS))
for attempt in (lambda: os.pwrite(file, b'x', 0), lambda: os.truncate(file, 0), lambda: os.truncate(file, 1 << 24)):
    try:
        attempt()
        print('changed')
    except OSError as error:
        print('refused')
";

#[test]
fn the_configuration_is_sealed_and_commands_do_not_have_it() {
    let world = world();
    let supervisor = world.start();
    let [descriptor] = memory(supervisor).try_into().expect("one generation of the configuration");
    let mut python = world.command("python3");
    python.args(["-c", TRY, &descriptor]);
    // Seal, shrink, grow and write: 1 | 2 | 4 | 8.
    assert_eq!(finish(python).ok().stdout, "15\nrefused\nrefused\nrefused\n");
    assert_eq!(memory(world.running("Native")), [""; 0], "it has read it and closed it");
    assert_eq!(memory(world.running("Command")), [""; 0], "a command reads no settings");
    wait_until("the round's command", || {
        let command = world.processes().into_iter().find(|it| it.1 == "sleep 999 ")?;
        assert_eq!(memory(command.0), [""; 0], "nor does one of a round");
        Some(())
    });
}

#[test]
fn a_module_process_is_started_by_the_supervisor_alone() {
    let world = world();
    let said = world.otrsd(&["module", "run", "Native"]);
    let text = " ERROR Native: modules are started by the supervisor: otrsd start\n";
    assert!(said.stderr.ends_with(text), "{said:?}");
    assert_eq!((said.code, said.stdout.as_str()), (1, ""));
    for number in ["7", "-1", "x", "999999"] {
        let mut command = world.command(&world.program);
        command.args(["module", "run", "Native"]).env("OTRSD_CONFIG_FD", number);
        let said = finish(command);
        assert_eq!(said.code, 1, "{number}: {said:?}");
    }
}

/// What a task runs as the same user, and what takes cores, finds no memory of the worker.
#[test]
fn a_worker_keeps_its_memory_to_itself() {
    let script = "\
exec 2>/dev/null
for file in environ mem fd/0; do cat /proc/$PPID/$file >/dev/null && echo \"reads $file\"; done
cat /proc/self/oom_score_adj
grep core /proc/$PPID/limits | cut -c27-36";
    let types = [shell("Look", script, &[])];
    let tasks = Tasks::of(World::stock().by_nobody(), Database::Sqlite, &types);
    tasks.start();
    let told = tasks.succeeds(tasks.add_of("Look", "one")).output.unwrap();
    assert_eq!(told.split_whitespace().collect::<Vec<_>>(), ["1000", "0"]);
}

/// Unless it is asked for, nothing that is started gains rights.
#[test]
fn no_command_gains_rights_unless_asked_for() {
    let script = "exec grep NoNewPrivs /proc/self/status";
    let modules = ["Once", "Rounds"].map(|name| {
        let it = module(name)
            .shell("grep NoNewPrivs /proc/self/status >$HOME/$OTRSD_MODULE; exec sleep 1000");
        if name == "Rounds" { it.key("SleepPost", "60").xml() } else { it.xml() }
    });
    for (is_allowed, expected) in [("0", "NoNewPrivs:\t1"), ("1", "NoNewPrivs:\t0")] {
        let tasks = Tasks::new(Database::Sqlite, &[shell("Tell", script, &[])]);
        let world = &tasks.world;
        world.configure("50-modules", &modules);
        world.configure("60-rights", &[setting("Daemon::NewPrivileges", is_allowed)]);
        tasks.start();
        let told = tasks.succeeds(tasks.add_of("Tell", "one")).output.unwrap();
        assert_eq!(told.trim_end(), expected);
        for name in ["Once", "Rounds"] {
            let is_told = || (world.read(name).trim_end() == expected).then_some(());
            wait_until(&format!("{expected} of {name}"), is_told);
        }
    }
}

/// What a task's program prints is read by more people than the program.
#[test]
fn the_ledger_masks_what_is_a_secret_by_its_name() {
    let script = "echo password=hunter22; echo 'Token: abcd1234' >&2; exit 1";
    let tasks = Tasks::new(Database::Sqlite, &[shell("Leak", script, &[])]);
    tasks.start();
    let id = tasks.add_of("Leak", "one");
    let held = tasks.held(id, HeldState::Failed);
    let ran = tasks.executions(id).remove(0);
    for text in [Some(held.reason), ran.error, ran.output].into_iter().flatten() {
        assert!(!text.contains("hunter22") && !text.contains("abcd1234"), "{text}");
        assert!(text.contains("***"), "{text}");
    }
}
