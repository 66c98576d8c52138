//! The commands that start nothing: config, check, completions, man, help; and quickstart.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use nix::sys::signal::Signal::SIGINT;

use crate::{
    harness::{World, finish, setting, signal, wait_until},
    registration::{idle, module},
};

#[test]
fn a_setting_is_shown_as_text_or_json() {
    let world = World::new().with("modules", &[setting("Ticket::Hook", "Ticket#"), idle("A", 1)]);
    let get = |name: &str| world.otrsd(&["config", "get", name]);
    assert_eq!(get("Ticket::Hook").all(), (0, "Ticket#\n", ""));
    assert_eq!(
        get("DaemonModules###A").ok().stdout,
        "{\n  \"Module\": \"Test::1\",\n  \"SleepPost\": \"3600\"\n}\n"
    );
    assert_eq!(get("No::Such").all(), (1, "", "no setting No::Such\n"));
}

#[test]
fn the_list_tells_where_each_setting_comes_from() {
    let world = World::new()
        .with("10", &[setting("Ticket::Hook", "Ticket#"), setting("Ticket::Other", "x")])
        .with("20", &[setting("Ticket::Hook", "Case#")]);
    let (ten, twenty) = (world.text("config/10.xml"), world.text("config/20.xml"));
    let list =
        |arguments: &[&str]| world.otrsd(&[&["config", "list"], arguments].concat()).ok().stdout;
    assert_eq!(list(&["Ticket::"]), "Ticket::Hook = \"Case#\"\nTicket::Other = \"x\"\n");
    assert_eq!(
        list(&["Ticket::", "--origin"]),
        format!("Ticket::Hook = \"Case#\"    # {twenty}:2\nTicket::Other = \"x\"    # {ten}:3\n")
    );
    let json: serde_json::Value = serde_json::from_str(&list(&["Ticket::Hook", "--json"])).unwrap();
    let expected = serde_json::json!([{"name": "Ticket::Hook", "value": "Case#", "origin": format!("{twenty}:2")}]);
    assert_eq!(json, expected);
    let mut command = world.command(&world.program);
    command
        .args(["--node-id", "7", "config", "list", "--origin"])
        .env("OTRSD_LOG_PATH", "/elsewhere");
    let said = finish(command).ok().stdout;
    assert!(said.contains("Daemon::Log::LogPath = \"/elsewhere\"    # OTRSD_LOG_PATH\n"), "{said}");
    assert!(said.contains("NodeID = \"7\"    # --node-id\n"), "{said}");
    assert!(said.contains("Daemon::Log::DaysToKeep = \"1\"    # built-in:"), "{said}");
}

#[test]
fn paths_given_later_go_before_earlier_ones() {
    let world = World::new();
    let file = |name: &str, text: &str| {
        let xml = format!(
            "<otrs_config version=\"2.0\" init=\"Config\">{}</otrs_config>",
            setting("X", text)
        );
        world.file(name, &xml);
        world.text(name)
    };
    let (one, two) = (file("one.xml", "1"), file("two.xml", "2"));
    let get = |paths: [&str; 2]| {
        world.otrsd(&["--config", paths[0], "--config", paths[1], "config", "get", "X"]).ok().stdout
    };
    assert_eq!((get([&one, &two]), get([&two, &one])), ("2\n".into(), "1\n".into()));
    let missing = world.otrsd(&["--config", "/no/such.xml", "check"]);
    assert!(
        missing.code == 3 && missing.stdout.contains("/no/such.xml: cannot read: "),
        "{missing:?}"
    );
}

