//! Tasks that are run by calling a URL.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
};

use jiff::Timestamp;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use task_store::{HeldState, NewTask, Outcome, State};

use crate::{
    harness::{finish, setting},
    registration::escape,
    tasks::{Database, Tasks, on_each_database, task_type},
};

const SECRET: &str = "Bearer hunter2-is-no-password";

on_each_database! {
    an_answer_says_what_became_of_the_task
}

/// A server that gives an answer to each path, and tells of the requests.
struct Server {
    address: String,
    requests: mpsc::Receiver<String>,
}

impl Server {
    /// `answers`: path, then the whole answer. Other paths are never answered.
    fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        Self::serve(answers, None)
    }

    fn serve(answers: &'static [(&'static str, &'static str)], tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, requests) = mpsc::channel();
        let tls = tls.map(Arc::new);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, sender, tls) = (stream.unwrap(), sender.clone(), tls.clone());
                thread::spawn(move || converse(secured(stream, tls), answers, &sender));
            }
        });
        Self { address, requests }
    }

    fn request(&self) -> String {
        self.requests.recv_timeout(crate::harness::DEADLINE).unwrap()
    }
}

fn secured(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Box<dyn Stream> {
    match tls {
        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream)),
        None => Box::new(stream),
    }
}

fn converse(
    mut stream: Box<dyn Stream>,
    answers: &[(&str, &str)],
    requests: &mpsc::Sender<String>,
) {
    while let Some((path, request)) = next(&mut stream) {
        let _ = requests.send(request);
        let Some((_, answer)) = answers.iter().find(|it| it.0 == path) else {
            // The connection stays open as long as the test.
            loop {
                thread::park();
            }
        };
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.flush();
        if answer.contains("Connection: close") {
            return;
        }
    }
}

trait Stream: std::io::Read + std::io::Write + Send {}
impl Stream for TcpStream {}
impl Stream for StreamOwned<ServerConnection, TcpStream> {}

/// The path and the whole text of the next request.
fn next(stream: &mut Box<dyn Stream>) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length =
        head.to_lowercase().split("content-length: ").nth(1)?.split("\r\n").next()?.parse();
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, head + &String::from_utf8(body).unwrap()))
}

/// The setting of a type that calls `url`.
fn hook(name: &str, url: &str, http: &str, keys: &str) -> String {
    let url = format!("<Item Key=\"URL\">{}</Item>", escape(url));
    task_type(name, &format!("<Item Key=\"Http\"><Hash>{url}{http}</Hash></Item>{keys}"))
}

fn secret_header() -> String {
    format!(
        "<Item Key=\"Headers\"><Hash><Item Key=\"Authorization\">{SECRET}</Item></Hash></Item>\
         <Item Key=\"Method\">PUT</Item>"
    )
}

