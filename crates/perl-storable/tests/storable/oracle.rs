//! One Perl process that answers questions, a line each: see `tests/perl/oracle.pl`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Oracle {
    perl: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    pub(crate) fn start() -> Self {
        let mut perl = Command::new("perl")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/perl/oracle.pl"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need the Debian package perl");
        let questions = perl.stdin.take();
        let answers = BufReader::new(perl.stdout.take().expect("piped"));
        Self { perl, questions, answers }
    }

    /// The answer, which must not be a failure.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        let answer = self.ask_any(question);
        assert!(!answer.starts_with('!'), "{question:.2000}: {answer}");
        answer
    }

    /// The answer; failures begin with `!`.
    pub(crate) fn ask_any(&mut self, question: &str) -> String {
        writeln!(self.questions.as_mut().expect("open until dropped"), "{question}")
            .expect("perl listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("perl answers in ASCII");
        answer.trim_end_matches('\n').to_owned()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.questions.take();
        self.perl.wait().expect("perl ends with its input");
    }
}
