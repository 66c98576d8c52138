//! `check` of a real Znuny: each thing that would hurt is provoked once, and a stock one hears of no problem.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use task_store::{Options, Store};

use crate::{
    harness::{finish, wait_until},
    installation::Installation,
    tasks::Database,
};

const CONFIG: &str = "Kernel/Config.pm";
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[test]
fn on_postgres_each_problem_is_told() {
    each_problem_is_told(Database::Postgres);
}

#[test]
fn on_mariadb_each_problem_is_told() {
    each_problem_is_told(Database::MariaDb);
}

fn each_problem_is_told(database: Database) {
    let it = Installation::new(database);
    stock(&it);
    perl(&it);
    settings(&it);
    directories(&it);
    clock(&it);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    away(&it, &silent);
    rights(&it, database);
}

/// Nothing but what an administrator must choose, and nothing is made.
fn stock(it: &Installation) {
    let said = it.otrsd(&["check"]).ok().stdout;
    let hints: Vec<_> = said.lines().filter(|line| line.starts_with("hint: ")).collect();
    let (mail, others): (Vec<&str>, Vec<&str>) =
        hints.iter().partition(|line| line.contains("::CMD"));
    assert_eq!(mail.len(), usize::from(!Path::new("/usr/sbin/sendmail").exists()), "{said}");
    assert!(others.len() == 1 && others[0].contains("still root@localhost"), "{said}");
    assert!(said.ends_with("5 modules to run: no problem\n"), "{said}");
    assert_eq!(it.perl(TABLES), "");
}

const TABLES: &str =
    "print join ' ', grep {/otrsd_/} $Kernel::OM->Get('Kernel::System::DB')->ListTables()";

/// What `check` says of a problem, with a change of the configuration that is taken back.
#[track_caller]
fn said_with(it: &Installation, line: &str) -> String {
    let file = it.home.join(CONFIG);
    let before = fs::read_to_string(&file).unwrap();
    it.edit(line);
    let said = it.otrsd(&["check"]);
    fs::write(&file, before).unwrap();
    said.failed(3).stdout
}

#[track_caller]
fn told(said: &str, expected: &[&str]) {
    for text in expected {
        assert!(said.contains(text), "{text} in {said}");
    }
}

fn perl(it: &Installation) {
    let mut command = it.world.command(&it.world.program);
    command.env("OTRS_HOME", &it.home).env("PATH", "/no/such").arg("check");
    told(&finish(command).failed(3).stdout, &["perl is not in PATH (/no/such): install it"]);

    let place = it.home.join("Custom/Kernel/System/Daemon/DaemonModules/SchedulerTaskWorker");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("Odd.pm"), "package Odd;\nuse No::Such::Library;\n1;\n").unwrap();
    fs::write(place.join("Bad.pm"), "package Bad;\nsub {\n").unwrap();
    let task = "{ TaskName => 'Odd', Schedule => '1 * * * *', Module => 'Kernel::System::NoSuch', Function => 'Run' }";
    let line = format!("$Self->{{'Daemon::SchedulerCronTaskManager::Task'}}->{{Odd}} = {task};");
    told(
        &said_with(it, &line),
        &[
            "Perl library No::Such::Library is missing, which is needed by the handler of Odd: install it",
            "the handler of Bad: Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker::Bad cannot be loaded: Missing right curly",
            "cron task Odd: the installation has no package Kernel::System::NoSuch;",
        ],
    );
    fs::remove_dir_all(it.home.join("Custom/Kernel")).unwrap();
    told(&said_with(it, "this is no Perl;"), &["cannot read the configuration", "syntax error"]);
}

fn settings(it: &Installation) {
    for (line, expected) in [
        ("$Self->{SendmailModule} = '';", "setting SendmailModule is empty"),
        (
            "$Self->{SendmailModule} = 'Kernel::System::Email::Pigeon';",
            "setting SendmailModule: the installation has no package Kernel::System::Email::Pigeon;",
        ),
        ("$Self->{OTRSTimeZone} = 'Europe/Nowhere';", "setting OTRSTimeZone: 'Europe/Nowhere'"),
    ] {
        told(&said_with(it, line), &[expected]);
    }
    it.edit(
        "$Self->{'Daemon::SchedulerTaskWorker::NotificationRecipientEmail'} = 'admin@example.org';",
    );
    assert!(!it.otrsd(&["check"]).ok().stdout.contains("NotificationRecipientEmail"));
}

fn directories(it: &Installation) {
    for name in ["var/tmp", "Kernel/Config/Files"] {
        let place = it.home.join(name);
        let before = fs::metadata(&place).unwrap().permissions();
        fs::set_permissions(&place, Permissions::from_mode(0o555)).unwrap();
        let said = it.otrsd(&["check"]);
        fs::set_permissions(&place, before).unwrap();
        told(
            &said.failed(3).stdout,
            &[&format!("{}: EACCES", place.display()), "SetPermissions.pl"],
        );
    }
    for name in ["run", "log"] {
        fs::set_permissions(it.world.path(name), Permissions::from_mode(0o555)).unwrap();
        let said = it.otrsd(&["check"]);
        fs::set_permissions(it.world.path(name), Permissions::from_mode(0o755)).unwrap();
        told(&said.failed(3).stdout, &[&format!("cannot write into {}", it.world.text(name))]);
    }
}

