//! Tasks of a real Znuny: planned and run natively, their handlers in the installation's own Perl.

use std::{collections::BTreeSet, fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    harness::{wait_until, wait_within},
    home_cron::IN_ITS_ZONE,
    installation::Installation,
    tasks::Database,
};

#[test]
fn on_postgres_all_stock_tasks_run() {
    all_stock_tasks_run(Database::Postgres, "UTC");
}

#[test]
fn on_mariadb_all_stock_tasks_run() {
    all_stock_tasks_run(Database::MariaDb, "Europe/Berlin");
}

#[test]
fn on_postgres_every_end_is_told_apart() {
    every_end_is_told_apart(Database::Postgres);
}

#[test]
fn on_mariadb_every_end_is_told_apart() {
    every_end_is_told_apart(Database::MariaDb);
}

/// What the original's console shows of ours, and the cache entry that its web interface reads.
/// `zone`: what its clocks show, and its tables.
fn all_stock_tasks_run(database: Database, zone: &str) {
    let it = Installation::new(database).with_probe();
    it.edit(&format!("$Self->{{OTRSTimeZone}} = '{zone}';"));
    it.otrsd(&["start"]).ok();
    assert_eq!(it.otrsd(&["list"]).ok().stdout, it.console(&["Maint::Daemon::List"]));
    let stock = it.perl(
        "print scalar keys %{ $Kernel::OM->Get('Kernel::Config')->Get('Daemon::SchedulerCronTaskManager::Task') }",
    );
    let stock: usize = stock.parse().unwrap();
    let names = wait_until("all stock tasks", || {
        let text = it.otrsd(&["cron", "list", "--json"]).ok().stdout;
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let names: Vec<_> = all.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        (names.len() == stock).then_some(names)
    });
    // Its own minute may have come just now.
    let run = |name: &String| {
        wait_until(&format!("room for {name}"), || {
            let done = it.otrsd(&["cron", "run", name]);
            (done.code == 0).then_some(done.stdout)
        })
    };
    let ids: Vec<_> = names.iter().map(run).collect();
    for (name, id) in names.iter().zip(ids) {
        let task = it.ended(id.trim());
        assert_eq!(task["executions"][0]["outcome"], "success", "{name}: {task:#}");
    }
    the_same_summaries(&it);
    let script =
        "print $Kernel::OM->Get('Kernel::System::Cache')->Get(Type => 'DaemonRunning', Key => 1)";
    assert_eq!(it.perl(script), "1");
    the_originals_own_way_to_add_tasks(&it);
    deployments(&it);
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

/// Of what waits, runs and has run, for any time.
fn the_same_summaries(it: &Installation) {
    it.perl(
        "$Kernel::OM->Get('Kernel::System::DB')->Do(
            SQL => 'UPDATE scheduler_recurrent_task SET last_worker_running_time = POWER(8, MOD(id, 7))' ) or die",
    );
    let go = it.world.text("run/go");
    let runs = it.probe(&format!("select undef, undef, undef, 0.1 until -e '{go}'; return 1"));
    // The time that it has run grows from one to the other.
    let without_age = |text: String| -> Vec<String> {
        let line = |line: &str| match line.rsplit_once(" | ") {
            Some((rest, _)) if line.contains("| Probe ") => rest.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(line).collect()
    };
    // The minute may change between the two.
    wait_within(Duration::from_mins(5), "the same summaries", || {
        let ours = it.otrsd(&["summary"]).ok().stdout;
        let theirs = it.console(&["Maint::Daemon::Summary"]);
        for text in ["Recurrent cron tasks:", "| MailQueueSend ", "Minute(s)", "Daemon is active."]
        {
            assert!(ours.contains(text), "{text} in {ours}");
        }
        let is_shown = ours.contains("| Probe ") && ours.contains(".0 Second(s)");
        let (ours, theirs) = (without_age(ours), without_age(theirs));
        // Shown only if the test fails.
        for (our, their) in ours.iter().zip(&theirs).filter(|(our, their)| our != their) {
            eprintln!("ours   {our}\ntheirs {their}");
        }
        (is_shown && ours == theirs).then_some(())
    });
    it.world.file("run/go", "");
    it.ended(&runs);
}

/// One of this node takes effect at once, and one of another node is brought here.
fn deployments(it: &Installation) {
    let file = it.home.join("Kernel/Config/Files/ZZZAAuto.pm");
    let earlier = fs::read_to_string(&file).unwrap();
    let worker = it.world.running("SchedulerTaskWorker");
    let setting = "Daemon::SchedulerTaskWorker::MaximumWorkers";
    it.console(&["Admin::Config::Update", "--setting-name", setting, "--value", "10"]);
    it.world.running_anew("SchedulerTaskWorker", worker);
    fs::write(&file, &earlier).unwrap();
    wait_until("the newest deployment", || {
        let text = fs::read_to_string(&file).unwrap();
        (text != earlier && text.contains("MaximumWorkers'} =  '10'")).then_some(())
    });
}

/// By the installation's code: now, later, and once at most.
fn the_originals_own_way_to_add_tasks(it: &Installation) {
    let fresh = it.world.text("run/fresh");
    let add = format!(
        "my $Time = $Kernel::OM->Create('Kernel::System::DateTime'); $Time->Add(Seconds => 2);
         for my $Later (0, 1) {{
             $Kernel::OM->Get('Kernel::System::Scheduler')->TaskAdd(
                 Type => 'AsynchronousExecutor', Name => \"Files-$Later\",
                 $Later ? (ExecutionTime => $Time->ToString()) : (),
                 Data => {{ Object => 'Kernel::System::Main', Function => 'FileWrite', Params => {{
                     Location => \"{fresh}-$Later\", Content => \\'Gr\u{fc}\u{df}e', Mode => 'utf8' }} }} ) or die }}"
    );
    it.perl(&add);
    for later in 0..2 {
        wait_until("a file that Perl wrote", || {
            let text = fs::read_to_string(format!("{fresh}-{later}")).ok()?;
            (!text.is_empty()).then_some(())
        });
    }
}

fn every_end_is_told_apart(database: Database) {
    let it = Installation::new(database).with_probe();
    it.edit(
        "$Self->{'Daemon::SchedulerTaskWorker::TaskType'} = { Probe => { Timeout => 2, OnCrash => 'keep' } };",
    );
    it.otrsd(&["start"]).ok();
    for (code, outcome, reason) in [
        ("return 1", "success", ""),
        ("warn qq[not today\n]; return", "failed", "TaskHost.pl: not today"),
        ("die qq[no such queue\n]", "failed", "the handler died: no such queue"),
        ("die { a => 1 }", "failed", "the handler died: HASH("),
        (
            "print STDERR qq[bye\n]; exit 0",
            "failed",
            "the handler ended its process with exit 0: bye",
        ),
        ("exit 3", "failed", "exit 3"),
        ("kill 11, $$; sleep 9", "crashed", "signal 11 (SIGSEGV)"),
        ("POSIX::close($_) for 0 .. 99; return 1", "failed", "the handler ended its process"),
        ("1 while 1", "timed-out", "took longer than 2s"),
        ("$SIG{TERM} = 'IGNORE'; sleep 1 while 1", "timed-out", "took longer than 2s"),
        ("fork // die; return 1", "success", ""),
        ("if (!fork) { POSIX::setsid(); sleep 900 } return 1", "success", ""),
        ("print STDERR qq[\\x00\\xff\\xfe] x 20000; return 1", "success", ""),
        ("die if system('/bin/true') || $SIG{CHLD}; return 1", "success", ""),
        ("die $ENV{OTRSD_TASK_ID} if $ENV{NOTIFY_SOCKET} || !$ENV{HOME}; return 1", "success", ""),
        ("$Kernel::OM->Get('Kernel::System::DB')->Ping() or die; return 1", "success", ""),
        ("open our $F, '>', $ENV{HOME} . '/run/left'; print $F 'written'; return 1", "success", ""),
        ("-s $ENV{HOME} . '/run/left' or die; return 1", "success", ""),
        // What one leaves behind, the next does not find.
        (
            "die if $Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker::Probe::Count++; return 1",
            "success",
            "",
        ),
        (
            "die if $Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker::Probe::Count++; return 1",
            "success",
            "",
        ),
    ] {
        let task = it.ended(&it.probe(code));
        let first = &task["executions"][0];
        assert_eq!(first["outcome"], outcome, "{code}: {task:#}");
        assert!(first["error"].as_str().unwrap_or_default().contains(reason), "{code}: {task:#}");
        assert!(first["cpu_seconds"].as_f64().unwrap() > 0.0, "{code}: {task:#}");
    }
    wait_until("an end of what left its session", || {
        let lines = it.world.processes();
        let left =
            lines.iter().any(|(_, line)| line.contains("perl task") && line.contains("(Probe)"));
        (!left).then_some(())
    });
    many_at_once(&it);
    one_process_for_many(&it);
    the_worker_dies(&it);
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

/// Children come and go beside each other, and none is missed.
fn many_at_once(it: &Installation) {
    let notes = it.world.text("run/many");
    it.perl(&format!(
        "for my $Name (1 .. 200) {{
             $Kernel::OM->Get('Kernel::System::Scheduler')->TaskAdd( Type => 'Probe', Name => $Name, Data => {{
                 Code => qq[open my \\$F, '>>', '{notes}'; syswrite \\$F, qq{{$Name\\n}}; return 1] }} ) or die }}"
    ));
    wait_until("200 tasks", || {
        let text = fs::read_to_string(&notes).unwrap_or_default();
        (text.lines().collect::<BTreeSet<_>>().len() == 200).then_some(())
    });
}

/// `TasksPerChild`, and what stays from one task to the next.
fn one_process_for_many(it: &Installation) {
    for (keep, stays) in [(0, "0"), (1, "1")] {
        it.edit(&format!(
            "$Self->{{'Daemon::SchedulerTaskWorker::TaskType'}} = \
             {{ Probe => {{ TasksPerChild => 3, KeepObjects => {keep} }} }};"
        ));
        it.otrsd(&["reload"]).ok();
        let code = "my $U = $Kernel::OM->Get('Kernel::System::User'); print qq[$$ ], $U->{Mark} // 0, qq[\n];
                    $U->{Mark} = 1; return 1";
        let outputs: Vec<_> = (0..4)
            .map(|_| {
                let task = it.ended(&it.probe(code));
                task["executions"][0]["output"].as_str().unwrap().trim().to_owned()
            })
            .collect();
        let words: Vec<Vec<_>> = outputs.iter().map(|it| it.split(' ').collect()).collect();
        assert!(words[0][0] == words[1][0] && words[1][0] == words[2][0], "{words:?}");
        assert_ne!(words[2][0], words[3][0], "{words:?}");
        assert_eq!([words[0][1], words[1][1], words[3][1]], ["0", stays, "0"], "{words:?}");
    }
}

/// Its task runs again, and no process of the first time is left.
fn the_worker_dies(it: &Installation) {
    let begun = it.world.text("run/begun");
    let id = it.probe(&format!(
        "open my $F, '>>', '{begun}'; print {{$F}} qq[$$\n]; close $F; sleep 2; return 1"
    ));
    let pid =
        wait_until("its beginning", || fs::read_to_string(&begun).ok()?.trim().parse::<i32>().ok());
    let worker = it.world.running("SchedulerTaskWorker");
    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    wait_until("the end of its process", || {
        (!fs::exists(format!("/proc/{pid}")).unwrap()).then_some(())
    });
    let task = it.ended(&id);
    assert_eq!(task["executions"].as_array().unwrap().last().unwrap()["outcome"], "success");
    assert_eq!(fs::read_to_string(&begun).unwrap().lines().count(), 2);
}

/// New code is what the next task runs, and tasks wait while the configuration is broken.
#[test]
fn code_that_changes() {
    let it = Installation::new(Database::Postgres).with_probe();
    it.otrsd(&["start"]).ok();
    let code = "print $Self::Version // 'old'; return 1";
    assert_eq!(it.ended(&it.probe(code))["executions"][0]["output"], "old");
    let file =
        it.home.join("Custom/Kernel/System/Daemon/DaemonModules/SchedulerTaskWorker/Probe.pm");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("$Self::Version = 'new';\n{text}")).unwrap();
    wait_until("new code", || {
        let task = it.ended(&it.probe(code));
        (task["executions"][0]["output"] == "new").then_some(())
    });
    let data = r#"{"Code": "return 1"}"#;
    // One that is installed meanwhile: with the next task, what waited for it goes on.
    let early = it.otrsd(&["task", "add", "--type", "Another", "--name", "e", "--data", data]);
    let early = early.ok().stdout;
    assert_eq!(it.ended(early.trim())["state"], "no-handler");
    let another = fs::read_to_string(&file).unwrap().replace("::Probe", "::Another");
    fs::write(file.with_file_name("Another.pm"), another).unwrap();
    let added = it.otrsd(&["task", "add", "--type", "Another", "--name", "a", "--data", data]);
    assert_eq!(it.ended(added.ok().stdout.trim())["state"], "done");
    wait_until("the early one", || (it.ended(early.trim())["state"] == "done").then_some(()));
    for nowhere in ["Nowhere", "../SchedulerTaskWorker/Probe"] {
        let added = it.otrsd(&["task", "add", "--type", nowhere, "--name", "n"]).ok().stdout;
        assert_eq!(it.ended(added.trim())["state"], "no-handler");
        let why = it.otrsd(&["task", "explain", added.trim()]).ok().stdout;
        assert!(why.contains("DaemonModules/SchedulerTaskWorker"), "{why}");
    }
    let config = it.home.join("Kernel/Config.pm");
    let good = fs::read_to_string(&config).unwrap();
    let later =
        ["task", "add", "--type", "Probe", "--name", "later", "--at", "+2s", "--data", data];
    let id = it.otrsd(&later).ok().stdout;
    fs::write(&config, "package Kernel::Config; sub {").unwrap();
    wait_until("a word on the task host", || {
        let log = it.world.read("log/SchedulerTaskWorkerERR.log");
        log.contains(" task(s) wait for it").then_some(())
    });
    fs::write(&config, good).unwrap();
    assert_eq!(it.ended(id.trim())["state"], "done");
}

/// A job of the generic agent runs at the next full minute, and the web interface's table knows its end. This
/// installation reads schedules in its own zone.
#[test]
fn a_job_of_the_generic_agent() {
    let it = Installation::new(Database::Postgres);
    it.edit("$Self->{OTRSTimeZone} = 'Asia/Kolkata';");
    fs::create_dir_all(it.home.join("Custom/Kernel/System")).unwrap();
    fs::write(it.home.join("Custom/Kernel/System/CronEvent.pm"), IN_ITS_ZONE).unwrap();
    it.perl(
        "$Kernel::OM->Get('Kernel::System::GenericAgent')->JobAdd(
            Name => 'Gr\u{fc}\u{df}e', UserID => 1,
            Data => { Valid => 1, ScheduleMinutes => [0 .. 59], ScheduleHours => [0 .. 23], ScheduleDays => [0 .. 6],
                      Title => 'no such ticket', NewPriorityID => 5 } ) or die",
    );
    it.otrsd(&["start"]).ok();
    let begin = it.otrsd(&["summary", "SchedulerGenericAgentTaskManager"]).ok().stdout;
    assert!(begin.contains("Recurrent generic agent tasks:"), "{begin}");
    wait_within(Duration::from_secs(150), "a success of the job, and the same from both", || {
        let text = it.otrsd(&["summary", "SchedulerGenericAgentTaskManager"]).ok().stdout;
        let line = text.lines().find(|line| line.contains("Gr\u{fc}\u{df}e"))?.trim().to_owned();
        let is_success = line.contains("| Success ");
        // The minute may change between the two.
        assert!(!line.contains("| Fail "), "{line}");
        (is_success && it.console(&["Maint::Daemon::Summary"]).contains(&line)).then_some(())
    });
    // Once a day, in a zone that is half an hour away from full ones.
    it.perl(
        "$Kernel::OM->Get('Kernel::System::GenericAgent')->JobAdd(
            Name => 'daily', UserID => 1,
            Data => { Valid => 1, ScheduleMinutes => [7], ScheduleHours => [4], ScheduleDays => [0 .. 6],
                      Title => 'no such ticket', NewPriorityID => 5 } ) or die",
    );
    wait_within(Duration::from_secs(150), "a job once a day", || {
        let text = it.otrsd(&["summary", "SchedulerGenericAgentTaskManager"]).ok().stdout;
        let line = text.lines().find(|line| line.contains("| daily "))?.trim();
        let is_planned = line.matches(" 04:07:00 ").count() == 2;
        (is_planned && it.console(&["Maint::Daemon::Summary"]).contains(line)).then_some(())
    });
}

/// What otrsd holds, the original runs after `db remove`; and what the original left, otrsd runs.
#[test]
fn there_and_back() {
    let it = Installation::new(Database::MariaDb).with_probe();
    let notes = it.world.text("run/notes");
    let code = format!(
        "open my $F, '>>', '{notes}'; print {{$F}} $ENV{{OTRSD_TASK_ID}} ? qq[otrsd\n] : qq[Perl\n]; close $F; \
         die if -e '{notes}.die'; return 1"
    );
    let ran = |expected: &str| {
        wait_until(expected, || {
            let text = fs::read_to_string(&notes).unwrap_or_default();
            (text == expected).then_some(())
        });
    };
    it.world.file("run/notes.die", "");
    it.otrsd(&["start"]).ok();
    let id = it.probe(&code);
    assert_eq!(it.ended(&id)["state"], "failed");
    it.otrsd(&["stop"]).ok();
    fs::remove_file(it.world.path("run/notes.die")).unwrap();
    it.otrsd(&["db", "remove", "--yes"]).ok();
    assert_eq!(it.perl(TABLES), "");

    it.original("start");
    ran("otrsd\nPerl\n");
    it.original("stop");
    wait_until("the original's end", || {
        let lines = it.world.processes();
        (!lines.iter().any(|(_, line)| line.contains("otrs.Daemon.pl"))).then_some(())
    });

    // Added while nobody runs, by the installation's own code.
    it.perl(&format!(
        "$Kernel::OM->Get('Kernel::System::Scheduler')->TaskAdd(
            Type => 'Probe', Name => 'left', Data => {{ Code => q[{code}] }} ) or die"
    ));
    it.otrsd(&["start"]).ok();
    ran("otrsd\nPerl\notrsd\n");
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

const TABLES: &str = "my $DB = $Kernel::OM->Get('Kernel::System::DB');
    print join ' ', grep {/otrsd_/} $DB->ListTables()";
