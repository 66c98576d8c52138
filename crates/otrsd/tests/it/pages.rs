//! Pages of the handbook that somebody follows from top to bottom: what stands there works as it stands.

use std::{fs, process::Command};

use crate::{
    harness::{Outcome, World, finish, setting, wait_until},
    home_together::select,
    installation::Installation,
    registration::configuration,
    tasks::Database,
};

/// The texts of all blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    page.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A shell that finds the program where a user has it.
fn shell(world: &World, text: &str) -> Command {
    let path = std::env::var("PATH").unwrap();
    let program = world.program.parent().unwrap().display();
    let mut command = world.command("/bin/sh");
    command.args(["-ec", text]).env("PATH", format!("{program}:{path}"));
    command
}

#[test]
fn the_quickstart() {
    let page = include_str!("../../../../docs/quickstart.md");
    let world = World::stock();
    // Another test's console may have the usual port.
    fs::create_dir_all(world.path("first/config")).unwrap();
    let port = configuration(&[setting("WebConsole::Listen", "127.0.0.1:0")]);
    world.file("first/config/port.xml", &port);
    let blocks = blocks(page, "sh");
    let [start, rest @ ..] = &blocks[..] else { panic!("no commands in the page") };
    world.spawn(shell(&world, &format!("exec {start}")));
    let [xml] = self::blocks(page, "xml")[..] else { panic!("one file in the page") };
    let mut said = String::new();
    for (number, block) in rest.iter().enumerate() {
        if number + 1 == rest.len() {
            world.file("first/config/own.xml", xml);
        }
        let text = format!("export OTRSD_CONFIG=$PWD/first/config\n{block}");
        let is_first = number == 0;
        let outcome: Outcome = wait_until(&format!("success of {block}"), || {
            let outcome = finish(shell(&world, &text));
            // While it starts, it is not there yet, and neither is its console. At a full minute the cron task's own run may
            // be waiting.
            let later = ["console-url", "cron run"];
            let may_wait = is_first || later.iter().any(|it| block.contains(it));
            (outcome.code == 0 || !may_wait).then_some(outcome)
        });
        said.push_str(&outcome.ok().stdout);
    }
    assert_eq!(said.matches("succeeded").count(), 3, "{said}");
    for what in ["is running", "http://127.0.0.1:", "no problem", "reloaded", "due"] {
        assert!(said.contains(what), "'{what}' in {said}");
    }
}

#[test]
fn on_postgres_a_help_desk_moves_and_back() {
    a_help_desk_moves_and_back(Database::Postgres);
}

#[test]
fn on_mariadb_a_help_desk_moves_and_back() {
    a_help_desk_moves_and_back(Database::MariaDb);
}

fn a_help_desk_moves_and_back(database: Database) {
    let page = include_str!("../../../../docs/migrating.md");
    let it = Installation::new(database).with_probe();
    it.original("start");
    let home = it.home.to_str().unwrap();
    let run = |block: &str| {
        for line in block.lines() {
            let line = line.strip_prefix("$ ").unwrap().replace("/opt/otrs", home);
            // At a terminal it asks.
            let line = line.replace("db remove", "db remove --yes");
            // The original keeps the output of whoever calls it open.
            let line = format!("{line} >>{home}/said 2>&1");
            let mut command = shell(
                &it.world,
                &line.replace("/usr/bin/otrsd", it.world.program.to_str().unwrap()),
            );
            command.current_dir(&it.home);
            let outcome = finish(command);
            let said = fs::read_to_string(it.home.join("said")).unwrap_or_default();
            assert_eq!(outcome.code, 0, "{line}: {said}");
        }
    };
    let settings = blocks(page, "perl");
    let [step_1, link, back] = blocks(page, "console")[..] else {
        panic!("three lists of commands")
    };
    it.edit(settings[0].trim());
    run(step_1);
    let status = || it.otrsd(&["status", "--json"]).ok().stdout;
    wait_until("modules in Perl", || (status().matches("\"running\"").count() >= 5).then_some(()));
    // Step 2: without that line.
    let file = it.home.join("Kernel/Config.pm");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(settings[0].trim(), settings[1].trim())).unwrap();
    it.otrsd(&["check"]).ok();
    it.otrsd(&["reload"]).ok();
    let id = it.probe("return 1");
    assert_eq!(it.ended(&id)["state"], "done");
    let trigger = it.otrsd(&["db", "migrate", "--wake-trigger"]);
    let triggers = "SELECT COUNT(*) FROM pg_trigger WHERE tgname = 'otrsd_wake'";
    if database == Database::Postgres {
        assert!(trigger.ok().stdout.contains("the trigger otrsd_wake"));
        assert_eq!(select(&it, triggers).trim(), "1");
    } else {
        assert_eq!(trigger.code, 2);
    }
    run(link);
    let mut status = it.world.command(it.home.join("bin/otrs.Daemon.pl"));
    status.arg("status").current_dir(&it.home);
    let said = finish(status).ok().stdout;
    assert!(said.contains("Daemon running"), "{said}");
    // As an upgrade of the installation does it.
    fs::rename(it.home.join("bin/otrs.Daemon.pl.perl"), it.home.join("bin/otrs.Daemon.pl"))
        .unwrap();
    run(back);
    let ours = if database == Database::Postgres { "'public'" } else { "DATABASE()" };
    let tables = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {ours} AND table_name LIKE 'otrsd%'"
    );
    assert_eq!(select(&it, &tables).trim(), "0");
    if database == Database::Postgres {
        assert_eq!(select(&it, triggers).trim(), "0");
    }
    it.original("stop");
}

/// Follows a page in a home directory of its own, as its shell blocks say; what they said.
fn follow(world: &World, blocks: &[&str]) -> String {
    let mut said = String::new();
    for block in blocks.iter().filter(|block| !block.contains("cargo run")) {
        // In the second terminal of the page.
        let text = block.replace(" start --foreground", " start");
        let outcome = finish(shell(world, &format!("cd ~/acme 2>/dev/null || true\n{text}")));
        said.push_str(&outcome.ok().stdout);
    }
    said
}

#[test]
fn a_first_module_in_any_language() {
    let world = World::stock();
    let page = include_str!("../../../../docs/modules.md");
    let (before, _) = page.split_once("## In Rust").unwrap();
    let said = follow(&world, &blocks(before, "sh"));
    for what in ["no problem", "PythonDaemon  running", "| Some Data 1 | Another Data 1 |"] {
        assert!(said.contains(what), "'{what}' in {said}");
    }
    let config = world.text("acme/config");
    world.otrsd(&["--config", &config, "stop"]).ok();
    world.deserted();
}

#[test]
fn a_first_handler() {
    let world = World::stock();
    let modules = blocks(include_str!("../../../../docs/modules.md"), "sh");
    let mut steps = vec![modules[0]];
    steps.extend(blocks(include_str!("../../../../docs/handlers.md"), "sh"));
    let said = follow(&world, &steps);
    for what in ["no problem", "succeeded on node 1", "5.0\n5.0"] {
        assert!(said.contains(what), "'{what}' in {said}");
    }
    let config = world.text("acme/config");
    world.otrsd(&["--config", &config, "stop"]).ok();
    world.deserted();
}
