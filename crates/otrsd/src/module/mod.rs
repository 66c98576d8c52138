//! The API of daemon modules: their life cycle in rounds, as in the original's daemon modules.

pub(crate) mod command;
mod context;
pub(crate) mod degraded;
mod output;
pub(crate) mod process;
pub(crate) mod registry;
mod runner;
mod summary;
pub(crate) mod test_daemon;

use std::borrow::Cow;

use async_trait::async_trait;

pub use self::{
    context::ModuleContext,
    summary::{Column, Summary},
};
pub use crate::config::pace::Pace;

/// A daemon module: a semi-persistent worker that runs in rounds.
///
/// Each registered module runs in a separate process. A *round* is [`pre_run`], [`run`], [`post_run`], then the pause
/// of [`pace`]. Rounds follow each other until the module is discarded: its process ends and a new one starts at once,
/// with fresh memory and the current configuration.
///
/// [`pre_run`]: DaemonModule::pre_run
/// [`run`]: DaemonModule::run
/// [`post_run`]: DaemonModule::post_run
/// [`pace`]: DaemonModule::pace
///
/// ```
/// use otrsd::{DaemonModule, ModuleContext, Pace, Round, async_trait};
///
/// struct Greeter {
///     context: ModuleContext,
/// }
///
/// #[async_trait]
/// impl DaemonModule for Greeter {
///     async fn run(&mut self) -> anyhow::Result<Round> {
///         self.context.say("Good day");
///         Ok(Round::Continue)
///     }
///
///     fn pace(&self) -> Pace {
///         Pace::seconds(2, 3600)
///     }
/// }
///
/// let daemon = otrsd::Daemon::new().module("Acme::Greeter", |context| Greeter { context });
/// ```
#[async_trait]
pub trait DaemonModule: Send {
    /// Tests whether the round can do its work, for example whether the database answers. To wait,
    /// [pause](ModuleContext::pause) and discard, as the original's modules do.
    ///
    /// # Errors
    ///
    /// A failure: it is logged with its causes, and the process is restarted with a growing delay.
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        Ok(Round::Continue)
    }

    /// Does the work of one round.
    ///
    /// # Errors
    ///
    /// As in [`DaemonModule::pre_run`].
    async fn run(&mut self) -> anyhow::Result<Round>;

    /// Verifies or cleans up after the work.
    ///
    /// # Errors
    ///
    /// As in [`DaemonModule::pre_run`].
    async fn post_run(&mut self) -> anyhow::Result<Round> {
        Ok(Round::Continue)
    }

    /// The pause after each round, and when to discard. The registration's `SleepPost` and `Discard` take precedence.
    fn pace(&self) -> Pace {
        Pace::default()
    }

    /// What the module is doing or has done, as tables for the console. They are built in the process that asks, so
    /// this also works while the daemon is stopped; the module's rounds run in another process.
    ///
    /// # Errors
    ///
    /// Any problem that prevents filling the tables; the tables of the other modules are still shown.
    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        Ok(Vec::new())
    }
}

/// The result of a part of a round.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Round {
    /// Continues with the next part, or the next round.
    Continue,
    /// A planned restart, which the original's modules request by returning false: the process ends, and a new one
    /// starts as soon as possible. The reason is for the log.
    Discard(Cow<'static, str>),
}

impl Round {
    /// A planned restart because of `reason`.
    pub fn discard(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Discard(reason.into())
    }
}
