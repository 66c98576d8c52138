//! `SystemConfigurationSyncManager`: fetches deployments of other nodes, and notifies the supervisor when the
//! installation's configuration has changed.
//!
//! It checks for deployments once a minute, as the original does; the kernel reports changed files. Perl is called only
//! when there is a deployment to write.

use std::{fs, time::Duration};

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use nix::{
    sys::signal::{Signal, kill},
    unistd::getppid,
};
use task_store::Store;
use tokio::{process::Command, time::timeout};

use crate::{
    config::{
        home::{CONFIGURED, Home},
        pace::Pace,
        text,
    },
    engine::outage_log::OutageLog,
    logs,
    module::{DaemonModule, ModuleContext, Round, Summary},
    process::watch::Watch,
};

const PERIOD: Duration = Duration::from_mins(1);
/// Related files are written within this time.
const SETTLE: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_mins(2);

pub(crate) struct SystemConfigurationSyncManager {
    context: ModuleContext,
    watch: Option<Watch>,
    outages: OutageLog,
    /// The state of the files that the supervisor knows.
    known: String,
    /// The last reported problem.
    told: Option<String>,
}

impl SystemConfigurationSyncManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let known = text(context.settings(), CONFIGURED).unwrap_or_default().to_owned();
        let outages = OutageLog::new(context.clone());
        Self { context, watch: None, outages, known, told: None }
    }

    /// Writes the newest deployment into the files, unless it is already there.
    async fn sync(&mut self, home: &Home, store: &Store) {
        let newest = store.newest_deployment().await;
        let Some(newest) = self.outages.check(newest).flatten() else { return };
        if home.deployment() == Some(newest) {
            return;
        }
        match write(home).await {
            Ok(()) => self.told = None,
            Err(error) => {
                let what = format!("{}: deployment {newest}: {error:#}", self.context.name());
                if self.told.as_ref() != Some(&what) {
                    logs::warn(&what);
                }
                self.told = Some(what);
            }
        }
    }

    /// Requests a reload if the files differ from those that were read.
    fn tell(&mut self, home: &Home) {
        let present = home.configured();
        if present != self.known {
            self.known = present;
            let _ = kill(getppid(), Signal::SIGHUP);
        }
    }
}

/// Watches the directories of the configuration files, since files are usually replaced and not written. OTOBO's
/// containers put a marker into the installation's own directory.
fn watch(home: &Home) -> anyhow::Result<Watch> {
    let watch = Watch::new()?;
    for place in ["", "Kernel", "Kernel/Config/Files"] {
        watch.changes_in(&home.directory().join(place))?;
    }
    Ok(watch)
}

#[async_trait]
impl DaemonModule for SystemConfigurationSyncManager {
    async fn run(&mut self) -> anyhow::Result<Round> {
        let settings = self.context.settings();
        let home = Home::of(settings).context("this module needs an installation (--home)")?;
        let store = self.context.store()?;
        if self.watch.is_none() {
            self.watch = Some(watch(&home)?);
        }
        self.sync(&home, &store).await;
        self.tell(&home);
        let Some(watch) = &self.watch else { return Ok(Round::Continue) };
        tokio::select! {
            () = self.context.stopped() => return Ok(Round::Continue),
            () = self.context.pause(PERIOD) => {}
            changed = watch.changed() => changed?,
        }
        self.context.pause(SETTLE).await;
        Ok(Round::Continue)
    }

    /// The round itself waits.
    fn pace(&self) -> Pace {
        Pace { sleep_post: Some(Duration::ZERO), discard: Some(Duration::from_hours(1)) }
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        Ok(vec![Summary {
            header: "System configuration sync:".to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            no_data_message: "Daemon is active.".to_owned(),
        }])
    }
}

/// Runs the installation's own code.
async fn write(home: &Home) -> anyhow::Result<()> {
    let argv = home.sync();
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).kill_on_drop(true);
    let ended = timeout(DEADLINE, command.output());
    let output = ended.await.context("Perl did not end in time")?.context("cannot start Perl")?;
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

impl Home {
    /// The number of the deployment that the files contain.
    fn deployment(&self) -> Option<i64> {
        let text =
            fs::read_to_string(self.directory().join("Kernel/Config/Files/ZZZAAuto.pm")).ok()?;
        deployment(&text)
    }
}

fn deployment(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("$Self->{'CurrentDeploymentID'} =")?;
    let number = rest.split_once(';')?.0.trim().trim_matches('\'');
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_deployment() {
        for (text, expected) in [
            ("use utf8;\n$Self->{'CurrentDeploymentID'} = '17';\n$Self->{'A'} = '1';", Some(17)),
            ("$Self->{'CurrentDeploymentID'} = 3;", Some(3)),
            ("$Self->{'CurrentDeploymentID'} = 'x';", None),
            ("$Self->{'A'} =  '3600';", None),
        ] {
            assert_eq!(deployment(text), expected, "{text}");
        }
    }
}
