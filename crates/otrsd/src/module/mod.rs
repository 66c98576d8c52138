//! The API of daemon modules: their life in rounds, as the original's daemon modules have it.

pub(crate) mod command;
mod context;
pub(crate) mod degraded;
mod output;
pub(crate) mod process;
pub(crate) mod registry;
mod runner;
mod summary;
pub(crate) mod test_daemon;

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::{
    context::ModuleContext,
    summary::{Column, Summary},
};

/// A daemon module: a semi-persistent worker that lives in rounds.
///
/// Each registered module runs in a process of its own. A *round* is [`pre_run`], [`run`],
/// [`post_run`], then the pause of [`pace`]; rounds follow each other until the module is discarded:
/// its process ends and a new one starts at once, with fresh memory and the current configuration.
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

    /// The pause after each round, and when to discard. The registration's `SleepPost` and
    /// `Discard` go before it.
    fn pace(&self) -> Pace {
        Pace::default()
    }

    /// What the module is doing or has done, as tables for the console. It is built in the process
    /// that asks, so it works while the daemon is stopped; the module's rounds are another process.
    ///
    /// # Errors
    ///
    /// Whatever keeps the tables from being filled; the other modules' are still shown.
    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        Ok(Vec::new())
    }
}

/// What follows a part of a round.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Round {
    /// The next part, or the next round.
    Continue,
    /// A planned restart, the false return of the original's modules: the process ends and is
    /// created anew as soon as possible. The reason is for the log.
    Discard(Cow<'static, str>),
}

impl Round {
    /// A planned restart because of `reason`.
    pub fn discard(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Discard(reason.into())
    }
}

/// The pause after each round and the time until the discard; what is not given is the default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Pause after a round. Default 1 s.
    pub sleep_post: Option<Duration>,
    /// Time after which the module is discarded, counted in rounds: `discard / sleep_post` of them,
    /// as in the original. Default 1 h.
    pub discard: Option<Duration>,
}

impl Pace {
    /// A pace in whole seconds.
    pub const fn seconds(sleep_post: u64, discard: u64) -> Self {
        Self {
            sleep_post: Some(Duration::from_secs(sleep_post)),
            discard: Some(Duration::from_secs(discard)),
        }
    }

    /// This pace, with `other` filling what it leaves open.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            sleep_post: self.sleep_post.or(other.sleep_post),
            discard: self.discard.or(other.discard),
        }
    }

    pub(crate) fn pause(self) -> Duration {
        self.sleep_post.unwrap_or(Duration::from_secs(1))
    }

    /// The rounds of one life: at least one.
    pub(crate) fn rounds(self) -> u64 {
        let discard = self.discard.unwrap_or(Duration::from_hours(1));
        // Without a pause nothing but the count bounds a life; a millisecond keeps it finite.
        let pause = self.pause().max(Duration::from_millis(1));
        u64::try_from(discard.as_nanos().div_ceil(pause.as_nanos())).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_as_many_rounds_as_pauses_fit_into_it() {
        for (sleep_post, discard, rounds) in [
            (Some(2.0), Some(3600.0), 1800),
            (Some(0.5), Some(2.0), 4),
            (Some(3.0), Some(4.0), 2),
            (Some(10.0), Some(1.0), 1),
            (Some(1.0), Some(0.0), 1),
            (Some(0.0), Some(1.0), 1000),
            (None, None, 3600),
        ] {
            let seconds = |time: Option<f64>| time.map(Duration::from_secs_f64);
            let pace = Pace { sleep_post: seconds(sleep_post), discard: seconds(discard) };
            assert_eq!(pace.rounds(), rounds, "{pace:?}");
        }
    }

    #[test]
    fn a_registration_fills_what_it_gives() {
        let given = Pace { sleep_post: Some(Duration::from_secs(5)), discard: None };
        assert_eq!(given.or(Pace::seconds(2, 60)), Pace::seconds(5, 60));
    }
}
