//! What the web interface looks at: an entry of the cache that says that this node's daemon runs.
//!
//! The original's task worker writes it every 10 seconds, and it holds for 30; without it, every user of the
//! web interface is told that the daemon is not running.

use std::time::Duration;

use jiff::SignedDuration;
use perl_storable::Value;
use sysconfig::{Problem, SysConfig};
use tokio::{task::spawn_blocking, time::sleep};

use super::cache::{CACHE, Entry, unreachable};
use crate::{
    clock,
    config::{self, node},
    logs,
};

const PERIOD: Duration = Duration::from_secs(10);
const VALIDITY: SignedDuration = SignedDuration::from_secs(30);

/// Keeps the entry alive. Outside of an installation, or where its cache is not in files, there is none.
pub(crate) async fn keep(settings: SysConfig) {
    let key = node(&settings).to_string();
    let Some(entry) = Entry::of(&settings, "DaemonRunning", &key) else { return };
    let mut told = false;
    loop {
        let ours = entry.clone();
        let until = clock::wall() + VALIDITY;
        let written = spawn_blocking(move || ours.write(Value::Int(1), until)).await;
        match written {
            Ok(Err(error)) if !std::mem::replace(&mut told, true) => logs::complain(&format!(
                "cannot write {}: {error:#}; the web interface will say that the daemon is not running",
                entry.path().display()
            )),
            Ok(Ok(())) => told = false,
            _ => {}
        }
        sleep(PERIOD).await;
    }
}

/// The installation keeps its cache where only its own Perl can write.
pub(crate) fn problem(settings: &SysConfig) -> Option<Problem> {
    let what = format!(
        "{} is reached by Perl alone; the web interface will say that the daemon is not running. \
         Daemon::PerlModules 1 runs the worker in Perl",
        unreachable(settings)?
    );
    Some(config::problem(settings, CACHE, what))
}
