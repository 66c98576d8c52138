//! The unit files: systemd understands them, and what they run starts and stops as they say.

use std::{fs, path::Path};

use nix::sys::signal::Signal;

use crate::{
    harness::{World, finish, setting, signal},
    registration::configuration,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging");

fn unit(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

/// All values of a key.
fn values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn systemd_understands_the_units() {
    let world = World::stock();
    for (file, name) in
        [("otrsd.service", "otrsd.service"), ("otrsd-home@.service", "otrsd-home@otrs.service")]
    {
        // It looks for the program.
        let text = unit(file).replace("/usr/bin/otrsd", world.program.to_str().unwrap());
        world.file(name, &text);
        let mut verify = world.command("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(world.path(name));
        assert_eq!(finish(verify).all(), (0, "", ""), "{name}");
    }
}

#[test]
fn a_stop_may_take_as_long_as_the_daemon_gives_to_its_tasks() {
    for (file, grace) in [("otrsd.service", 30), ("otrsd-home@.service", 300)] {
        let unit = unit(file);
        let limit: u32 = values(&unit, "TimeoutStopSec")[0].parse().unwrap();
        assert!(limit >= grace + 10, "{file}: {limit}");
        assert_eq!(values(&unit, "KillMode"), ["mixed"], "{file}");
    }
}

/// As systemd would call it, but for the places.
#[test]
fn the_unit_of_a_daemon_on_its_own() {
    let world = World::stock().by_nobody();
    let unit = unit("otrsd.service");
    fs::remove_file(world.path("config/00-base.xml")).unwrap();
    world.file("config/a.xml", &configuration(&[setting("NodeID", "1")]));
    let command_line: Vec<&str> = values(&unit, "ExecStart")[0].split(' ').skip(1).collect();
    let mut command = world.command(&world.program);
    for assignment in values(&unit, "Environment").into_iter().flat_map(|it| it.split(' ')) {
        let (variable, place) = assignment.split_once('=').unwrap();
        let place = match place {
            "/etc/otrsd" => "config",
            "/run/otrsd" => "run",
            "/var/log/otrsd" => "log",
            "/var/lib" => "lib",
            other => panic!("{variable}={other}"),
        };
        command.env(variable, world.path(place));
    }
    command.args(command_line);
    world.spawn(command);
    let pid = world.status().pid;
    assert_eq!(world.read("run/Daemon-NodeID-1.pid"), pid.to_string());
    signal(pid, Signal::SIGTERM);
    assert_eq!(world.exit_code(), Some(0));
    world.deserted();
}
