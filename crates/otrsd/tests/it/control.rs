//! The control socket: for the daemon's user alone, and not to be jammed by bad clients.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::MetadataExt as _, net::UnixStream, process::CommandExt as _},
};

use nix::unistd::geteuid;

use crate::{
    harness::{World, finish},
    registration::idle,
};

const SOCKET: &str = "run/Daemon-NodeID-1.sock";

fn world() -> World {
    let world = World::new().with("modules", &[idle("A", 1)]);
    world.start();
    world
}

#[test]
fn it_is_the_daemons_users_alone() {
    let world = world();
    let mode = fs::metadata(world.path(SOCKET)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    if geteuid().is_root() {
        let mut stranger = world.command("python3");
        fs::set_permissions(world.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        fs::set_permissions(world.path("run"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let ask = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
        stranger.args(["-c", ask, &world.text(SOCKET)]).uid(65534).gid(65534);
        let said = finish(stranger);
        assert!(said.code != 0 && said.stderr.contains("Permission denied"), "{said:?}");
    }
}

#[test]
fn what_is_no_request_gets_an_error_and_harms_nothing() {
    let world = world();
    let long = format!("{}\n", "[".repeat(60 << 10));
    let lines = ["\n", "status\n", "{}\n", "{\"request\":\"dance\"}\n", "[1,2]\n", "null\n", &long];
    for line in lines {
        let shown = line.get(..20).unwrap_or(line);
        let answer = world.ask(line).unwrap_or_else(|| panic!("no answer to {shown:?}"));
        assert_eq!(answer.len(), 1, "{answer:?}");
        assert!(
            answer[0].starts_with("{\"reply\":\"failed\",\"text\":\"no request: "),
            "{answer:?}"
        );
    }
    // More than a request may be long, and bytes that are no text: the connection ends.
    for bytes in [vec![b'x'; 1 << 20], vec![0xff, 0xfe, b'\n']] {
        let mut stream = UnixStream::connect(world.path(SOCKET)).unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(world.otrsd(&["status"]).ok().code, 0);
}

#[test]
fn idle_and_half_connections_do_not_keep_status_from_working() {
    let world = world();
    let mut clients: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(world.path(SOCKET)).unwrap()).collect();
    for client in clients.iter_mut().step_by(2) {
        client.write_all(b"{\"request\":\"sta").unwrap();
    }
    let said = world.otrsd(&["status"]).ok();
    assert!(said.stdout.contains(" is running: PID "), "{said:?}");
    // Clients that ask and go away without reading.
    for _ in 0..200 {
        let mut client = UnixStream::connect(world.path(SOCKET)).unwrap();
        let _ = client.write_all(b"{\"request\":\"status\"}\n");
    }
    drop(clients);
    world.otrsd(&["stop"]).ok();
    world.deserted();
}

#[test]
fn a_path_longer_than_a_socket_address_is_no_obstacle() {
    let world = World::new();
    let deep = world.text(&format!("{}/{}", "d".repeat(100), "e".repeat(100)));
    let world =
        world.with("zz", &[crate::harness::setting("Daemon::PID::Path", &deep), idle("A", 1)]);
    world.otrsd(&["start"]).ok();
    let said = world.otrsd(&["status", "--json"]).ok();
    assert!(said.stdout.contains("\"A\""), "{said:?}");
    assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
}

#[test]
fn clients_that_stay_after_an_error_do_not_jam_it() {
    let world = world();
    let clients: Vec<UnixStream> = (0..100)
        .map(|_| {
            let mut client = UnixStream::connect(world.path(SOCKET)).unwrap();
            client.write_all(b"junk\n").unwrap();
            client
        })
        .collect();
    let said = world.otrsd(&["status"]).ok();
    assert!(said.stdout.contains(" is running: PID "), "{said:?}");
    drop(clients);
}
