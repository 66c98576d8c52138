//! A daemon program for the whole-daemon tests: modules that fail, hang, leak or leave, as told.
//!
//! `Test::1` to `Test::60` and `Test::101` to `Test::150` are one and the same module. What an
//! instance does stands in its settings `Daemon::<name>::PreRun`, `::Run`, `::PostRun` (actions
//! separated by `;`, see [`Scripted::act`]) and `::New` (`hang` or `panic`). What it did stands in
//! `<name>.trace` in the directory of the setting `Test::Directory`.

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use otrsd::{Daemon, DaemonModule, ModuleContext, Round, async_trait};

struct Scripted {
    context: ModuleContext,
    leaked: Vec<Vec<u8>>,
}

impl Scripted {
    fn new(context: ModuleContext) -> Self {
        let module = Self { context, leaked: Vec::new() };
        match module.setting("New").as_str() {
            "hang" => thread::sleep(Duration::from_hours(1)),
            "panic" => panic!("told to panic while being made"),
            _ => {}
        }
        module
    }

    /// The module's own setting, as text.
    fn setting(&self, part: &str) -> String {
        let name = format!("Daemon::{}::{part}", self.context.name());
        self.text(&name)
    }

    fn text(&self, name: &str) -> String {
        let value = self.context.settings().get(name);
        value.and_then(|value| value.as_text()).unwrap_or_default().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.text("Test::Directory")).join(name)
    }

    fn trace(&self, line: &str) -> anyhow::Result<()> {
        let path = self.file(&format!("{}.trace", self.context.name()));
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        writeln!(file, "{line}").context("cannot trace")
    }

    async fn perform(&mut self, part: &str) -> anyhow::Result<Round> {
        for action in self.setting(part).split(';').map(str::trim).filter(|it| !it.is_empty()) {
            let (verb, object) = action.split_once(' ').unwrap_or((action, ""));
            match self.act(verb, object).await? {
                After::Go => {}
                After::Leave(round) => return Ok(round),
            }
        }
        Ok(Round::Continue)
    }

    async fn act(&mut self, verb: &str, object: &str) -> anyhow::Result<After> {
        match verb {
            "trace" => self.trace(object)?,
            // The value of a setting.
            "show" => self.trace(&self.text(object))?,
            "say" => self.context.say(object),
            "complain" => drop(writeln!(std::io::stderr(), "{object}")),
            "fail" => bail!("{object}"),
            "panic" => panic!("{object}"),
            "abort" => std::process::abort(),
            "discard" => return Ok(After::Leave(Round::discard(object.to_owned()))),
            // Blocks the thread: no signal is heard.
            "block" => thread::sleep(seconds(object)?),
            // Never awaits, but asks whether to end.
            "spin" => self.spin()?,
            // Ends early at a stop.
            "pause" => self.context.pause(seconds(object)?).await,
            // Hears signals, but does not end early.
            "wait-for" => self.wait_for(object).await,
            // The rest happens only once, whatever life it is.
            "once" => return self.once(object),
            "leak" => self.leaked.push(vec![1; object.parse::<usize>()? << 20]),
            "degraded" => self.context.degraded("has no paper", object),
            "recovered" => self.context.recovered("has no paper"),
            // Left running.
            "spawn" => drop(Command::new("sh").args(["-c", object]).spawn()?),
            _ => bail!("no action '{verb}'"),
        }
        Ok(After::Go)
    }

    async fn wait_for(&self, name: &str) {
        while !self.file(name).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn spin(&self) -> anyhow::Result<()> {
        self.trace("spinning")?;
        while !self.context.is_stopping() {
            thread::sleep(Duration::from_millis(1));
        }
        self.trace("asked to end")
    }

    fn once(&self, name: &str) -> anyhow::Result<After> {
        match OpenOptions::new().write(true).create_new(true).open(self.file(name)) {
            Ok(_) => Ok(After::Go),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Ok(After::Leave(Round::Continue))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What follows an action.
enum After {
    Go,
    Leave(Round),
}

fn seconds(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

#[async_trait]
impl DaemonModule for Scripted {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        self.perform("PreRun").await
    }

    async fn run(&mut self) -> anyhow::Result<Round> {
        self.perform("Run").await
    }

    async fn post_run(&mut self) -> anyhow::Result<Round> {
        self.perform("PostRun").await
    }
}

/// A new program that is asked whether it can take over answers when the test lets it.
fn wait_for_permission() {
    let world = env::var_os("OTRSD_TEST_WORLD").map(PathBuf::from);
    if let Some(world) = world.filter(|_| env::args_os().any(|it| it == "takeover-check")) {
        while world.join("hold-the-check").exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn main() -> ExitCode {
    wait_for_permission();
    (1..=60)
        .chain(101..=150)
        .fold(Daemon::new(), |daemon, number| {
            daemon.module(&format!("Test::{number}"), Scripted::new)
        })
        .run()
}
