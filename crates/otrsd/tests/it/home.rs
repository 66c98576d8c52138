//! Installations of a real Znuny, whose daemon modules run in Perl under our supervisor.

use std::{env, fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use crate::{
    harness::{Outcome, World, finish, wait_until},
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

/// A world with an installation, whose user runs everything.
struct Installation {
    world: World,
    home: PathBuf,
}

impl Installation {
    fn new(database: Database) -> Self {
        let world = World::stock();
        let variable = if database == Database::Postgres {
            "OTRSD_TEST_POSTGRES"
        } else {
            "OTRSD_TEST_MARIADB"
        };
        let server = env::var(variable).expect("scripts/databases starts a server for the tests");
        let code = env::var("ZNUNY_HOME").expect("scripts/znuny-home makes a home for the tests");
        let home = world.path(&format!("znuny_{:08x}", fastrand::u32(..)));
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let mut make = world.command(format!("{root}/scripts/znuny-installation"));
        make.args([&code, &server]).arg(&home);
        finish(make).ok();
        let user = fs::metadata(&home).unwrap().uid();
        let world = world.by(user);
        for directory in ["run", "log"] {
            fs::create_dir(world.path(directory)).unwrap();
            std::os::unix::fs::chown(world.path(directory), Some(user), None).unwrap();
        }
        Self { world, home }
    }

    #[track_caller]
    fn otrsd(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.world.command(&self.world.program);
        command.env("OTRS_HOME", &self.home).args(arguments);
        finish(command)
    }

    /// One of the installation's own console commands.
    #[track_caller]
    fn console(&self, arguments: &[&str]) -> String {
        let mut command = self.world.command(self.home.join("bin/otrs.Console.pl"));
        command.args(arguments).arg("--no-ansi");
        finish(command).ok().stdout
    }

    /// Changes the settings as an administrator with an editor would.
    fn edit(&self, line: &str) {
        let file = self.home.join("Kernel/Config.pm");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("    return 1;", &format!("    {line}\n    return 1;")))
            .unwrap();
    }
}

fn it_runs_in_perl(database: Database) {
    let it = Installation::new(database);
    it.otrsd(&["start"]).ok();
    let first: Vec<i32> = STOCK.iter().map(|name| it.world.running(name)).collect();
    for line in it.world.processes().into_iter().filter(|(pid, _)| first.contains(pid)) {
        assert!(line.1.starts_with("otrsd perl module "), "{line:?}");
    }
    assert_eq!(it.otrsd(&["list"]).ok().stdout, it.console(&["Maint::Daemon::List"]));
    // The cron manager writes down each task when it first sees it.
    let ours = wait_until("the same summaries", || {
        let ours = it.otrsd(&["summary"]).ok().stdout;
        (ours == it.console(&["Maint::Daemon::Summary"])).then_some(ours)
    });
    for text in ["Recurrent cron tasks:", "| MailQueueSend ", "Daemon is active."] {
        assert!(ours.contains(text), "{text} in {ours}");
    }
    a_dropped_in_module_starts_by_a_reload(&it);
    it.otrsd(&["stop"]).ok();
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