#[test]
fn check_tells_everything_at_once_and_starts_nothing() {
    let world = World::new();
    world.file("data", "no program\n");
    let data = world.text("data");
    let world = world.with(
        "modules",
        &[
            idle("A", 1),
            module("B").command(&["/no/such/program"]).xml(),
            module("C").command(&["no-such-program"]).xml(),
            module("D").command(&[&data]).xml(),
            module("E").shell("true").key("WorkingDirectory", "/no/such").xml(),
            module("F").key("Module", "No::Such").xml(),
            module("G").shell("true").list("SummaryCommand", &["/no/summary"]).xml(),
        ],
    );
    let said = world.otrsd(&["check"]);
    assert_eq!((said.code, said.stderr.as_str()), (3, ""), "{said:?}");
    for problem in [
        "module B: /no/such/program: No such file or directory (os error 2)\n",
        "module C: no-such-program is not in PATH\n",
        &format!("module D: {data} is not executable\n"),
        "module E: WorkingDirectory /no/such is no directory\n",
        "setting DaemonModules###F: no module 'No::Such' in this program; known are ",
        "module G: /no/summary: No such file or directory (os error 2)\n",
    ] {
        assert!(said.stdout.contains(problem), "{problem}{}", said.stdout);
    }
    let end = format!("settings from {}, 6 modules to run: 6 problems\n", world.text("config"));
    assert!(said.stdout.ends_with(&end), "{said:?}");
    for (name, text) in [("x", "<otrs_config"), ("y", "<html/>")] {
        world.file(&format!("config/{name}.xml"), text);
    }
    let said = world.otrsd(&["check"]);
    assert_eq!(said.code, 3);
    for name in ["x", "y"] {
        let place = format!("{}:1:1: ", world.text(&format!("config/{name}.xml")));
        assert!(said.stdout.contains(&place), "{said:?}");
    }
    assert!(
        world.processes().is_empty() && !world.path("log").exists() && !world.path("run").exists()
    );
    let clean = World::new().with("modules", &[idle("A", 1)]).otrsd(&["check"]).ok();
    assert!(clean.stdout.ends_with(", 1 modules to run: no problem\n"), "{clean:?}");
}

#[test]
fn every_command_explains_itself() {
    let world = World::stock();
    let commands: [&[&str]; 16] = [
        &[],
        &["start"],
        &["stop"],
        &["status"],
        &["reload"],
        &["restart"],
        &["list"],
        &["summary"],
        &["console"],
        &["config"],
        &["config", "get"],
        &["config", "list"],
        &["check"],
        &["quickstart"],
        &["completions"],
        &["man"],
    ];
    for command in commands {
        let said = world.otrsd(&[command, &["--help"]].concat());
        assert!(said.code == 0 && said.stdout.contains("Usage:"), "{command:?}: {said:?}");
        let page = world.otrsd(&[&["man"], command].concat()).ok().stdout;
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{command:?}: {page}");
    }
    assert_eq!(world.otrsd(&["man", "dance"]).all(), (2, "", "otrsd has no command dance\n"));
    assert!(world.otrsd(&["--version"]).ok().stdout.starts_with("otrsd "));
}

#[test]
fn completions_and_manual_page_are_what_shells_and_man_read() {
    let world = World::stock();
    let script = world.otrsd(&["completions", "bash"]).ok().stdout;
    world.file("completions", &script);
    let mut bash = world.command("bash");
    bash.args(["-n", "completions"]);
    assert_eq!(finish(bash).all(), (0, "", ""));
    for shell in ["zsh", "fish"] {
        assert!(world.otrsd(&["completions", shell]).ok().stdout.contains("quickstart"));
    }
    world.file("otrsd.1", &world.otrsd(&["man"]).ok().stdout);
    let mut man = world.command("man");
    man.args(["--warnings", "-l", "otrsd.1"]).env("MANPAGER", "cat").env("LC_ALL", "C.UTF-8");
    let Ok(output) = man.stderr(Stdio::piped()).output() else { return };
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && page.contains("otrsd"), "{output:?}");
}

#[test]
fn a_manual_page_has_what_no_option_says() {
    let world = World::stock();
    let page = |command: &[&str]| world.otrsd(&[&["man"], command].concat()).ok().stdout;
    let all = page(&[]);
    for section in ["EXAMPLES", "FILES", "ENVIRONMENT", "\"EXIT STATUS\"", "\"GLOBAL OPTIONS\""] {
        assert!(all.contains(&format!("\n.SH {section}\n")), "{section}: {all}");
    }
    let add = page(&["task", "add"]);
    assert!(add.contains("\n.SH EXAMPLES\n") && add.contains("otrsd\\-task(1), otrsd(1)"), "{add}");
    world.otrsd(&["man", "--directory", "pages"]).ok();
    assert_eq!(world.read("pages/otrsd-task-add.1"), add);
    assert!(
        !world.path("pages/otrsd-help.1").exists() && !world.path("pages/otrsd-module.1").exists()
    );
}