fn clock(it: &Installation) {
    assert!(Path::new(FAKETIME).exists(), "{FAKETIME} is missing: apt-get install faketime");
    for (distance, expected) in
        [("+60s", "s behind; let both hosts"), ("-60s", "s ahead; let both hosts")]
    {
        let mut command = it.world.command(&it.world.program);
        command.env("OTRS_HOME", &it.home).arg("check");
        command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", distance);
        // Deadlines are not what is looked at.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        told(&finish(command).failed(3).stdout, &[expected]);
    }
}

/// Nobody listens there, somebody listens and says nothing, or the user is unknown.
fn away(it: &Installation, silent: &TcpListener) {
    let dsn = it.perl("print $Kernel::OM->Get('Kernel::Config')->Get('DatabaseDSN')");
    let (front, _) = dsn.rsplit_once("port=").unwrap();
    let port = silent.local_addr().unwrap().port();
    for (port, expected) in [(1, "can it be reached from here?"), (port, "no answer within 5 s")] {
        let begun = Instant::now();
        let said = said_with(it, &format!("$Self->{{DatabaseDSN}} = '{front}port={port};';"));
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        told(&said, &[expected, "(setting DatabaseURL, "]);
    }
    let said = said_with(it, "$Self->{DatabaseUser} = 'nobody_at_all';");
    told(&said, &["the database refuses: ", "correct DatabaseDSN, DatabaseUser and DatabasePw"]);
}

