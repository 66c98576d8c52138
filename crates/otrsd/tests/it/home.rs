//! Installations of a real Znuny, whose daemon modules run in Perl under our supervisor.

use std::{collections::BTreeSet, fs, time::Duration};

use nix::sys::signal::Signal;

use crate::{
    harness::{command_line, signal, wait_until, wait_within},
    installation::Installation,
    tasks::Database,
};

const STOCK: [&str; 5] = [
    "SchedulerCronTaskManager",
    "SchedulerFutureTaskManager",
    "SchedulerGenericAgentTaskManager",
    "SchedulerTaskWorker",
    "SystemConfigurationSyncManager",
];

#[test]
fn on_postgres_it_runs_in_perl() {
    it_runs_in_perl(Database::Postgres);
}

#[test]
fn on_mariadb_it_runs_in_perl() {
    it_runs_in_perl(Database::MariaDb);
}

fn it_runs_in_perl(database: Database) {
    let it = Installation::new(database);
    it.edit("$Self->{'Daemon::PerlModules'} = 1;");
    it.otrsd(&["start"]).ok();
    let first: Vec<i32> = STOCK.iter().map(|name| it.world.running(name)).collect();
    for line in it.world.processes().into_iter().filter(|(pid, _)| first.contains(pid)) {
        assert!(line.1.starts_with("otrsd perl module "), "{line:?}");
    }
    assert_eq!(it.otrsd(&["list"]).ok().stdout, it.console(&["Maint::Daemon::List"]));
    // The cron manager writes down each task when it first sees it.
    let ours = wait_within(Duration::from_mins(5), "the same summaries", || {
        // On a slow machine one of Perl's summaries may take too long.
        let ours = Some(it.otrsd(&["summary"])).filter(|it| it.code == 0)?.stdout;
        let is_same = ours == it.console(&["Maint::Daemon::Summary"]);
        (is_same && ours.contains("| MailQueueSend ")).then_some(ours)
    });
    for text in ["Recurrent cron tasks:", "Daemon is active."] {
        assert!(ours.contains(text), "{text} in {ours}");
    }
    a_dropped_in_module_starts_by_a_reload(&it);
    // Its worker has run something by now, each time with all packages read anew.
    wait_within(Duration::from_mins(5), "a success", || {
        it.otrsd(&["summary", "SchedulerCronTaskManager"])
            .ok()
            .stdout
            .contains("| Success ")
            .then_some(())
    });
    it.otrsd(&["stop"]).ok();
    for name in STOCK {
        let log = it.world.read(&format!("log/{name}ERR.log"));
        assert!(!log.contains(" redefined at "), "{name}: {log}");
    }
    it.world.deserted();
}

/// A module of the administrator's own: what changed starts, and nothing is missed.
fn a_dropped_in_module_starts_by_a_reload(it: &Installation) {
    let package = "Kernel::System::Daemon::DaemonModules::Clock";
    let file = it.home.join("Custom/Kernel/System/Daemon/DaemonModules");
    fs::create_dir_all(&file).unwrap();
    fs::write(file.join("Clock.pm"), CLOCK).unwrap();
    it.edit(&format!("$Self->{{DaemonModules}}->{{Clock}} = {{ Module => '{package}' }};"));
    it.otrsd(&["reload"]).ok();
    let pid = it.world.running("Clock");
    wait_until("three rounds", || {
        (it.world.read("log/ClockERR.log").matches("round").count() >= 3).then_some(())
    });
    let summary = it.otrsd(&["summary", "Clock"]).ok().stdout;
    assert!(summary.contains("Rounds of the clock:") && summary.contains("| 12 "), "{summary}");
    // Its third round returns false: it is discarded, and begins anew.
    it.world.running_anew("Clock", pid);
    let status = it.world.status();
    let clock = status.modules.iter().find(|module| module.name == "Clock").unwrap();
    assert!(clock.restarts > 0);
    it.otrsd(&["restart", "SchedulerTaskWorker"]).ok();
}

/// Many short rounds are longer than the watchdog waits, and one alone hangs.
#[test]
fn a_round_that_hangs_is_ended() {
    let it = Installation::new(Database::Postgres);
    let file = it.home.join("Custom/Kernel/System/Daemon/DaemonModules");
    fs::create_dir_all(&file).unwrap();
    let hangs = CLOCK
        .replace("::Clock;", "::Hangs;")
        .replace("return ++$Self->{Rounds} < 3", "return ++$Self->{Rounds} < 13 || sleep 1000");
    fs::write(file.join("Hangs.pm"), hangs).unwrap();
    let package = "Kernel::System::Daemon::DaemonModules::Hangs";
    it.edit(&format!(
        "$Self->{{DaemonModules}}->{{Hangs}} = {{ Module => '{package}', WatchdogSeconds => 6 }};"
    ));
    it.otrsd(&["start"]).ok();
    // On a slow machine a life may end before its first round.
    let hanging = wait_within(Duration::from_mins(3), "13 rounds", || {
        let log = it.world.read("log/HangsERR.log");
        let pids: BTreeSet<_> =
            log.lines().filter_map(|line| line.strip_prefix("round ")).collect();
        let is_whole = |pid: &&str| log.matches(&format!("round {pid}\n")).count() == 13;
        pids.into_iter().find(is_whole)?.parse().ok()
    });
    it.world.running_anew("Hangs", hanging);
    let status = it.otrsd(&["status"]).ok().stdout;
    assert!(status.contains("no finished round within WatchdogSeconds"), "{status}");
}

