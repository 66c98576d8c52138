//! What native modules complain of, in the installation's own log beside what its Perl writes.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixDatagram,
        process::CommandExt as _,
    },
};

use nix::unistd::geteuid;

use crate::{
    harness::{finish, wait_until},
    installation::Installation,
    tasks::Database,
};

const OURS: &str = "[Error][Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker";
const PERL: &str = "$Kernel::OM->Get('Kernel::System::Log')->Log( Priority => 'error', Message => 'Gr\u{fc}\u{df}e of Perl' );
    return 1";

/// A task that no handler is there for, and one whose handler writes into the log.
fn complaints(it: &Installation) {
    it.otrsd(&["task", "add", "--type", "Nobody", "--name", "one"]).ok();
    let task = it.ended(&it.probe(PERL));
    assert_eq!(task["executions"][0]["outcome"], "success", "{task:#}");
}

#[test]
fn in_a_file() {
    let it = Installation::new(Database::Postgres).with_probe();
    let file = it.world.text("run/otrs.log");
    it.edit(&format!(
        "$Self->{{LogModule}} = 'Kernel::System::Log::File'; $Self->{{'LogModule::LogFile'}} = '{file}';"
    ));
    it.otrsd(&["start"]).ok();
    complaints(&it);
    let lines = wait_until("two lines", || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let find = |what: &str| text.lines().find(|line| line.contains(what)).map(str::to_owned);
        Some([find("TaskType###Nobody")?, find("Gr\u{fc}\u{df}e of Perl")?])
    });
    // [Thu Nov 26 00:18:00 2026][Error][who]
    for line in &lines {
        let (time, rest) = line.split_at(26);
        assert!(time.starts_with('[') && time.ends_with(']'), "{line}");
        assert!(rest.starts_with(OURS), "{line}");
    }
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o660, 0o660);
}

/// Each process finds a `/dev/log` of this test's.
#[test]
fn in_the_systems_log() {
    if !geteuid().is_root() {
        return;
    }
    let it = Installation::new(Database::Postgres).with_probe();
    it.edit("$Self->{'LogModule::SysLog::Facility'} = 'local3';");
    let socket = UnixDatagram::bind(it.world.path("syslog")).unwrap();
    socket.set_nonblocking(true).unwrap();
    fs::set_permissions(it.world.path("syslog"), fs::Permissions::from_mode(0o777)).unwrap();
    let user = fs::metadata(&it.home).unwrap();
    let mut command = it.world.command("unshare");
    command.uid(0).gid(0).env("OTRS_HOME", &it.home).args(["--mount", "sh", "-ec"]);
    command.arg(format!(
        "mkdir dev; mount -t tmpfs none dev; cp -a /dev/null /dev/zero /dev/random /dev/urandom dev
         ln -s \"$PWD/syslog\" dev/log; mount --bind dev /dev
         exec setpriv --reuid={} --regid={} --clear-groups {} start",
        user.uid(),
        user.gid(),
        it.world.program.display()
    ));
    finish(command).ok();
    complaints(&it);
    let mut all = Vec::new();
    let found = wait_until("two messages", || {
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            all.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        let find = |what: &str| all.iter().find(|line| line.contains(what)).cloned();
        Some([find("TaskType###Nobody")?, find("Gr\u{fc}\u{df}e of Perl")?])
    });
    for line in &found {
        assert!(line.starts_with("<155>"), "local3, an error: {line}");
        let identity = " OTRS-otrs.Daemon.pl - Daemon Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker-10[";
        assert!(line.contains(identity) && line.contains(&format!("]: {OURS}")), "{line}");
    }
}

/// It is said once, and nothing else is different.
#[test]
fn one_that_cannot_be_written() {
    let it = Installation::new(Database::Postgres).with_probe();
    it.edit(
        "$Self->{LogModule} = 'Kernel::System::Log::File'; $Self->{'LogModule::LogFile'} = '/no/such/place';",
    );
    it.otrsd(&["start"]).ok();
    for name in ["Nobody", "Neither"] {
        it.otrsd(&["task", "add", "--type", name, "--name", "one"]).ok();
        wait_until("a complaint", || {
            let text = it.world.read("log/SchedulerTaskWorkerERR.log");
            text.contains(&format!("TaskType###{name}")).then_some(())
        });
    }
    assert_eq!(it.ended(&it.probe("return 1"))["executions"][0]["outcome"], "success");
    let text = it.world.read("log/SchedulerTaskWorkerERR.log");
    let told = "the installation's log, /no/such/place: No such file or directory";
    assert_eq!(text.matches(told).count(), 1, "{text}");
}
