//! Sessions of the console: what a cookie opens, and when it does no more.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    harness::{finish, wait_until},
    tasks::Database,
    web::{Login, Web, console},
};

/// A browser sends the cookies of a host to each of its ports, where other users of the host may listen.
#[test]
fn a_page_on_another_port_gets_no_session() {
    let web = Web::new(Database::Sqlite);
    let login = web.log_in();
    let jar = web.tasks.world.text("jar");
    // As a browser keeps it: bound to the host name, not to the port.
    let onward = web.onward("test-operate");
    let (host, code) = onward.split_once("/login?code=").unwrap();
    let name = host.split_once(':').unwrap().0;
    let connect = format!("{host}:127.0.0.1");
    let browse = |url: &str, arguments: &[&str]| {
        let mut curl = web.tasks.world.command("curl");
        curl.args(["--silent", "--max-time", "20", "--cookie", &jar, "--cookie-jar", &jar]);
        curl.args(["--resolve", &connect]).args(arguments).arg(url);
        finish(curl)
    };
    let entered = browse(&format!("http://{host}/login"), &["--data", &format!("code={code}")]);
    assert_eq!(entered.code, 0, "{entered:?}");
    assert!(browse(&format!("http://{host}/"), &[]).ok().stdout.contains("Log out"));
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = foreign.local_addr().unwrap().port();
    let heard = thread::spawn(move || {
        ["127.0.0.1", "localhost"].map(|_| {
            let (mut stream, _) = foreign.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> =
                lines.map_while(|it| it.ok().filter(|it| !it.is_empty())).collect();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            head.join("\n")
        })
    });
    browse(&format!("http://127.0.0.1:{port}/"), &[]).ok();
    browse(&format!("http://localhost:{port}/"), &[]).ok();
    for head in heard.join().unwrap() {
        assert!(head.starts_with("GET") && !head.to_lowercase().contains("cookie"), "{head}");
    }
    // A cookie opens its own name alone, and none but a link opens a name: not one that another page has chosen.
    let cookie = ["--cookie", login.cookie.as_str()];
    assert_eq!(web.curl("/api/v1/tasks", &login.arguments()).status, 200);
    assert_eq!(web.curl("/api/v1/tasks", &cookie).status, 401);
    let other = ["--header", &format!("Host: {name}")];
    assert_eq!(web.curl("/api/v1/tasks", &[&other[..], &cookie].concat()).status, 401);
    let chosen = ["--header", "Host: chosen.localhost", "--data", "code=test-operate"];
    let sent_on = web.curl("/login", &chosen);
    assert_eq!((sent_on.status, sent_on.header("set-cookie")), (200, None), "{sent_on:?}");
    assert!(!sent_on.body.contains("chosen"), "{sent_on:?}");
}

#[test]
fn a_link_opens_once() {
    let web = Web::new(Database::Sqlite);
    let link = web.tasks.world.otrsd(&["console-url"]).ok().stdout;
    let code = link.trim().split_once("code=").unwrap().1;
    let onward = web.onward(code);
    web.curl("/login", &["--data", &format!("code={code}")]).refused(401, "was used");
    let (host, second) = onward.split_once("/login?code=").unwrap();
    let (host, data) = (format!("Host: {host}"), format!("code={second}"));
    let again = ["--header", host.as_str(), "--data", &data];
    assert_eq!(web.curl("/login", &again).status, 303);
    web.curl("/login", &again).refused(401, "was used");
    let log = web.log();
    for secret in [code, second, &host[6..38]] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// The events of a stream until it ends.
fn follow(web: &Web, login: &Login, path: &str) -> thread::JoinHandle<String> {
    let mut stream = TcpStream::connect(web.origin.trim_start_matches("http://")).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\n{}\r\nCookie: {}\r\n\r\n", login.host, login.cookie);
    stream.write_all(head.as_bytes()).unwrap();
    let mut begun = [0; 1024];
    let length = stream.read(&mut begun).unwrap();
    let begun = String::from_utf8_lossy(&begun[..length]).into_owned();
    assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");
    thread::spawn(move || {
        let mut rest = Vec::new();
        // The end of a body in chunks: the connection itself may stay.
        while !rest.ends_with(b"0\r\n\r\n") {
            let mut more = [0; 4096];
            match stream.read(&mut more) {
                Ok(0) | Err(_) => break,
                Ok(length) => rest.extend_from_slice(&more[..length]),
            }
        }
        String::from_utf8_lossy(&rest).into_owned()
    })
}

#[test]
fn a_session_and_its_streams_end_with_a_logout() {
    let web = Web::new(Database::Sqlite);
    let (anna, bert) = (web.log_in(), web.enter("test-operate"));
    let streams = [follow(&web, &anna, "/live"), follow(&web, &bert, "/live")];
    assert_eq!(anna.form(&web, "/logout", "").status, 303);
    let [own, other] = streams;
    own.join().unwrap();
    assert_eq!(web.curl("/api/v1/tasks", &anna.arguments()).status, 401);
    let viewer = web.enter("test-view");
    assert_eq!(viewer.form(&web, "/logout", "").status, 303);
    assert_eq!(web.curl("/api/v1/tasks", &viewer.arguments()).status, 401);
    // An operator sees who is there, and ends what should not be.
    let page = web.operate("/sessions", &[]).body;
    let (_, id) =
        page.split_once("token operator").and_then(|(_, it)| it.split_once("value=\"")).unwrap();
    let id = format!("id={}", id.split_once('"').unwrap().0);
    let carl = web.log_in();
    assert!(!other.is_finished(), "the stream of another session goes on");
    assert_eq!(carl.form(&web, "/sessions", &id).status, 303);
    other.join().unwrap();
    assert_eq!(web.curl("/api/v1/tasks", &bert.arguments()).status, 401);
    assert!(web.log().contains("ended a session of token operator"), "{}", web.log());
    web.view("/sessions").refused(403, "operate");
}

#[test]
fn a_session_ends_with_its_token() {
    let web = Web::new(Database::Sqlite);
    let listen = web.origin.trim_start_matches("http://").to_owned();
    web.tasks.world.configure("60-web", &console(&listen));
    web.tasks.world.otrsd(&["reload"]).ok();
    let there =
        || wait_until("the console", || (web.curl("/livez", &[]).status == 200).then_some(()));
    let before = web.tasks.world.running("WebConsole");
    there();
    let (link, token) = (web.log_in(), web.enter("test-operate"));
    let without: Vec<String> =
        console(&listen).into_iter().filter(|it| !it.contains("###operator")).collect();
    web.tasks.world.configure("60-web", &without);
    web.tasks.world.otrsd(&["reload"]).ok();
    web.tasks.world.running_anew("WebConsole", before);
    there();
    assert_eq!(web.curl("/api/v1/tasks", &link.arguments()).status, 200);
    assert_eq!(web.curl("/api/v1/tasks", &token.arguments()).status, 401);
}