#[test]
fn on_a_terminal_a_manual_page_is_shown_by_man_or_a_pager() {
    let world = World::stock();
    let program = |name: &str, text: &str| {
        world.file(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(world.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    for directory in ["with", "without"] {
        fs::create_dir(world.path(directory)).unwrap();
    }
    program("with/man", "echo \"man $* gets $(/bin/grep -c '^.SH EXAMPLES')\"");
    program("without/pager", "echo \"pager $* gets $(/bin/grep -c '^Examples:'), LESS=$LESS\"");
    let shown = |path: &str, variables: &str| {
        let (otrsd, path) = (world.program.display(), world.text(path));
        let line = format!(
            "env -u MANPAGER -u PAGER -u LESS {variables} PATH={path} {otrsd} man task add"
        );
        let mut command = world.command("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
        finish(command).ok().stdout
    };
    assert_eq!(shown("with", "MANPAGER=pager"), "man -l - gets 1\r\n");
    assert_eq!(shown("without", "PAGER='pager -a  b'"), "pager -a b gets 1, LESS=FRX\r\n");
    assert_eq!(shown("without", "PAGER=no LESS=R MANPAGER=pager"), "pager  gets 1, LESS=R\r\n");
    for printed in ["PAGER=cat", "PAGER=", "PAGER=no-such-pager", "A=no-less"] {
        let text = shown("without", printed);
        assert!(text.contains("Usage: otrsd task add") && text.contains("Examples:"), "{text}");
    }
}

#[test]
fn a_table_is_coloured_for_people_only() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    world.start();
    world.running("A");
    let on_a_terminal = |no_color: Option<&str>| {
        let mut command = world.command("script");
        let line = format!("{} status", world.program.display());
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        finish(command).ok().stdout.contains('\u{1b}')
    };
    assert!(!world.otrsd(&["status"]).ok().stdout.contains('\u{1b}'), "no terminal, no colours");
    assert_eq!([None, Some("1"), Some("")].map(on_a_terminal), [true, false, true]);
}

#[test]
fn quickstart_writes_a_configuration_and_runs_it() {
    let world = World::stock();
    let mut command = world.command(&world.program);
    command.args(["quickstart", "qs & co"]);
    let pid = world.spawn(command);
    let run = |arguments: &[&str]| {
        let mut command = world.command(&world.program);
        command.env("OTRSD_CONFIG", world.path("qs & co/config")).args(arguments);
        finish(command)
    };
    wait_until("a running TestDaemon", || {
        run(&["status"]).stdout.contains("running ").then_some(())
    });
    let words = "what config/quickstart.xml registers: TestDaemon";
    let said = world.read("out");
    assert!(said.contains(words) && said.contains(&world.text("qs & co")), "{said}");
    wait_until("the time", || world.read("out").contains("Current time ").then_some(()));
    wait_until("the database", || (run(&["task", "list"]).code == 0).then_some(()));
    assert!(run(&["summary"]).ok().stdout.contains("Test Daemon Summary:"));
    assert!(run(&["check"]).ok().stdout.ends_with("no problem\n"));
    let xml = fs::read_to_string(world.path("qs & co/config/quickstart.xml")).unwrap();
    let changed = xml.replace("every two seconds", "now and then");
    assert_ne!(xml, changed);
    fs::write(world.path("qs & co/config/quickstart.xml"), &changed).unwrap();
    signal(pid, SIGINT);
    assert_eq!(world.exit_code(), Some(0));
    let mut again = world.command(&world.program);
    again.args(["quickstart", "qs & co"]);
    world.spawn(again);
    wait_until("it again", || (run(&["status"]).code == 0).then_some(()));
    let kept = fs::read_to_string(world.path("qs & co/config/quickstart.xml")).unwrap();
    assert_eq!(kept, changed, "what somebody changed is kept");
}
