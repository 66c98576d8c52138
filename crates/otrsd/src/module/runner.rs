//! The life of a module: rounds until it is discarded, fails, or is asked to stop.

use anyhow::Context as _;

use super::{DaemonModule, ModuleContext, Pace, Round};
use crate::notify;

/// Runs rounds until this life ends; the reason, when it is a planned end.
///
/// `report_rounds`: the supervisor watches for finished rounds.
pub(super) async fn run(
    module: &mut dyn DaemonModule,
    context: &ModuleContext,
    pace: Pace,
    report_rounds: bool,
) -> anyhow::Result<Round> {
    let mut rounds_left = pace.rounds();
    while !context.is_stopping() {
        if let discard @ Round::Discard(_) = round(module).await? {
            return Ok(discard);
        }
        if report_rounds {
            notify::send("WATCHDOG=1").context("cannot tell the supervisor of a finished round")?;
        }
        context.pause(pace.pause()).await;
        rounds_left -= 1;
        if context.debug() {
            context.say(&format!("  Daemon: {} Discard Count: {rounds_left}", context.name()));
        }
        if rounds_left == 0 {
            return Ok(Round::discard("its time is over"));
        }
    }
    Ok(Round::Continue)
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
