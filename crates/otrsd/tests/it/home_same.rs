//! One workload, played to the original's daemon and to otrsd from one dump: they leave the same tables.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    harness::{finish, wait_within},
    home_together::{originals, select, sql, together},
    installation::Installation,
    tasks::Database,
};

#[test]
fn on_postgres_the_same_tables_are_left() {
    the_same_tables_are_left(Database::Postgres);
}

#[test]
fn on_mariadb_the_same_tables_are_left() {
    the_same_tables_are_left(Database::MariaDb);
}

/// What two runs of either program have differently: numbers drawn or counted, times, durations, locks.
const COLUMNS_ASIDE: [&str; 14] = [
    "id",
    "ident",
    "create_time",
    "change_time",
    "create_time_unix",
    "execution_time",
    "last_execution_time",
    "last_worker_task_id",
    "last_worker_running_time",
    // The original loses it where a task ends before its manager has written down which task it was.
    "last_worker_status",
    "lock_key",
    "lock_time",
    "lock_update_time",
    "deployment_time",
];
/// The same, of rows: a job's last run is a value like its other keys, and a deployment is of its installation.
const ROWS_ASIDE: [(&str, &str); 3] = [
    ("generic_agent_jobs", "ScheduleLastRun"),
    ("sysconfig_deployment", ""),
    ("sysconfig_default", ""),
];

/// Two cron tasks that were due long ago, a limit, one that nobody is to run any more.
const CRONS: &str = "$Self->{'Daemon::SchedulerCronTaskManager::Task'} = { map { $_ => {
    TaskName => $_, Schedule => '0 0 1 1 *', Module => 'Kernel::System::DB', Function => 'Ping',
    MaximumParallelInstances => 1, Params => [] } } qw(Yearly Annual) };";

/// The tables before: what is due, what is obsolete, and a job of the generic agent that changes a ticket.
fn prepare(it: &Installation) {
    it.edit(&CRONS.replace('\n', " "));
    for (kind, name) in [
        ("Cron", "Yearly"),
        ("Cron", "Annual"),
        ("Cron", "Gone"),
        ("GenericAgent", "Priority"),
        ("GenericAgent", "Gone"),
    ] {
        sql(
            it,
            &format!(
                "INSERT INTO scheduler_recurrent_task
                     (name, task_type, last_execution_time, lock_key, create_time, change_time)
                 VALUES ('{name}', '{kind}', '2020-01-01 00:00:00', 0, current_timestamp, current_timestamp)"
            ),
        );
    }
    it.perl(
        "$Kernel::OM->Get('Kernel::System::GenericAgent')->JobAdd( Name => 'Priority', UserID => 1, Data => {
             Valid => 1, ScheduleMinutes => [0], ScheduleHours => [0], ScheduleDays => [0 .. 6],
             Title => '*', NewPriorityID => 5 } ) or die",
    );
}

