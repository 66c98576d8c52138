//! A world with a web console, and a client that is not a browser.

use std::{fs, process::Command, thread};

use serde_json::Value;

use crate::{
    harness::{finish, setting, wait_until},
    registration::module,
    tasks::{Database, Tasks, shell},
};

/// The hash of the text `test-view`, and of `test-operate`.
const TOKENS: [(&str, &str, &str); 2] =
    [("view", "viewer", "test-view"), ("operate", "operator", "test-operate")];

pub(crate) struct Web {
    pub(crate) tasks: Tasks,
    /// Like `http://127.0.0.1:1234`.
    pub(crate) origin: String,
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// That it was refused so, for a reason that holds this text.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, why: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.body.contains(why), "{why} in {self:?}");
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next_back()
    }
}

/// The console's registration and tokens.
pub(crate) fn console(listen: &str) -> Vec<String> {
    let token = |(role, name, text): &(&str, &str, &str)| {
        let hash = Command::new("sh")
            .args(["-c", &format!("printf %s {text} | sha256sum")])
            .output()
            .unwrap();
        let hash = String::from_utf8(hash.stdout).unwrap();
        format!(
            "<Setting Name=\"WebConsole::Tokens###{name}\" Valid=\"1\"><Value><Hash><Item Key=\"Role\">{role}</Item>\
             <Item Key=\"SHA256\">{}</Item></Hash></Value></Setting>\n",
            &hash[..64]
        )
    };
    let mut settings: Vec<String> = TOKENS.iter().map(token).collect();
    settings.push(module("WebConsole").key("Module", "Otrsd::WebConsole").xml());
    settings.push(setting("WebConsole::Listen", listen));
    settings
}

impl Web {
    /// With a type `Echo` that succeeds and a type `Sleep` that lasts.
    pub(crate) fn new(database: Database) -> Self {
        Self::with(database, &[])
    }

    pub(crate) fn with(database: Database, settings: &[String]) -> Self {
        let types = [
            shell("Echo", "echo said; true", &[]),
            shell("Sleep", "sleep 600", &[]),
            shell("No", "echo why >&2; exit 3", &[]),
        ];
        let tasks = Tasks::new(database, &types);
        tasks.world.configure("60-web", &[console("127.0.0.1:0"), settings.to_vec()].concat());
        tasks.start();
        Self::of(tasks)
    }

    /// The present life of a console in a running daemon.
    pub(crate) fn of(tasks: Tasks) -> Self {
        tasks.world.running("WebConsole");
        let origin = wait_until("the console's address", || {
            let said = tasks.world.read("log/WebConsoleERR.log");
            let (_, rest) = said.rsplit_once("listening on ")?;
            Some(rest.lines().next()?.to_owned())
        });
        Self { tasks, origin }
    }

    /// A request as curl makes it from these arguments.
    pub(crate) fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        // Tests may ask from several threads at a time.
        let head = self.tasks.world.path(&format!("head-{:?}", thread::current().id()));
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "20", "--dump-header"]).arg(&head);
        command
            .args(["--write-out", "\n%{http_code}"])
            .args(arguments)
            .arg(format!("{}{path}", self.origin));
        let answer = finish(command).ok().stdout;
        let (body, status) = answer.rsplit_once('\n').unwrap();
        let headers = fs::read_to_string(&head).unwrap();
        Answer { status: status.parse().unwrap(), headers, body: body.to_owned() }
    }

    pub(crate) fn view(&self, path: &str) -> Answer {
        self.curl(path, &["--header", "Authorization: Bearer test-view"])
    }

    pub(crate) fn operate(&self, path: &str, arguments: &[&str]) -> Answer {
        self.curl(path, &[&["--header", "Authorization: Bearer test-operate"], arguments].concat())
    }

    pub(crate) fn post(&self, path: &str, json: &str) -> Answer {
        self.operate(path, &["--header", "Content-Type: application/json", "--data-binary", json])
    }

    pub(crate) fn log(&self) -> String {
        self.tasks.world.read("log/WebConsoleERR.log")
    }

    /// Logs in by a link of the command line.
    pub(crate) fn log_in(&self) -> Login {
        let link = self.tasks.world.otrsd(&["console-url"]).ok().stdout;
        self.enter(link.trim().split_once("code=").unwrap().1)
    }

    /// Logs in by a code or a token, as a browser does that is sent on to a name of its session's own.
    pub(crate) fn enter(&self, code: &str) -> Login {
        let onward = self.onward(code);
        let (host, code) = onward.split_once("/login?code=").unwrap();
        let host = format!("Host: {host}");
        let data = format!("code={code}");
        let answer = self.curl("/login", &["--header", &host, "--data", &data]);
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap().split_once(';').unwrap().0.to_owned();
        let mut login = Login { host, cookie, key: String::new() };
        let page = self.curl("/", &login.arguments()).body;
        let key = page.split_once("name=\"form_key\" value=\"").unwrap().1;
        key.split_once('"').unwrap().0.clone_into(&mut login.key);
        login
    }

    /// Where a code or a token sends a browser: `NAME.localhost:PORT/login?code=…`.
    pub(crate) fn onward(&self, code: &str) -> String {
        let answer = self.curl("/login", &["--data", &format!("code={code}")]);
        assert_eq!((answer.status, answer.header("set-cookie")), (200, None), "{answer:?}");
        let rest = answer.body.split_once("0;url=http://").unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    }
}

/// A session, as a browser has it.
pub(crate) struct Login {
    /// The header with the name that it is bound to.
    pub(crate) host: String,
    pub(crate) cookie: String,
    /// The key of its forms.
    pub(crate) key: String,
}

impl Login {
    /// What makes a request of curl one of the session.
    pub(crate) fn arguments(&self) -> [&str; 4] {
        ["--header", &self.host, "--cookie", &self.cookie]
    }

    /// A form of the session, with this field.
    pub(crate) fn form(&self, web: &Web, path: &str, field: &str) -> Answer {
        let form = format!("form_key={}&{field}", self.key);
        web.curl(path, &[&self.arguments()[..], &["--data", &form]].concat())
    }
}