/// A release lists the checksums of its files: what was changed itself runs in Perl, the rest natively.
#[test]
fn a_changed_package_is_not_replaced() {
    let it = Installation::new(Database::Postgres);
    let directory = "Kernel/System/Daemon/DaemonModules";
    let list = it.perl(&format!(
        "require Digest::MD5; chdir q[{}]; local $/;
         for (sort glob '{directory}/S*.pm') {{ open my $F, '<', $_; print Digest::MD5::md5_hex(<$F>), qq[::$_\n] }}",
        it.home.display()
    ));
    assert_eq!(list.lines().count(), STOCK.len(), "{list}");
    fs::write(it.home.join("ARCHIVE"), list).unwrap();
    it.otrsd(&["check"]).ok();
    let file = it.home.join(directory).join("SchedulerCronTaskManager.pm");
    // It is a link to the code that all installations of the tests share.
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, format!("{text}\n# changed\n")).unwrap();
    let told = it.otrsd(&["check"]).failed(3).stdout;
    let expected = "runs in Perl and not natively, for Kernel/System/Daemon/DaemonModules/SchedulerCronTaskManager.pm \
                    differs from its checksum in ARCHIVE";
    assert!(told.contains(expected) && told.contains("1 problem"), "{told}");
    it.otrsd(&["start"]).ok();
    for name in STOCK {
        let pid = it.world.running(name);
        let line = command_line(pid);
        let is_native = line.contains(&format!(" module run {name}"));
        assert_eq!(is_native, name != "SchedulerCronTaskManager", "{name}: {line}");
    }
}

/// The web interface learns from its cache, whatever that is, that the daemon runs.
#[test]
fn another_cache_is_kept_by_perl() {
    let it = Installation::new(Database::Postgres);
    fs::create_dir_all(it.home.join("Custom/Kernel/System/Cache")).unwrap();
    fs::write(it.home.join("Custom/Kernel/System/Cache/Elsewhere.pm"), ELSEWHERE).unwrap();
    it.edit("$Self->{'Cache::Module'} = 'Kernel::System::Cache::Elsewhere';");
    it.otrsd(&["check"]).ok();
    it.otrsd(&["start"]).ok();
    let notes = it.home.join("var/tmp/elsewhere");
    let beats = |pid: Option<i32>| {
        let text = fs::read_to_string(&notes).unwrap_or_default();
        let pids = text.lines().filter_map(|line| line.strip_prefix("1 1 30 "));
        pids.map(|it| it.parse().unwrap()).find(|it| Some(*it) != pid)
    };
    let first = wait_until("a beat", || beats(None));
    // The process is killed, and another one beats.
    signal(first, Signal::SIGKILL);
    wait_until("a beat of another one", || beats(Some(first)));
    it.otrsd(&["stop"]).ok();
    it.world.deserted();
}

const ELSEWHERE: &str = r#"
package Kernel::System::Cache::Elsewhere;
use strict;
use warnings;
our @ObjectDependencies = ('Kernel::Config');
sub new { return bless {}, shift }
sub Set {
    my ( $Self, %Param ) = @_;
    return 1 if $Param{Type} ne 'DaemonRunning';
    my $Home = $Kernel::OM->Get('Kernel::Config')->Get('Home');
    open my $File, '>>', "$Home/var/tmp/elsewhere" or die $!;
    print {$File} "$Param{Key} $Param{Value} $Param{TTL} $$\n";
    return 1;
}
sub Get     {return}
sub Delete  { return 1 }
sub CleanUp { return 1 }
1;
"#;

const CLOCK: &str = r#"
package Kernel::System::Daemon::DaemonModules::Clock;
use strict;
use warnings;
use parent qw(Kernel::System::Daemon::BaseDaemon);
our @ObjectDependencies = ('Kernel::System::DB');

sub new {
    my ( $Type, %Param ) = @_;
    return bless { Rounds => 0 }, $Type;
}

sub PreRun { return $Kernel::OM->Get('Kernel::System::DB')->Ping(); }

sub Run {
    my ($Self) = @_;
    print STDERR "round $$
";
    return ++$Self->{Rounds} < 3;
}

sub PostRun { select undef, undef, undef, 0.6; return 1; }

sub Summary {
    return (
        {   Header        => 'Rounds of the clock:',
            Column        => [ { Name => 'Rounds', DisplayName => 'Rounds', Size => 10 } ],
            Data          => [ { Rounds => 12 } ],
            NoDataMessage => '',
        },
    );
}
1;
"#;
