//! `Daemon::SchedulerTaskWorker::FailureMail*`: the mail to an installation's administrator about failed tasks.

use std::time::Duration;

use sysconfig::{Problem, SysConfig};

use super::{problem, reference, text};
use crate::config::home;

const MODE: &str = "Daemon::SchedulerTaskWorker::FailureMail";
const PERIOD: &str = "Daemon::SchedulerTaskWorker::FailureMailPeriod";
const ENVELOPE: &str = "Daemon::SchedulerTaskWorker::FailureMailEnvelopeSender";
/// The setting of the original.
pub(crate) const RECIPIENT: &str = "Daemon::SchedulerTaskWorker::NotificationRecipientEmail";

/// When a mail is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// At the first failure of a task, and at the end of a period for all further failures of the same task in it.
    Digest,
    /// At each failure, as in the original.
    Single,
    Off,
}

/// The settings of failure mails.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FailureMail {
    pub(crate) mode: Mode,
    pub(crate) period: Duration,
    /// An envelope sender in place of the installation's; empty for none, so that no bounce comes back.
    pub(crate) envelope_sender: Option<String>,
}

/// Reads the settings; a bad one is a problem, and its default applies. Without an installation there is no mail.
pub(crate) fn read(settings: &SysConfig) -> (FailureMail, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut mode = match text(settings, MODE).unwrap_or_default().to_lowercase().as_str() {
        "" | "digest" => Mode::Digest,
        "single" => Mode::Single,
        "off" => Mode::Off,
        other => {
            let what = format!("must be digest, single or off, not '{other}'; digest is used");
            problems.push(problem(settings, MODE, what));
            Mode::Digest
        }
    };
    let has_recipient = text(settings, RECIPIENT).is_some_and(|it| !it.trim().is_empty());
    if settings.get(home::SETTING).is_none() || !has_recipient {
        mode = Mode::Off;
    }
    let period = reference::whole(settings, PERIOD);
    let envelope_sender = text(settings, ENVELOPE).map(str::trim).filter(|it| !it.is_empty());
    let envelope_sender = envelope_sender.map(|it| it.trim_matches(['<', '>']).to_owned());
    (FailureMail { mode, period: Duration::from_secs(period), envelope_sender }, problems)
}

#[cfg(test)]
mod tests {
    use sysconfig::{Origin, Setting, Value};

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> SysConfig {
        let mut settings = SysConfig::default();
        let setting = |(name, value): &(&str, &str)| Setting {
            name: (*name).to_owned(),
            value: Value::Text((*value).to_owned()),
            valid: true,
            required: true,
            read_only: false,
            origin: Origin::named("test"),
        };
        settings.overlay(pairs.iter().map(setting));
        settings
    }

    #[test]
    fn who_is_told_and_how() {
        let (home, to) = ((home::SETTING, "/opt/otrs"), (RECIPIENT, "a@b"));
        for (pairs, mode, period, sender, problems) in [
            (&[home, to][..], Mode::Digest, 3600, None, 0),
            (&[home, to, (MODE, "Single"), (ENVELOPE, "<>")], Mode::Single, 3600, Some(""), 0),
            (&[home, to, (MODE, "off"), (PERIOD, "60")], Mode::Off, 60, None, 0),
            (&[home, to, (ENVELOPE, "bounce@b")], Mode::Digest, 3600, Some("bounce@b"), 0),
            (&[home, to, (MODE, "often"), (PERIOD, "x")], Mode::Digest, 3600, None, 1),
            (&[home], Mode::Off, 3600, None, 0),
            (&[to], Mode::Off, 3600, None, 0),
        ] {
            let (read, found) = read(&settings(pairs));
            let expected = FailureMail {
                mode,
                period: Duration::from_secs(period),
                envelope_sender: sender.map(str::to_owned),
            };
            assert_eq!((read, found.len()), (expected, problems), "{pairs:?}");
        }
    }
}
