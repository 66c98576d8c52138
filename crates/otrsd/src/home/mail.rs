//! One mail, sent by an installation's own code in one short process.

use super::{Home, question::ask_with};

const SCRIPT: &str = include_str!("perl/mail.pl");

impl Home {
    /// Sends a mail; what Perl said if it could not.
    ///
    /// # Errors
    ///
    /// Perl cannot start, or does not end.
    pub(crate) fn mail(&self, letter: &[u8]) -> anyhow::Result<Option<String>> {
        let argv = self.perl(SCRIPT, &[&self.title()]);
        let (answer, complaint) = ask_with(&argv, self.directory(), letter)?;
        Ok((answer != b"1").then(|| reason(&complaint).to_owned()))
    }

    /// What the installation calls itself in its mails.
    pub(crate) fn product(&self) -> &'static str {
        self.program_or_usual().1
    }
}

/// The first message in the installation's own way to complain, which is long; else the last line.
fn reason(complaint: &str) -> &str {
    let first = complaint.lines().find_map(|line| line.trim().strip_prefix("Message: "));
    first.or_else(|| complaint.lines().last()).unwrap_or("Perl does not say why")
}

#[cfg(test)]
mod tests {
    use super::*;

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
