//! What may be sent to the console before a login, and by how many.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use crate::{harness::wait_until, tasks::Database, web::Web};

/// Clients that send nothing, or a little at a time, keep nobody out: the oldest without a login gives way.
#[test]
fn slow_and_many_clients() {
    let web = Web::new(Database::Sqlite);
    let place = web.origin.trim_start_matches("http://");
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(place).unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost:");
        idle.push(stream);
    }
    assert_eq!(web.curl("/livez", &[]).status, 200);
    assert_eq!(web.view("/api/v1/tasks").status, 200);
    web.tasks.succeeds(web.tasks.add_of("Echo", "meanwhile"));
    let end = |stream: &mut TcpStream| {
        let mut said = String::new();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        // What was sent and not read makes a reset of the end.
        let _ = stream.read_to_string(&mut said);
        said
    };
    assert_eq!(end(&mut idle[0]), "");
    // Each is ended when its headers did not come in time.
    let last = end(idle.last_mut().unwrap());
    assert!(last.is_empty() || last.starts_with("HTTP/1.1 408"), "{last}");
}

/// One login may take most connections, and leaves some for others.
#[test]
fn a_token_cannot_take_all_connections() {
    let web = Web::new(Database::Sqlite);
    let place = web.origin.trim_start_matches("http://").to_owned();
    let request =
        "GET /api/v1/pauses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test-view\r\n\r\n";
    let mut kept = Vec::new();
    let refused = loop {
        let mut stream = TcpStream::connect(&place).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        if !answer.starts_with("HTTP/1.1 200") || kept.len() > 800 {
            break answer;
        }
        kept.push(stream);
    };
    assert!(refused.starts_with("HTTP/1.1 503"), "{} connections, then {refused}", kept.len());
    web.view("/api/v1/tasks").refused(503, "token viewer has as many connections");
    assert_eq!(web.operate("/api/v1/tasks", &[]).status, 200);
    assert_eq!(web.curl("/livez", &[]).status, 200);
    drop(kept);
    wait_until("places for the token", || (web.view("/api/v1/tasks").status == 200).then_some(()));
}

/// Before a login there is not much to say.
#[test]
fn strangers_say_little() {
    let web = Web::new(Database::Sqlite);
    let body = web.tasks.world.path("body");
    std::fs::write(&body, format!("code={}", "x".repeat(20_000))).unwrap();
    let data = format!("@{}", body.display());
    assert_eq!(web.curl("/login", &["--data", &data]).status, 413);
    let json = ["--header", "Content-Type: application/json", "--data-binary", &data];
    assert_eq!(web.curl("/api/v1/tasks", &json).status, 401);
    let long = format!("X-Long: {}", "x".repeat(20_000));
    assert_eq!(web.curl("/livez", &["--header", &long]).status, 431);
    std::fs::write(
        &body,
        format!("{{\"type\": \"Echo\", \"data\": \"{}\"}}", "x".repeat(1_000_000)),
    )
    .unwrap();
    assert_eq!(web.operate("/api/v1/tasks", &json).status, 201);
}

/// The bodies that are taken in at the same time have a budget, also of those who have logged in.
#[test]
fn bodies_have_a_budget() {
    let web = Web::new(Database::Sqlite);
    let place = web.origin.trim_start_matches("http://").to_owned();
    let head = "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test-operate\r\n\
                Content-Type: application/json\r\nContent-Length: 4000000\r\n\r\n{";
    let begun: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(&place).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let large = web.tasks.world.path("body");
    std::fs::write(&large, "x".repeat(2_000_000)).unwrap();
    let data = format!("@{}", large.display());
    let json = ["--header", "Content-Type: application/json", "--data-binary", &data];
    wait_until("a full budget", || {
        (web.operate("/api/v1/tasks", &json).status == 503).then_some(())
    });
    assert_eq!(web.post("/api/v1/tasks", r#"{"type": "Echo"}"#).status, 201, "small ones go on");
    drop(begun);
    wait_until("an empty budget", || {
        (web.operate("/api/v1/tasks", &json).status == 400).then_some(())
    });
}

/// No guess finds what has 256 bits, so guesses hold up nobody; some of them are told.
#[test]
fn guesses_hold_up_no_login() {
    let web = Web::new(Database::Sqlite);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..10 {
                    web.curl("/login", &["--data", "code=guess"]).refused(401, "was used");
                    let guess = ["--header", "Authorization: Bearer guess"];
                    web.curl("/api/v1/tasks", &guess).refused(401, "no token");
                }
            });
        }
    });
    web.enter("test-operate");
    web.log_in();
    let log = web.log();
    let told: Vec<&str> = log.lines().filter(|it| it.contains("a login failed")).collect();
    assert!((10..=20).contains(&told.len()), "a few a minute: {log}");
    let user = format!("(user {})", nix::unistd::Uid::current());
    assert!(told[0].contains("from 127.0.0.1:") && told[0].contains(&user), "{log}");
    assert!(!log.contains("guess") && !log.contains("test-view"), "{log}");
}
