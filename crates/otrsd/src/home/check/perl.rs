//! The answers of the installation's own Perl: packages that it cannot load, its mail, its time zone.

use std::{collections::BTreeMap, env, fmt::Write as _};

use serde::Deserialize;

use super::Finding;
use crate::config::{
    Configuration,
    cron_tasks::{self, CronWork},
    database,
    failure_mail::RECIPIENT,
    home::{HANDLERS, Home, question::ask},
    modules::{Kind, ModuleSpec},
    packages, text,
};

const SCRIPT: &str = include_str!("../perl/check.pl");
const USUAL_RECIPIENT: &str = "root@localhost";
/// The packages that the Perl hosts load first.
const FRAMEWORK: [&str; 7] = [
    "Kernel::System::ObjectManager",
    "Kernel::System::DB",
    "Kernel::System::Log",
    "Kernel::System::Cache",
    "Kernel::System::Email",
    "Kernel::System::Daemon::SchedulerDB",
    "Kernel::System::Daemon::DaemonModules::BaseTaskWorker",
];
/// The number of dependents that are named for each missing library.
const NAMED: usize = 3;

#[derive(Debug, Deserialize)]
struct Answer {
    missing: Vec<Missing>,
    mail: Mail,
    zone: Zone,
}

/// A package that cannot be loaded.
#[derive(Debug, Deserialize)]
struct Missing {
    what: String,
    package: String,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Mail {
    module: String,
    program: String,
    is_program: bool,
}

#[derive(Debug, Deserialize)]
struct Zone {
    name: String,
    is_known: bool,
}

pub(super) fn findings(home: &Home, configuration: &Configuration) -> Vec<Finding> {
    let argv = home.perl(SCRIPT, &needed(home, configuration));
    let answer = ask(&argv, home.directory()).and_then(|(answer, complaint)| {
        serde_json::from_slice::<Answer>(&answer).map_err(|error| match complaint.as_str() {
            "" => anyhow::anyhow!("what Perl answered is no JSON: {error}"),
            complaint => anyhow::anyhow!("{complaint}"),
        })
    });
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let place = home.directory().display();
            return vec![Finding::Problem(format!("cannot ask the Perl of {place}: {error:#}"))];
        }
    };
    let recipient = text(&configuration.settings, RECIPIENT).unwrap_or_default();
    let zone = database::zone(&configuration.settings).err().map(|error| format!("{error:#}"));
    let mut findings = packages(&answer.missing);
    findings.extend(example(home, configuration));
    findings.extend(mail(&answer.mail, recipient));
    findings.extend(time_zone(&answer.zone, zone));
    findings
}

/// The documentation's example has two variants: this program's, and one written in Perl.
fn example(home: &Home, configuration: &Configuration) -> Option<Finding> {
    let is_it = |it: &&ModuleSpec| it.module == packages::TEST_DAEMON;
    let module = configuration.modules.iter().find(is_it)?;
    let why = home.overrides(&module.module)?;
    let name = &module.name;
    Some(Finding::Hint(format!("module {name} runs in Perl and not natively, for {why}")))
}

/// Pairs of a dependent and the package that it needs.
fn needed(home: &Home, configuration: &Configuration) -> Vec<String> {
    let framework = FRAMEWORK.iter().map(|it| ("the framework".to_owned(), (*it).to_owned()));
    let types = home.task_types().into_iter();
    let handlers = types
        .map(|it| (format!("the handler of {it}"), format!("{HANDLERS}/{it}").replace('/', "::")));
    let modules = configuration.modules.iter().filter(|it| matches!(it.kind, Kind::Perl { .. }));
    let modules = modules.map(|it| (format!("module {}", it.name), it.module.clone()));
    let cron = cron_tasks::read(&configuration.settings).tasks.into_iter();
    let cron = cron.filter_map(|task| match task.work {
        CronWork::Module { module, .. } => Some((format!("cron task {}", task.name), module)),
        _ => None,
    });
    let all = framework.chain(handlers).chain(modules).chain(cron);
    all.flat_map(|(what, package)| [what, package]).collect()
}

/// Reports each library once, however many packages need it.
fn packages(missing: &[Missing]) -> Vec<Finding> {
    let mut libraries = BTreeMap::<&str, Vec<&str>>::new();
    let mut broken = Vec::new();
    for it in missing {
        match library(&it.why) {
            Some(library) => libraries.entry(library).or_default().push(&it.what),
            // Perl gives the reason only the first time.
            None if it.why.starts_with("Attempt to reload") => {}
            None => {
                broken.push(format!("{}: {} cannot be loaded: {}", it.what, it.package, it.why));
            }
        }
    }
    let libraries =
        libraries.into_iter().map(|(file, needed_by)| missing_library(file, &needed_by));
    libraries.chain(broken).map(Finding::Problem).collect()
}

fn missing_library(file: &str, needed_by: &[&str]) -> String {
    let name = file.trim_end_matches(".pm").replace('/', "::");
    let mut needed = needed_by.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if needed_by.len() > NAMED {
        let _ = write!(needed, " and {} more", needed_by.len() - NAMED);
    }
    if name.starts_with("Kernel::") {
        return format!(
            "{needed}: the installation has no package {name}; correct the setting, or install what brings it"
        );
    }
    let path = env::var_os("PATH").unwrap_or_default();
    format!(
        "Perl library {name} is missing, which is needed by {needed}: install it for the perl in PATH ({}), \
         from your distribution or with cpan",
        path.to_string_lossy()
    )
}