const ANSWERS: [(&str, &str); 7] = [
    ("/ok", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nthanks"),
    ("/gone", "HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n\nno such customer\n"),
    ("/moved", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"),
    ("/busy", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1800\r\nContent-Length: 0\r\n\r\n"),
    ("/down", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ndown"),
    ("/torn", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nha"),
    (
        "/echo",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 36\r\n\r\nno: Bearer hunter2-is-no-password!!!",
    ),
];

fn an_answer_says_what_became_of_the_task(database: Database) {
    let server = Server::start(&ANSWERS);
    let paths = ["ok", "gone", "moved", "busy", "down", "torn", "echo"];
    let types = paths
        .map(|path| hook(path, &format!("http://{}/{path}", server.address), &secret_header(), ""));
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add(&NewTask::new("ok", "a name", r#"{"a":[1,"ü"]}"#));
    assert_eq!(tasks.succeeds(id).output.as_deref(), Some("thanks"));
    let request = server.request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("put /ok http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains(&format!("authorization: {}", SECRET.to_lowercase())), "{head}");
    let letter: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = serde_json::json!({
        "id": id.to_string(), "type": "ok", "name": "a name", "try": 1, "data": {"a": [1, "ü"]},
    });
    assert_eq!(letter, expected);

    tasks.succeeds(tasks.add_of("torn", "one"));
    for (path, state, reason) in [
        ("gone", HeldState::Failed, "404 Not Found: no such customer"),
        ("moved", HeldState::Failed, "302 Found (redirects are not followed)"),
        ("busy", HeldState::Retry, "429 Too Many Requests"),
        ("down", HeldState::Retry, "503 Service Unavailable: down"),
        ("echo", HeldState::Failed, "400 Bad Request: no: ********!!!"),
    ] {
        let entry = tasks.held(tasks.add_of(path, "one"), state);
        assert_eq!(entry.reason, format!("{}: {reason}", server.address));
        if path == "busy" {
            let pause = entry.due.unwrap().duration_since(Timestamp::now()).as_secs();
            assert!((1700..1801).contains(&pause), "Retry-After: {pause} s");
        }
    }
}

#[test]
fn who_does_not_answer_is_asked_again() {
    let server = Server::start(&[]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let timeout = "<Item Key=\"Timeout\">0.5</Item>";
    let types = [
        hook("Silent", &format!("http://{}/", server.address), "", timeout),
        hook("Nobody", &format!("http://{free}/"), "", ""),
        hook("Unknown", "http://no-such-host.invalid/", "", ""),
        hook("Stopped", &format!("http://{}/stop", server.address), "", ""),
    ];
    let tasks = Tasks::new(Database::Sqlite, &types);
    tasks.start();
    for (kind, reason) in [
        ("Silent", "took longer than 500ms"),
        ("Nobody", "Connection refused"),
        ("Unknown", "no-such-host.invalid: "),
    ] {
        let entry = tasks.held(tasks.add_of(kind, "one"), HeldState::Retry);
        assert!(entry.reason.contains(reason), "{}", entry.reason);
    }
    assert!(server.request().starts_with("POST / "));
    let id = tasks.add_of("Stopped", "one");
    assert!(server.request().starts_with("POST /stop "));
    tasks.world.otrsd(&["stop"]).ok();
    assert_eq!(tasks.outcome(id).outcome, Outcome::Interrupted);
    assert_eq!(tasks.get(id).unwrap().state, State::Waiting);
}

#[test]
fn headers_are_secrets() {
    let server = Server::start(&ANSWERS);
    let url = format!("http://{}/gone", server.address);
    let types = [hook("Hook", &url, &secret_header(), "")];
    let tasks = Tasks::new(Database::Sqlite, &types);
    tasks.start();
    let id = tasks.add_of("Hook", "one");
    tasks.held(id, HeldState::Failed);
    assert!(server.request().contains(SECRET));
    let shown = id.to_string();
    for arguments in [
        &["config", "list"][..],
        &["config", "list", "--json", "--origin"],
        &["check"],
        &["task", "show", &shown],
        &["task", "explain", &shown],
    ] {
        let said = tasks.world.otrsd(arguments);
        assert!(!said.stdout.contains("hunter2") && !said.stderr.contains("hunter2"), "{said:?}");
    }
    assert!(!tasks.world.worker_log().contains("hunter2"));
    assert!(tasks.world.otrsd(&["config", "list"]).ok().stdout.contains(&url));
}

#[test]
fn a_bad_call_is_told_and_its_type_has_no_handler() {
    let types = [
        hook("Wrong", "ftp://example.org/", "", ""),
        hook("Both", "http://example.org/", "", "<Item Key=\"Command\">true</Item>"),
    ];
    let tasks = Tasks::new(Database::Sqlite, &types);
    let said = tasks.world.otrsd(&["check"]);
    assert_eq!(said.code, 3, "{said:?}");
    for problem in [
        "TaskType###Wrong: 'URL' of 'Http' must be like https://host/path",
        "TaskType###Both: 'Command' and 'Http' exclude each other",
    ] {
        assert!(said.stdout.contains(problem), "{}", said.stdout);
    }
    tasks.start();
    for kind in ["Wrong", "Both"] {
        tasks.held(tasks.add_of(kind, "one"), HeldState::NoHandler);
    }
}

#[test]
fn https_trusts_what_the_system_trusts() {
    let types = [setting("Test::Nothing", "1")];
    let tasks = Tasks::new(Database::Sqlite, &types);
    let mut openssl = tasks.world.command("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    openssl.args(["-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    finish(openssl).ok();
    let certificate = tasks.world.path("certificate.pem");
    let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(tasks.world.path("key.pem")).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let server = Server::serve(&ANSWERS, Some(tls));
    let types = [hook("Hook", &format!("https://{}/ok", server.address), "", "")];
    tasks.world.configure("30-types", &types);
    tasks.start();
    let distrusted = tasks.held(tasks.add_of("Hook", "distrusted"), HeldState::Retry).reason;
    assert!(distrusted.contains("certificate"), "{distrusted}");
    tasks.world.otrsd(&["stop"]).ok();
    let mut start = tasks.world.command(&tasks.world.program);
    start.arg("start").env("SSL_CERT_FILE", certificate);
    finish(start).ok();
    tasks.succeeds(tasks.add_of("Hook", "trusted"));
    assert!(server.request().starts_with("POST /ok HTTP/1.1"));
}
