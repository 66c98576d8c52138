//! What goes wrong in an installation: tasks that eat the memory or are damaged, a database that goes, no Perl.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;
use task_store::TaskId;

use crate::{
    harness::{finish, wait_until},
    installation::Installation,
    tasks::Database,
};

/// One eats all it gets; what runs beside it does not notice.
#[test]
fn a_task_that_eats_memory() {
    let it = Installation::new(Database::Postgres).with_probe();
    it.otrsd(&["start"]).ok();
    let begun = it.world.text("run/begun");
    let neighbour = it.probe(&format!(
        "open my $F, '>', '{begun}'; close $F; sleep 1 while !-e '{begun}.end'; return 1"
    ));
    wait_until("the neighbour's begin", || fs::exists(&begun).unwrap().then_some(()));
    let worker = it.world.running("SchedulerTaskWorker");
    let eater = it.ended(&it.probe("my @All; push @All, q[x] x 1e8 while 1"));
    let ran = eater["executions"].as_array().unwrap();
    let error = ran[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("above its memory limit of 2 GB (MemoryMax): exit 1: Out of memory!"),
        "{error}"
    );
    assert_eq!((ran.len(), &ran[0]["outcome"]), (1, &Value::from("failed")));
    it.world.file("run/begun.end", "");
    assert_eq!(it.ended(&neighbour)["executions"][0]["outcome"], "success");
    assert_eq!(it.world.running("SchedulerTaskWorker"), worker);
}

#[test]
fn on_postgres_damaged_data_hold_up_nobody() {
    damaged_data_hold_up_nobody(Database::Postgres);
}

#[test]
fn on_mariadb_damaged_data_hold_up_nobody() {
    damaged_data_hold_up_nobody(Database::MariaDb);
}

/// Data that Perl refuses, and data that kill it; beside them what only Perl can read, and a usual task.
fn damaged_data_hold_up_nobody(database: Database) {
    let it = Installation::new(database).with_probe();
    let cases = [
        ("nothing at all", "", "failed", "its data cannot be read: "),
        ("no base64", "%%% neither of both", "failed", "its data cannot be read: "),
        ("half a text", r#"{"Code": "retu"#, "failed", "its data cannot be read: "),
        ("a cut image", "BQsDAAAAAgoIcmV0dXJuIDEAAAAE", "failed", "its data cannot be read: "),
        // Each a few bytes, at which Perl's own thaw fails beyond repair.
        ("a deadly image", "BQsUBhUNAjgHBw4JDcA=", "quarantined", "signal 11 (SIGSEGV)"),
        ("a huge image", "BQsCf////w==", "failed", "above its memory limit of 2 GB"),
    ];
    let insert = |name: &str, data: &str| {
        let id = TaskId::draw();
        it.perl(&format!(
            "$Kernel::OM->Get('Kernel::System::DB')->Do( SQL => q[INSERT INTO scheduler_task
                 (ident, name, task_type, task_data, attempts, lock_key, create_time)
                 VALUES (?, ?, 'Probe', ?, 1, 0, current_timestamp)],
                 Bind => [ \\q[{}], \\q[{name}], \\q[{data}] ] ) or die",
            id.ident()
        ));
        id.to_string()
    };
    let ids = cases.map(|(name, data, ..)| insert(name, data));
    // Its code: return ref $Param{Data}{Object} eq q[Acme]
    let blessed = insert(
        "an object",
        "BQsDAAAAAgoqcmV0dXJuIHJlZiAkUGFyYW17RGF0YX17T2JqZWN0fSBlcSBxW0FjbWVdAAAABENvZGUEEQRBY21lAwAAAAAAAAAGT2JqZWN0",
    );
    it.otrsd(&["start"]).ok();
    let worker = it.world.running("SchedulerTaskWorker");
    let usual = it.probe("return 1");
    for id in [blessed, usual] {
        let task = it.ended(&id);
        assert_eq!(task["executions"][0]["outcome"], "success", "{task:#}");
    }
    for ((name, _, state, reason), id) in cases.iter().zip(ids) {
        let task = it.ended(&id);
        let ran = task["executions"].as_array().unwrap();
        let error = ran.last().unwrap()["error"].as_str().unwrap();
        assert!(task["state"] == *state && error.contains(reason), "{name}: {task:#}");
        assert_eq!(ran.len(), if *state == "quarantined" { 3 } else { 1 }, "{name}: {task:#}");
    }
    assert_eq!(it.world.running("SchedulerTaskWorker"), worker);
    it.otrsd(&["stop"]).ok();
}