/// The file that Perl did not find.
fn library(why: &str) -> Option<&str> {
    why.strip_prefix("Can't locate ")?.split_once(" in @INC").map(|(file, _)| file)
}

/// Hints only: failure mail that reaches no recipient affects no task.
fn mail(mail: &Mail, recipient: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if mail.module.is_empty() {
        let what = "setting SendmailModule is empty: no mail can be sent; choose a package Kernel::System::Email::*";
        findings.push(Finding::Problem(what.to_owned()));
    }
    if mail.module.ends_with("::Sendmail") && !mail.is_program {
        findings.push(Finding::Hint(format!(
            "setting SendmailModule::CMD: {} is no program: no mail can be sent. Install a mail server, or choose \
             another SendmailModule",
            mail.program
        )));
    }
    let reaches = match recipient {
        "" => "is empty: no mail tells of tasks that fail",
        USUAL_RECIPIENT => {
            "is still root@localhost: mail of tasks that fail reaches hardly anybody"
        }
        _ => return findings,
    };
    findings.push(Finding::Hint(format!(
        "setting {RECIPIENT} {reaches}; set the address of who looks after it"
    )));
    findings
}

/// `ours` is this program's objection to the setting.
fn time_zone(zone: &Zone, ours: Option<String>) -> Option<Finding> {
    let name = &zone.name;
    match (ours, zone.is_known) {
        (Some(error), true) => Some(Finding::Problem(format!(
            "{error}; Perl knows it: install the time zones of the system (tzdata)"
        ))),
        (Some(error), false) => {
            Some(Finding::Problem(format!("{error}; use a name like Europe/Berlin")))
        }
        (None, false) => Some(Finding::Problem(format!(
            "setting OTRSTimeZone: the installation's Perl (DateTime::TimeZone) knows no '{name}'; use a name like \
             Europe/Berlin"
        ))),
        (None, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(what: &str, package: &str, why: &str) -> Missing {
        Missing { what: what.to_owned(), package: package.to_owned(), why: why.to_owned() }
    }

    fn is_problem(findings: &[Finding]) -> Vec<(bool, &str)> {
        findings
            .iter()
            .map(|finding| match finding {
                Finding::Problem(text) => (true, text.as_str()),
                Finding::Hint(text) => (false, text.as_str()),
            })
            .collect()
    }

    #[test]
    fn packages_that_cannot_be_loaded() {
        let dbi = "Can't locate DBI.pm in @INC (you may need to install the DBI module) (@INC contains: x) at y.";
        let found = packages(&[
            missing("the framework", "Kernel::System::DB", dbi),
            missing("the handler of A", "X::A", "Attempt to reload Kernel/System/DB.pm aborted."),
            missing("the handler of B", "X::B", "syntax error at B.pm line 3, near \"}\""),
            missing(
                "cron task C",
                "Kernel::X",
                "Can't locate Kernel/X.pm in @INC (@INC contains: x) at y.",
            ),
            missing("module D", "X::D", dbi),
            missing("module E", "X::E", dbi),
            missing("module F", "X::F", dbi),
        ]);
        let texts: Vec<_> = is_problem(&found).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        for (text, expected) in [
            (
                texts[0],
                "Perl library DBI is missing, which is needed by the framework, module D, module E and 1 more:",
            ),
            (texts[1], "cron task C: the installation has no package Kernel::X;"),
            (
                texts[2],
                "the handler of B: X::B cannot be loaded: syntax error at B.pm line 3, near \"}\"",
            ),
        ] {
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn where_mail_goes() {
        for (module, program, recipient, expected) in [
            ("Kernel::System::Email::SMTP", false, "a@b", &[][..]),
            ("Kernel::System::Email::Sendmail", true, "a@b", &[]),
            (
                "Kernel::System::Email::Sendmail",
                false,
                "a@b",
                &[(false, "SendmailModule::CMD: /x is no program")],
            ),
            ("", false, "a@b", &[(true, "SendmailModule is empty")]),
            ("Kernel::System::Email::SMTP", false, "", &[(false, "is empty: no mail")]),
            (
                "Kernel::System::Email::SMTP",
                false,
                "root@localhost",
                &[(false, "still root@localhost")],
            ),
        ] {
            let mail = Mail { module: module.into(), program: "/x".into(), is_program: program };
            let found = super::mail(&mail, recipient);
            let found = is_problem(&found);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((kind, text), (expected_kind, expected)) in found.iter().zip(expected) {
                assert!(kind == expected_kind && text.contains(expected), "{text}");
            }
        }
    }

    #[test]
    fn time_zones() {
        for (ours, theirs, expected) in [
            (true, true, None),
            (true, false, Some("Perl (DateTime::TimeZone) knows no 'X'")),
            (false, true, Some("tzdata")),
            (false, false, Some("use a name like")),
        ] {
            let zone = Zone { name: "X".into(), is_known: theirs };
            let found = time_zone(&zone, (!ours).then(|| "unknown".to_owned()));
            let text = match &found {
                Some(Finding::Problem(text)) => Some(text.as_str()),
                _ => None,
            };
            assert_eq!(text.is_some(), expected.is_some(), "{found:?}");
            assert!(text.unwrap_or_default().contains(expected.unwrap_or_default()), "{found:?}");
        }
    }
}