/// Tasks for now, for soon and for later, and one that is one too many.
fn add(it: &Installation, place: &str, round: &str) {
    it.perl(&format!(
        "my $Scheduler = $Kernel::OM->Get('Kernel::System::Scheduler');
         my $Add = sub {{
             my ($Name, %More) = @_;
             return $Scheduler->TaskAdd( Type => 'AsynchronousExecutor', Name => $Name, %More, Data => {{
                 Object => 'Kernel::System::Main', Function => 'FileWrite', Params => {{
                     Location => \"{place}/{round}-$Name\", Content => \\'Gr\u{fc}\u{df}e', Mode => 'utf8' }} }} );
         }};
         $Add->(\"now-$_\", Attempts => $_) or die for 1 .. 5;
         $Add->('limited', MaximumParallelInstances => 1) or die for 1 .. 2;
         my $Time = $Kernel::OM->Create('Kernel::System::DateTime'); $Time->Add(Seconds => 1);
         $Add->(\"soon-$_\", ExecutionTime => $Time->ToString()) or die for 1 .. 3;
         $Time->Add(Years => 5);
         $Add->('later \u{fc}', ExecutionTime => $Time->ToString(), Attempts => 7) or die"
    ));
}

/// A dump of one's database becomes that of the other.
fn restore(from: &Installation, to: &Installation, database: Database) {
    let [from_name, to_name] = [from, to].map(|it| it.home.file_name().unwrap().to_str().unwrap());
    let (variable, script) = match database {
        Database::Postgres => (
            "OTRSD_TEST_POSTGRES",
            "pg_dump --clean --if-exists \"${0%/*}/$1\" | psql --quiet --set=ON_ERROR_STOP=1 \"${0%/*}/$2\" >/dev/null",
        ),
        _ => (
            "OTRSD_TEST_MARIADB",
            "at=${0#*@}; at=${at%%/*}; server=\"--no-defaults --host=${at%:*} --port=${at#*:} --user=otrsd\"; \
             mariadb-dump $server \"$1\" | mariadb $server \"$2\"",
        ),
    };
    let mut command = to.world.command("/bin/bash");
    command.args(["-eo", "pipefail", "-c", script, &std::env::var(variable).unwrap()]);
    command.args([from_name, to_name]);
    finish(command).ok();
}

/// Waits until all is done that can be done.
fn done(it: &Installation, rounds: usize) {
    let cron = "SELECT COUNT(*) FROM scheduler_recurrent_task WHERE last_execution_time > '2020-01-02 00:00:00'";
    wait_within(Duration::from_mins(2), "the end of the workload", || {
        let count = |what| select(it, what).trim().parse::<usize>().unwrap();
        let left = count("SELECT COUNT(*) FROM scheduler_task") == 0
            && count("SELECT COUNT(*) FROM scheduler_future_task") == rounds
            && count(cron) == 3;
        left.then_some(())
    });
}

/// Stops the original.
fn end(it: &Installation) {
    it.original("stop");
    wait_within(Duration::from_mins(1), "the original's end", || {
        originals(it).is_empty().then_some(())
    });
}

/// All rows of all tables, with what is aside left out, and payloads without the order that Perl writes by chance.
fn tables(it: &Installation) -> BTreeSet<String> {
    let aside = COLUMNS_ASIDE.join(" ");
    let text = it.perl(&format!(
        "use JSON::XS; use MIME::Base64; use Storable; my $JSON = JSON::XS->new->canonical->allow_nonref; my $DB = $Kernel::OM->Get('Kernel::System::DB');
         $Storable::canonical = 1;
         my $Order = sub {{ unpack 'H*', Storable::nfreeze( Storable::thaw( MIME::Base64::decode_base64(shift) ) ) }};
         my %Aside = map {{ $_ => 1 }} qw({aside});
         for my $Table ( sort map {{ lc }} $DB->ListTables() ) {{
             next if $Table =~ m{{^otrsd_}};
             $DB->Prepare( SQL => \"SELECT * FROM $Table\" ) or die; my @Names = map {{ lc }} $DB->GetColumnNames(); my %Seen;
             while ( my @Row = $DB->FetchrowArray() ) {{
                 my %Row; @Row{{@Names}} = @Row; delete @Row{{ grep {{ $Aside{{$_}} }} @Names }};
                 $Row{{task_data}} = $Order->( $Row{{task_data}} ) if $Row{{task_data}};
                 my $Text = $JSON->encode(\\%Row); $Seen{{$Text}}++; print \"$Table $Seen{{$Text}} $Text\\n\";
             }}
         }}"
    ));
    let is_aside = |line: &&str| {
        ROWS_ASIDE.iter().any(|(table, mark)| {
            line.strip_prefix(table)
                .is_some_and(|rest| rest.starts_with([' ', '_']) && rest.contains(mark))
        })
    };
    text.lines().filter(|line| !is_aside(line)).map(str::to_owned).collect()
}

/// The second half runs after a hand-over: to the original again, and from otrsd to it.
fn the_same_tables_are_left(database: Database) {
    let (theirs, ours) = (together(database, 3), together(database, 3));
    // The same in both payloads.
    let place = theirs.world.text("run");
    prepare(&theirs);
    add(&theirs, &place, "first");
    ours.edit(&CRONS.replace('\n', " "));
    restore(&theirs, &ours, database);
    let before = [&theirs, &ours].map(tables);
    differ_not(&before);
    theirs.original("start");
    ours.otrsd(&["start"]).ok();
    for it in [&theirs, &ours] {
        done(it, 1);
    }
    ours.otrsd(&["stop"]).ok();
    let succeeded = "SELECT COUNT(*) FROM scheduler_recurrent_task WHERE last_worker_status = 1";
    assert_eq!(select(&ours, succeeded).trim(), "3");
    // What its managers do once an hour.
    theirs.perl(
        "my $DB = $Kernel::OM->Get('Kernel::System::Daemon::SchedulerDB');
         $DB->TaskCleanup(); $DB->CronTaskCleanup(); $DB->GenericAgentTaskCleanup()",
    );
    end(&theirs);
    let middle = [&theirs, &ours].map(tables);
    differ_not(&middle);
    assert_ne!(middle[0], before[0]);
    ours.otrsd(&["db", "remove", "--yes"]).ok();
    for it in [&theirs, &ours] {
        add(it, &place, "second");
        it.original("start");
        done(it, 2);
        end(it);
    }
    differ_not(&[&theirs, &ours].map(tables));
}

#[track_caller]
fn differ_not([theirs, ours]: &[BTreeSet<String>; 2]) {
    let alone: Vec<_> = theirs.difference(ours).map(|it| format!("theirs: {it}")).collect();
    let own: Vec<_> = ours.difference(theirs).map(|it| format!("ours: {it}")).collect();
    assert!(alone.is_empty() && own.is_empty(), "{alone:#?} {own:#?}");
}