#[test]
fn on_postgres_connections_are_cut() {
    let cut = "$DB->Do( SQL => q[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()] ) or die";
    connections_are_cut(Database::Postgres, cut);
}

#[test]
fn on_mariadb_connections_are_cut() {
    let cut = "$DB->Prepare( SQL => q[SELECT id FROM information_schema.processlist
            WHERE db = database() AND id <> connection_id()] ) or die;
        my @All; while ( my @Row = $DB->FetchrowArray() ) { push @All, $Row[0] }
        eval { $DB->{dbh}->do(qq[KILL $_]) } for @All";
    connections_are_cut(Database::MariaDb, cut);
}

/// All of ours and of a task, in its middle: it ends once, and what needs the database afterwards works.
fn connections_are_cut(database: Database, cut: &str) {
    let it = Installation::new(database).with_probe();
    it.otrsd(&["start"]).ok();
    let begun = it.world.text("run/begun");
    let id = it.probe(&format!(
        "my $DB = $Kernel::OM->Get('Kernel::System::DB'); $DB->Ping() or die 'no database';
         open my $F, '>>', '{begun}'; print {{$F}} qq[$$\n]; close $F;
         select undef, undef, undef, 0.05 while !-e '{begun}.end'; $DB->Ping(); return 1"
    ));
    for time in 1..=3 {
        wait_until("its begin", || (!it.world.read("run/begun").is_empty()).then_some(()));
        it.perl(&format!("my $DB = $Kernel::OM->Get('Kernel::System::DB'); {cut}"));
        let other =
            it.ended(&it.probe("$Kernel::OM->Get('Kernel::System::DB')->Ping() or die; return 1"));
        assert_eq!(other["executions"][0]["outcome"], "success", "time {time}: {other:#}");
    }
    it.world.file("run/begun.end", "");
    let task = it.ended(&id);
    let ran = task["executions"].as_array().unwrap();
    assert_eq!((ran.len(), &ran[0]["outcome"]), (1, &Value::from("success")), "{task:#}");
    assert_eq!(it.world.read("run/begun").lines().count(), 1);
    it.otrsd(&["stop"]).ok();
}

/// Its tasks wait, and say why; the daemon runs on.
#[test]
fn perl_is_missing() {
    let it = Installation::new(Database::Postgres).with_probe();
    fs::create_dir(it.world.path("bin")).unwrap();
    let perl = it.world.path("bin/perl");
    let otrsd = |verb: &str| {
        let mut command = it.world.command(&it.world.program);
        command.env("OTRS_HOME", &it.home).env("PATH", it.world.path("bin")).arg(verb);
        finish(command)
    };
    let refused = otrsd("start");
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("perl is not in PATH"), "{refused:?}");
    symlink("/usr/bin/perl", &perl).unwrap();
    otrsd("start").ok();
    let worker = it.world.running("SchedulerTaskWorker");
    fs::remove_file(&perl).unwrap();
    let id = it.probe("return 1");
    wait_until("a word on the missing Perl", || {
        let log = it.world.read("log/SchedulerTaskWorkerERR.log");
        log.contains("cannot start perl for the tasks in Perl, which wait: No such").then_some(())
    });
    symlink("/usr/bin/perl", &perl).unwrap();
    assert_eq!(it.ended(&id)["executions"][0]["outcome"], "success");
    assert_eq!(it.world.running("SchedulerTaskWorker"), worker);
}