/// A user who may not make tables, and not do in them what must be done; and tables that are not as they should be.
fn rights(it: &Installation, database: Database) {
    let user = format!("limited_{:x}", fastrand::u64(..));
    let who = match database {
        Database::MariaDb => format!("'{user}'@'%'"),
        _ => user.clone(),
    };
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON";
    let mut first = match database {
        Database::MariaDb => vec![format!("CREATE USER {who} IDENTIFIED BY 'secret'")],
        _ => vec![
            format!("CREATE USER {who}"),
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
            format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {who}"),
        ],
    };
    first.extend(
        ["future_task", "recurrent_task"].map(|it| format!("{grant} scheduler_{it} TO {who}")),
    );
    first.push(format!("GRANT SELECT, INSERT ON scheduler_task TO {who}"));
    run_sql(it, &first);
    let line = format!("$Self->{{DatabaseUser}} = '{user}'; $Self->{{DatabasePw}} = 'secret';");
    told(
        &said_with(it, &line),
        &[
            "the tables otrsd_* are not there, and its user may not create tables",
            "table scheduler_task: ",
            "GRANT UPDATE, DELETE ON scheduler_task to its user",
        ],
    );
    it.otrsd(&["db", "migrate"]).ok();
    it.otrsd(&["check"]).ok();
    for (column, name, expected) in [
        ("99", "version", "its tables are of version 99"),
        (r#"{"system":"","hosts":["alpha"]}"#, "identity", "remembers alpha, and this is "),
    ] {
        run_sql(it, &[format!("UPDATE otrsd_schema SET value = '{column}' WHERE name = '{name}'")]);
        told(&it.otrsd(&["check"]).failed(3).stdout, &[expected]);
        let host = nix::unistd::gethostname().unwrap().to_string_lossy().into_owned();
        let here = json!({ "system": "10", "hosts": [host] }).to_string();
        let good = if name == "version" { "1" } else { &here };
        run_sql(it, &[format!("UPDATE otrsd_schema SET value = '{good}' WHERE name = '{name}'")]);
    }
    it.otrsd(&["check"]).ok();
}

fn run_sql(it: &Installation, statements: &[String]) {
    for text in statements {
        assert!(!text.contains('~'));
        it.perl(&format!("$Kernel::OM->Get('Kernel::System::DB')->Do(SQL => q~{text}~) or die"));
    }
}

/// Other daemons with this `NodeID`: the original, here; ours and Perl's, elsewhere.
#[test]
fn rivals() {
    let it = Installation::new(Database::Postgres);
    it.otrsd(&["start"]).ok();
    it.world.running("SchedulerTaskWorker");
    // The one that runs is no rival of itself.
    it.otrsd(&["check"]).ok();
    let second = it.world.text("elsewhere");
    let mut command = it.world.command(&it.world.program);
    command.env("OTRS_HOME", &it.home).env("OTRSD_PID_PATH", &second).arg("check");
    told(
        &finish(command).failed(3).stdout,
        &["another daemon works as NodeID 1: its task worker is process "],
    );
    elsewhere(&it);
    it.otrsd(&["stop"]).ok();
    it.world.deserted();

    it.original("start");
    wait_until("the original's lock", || {
        let said = it.otrsd(&["check"]).stdout;
        said.contains("the original's daemon runs as NodeID 1 on this host").then_some(())
    });
    it.original("stop");
    wait_until("the original's end", || {
        let lines = it.world.processes();
        (!lines.iter().any(|(_, line)| line.contains("otrs.Daemon.pl"))).then_some(())
    });
    it.otrsd(&["check"]).ok();
}

/// On another host: one whose counter moves, one whose does not, and a Perl daemon's lock.
fn elsewhere(it: &Installation) {
    let url = it.otrsd(&["config", "get", "DatabaseURL"]).ok().stdout.trim().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let store = Store::connect(&url, Options { home: true, ..Options::default() }).unwrap();
    let owner = runtime.block_on(store.register(1, "beta", 7, 5, jiff::Timestamp::now())).unwrap();
    it.otrsd(&["check"]).ok();
    let said = thread::scope(|scope| {
        let check = scope.spawn(|| it.otrsd(&["check"]));
        wait_until("the end of the look", || {
            runtime.block_on(store.beat(owner, 5, jiff::Timestamp::now())).unwrap();
            check.is_finished().then_some(())
        });
        check.join().unwrap()
    });
    told(
        &said.failed(3).stdout,
        &["another daemon works as NodeID 1: its task worker is process 7 on beta"],
    );
    runtime.block_on(store.unregister(owner)).unwrap();
    run_sql(
        it,
        &["INSERT INTO scheduler_task (ident, task_type, task_data, attempts, lock_key, lock_time, lock_update_time, create_time) \
           VALUES (1, 'Probe', '', 1, 100103999999, current_timestamp, current_timestamp, current_timestamp)"
            .to_owned()],
    );
    let said = it.otrsd(&["check"]).ok().stdout;
    told(&said, &["hint: a Perl daemon with NodeID 1 locked a task ", " as process 3999999"]);
    run_sql(it, &["DELETE FROM scheduler_task WHERE ident = 1".to_owned()]);
}

/// OTOBO's modules wait for the end of the web installer and of the copying, and start by themselves.
#[test]
fn otobo_waits() {
    let it = Installation::new(Database::Postgres);
    fs::copy(it.home.join("bin/otrs.Daemon.pl"), it.home.join("bin/otobo.Daemon.pl")).unwrap();
    it.otrsd(&["check"]).ok();
    let file = it.home.join(CONFIG);
    let installed = fs::read_to_string(&file).unwrap();
    it.edit("$Self->{SecureMode} = 0;");
    let said = it.otrsd(&["check"]).failed(3).stdout;
    told(&said, &["setting SecureMode: is '0', and not 1", "1 modules to run"]);

    let mut start = it.world.command(&it.world.program);
    start.env("OTRS_HOME", &it.home).env("OTOBO_RUNS_UNDER_DOCKER", "1").arg("start");
    finish(start).ok();
    it.world.running("SystemConfigurationSyncManager");
    assert_eq!(it.world.status().modules.len(), 1);
    fs::write(it.home.join(".copy_otobo_next_finished"), "").unwrap();
    fs::write(&file, installed).unwrap();
    it.world.running("SchedulerTaskWorker");
    it.edit("$Self->{SecureMode} = 0;");
    wait_until("an end of the others", || (it.world.status().modules.len() == 1).then_some(()));
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

/// Its web interface writes configuration, and those who may use that have no shell.
#[test]
fn the_configuration_of_a_help_desk_runs_no_command() {
    let it = Installation::new(Database::Postgres);
    let task = "$Self->{'Daemon::SchedulerCronTaskManager::Task'}->{'MailQueueSend'}";
    it.edit(&format!("{task}->{{Command}} = ['touch', '{}'];", it.world.text("touched")));
    it.edit("$Self->{'Daemon::SchedulerTaskWorker::TaskType'}->{'Mine'} = { Command => ['id'] };");
    it.edit("$Self->{'Daemon::MixedCluster'} = 0;");
    let said = it.otrsd(&["check"]).stdout;
    for setting in ["Task###MailQueueSend", "TaskType###Mine"] {
        let line = said.lines().find(|line| line.contains(setting)).unwrap_or_default();
        assert!(line.contains("'Command' is refused") && line.contains("web interface"), "{said}");
    }
    it.otrsd(&["db", "migrate"]).ok();
    assert!(!it.otrsd(&["cron", "list"]).ok().stdout.contains("MailQueueSend"));
    // Who may write otrsd's own settings may say so of the same task types and cron tasks.
    let other = "Daemon::SchedulerCronTaskManager::Task###CoreCacheCleanup###Command";
    let array = "<Value><Array><Item>true</Item></Array></Value>";
    it.world
        .configure("50-own", &[format!("<Setting Name='{other}' Valid='1'>{array}</Setting>\n")]);
    let said = it.otrsd(&["check"]).stdout;
    assert!(!said.contains("###CoreCacheCleanup"), "{said}");
    assert!(it.otrsd(&["cron", "list"]).ok().stdout.contains("CoreCacheCleanup"));
}
