//! A world with an installation of a real Znuny.

use std::{env, fs, os::unix::fs::MetadataExt as _, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::{
    harness::{Outcome, World, finish, finish_within, wait_until},
    tasks::Database,
};

/// A world with an installation, whose user runs everything.
pub(crate) struct Installation {
    pub(crate) world: World,
    pub(crate) home: PathBuf,
}

impl Installation {
    pub(crate) fn new(database: Database) -> Self {
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
    pub(crate) fn otrsd(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.world.command(&self.world.program);
        command.env("OTRS_HOME", &self.home).args(arguments);
        finish(command)
    }

    /// One of the installation's own console commands. A deployment is 15 s of work, and there are many more
    /// processes than processors.
    #[track_caller]
    pub(crate) fn console(&self, arguments: &[&str]) -> String {
        self.console_within(Duration::from_mins(10), arguments)
    }

    #[track_caller]
    pub(crate) fn console_within(&self, deadline: Duration, arguments: &[&str]) -> String {
        let mut command = self.world.command(self.home.join("bin/otrs.Console.pl"));
        command.args(arguments).arg("--no-ansi");
        finish_within(deadline, command).ok().stdout
    }

    /// The original's program, which keeps the output of whoever calls it open.
    #[track_caller]
    pub(crate) fn original(&self, verb: &str) {
        let mut command = self.world.command("/bin/sh");
        command.arg("-c").arg(format!("bin/otrs.Daemon.pl {verb} >/dev/null 2>&1"));
        command.current_dir(&self.home);
        finish(command).ok();
    }

    /// What a script prints that has the installation's objects.
    #[track_caller]
    pub(crate) fn perl(&self, script: &str) -> String {
        let begin = "use utf8; use Kernel::System::ObjectManager; local $Kernel::OM = Kernel::System::ObjectManager->new();";
        let home = self.home.to_str().unwrap();
        let mut command = self.world.command("perl");
        command.args([&format!("-I{home}"), &format!("-I{home}/Kernel/cpan-lib"), "-e"]);
        command.arg(format!("{begin} {script}"));
        finish(command).ok().stdout
    }

    /// Changes the settings as an administrator with an editor would.
    pub(crate) fn edit(&self, line: &str) {
        let file = self.home.join("Kernel/Config.pm");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("    return 1;", &format!("    {line}\n    return 1;")))
            .unwrap();
    }
}

/// A handler that does what its task says, in Perl.
const PROBE: &str = r"
package Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker::Probe;
use strict;
use warnings;
use parent qw(Kernel::System::Daemon::DaemonModules::BaseTaskWorker);
our @ObjectDependencies = ();
our $Count = 0;

sub new { return bless {}, shift }

sub Run {
    my ( $Self, %Param ) = @_;
    my $Sub = eval qq[sub { $Param{Data}->{Code} }] or die $@;
    return $Sub->(%Param);
}
1;
";

/// The tasks of an installation.
impl Installation {
    /// Gives it the handler Probe, whose tasks say in Perl what they do.
    pub(crate) fn with_probe(self) -> Self {
        let place = "Custom/Kernel/System/Daemon/DaemonModules/SchedulerTaskWorker";
        fs::create_dir_all(self.home.join(place)).unwrap();
        fs::write(self.home.join(place).join("Probe.pm"), PROBE).unwrap();
        self
    }

    /// Adds a task of the handler Probe; its id.
    #[track_caller]
    pub(crate) fn probe(&self, code: &str) -> String {
        let data = json!({ "Code": code }).to_string();
        let added =
            self.otrsd(&["task", "add", "--type", "Probe", "--name", "probe", "--data", &data]);
        added.ok().stdout.trim().to_owned()
    }

    /// Waits until a task is done or held; what is known of it.
    #[track_caller]
    pub(crate) fn ended(&self, id: &str) -> Value {
        wait_until(&format!("the end of {id}"), || {
            let text = self.otrsd(&["task", "show", id, "--json"]).ok().stdout;
            let task: Value = serde_json::from_str(&text).unwrap();
            let state = task["state"].as_str().unwrap();
            (!matches!(state, "waiting" | "future" | "running" | "retry")).then_some(task)
        })
    }
}
