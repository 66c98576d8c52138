//! Mail about failed tasks of a real Znuny, sent by its own Perl through a mailer that keeps what it gets.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::Value;

use crate::{
    harness::{wait_until, wait_within},
    installation::Installation,
    tasks::Database,
};

#[test]
fn on_postgres_failures_are_mailed() {
    failures_are_mailed(Database::Postgres);
}

#[test]
fn on_mariadb_failures_are_mailed() {
    failures_are_mailed(Database::MariaDb);
}

fn failures_are_mailed(database: Database) {
    let it = Installation::new(database).with_probe();
    prepare(&it);
    it.otrsd(&["start"]).ok();
    it.world.running("SchedulerTaskWorker");
    one_at_once_and_a_digest(&it);
    each_by_itself(&it);
    none(&it);
    a_mailer_that_is_broken_for_a_while(&it);
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

/// Prints a secret, which only its handler sees.
const FAILING: &str = r#"
package Kernel::System::Failing;
use strict;
use warnings;
our @ObjectDependencies = ();
sub new { return bless {}, shift }
sub Run { print STDERR "no way, Password => 'hunter2'\n"; return 1 }
1;
"#;

fn prepare(it: &Installation) {
    let mailer = it.world.path("mailer");
    let kept = it.world.text("run");
    fs::write(
        &mailer,
        format!(
            "#!/bin/sh\nfile={kept}/mail-$$\n\
             {{ for it; do printf '[%s]' \"$it\"; done; echo; cat; }} >$file\nmv $file $file.done\n"
        ),
    )
    .unwrap();
    fs::set_permissions(&mailer, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(it.home.join("Custom/Kernel/System")).unwrap();
    fs::write(it.home.join("Custom/Kernel/System/Failing.pm"), FAILING).unwrap();
    it.edit(&format!("$Self->{{'SendmailModule::CMD'}} = '{} -f';", mailer.display()));
    for line in [
        "$Self->{CheckMXRecord} = 0;",
        "$Self->{NotificationSenderEmail} = 'otrs@helpdesk.test';",
        "$Self->{'Daemon::SchedulerTaskWorker::NotificationRecipientEmail'} = 'admin@helpdesk.test';",
        "$Self->{'Daemon::SchedulerTaskWorker::TaskType'} = { Probe => { OnCrash => 'keep' } };",
        "$Self->{'Daemon::SchedulerCronTaskManager::Task'}->{Failing} = { TaskName => 'Failing', \
         Schedule => '0 0 1 1 *', Module => 'Kernel::System::Failing', Function => 'Run', Params => [] };",
    ] {
        it.edit(line);
    }
}

/// What the mailer got, in no order; the installation's queue of mail is emptied before.
fn mails(it: &Installation) -> Vec<String> {
    let mut command = it.world.command(it.home.join("bin/otrs.Console.pl"));
    // The daemon may just be doing the same.
    command.args(["Maint::Email::MailQueue", "--send"]);
    crate::harness::finish(command);
    let entries = fs::read_dir(it.world.path("run")).unwrap().flatten();
    let done = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".done"));
    let text = |entry: fs::DirEntry| {
        let text = fs::read(entry.path()).unwrap();
        String::from_utf8_lossy(&text).replace("=\n", "").replace("=3D", "=")
    };
    done.map(text).collect()
}

/// Waits for so many mails with a text, and that there are no more with it.
#[track_caller]
fn mailed(it: &Installation, text: &str, count: usize) -> Vec<String> {
    wait_within(Duration::from_mins(1), &format!("{count} mails with {text}"), || {
        let found: Vec<_> = mails(it).into_iter().filter(|mail| mail.contains(text)).collect();
        assert!(found.len() <= count, "{found:#?}");
        (found.len() == count).then_some(found)
    })
}

#[track_caller]
fn fails(it: &Installation) -> Value {
    let id = it.otrsd(&["cron", "run", "Failing"]).ok().stdout;
    let task = it.ended(id.trim());
    assert_eq!(task["executions"][0]["outcome"], "failed", "{task:#}");
    task
}

fn one_at_once_and_a_digest(it: &Installation) {
    fails(it);
    let first = mailed(it, "Subject: OTRS Scheduler Daemon Cron: Failing\n", 1).remove(0);
    for text in [
        "[-f][otrs@helpdesk.test][admin@helpdesk.test]\n",
        "To: admin@helpdesk.test\n",
        "The task Failing of type Cron failed.",
        "no way, Password => ***",
    ] {
        assert!(first.contains(text), "{text} in {first}");
    }
    fails(it);
    fails(it);
    // The hour of the first one is not over yet, and now it is.
    it.edit("$Self->{'Daemon::SchedulerTaskWorker::FailureMailPeriod'} = 1;");
    it.otrsd(&["reload"]).ok();
    let digest =
        mailed(it, "Subject: OTRS Scheduler Daemon Cron: Failing (2 failures)\n", 1).remove(0);
    assert!(digest.contains("failed 2 times, from "), "{digest}");
    // Neither the handler nor a digest of none has sent another one.
    let all = mails(it);
    assert_eq!(all.len(), 2, "{all:#?}");
    assert!(!all.concat().contains("hunter2"), "{all:#?}");
}

/// Also those that no handler of the original's could tell of; without an envelope sender.
fn each_by_itself(it: &Installation) {
    it.edit("$Self->{'Daemon::SchedulerTaskWorker::FailureMail'} = 'single';");
    it.edit("$Self->{'Daemon::SchedulerTaskWorker::FailureMailEnvelopeSender'} = '<>';");
    it.otrsd(&["reload"]).ok();
    for _ in 0..2 {
        it.ended(&it.probe("die qq[no such queue\n]"));
    }
    it.ended(&it.probe("kill 11, $$; sleep 9"));
    for mail in mailed(it, "the handler died: no such queue", 2) {
        assert!(mail.contains("[-f][][admin@helpdesk.test]\n"), "{mail}");
        assert!(mail.contains("Subject: OTRS Scheduler Daemon Probe: probe\n"), "{mail}");
    }
    mailed(it, "Outcome: crashed", 1);
}

fn none(it: &Installation) {
    let mode = |mode: &str| {
        let worker = it.world.running("SchedulerTaskWorker");
        it.edit(&format!("$Self->{{'Daemon::SchedulerTaskWorker::FailureMail'}} = '{mode}';"));
        it.otrsd(&["reload"]).ok();
        it.world.running_anew("SchedulerTaskWorker", worker);
    };
    mode("off");
    it.ended(&it.probe("die qq[a silent one\n]"));
    mode("single");
    it.ended(&it.probe("die qq[a loud one\n]"));
    mailed(it, "a loud one", 1);
    mailed(it, "a silent one", 0);
}

/// It is said in the log, and the mail comes.
fn a_mailer_that_is_broken_for_a_while(it: &Installation) {
    let config = it.home.join("Kernel/Config.pm");
    let good = fs::read_to_string(&config).unwrap();
    it.edit("$Self->{SendmailModule} = 'Kernel::System::Email::Pigeon';");
    it.ended(&it.probe("die qq[meanwhile\n]"));
    wait_until("a word on the mail", || {
        let log = it.world.read("log/SchedulerTaskWorkerERR.log");
        log.contains("cannot mail what failed: Probe probe: ").then_some(())
    });
    fs::write(&config, good).unwrap();
    it.otrsd(&["restart", "SchedulerTaskWorker"]).ok();
    mailed(it, "meanwhile", 1);
}
