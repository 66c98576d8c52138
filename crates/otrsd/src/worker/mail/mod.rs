//! The mail about failed tasks in an installation: to the original's recipients, through the installation's own Perl.
//!
//! The ledger shows what failed, and the database remembers which failures were reported. The mail thus does not depend
//! on one incarnation of the worker, and only one of several nodes sends it. A failure counts as reported only when its
//! mail was handed over.

mod letter;
mod plan;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use serde_json::json;
use task_store::{Owner, Store};
use tokio::{sync::Notify, task::spawn_blocking};

use self::plan::{Mail, Memory};
use crate::{
    clock,
    config::{
        database,
        failure_mail::{self, FailureMail, Mode},
        home::Home,
        secrets::Secret,
    },
    logs,
    module::ModuleContext,
};

/// The name of the remembered state.
const MEMORY: &str = "failure-mail";
/// Failures that are processed together.
const MANY: u32 = 500;
/// The interval of checks without a signal of a failure, for failures of workers that died.
const PERIOD: Duration = Duration::from_mins(1);
/// After an error.
const PAUSE: Duration = Duration::from_mins(1);
/// How long other nodes leave the sending to the current sender.
const LEASE: Duration = Duration::from_mins(2);

/// The sender of failure mail.
pub(super) struct Teller {
    context: ModuleContext,
    store: Store,
    home: Home,
    owner: Owner,
    rules: FailureMail,
    zone: TimeZone,
    password: Secret,
    /// Signals that a task has just failed.
    failed: Arc<Notify>,
    /// The last reported problem.
    said: Option<String>,
}

impl Teller {
    /// `None` outside of an installation.
    pub(super) fn new(
        context: &ModuleContext,
        store: &Store,
        owner: Owner,
        failed: Arc<Notify>,
    ) -> Option<Self> {
        let settings = context.settings();
        Some(Self {
            context: context.clone(),
            store: store.clone(),
            home: Home::of(settings)?,
            owner,
            rules: failure_mail::read(settings).0,
            zone: database::zone(settings).ok()?,
            password: database::password(settings),
            failed,
            said: None,
        })
    }

    /// Sends mail until the worker's end is requested: its successor may have other settings.
    pub(super) async fn keep(mut self) {
        while !self.context.is_stopping() {
            let pause = match self.tell().await {
                Ok(pause) => {
                    self.said = None;
                    pause
                }
                Err(error) => {
                    self.complain(&error);
                    PAUSE
                }
            };
            tokio::select! {
                () = self.failed.notified() => {}
                () = self.context.pause(pause) => {}
            }
        }
    }

    fn complain(&mut self, error: &anyhow::Error) {
        // The worker itself reports a database outage.
        if error.downcast_ref::<task_store::Error>().is_some_and(task_store::Error::is_transient) {
            return;
        }
        let what = format!("cannot mail what failed: {error:#}; it is tried again");
        if self.said.as_ref() != Some(&what) {
            logs::warn(&what);
        }
        self.said = Some(what);
    }

    /// Sends at most one mail; returns the time until the next check.
    async fn tell(&self) -> anyhow::Result<Duration> {
        let (now, own) = (clock::now_utc(), self.owner.key());
        let text = self.store.memory(MEMORY).await?;
        let newest = self.store.newest_execution().await?;
        // Unreadable state was written by another version.
        let memory = text.as_deref().and_then(|text| serde_json::from_str::<Memory>(text).ok());
        let Some(memory) = memory.filter(|_| self.rules.mode != Mode::Off) else {
            self.remember(text.as_deref(), &Memory::beginning(newest, now)).await?;
            return Ok(if self.rules.mode == Mode::Off { Duration::MAX } else { Duration::ZERO });
        };
        if let Some(until) = memory.waits_for(own, now) {
            return Ok(left(until, now));
        }
        let failures = self.store.failures(memory.through(), MANY).await?;
        let is_all = failures.len() < MANY as usize;
        let step = memory.step(&failures, is_all, newest, &self.rules, now);
        let pause = step.due.map_or(PERIOD, |due| left(due, now).min(PERIOD));
        let mut before = text;
        if let Some(mail) = &step.mail {
            let until = (now + LEASE).as_microsecond();
            let sends = memory.sent_by(Some((own, until)));
            let Some(text) = self.remember(before.as_deref(), &sends).await? else {
                // Another node was first.
                return Ok(Duration::ZERO);
            };
            if let Err(error) = self.send(mail).await {
                // The next node to check may have better settings.
                self.remember(Some(&text), &memory.sent_by(None)).await?;
                return Err(error);
            }
            before = Some(text);
        }
        self.remember(before.as_deref(), &step.memory).await?;
        Ok(pause)
    }

    /// Replaces the remembered text; `None` if another node changed it meanwhile.
    async fn remember(
        &self,
        before: Option<&str>,
        memory: &Memory,
    ) -> anyhow::Result<Option<String>> {
        let text = serde_json::to_string(memory)?;
        if before == Some(text.as_str()) {
            return Ok(Some(text));
        }
        let is_ours = self.store.remember(MEMORY, before, &text).await?;
        Ok(is_ours.then_some(text))
    }

    async fn send(&self, mail: &Mail) -> anyhow::Result<()> {
        let last = self.store.execution(mail.row).await?;
        let secrets = [self.password.expose()];
        let letter = json!({
            "subject": letter::subject(&self.home.product(), mail),
            "body": letter::body(mail, last.as_ref(), self.home.directory(), &self.zone, &secrets),
            "envelope_sender": self.rules.envelope_sender,
        });
        let home = self.home.clone();
        let sent = spawn_blocking(move || home.mail(letter.to_string().as_bytes()));
        let complaint = sent.await.context("the mail was cut off")??;
        if let Some(complaint) = complaint {
            bail!("{} {}: {complaint}", mail.task_type, mail.name);
        }
        Ok(())
    }
}

fn left(until: i64, now: jiff::Timestamp) -> Duration {
    Duration::from_micros(until.saturating_sub(now.as_microsecond()).max(0).unsigned_abs())
}
