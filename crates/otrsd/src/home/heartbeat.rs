//! The heartbeat for the web interface: a cache entry which says that this node's daemon runs.
//!
//! The original's task worker writes it every 10 seconds, and it is valid for 30. Without it, the web interface tells
//! every user that the daemon is not running. Where the cache is not in files, a process of the installation's own Perl
//! writes it.

use std::{
    io::{self, Write as _},
    process::{ChildStdin, Command, Stdio},
    time::Duration,
};

use jiff::SignedDuration;
use perl_storable::Value;
use sysconfig::SysConfig;
use tokio::{task::spawn_blocking, time::sleep};

use super::cache::Entry;
use crate::{
    clock,
    config::{home::Home, node},
    logs,
};

const SCRIPT: &str = include_str!("perl/heartbeat.pl");
const PERIOD: Duration = Duration::from_secs(10);
const VALIDITY: SignedDuration = SignedDuration::from_secs(30);

/// Renews the entry. Returns at once outside of an installation.
pub(crate) async fn keep(settings: SysConfig) {
    let Some(home) = Home::of(&settings) else { return };
    let mut heart = Heart::of(&settings, &home);
    let mut told = false;
    loop {
        let beaten = spawn_blocking(move || (heart.beat(), heart)).await;
        let Ok((result, back)) = beaten else { return };
        heart = back;
        match result {
            Err(error) if !std::mem::replace(&mut told, true) => logs::warn(&format!(
                "{error:#}; the web interface will say that the daemon is not running"
            )),
            Ok(()) => told = false,
            Err(_) => {}
        }
        sleep(PERIOD).await;
    }
}

enum Heart {
    File(Entry),
    Perl {
        argv: Vec<String>,
        /// The standard input of the process, while it lives.
        input: Option<ChildStdin>,
    },
}

impl Heart {
    fn of(settings: &SysConfig, home: &Home) -> Self {
        let node = node(settings).to_string();
        let entry = Entry::of(settings, "DaemonRunning", &node);
        entry.map_or_else(|| Self::Perl { argv: home.heartbeat(&node), input: None }, Self::File)
    }

    fn beat(&mut self) -> anyhow::Result<()> {
        match self {
            Self::File(entry) => entry.write(Value::Int(1), clock::now_utc() + VALIDITY),
            Self::Perl { argv, input } => {
                // A dead process reads nothing: another one replaces it.
                if input.as_mut().is_none_or(|input| input.write_all(b".").is_err()) {
                    let mut fresh = start(argv)?;
                    fresh.write_all(b".")?;
                    *input = Some(fresh);
                }
                Ok(())
            }
        }
    }
}

impl Home {
    fn heartbeat(&self, node: &str) -> Vec<String> {
        self.perl(SCRIPT, &[&self.title(), node, &VALIDITY.as_secs().to_string()])
    }
}

/// Starts the process. The worker's reaper waits for its end.
fn start(argv: &[String]) -> io::Result<ChildStdin> {
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    child.stdin.take().ok_or_else(|| io::Error::other("a process without an input"))
}
