//! Command modules, in any language: a command that runs once a round, and the Summary that a command prints.
//!
//! A long-running command does not use this: the supervisor starts it directly.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use nix::unistd::getpid;
use serde::Deserialize;
use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};

use super::{DaemonModule, ModuleContext, Round, Summary};
use crate::{
    config::{self, modules::ModuleSpec, sources::Sources},
    process::{Change, Identity, die_with, leave_caller},
};

const SUMMARY_DEADLINE: Duration = Duration::from_secs(10);
const SUMMARY_LIMIT: u64 = 1 << 20;

pub(crate) struct CommandModule {
    spec: ModuleSpec,
    context: ModuleContext,
}

impl CommandModule {
    pub(crate) fn new(spec: ModuleSpec, context: ModuleContext) -> Self {
        Self { spec, context }
    }
}

#[async_trait]
impl DaemonModule for CommandModule {
    /// The command has this process's environment, directory, user and output.
    async fn run(&mut self) -> anyhow::Result<Round> {
        let argv = self.spec.argv().unwrap_or_default();
        // Privileges that the supervisor removed from this process are removed from the command too.
        let mut command = command(argv, Change { user: None, new_privileges: true })?;
        // This process reports to the supervisor, not its command.
        command.env_remove(crate::process::sd_notify::SOCKET).env_remove("WATCHDOG_USEC");
        if self.context.debug() {
            self.context.say(&format!("  Daemon: {} runs {argv:?}", self.context.name()));
        }
        let status = command.status().await.with_context(|| format!("cannot start {}", argv[0]))?;
        if !status.success() {
            bail!("{} ended with {status}", argv[0]);
        }
        Ok(Round::Continue)
    }

    /// Runs `SummaryCommand` as the user that the module itself would run as.
    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let Some(argv) = &self.spec.summary_command else { return Ok(Vec::new()) };
        let user = self.spec.user.as_deref().map(Identity::of).transpose()?;
        let environment: Option<Vec<_>> = user.as_ref().map(|user| user.environment().collect());
        let new_privileges = config::new_privileges(self.context.settings());
        let mut command = command(argv, Change { user, new_privileges })?;
        match environment {
            Some(own) => {
                command.env_clear().envs(own);
            }
            None => {
                for variable in Sources::variables() {
                    command.env_remove(variable);
                }
            }
        }
        command.envs(self.spec.variables()).stdout(Stdio::piped()).kill_on_drop(true);
        #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
        // SAFETY: the closure makes async-signal-safe system calls only.
        unsafe {
            command.pre_exec(|| Ok(leave_caller()?));
        }
        if let Some(directory) = &self.spec.working_directory {
            command.current_dir(directory);
        }
        let printed = timeout(SUMMARY_DEADLINE, output(command))
            .await
            .with_context(|| format!("{} took longer than {SUMMARY_DEADLINE:?}", argv[0]))?;
        let text = printed.with_context(|| format!("SummaryCommand {}", argv[0]))?;
        let tables = serde_json::from_str(&text)
            .with_context(|| format!("{} did not print a Summary as JSON", argv[0]))?;
        Ok(match tables {
            OneOrMore::One(table) => vec![table],
            OneOrMore::More(tables) => tables,
        })
    }
}

/// The handbook's Summary returns one table; the stock modules return lists of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Summary),
    More(Vec<Summary>),
}

fn command(argv: &[String], change: Change) -> anyhow::Result<Command> {
    let (program, arguments) = argv.split_first().context("an empty command")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let parent = getpid();
    let prepare = move || -> nix::Result<()> {
        change.make()?;
        die_with(parent)
    };
    #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
    // SAFETY: the closure makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || Ok(prepare()?));
    }
    Ok(command)
}

async fn output(mut command: Command) -> anyhow::Result<String> {
    let mut child = command.spawn()?;
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(SUMMARY_LIMIT).read_to_string(&mut text).await?;
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(text)
}
