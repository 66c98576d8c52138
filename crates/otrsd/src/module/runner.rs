//! The main loop of a module: rounds until it is discarded, fails, or is asked to stop.

use std::{borrow::Cow, time::Duration};

use anyhow::Context as _;

use super::{DaemonModule, ModuleContext, Round};
use crate::{config::pace::Pace, process::sd_notify};

/// Runs rounds until the module is to end; the reason, if it is a discard.
///
/// `watchdog`: the longest time that the supervisor waits for the report of a finished round.
pub(super) async fn run(
    module: &mut dyn DaemonModule,
    context: &ModuleContext,
    pace: Pace,
    watchdog: Option<Duration>,
) -> anyhow::Result<Option<Cow<'static, str>>> {
    let mut rounds_left = pace.rounds();
    while !context.is_stopping() {
        if let Round::Discard(reason) = round(module).await? {
            return Ok(Some(reason));
        }
        context.begun();
        pause(context, pace.pause(), watchdog).await?;
        rounds_left -= 1;
        if context.debug() {
            context.say(&format!("  Daemon: {} Discard Count: {rounds_left}", context.name()));
        }
        if rounds_left == 0 {
            return Ok(Some("its time is over".into()));
        }
    }
    Ok(None)
}

async fn round(module: &mut dyn DaemonModule) -> anyhow::Result<Round> {
    if let discard @ Round::Discard(_) = module.pre_run().await.context("PreRun failed")? {
        return Ok(discard);
    }
    if let discard @ Round::Discard(_) = module.run().await.context("Run failed")? {
        return Ok(discard);
    }
    module.post_run().await.context("PostRun failed")
}

/// A pause does not count for the watchdog, however long it is: reports continue during it.
async fn pause(
    context: &ModuleContext,
    time: Duration,
    watchdog: Option<Duration>,
) -> anyhow::Result<()> {
    let Some(longest) = watchdog else {
        context.pause(time).await;
        return Ok(());
    };
    let mut left = time;
    loop {
        sd_notify::send("WATCHDOG=1").context("cannot tell the supervisor of a finished round")?;
        let part = left.min(longest / 2);
        context.pause(part).await;
        left -= part;
        if left.is_zero() || context.is_stopping() {
            return Ok(());
        }
    }
}
