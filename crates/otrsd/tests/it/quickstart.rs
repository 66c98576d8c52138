//! The first minutes of somebody who has just built it, at a terminal.

use std::{fs, fs::File, io::Write as _, process::Stdio};

use crate::{
    harness::{Outcome, World, finish, setting, wait_until},
    registration::configuration,
};

/// A quickstart on a terminal of its own, and what is typed in a second one.
struct FirstMinutes {
    world: World,
    keyboard: File,
}

impl FirstMinutes {
    fn new() -> Self {
        let world = World::stock();
        // Another test's console may have the usual port.
        fs::create_dir_all(world.path("first/config")).unwrap();
        let port = configuration(&[setting("WebConsole::Listen", "127.0.0.1:0")]);
        world.file("first/config/port.xml", &port);
        finish({
            let mut command = world.command("mkfifo");
            command.arg(world.path("keyboard"));
            command
        })
        .ok();
        let line = format!("exec {} quickstart first", world.program.display());
        let mut command = world.command("script");
        command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm");
        // Both ends, or opening it would wait for the other.
        let both = || File::options().read(true).write(true).open(world.path("keyboard")).unwrap();
        command.stdin(Stdio::from(both()));
        let keyboard = both();
        world.spawn(command);
        Self { world, keyboard }
    }

    fn otrsd(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.world.command(&self.world.program);
        command.env("OTRSD_CONFIG", self.world.path("first/config")).args(arguments);
        finish(command)
    }

    #[track_caller]
    fn on_the_screen(&self, text: &str) {
        wait_until(&format!("'{text}' in\n{}", self.world.read("out")), || {
            self.world.read("out").contains(text).then_some(())
        });
    }
}

#[test]
fn tasks_run_now_and_later_and_ones_own_types_too() {
    let mut first = FirstMinutes::new();
    first.on_the_screen("SchedulerTaskWorker started");
    // Every line of the welcome that shows a command works as it stands.
    let program = format!("{} ", first.world.program.display());
    let screen = first.world.read("out");
    let lines: Vec<&str> = screen
        .lines()
        .filter_map(|line| line.trim().strip_prefix(&program))
        .filter(|line| !line.contains("ID"))
        .collect();
    assert_eq!(lines.len(), 8, "{lines:#?}");
    wait_until("the console", || first.otrsd(&["console-url"]).code.eq(&0).then_some(()));
    for line in lines {
        let line = line.split("   ").next().unwrap();
        // As a shell would take it.
        let line = line.replace('\'', "");
        let said = first.otrsd(&line.split(' ').collect::<Vec<_>>()).ok().stdout;
        assert!(
            !line.contains("--wait") || said.contains("\nsucceeded on node 1 after 2."),
            "{said}"
        );
    }
    // What the event and the clock added.
    first.otrsd(&["cron", "run", "EachMinute", "--wait"]).ok();
    let guest = wait_until("a greeted guest", || {
        let done = first.otrsd(&["task", "list", "--state", "done"]).ok().stdout;
        let line = done.lines().find(|line| line.contains("guest"))?.to_owned();
        Some(line.split(' ').next().unwrap().to_owned())
    });
    let shown = first.otrsd(&["task", "show", &guest]).ok().stdout;
    assert!(shown.contains("Good day, guest! I got {") && shown.contains("Rome"), "{shown}");
    let cron = first.otrsd(&["cron", "list"]).ok().stdout;
    assert!(cron.contains("EachMinute  * * * * *"), "{cron}");
    let list = first.otrsd(&["task", "list"]).ok().stdout;
    assert!(list.contains("future  Greet  later"), "{list}");
    let later = list.lines().find(|line| line.contains("later")).unwrap();
    let id = later.split(' ').next().unwrap();
    assert!(first.otrsd(&["task", "explain", id]).ok().stdout.contains("is planned for"));
    wait_until("the later one", || {
        first
            .otrsd(&["task", "show", id])
            .ok()
            .stdout
            .contains("Good day, later! I got {")
            .then_some(())
    });
    // A type of one's own, from the written file's example.
    let own = "<otrsd_config version=\"2.0\" init=\"Changes\"><Setting Name=\"Daemon::SchedulerTaskWorker::TaskType###Own\" \
               Valid=\"1\"><Value><Hash><Item Key=\"Command\"><Array><Item>sleep</Item><Item>2</Item></Array></Item></Hash>\
               </Value></Setting></otrsd_config>";
    first.world.file("first/config/own.xml", own);
    first.otrsd(&["reload"]).ok();
    let said = first.otrsd(&["task", "add", "--type", "Own", "--wait"]).ok().stdout;
    assert!(said.contains("succeeded"), "{said}");
    // Ctrl-C says what it waits for, and it is finished.
    let id = first.otrsd(&["task", "add", "--type", "Own", "--name", "last"]).ok().stdout;
    wait_until("a running task", || {
        first.otrsd(&["task", "list"]).stdout.contains("running").then_some(())
    });
    first.keyboard.write_all(b"\x03").unwrap();
    first.on_the_screen(&format!("SchedulerTaskWorker waits for 1 task: {} (Own last)", id.trim()));
    first.on_the_screen("INFO stopped");
    assert_eq!(first.world.exit_code(), Some(0));
    assert!(first.otrsd(&["task", "show", id.trim()]).ok().stdout.contains("done: success"));
    first.otrsd(&["check"]).ok();
}

#[test]
fn the_example_in_a_comment_is_one_that_works() {
    let first = FirstMinutes::new();
    wait_until("the database", || first.otrsd(&["task", "list"]).code.eq(&0).then_some(()));
    let xml = first.world.read("first/config/quickstart.xml");
    let begin = xml.find("<!-- A task type with three").unwrap();
    let setting = begin + xml[begin..].find("<Setting").unwrap();
    let end = setting + xml[setting..].find("-->").unwrap();
    let without_comment = format!("{}{}{}", &xml[..begin], &xml[setting..end], &xml[end + 3..]);
    first.world.file("first/config/quickstart.xml", &without_comment);
    let checked = first.otrsd(&["check"]).ok().stdout;
    assert!(checked.ends_with("no problem\n"), "{checked}");
    first.otrsd(&["reload"]).ok();
    let name = format!("file://{}", first.world.text("first/config/quickstart.xml"));
    first.otrsd(&["task", "add", "--type", "Fetch", "--name", &name, "--wait"]).ok();
}
