//! Where the console listens, and that nobody depends on it.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::{
    harness::{setting, signal, wait_until},
    tasks::{Database, Tasks, shell},
    web::{Web, console},
};

#[test]
fn a_taken_port_is_waited_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let tasks = Tasks::new(Database::Sqlite, &[shell("Echo", "true", &[])]);
    tasks.world.configure("60-web", &console(&address));
    tasks.start();
    let log = || tasks.world.read("log/WebConsoleERR.log");
    wait_until("a word about the port", || {
        log().contains("waiting until it is free").then_some(())
    });
    tasks.succeeds(tasks.add_of("Echo", "meanwhile"));
    drop(taken);
    wait_until("the console", || {
        log().contains(&format!("listening on http://{address}")).then_some(())
    });
    assert_eq!(log().matches("waiting until it is free").count(), 1);
}

#[test]
fn a_socket_for_a_proxy() {
    let tasks = Tasks::new(Database::Sqlite, &[]);
    let path = tasks.world.text("web.sock");
    let mut settings = console(&format!("unix:{path}"));
    settings.push(
        "<Setting Name=\"WebConsole::AllowedHosts\" Valid=\"1\"><Value><Array><Item>Desk.Example</Item></Array></Value></Setting>\n".to_owned(),
    );
    tasks.world.configure("60-web", &settings);
    tasks.start();
    wait_until("the console", || {
        tasks.world.read("log/WebConsoleERR.log").contains("listening").then_some(())
    });
    let web = Web { tasks, origin: "http://desk.example".into() };
    let link = web.tasks.world.otrsd(&["console-url"]).ok().stdout;
    assert!(link.starts_with("https://desk.example/login?code="), "{link}");
    let by_socket = ["--unix-socket", path.as_str()];
    assert_eq!(web.curl("/livez", &by_socket).status, 200);
    let code = format!("code={}", link.trim().split_once("code=").unwrap().1);
    let log_in =
        |more: &[&str]| web.curl("/login", &[&by_socket[..], &["--data", &code], more].concat());
    // Its page came without TLS, so the browser would not keep the cookie; the link is not used up.
    log_in(&["--header", "Origin: http://desk.example"]).refused(403, "must speak TLS");
    let answer = log_in(&["--header", "Origin: https://desk.example"]);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-otrsd=") && cookie.ends_with("; Secure"), "{answer:?}");
    let other = Web { origin: "http://other.example".into(), ..web };
    other.curl("/livez", &by_socket).refused(421, "AllowedHosts");
}

/// What it holds is on disk, so that a new life logs nobody out.
#[test]
fn its_death_harms_nobody() {
    let web = Web::with(Database::Sqlite, &[setting("WebConsole::OpenMetrics", "1")]);
    let login = web.log_in();
    let origin = web.origin.clone();
    let listen = origin.trim_start_matches("http://");
    web.tasks.world.configure("60-web", &console(listen));
    web.tasks.world.otrsd(&["reload"]).ok();
    let console = web.tasks.world.running("WebConsole");
    signal(console, Signal::SIGKILL);
    web.tasks.succeeds(web.tasks.add_of("Echo", "meanwhile"));
    web.tasks.world.running_anew("WebConsole", console);
    wait_until("the console again", || {
        web.log().contains(&format!("listening on {origin}")).then_some(())
    });
    let page = web.curl("/tasks", &login.arguments());
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(web.curl("/metrics", &[]).status, 401, "the setting is gone");
}

/// The console shows and adds by all settings, so another module's concern it as well.
#[test]
fn a_type_that_a_reload_adds_is_known_to_the_console() {
    let web = Web::new(Database::Sqlite);
    let listen = web.origin.trim_start_matches("http://");
    web.tasks.world.configure("60-web", &console(listen));
    web.tasks.world.otrsd(&["reload"]).ok();
    let before = web.tasks.world.running("WebConsole");
    let body = r#"{"type": "New", "name": "one"}"#;
    assert_ne!(web.post("/api/v1/tasks", body).status, 201);
    web.tasks.world.configure("35-new", &[shell("New", "true", &[])]);
    web.tasks.world.otrsd(&["reload"]).ok();
    web.tasks.world.running_anew("WebConsole", before);
    wait_until("the console", || (web.curl("/livez", &[]).status == 200).then_some(()));
    let added = web.post("/api/v1/tasks", body);
    assert_eq!(added.status, 201, "{added:?}");
    web.tasks.succeeds(added.json()[0]["id"].as_str().unwrap().parse().unwrap());
}
