//! One mail, sent by the installation's own code in one short-lived process.

use std::fs;

use crate::config::home::{Home, is_word, question::ask_with};

/// The installation's package that writes the mail about a failed task.
const LETTERS: &str = "Kernel/System/Daemon/DaemonModules/BaseTaskWorker.pm";
const SCRIPT: &str = include_str!("perl/mail.pl");

impl Home {
    /// Sends a mail; `Some` with Perl's message if it could not.
    ///
    /// # Errors
    ///
    /// Perl cannot start, or does not end.
    pub(crate) fn mail(&self, letter: &[u8]) -> anyhow::Result<Option<String>> {
        let argv = self.perl(SCRIPT, &[&self.title()]);
        let (answer, complaint) = ask_with(&argv, self.directory(), letter)?;
        Ok((answer != b"1").then(|| reason(&complaint).to_owned()))
    }

    /// The product name in the installation's mails about tasks, read from its own code: Znuny still says OTRS there.
    pub(crate) fn product(&self) -> String {
        let read = |place| fs::read_to_string(self.directory().join(place).join(LETTERS)).ok();
        let code = ["Custom", ""].into_iter().find_map(read);
        let named = code.as_deref().and_then(product);
        named.unwrap_or(self.program_or_usual().1).to_owned()
    }
}

/// The first word of the subject.
fn product(code: &str) -> Option<&str> {
    let (before, _) = code.split_once(" Scheduler Daemon ")?;
    before.rsplit(['"', '\'']).next().filter(|word| is_word(word))
}

/// The first message of the installation's own error format, which is long; else the last line.
fn reason(complaint: &str) -> &str {
    let first = complaint.lines().find_map(|line| line.trim().strip_prefix("Message: "));
    first.or_else(|| complaint.lines().last()).unwrap_or("Perl does not say why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_mail_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let home = Home::at(directory.path());
        write("bin/znuny.Daemon.pl", "");
        assert_eq!(home.product(), "Znuny");
        for (code, expected) in [
            ("  Subject => \"OTRS Scheduler Daemon $Param{TaskType}: $Param{TaskName}\",", "OTRS"),
            ("  Subject => 'OTOBO Scheduler Daemon ' . $Param{TaskType},", "OTOBO"),
            ("  # The Scheduler Daemon writes this.", "Znuny"),
            ("  Subject => \"$Product Scheduler Daemon $Param{TaskType}\",", "Znuny"),
        ] {
            write(LETTERS, code);
            assert_eq!(home.product(), expected, "{code}");
        }
        write(&format!("Custom/{LETTERS}"), "\"Helpdesk Scheduler Daemon $Param{TaskType}\"");
        assert_eq!(home.product(), "Helpdesk");
    }

    #[test]
    fn why_a_mail_was_not_sent() {
        for (complaint, expected) in [
            (
                "ERROR: OTRS-x\n\n Message: Invalid address!\n\n Traceback: x\n\nmail.pl: refused",
                "Invalid address!",
            ),
            ("warning\nCan't locate X.pm", "Can't locate X.pm"),
            ("", "Perl does not say why"),
        ] {
            assert_eq!(reason(complaint), expected);
        }
    }
}
