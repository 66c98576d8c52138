"""A real Znuny of a benchmark: its own directory and database, run by its own user."""
import os, pwd, subprocess

from common import *

ADD = """use strict; use warnings; use Time::HiRes qw(time sleep);
use Kernel::System::ObjectManager; local $Kernel::OM = Kernel::System::ObjectManager->new();
my ( $Count, $Pause, $Notes ) = @ARGV;
for my $Mark ( 1 .. $Count ) {
    $Kernel::OM->Get('Kernel::System::Scheduler')->TaskAdd( Type => 'AsynchronousExecutor', Name => 'NoOp', Attempts => 1,
        Data => { Object => 'Kernel::System::NoOp', Function => 'Run', Params => { Mark => $Mark, Notes => $Notes } } ) or die;
    printf "%s %.6f\\n", $Mark, time;
    sleep( $Pause * ( 0.5 + rand ) ) if $Pause;
}
"""


class Installation:
    """With one more package of its own, NoOp, whose function the tasks call."""

    def __init__(self, directory, url, package):
        os.chmod(directory, 0o755)
        self.directory, self.home = directory, os.path.join(directory, "znuny_bench")
        require(os.environ.get("ZNUNY_HOME"), "ZNUNY_HOME is not set: scripts/znuny-home DIR makes a Znuny")
        subprocess.run([os.path.join(ROOT, "scripts/znuny-installation"), os.environ["ZNUNY_HOME"], url, self.home],
                       check=True, stdout=subprocess.DEVNULL)
        self.user = pwd.getpwuid(os.stat(self.home).st_uid)
        self.notes = os.path.join(self.home, "var/tmp/notes")
        os.makedirs(os.path.join(self.home, "Custom/Kernel/System"), exist_ok=True)
        with open(os.path.join(self.home, "Custom/Kernel/System/NoOp.pm"), "w") as file:
            file.write(package)
        self.program = os.path.join(directory, "otrsd")
        copy(os.path.join(ROOT, "target/release/otrsd"), self.program)
        with open(os.path.join(self.home, "Kernel/Config.pm")) as file:
            self.config = file.read()

    def call(self, *command, quiet=False):
        """`quiet`: the original's daemon keeps the output of whoever starts it open."""
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "OTRS_HOME": self.home, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, env=environment, cwd=self.home, user=self.user.pw_uid, group=self.user.pw_gid,
                              extra_groups=[], text=True, stdin=subprocess.DEVNULL,
                              **dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL if quiet else subprocess.PIPE))
        require(done.returncode == 0, "%s: exit %d: %s%s" % (command[:3], done.returncode, done.stdout, done.stderr))
        return done.stdout

    def configure(self, line):
        with open(os.path.join(self.home, "Kernel/Config.pm"), "w") as file:
            file.write(self.config.replace("    return 1;", "    %s\n    return 1;" % line))

    def add(self, count, pause=0):
        """When each was there."""
        includes = ["-I" + os.path.join(self.home, it) for it in ("Custom", "", "Kernel/cpan-lib")]
        out = self.call("perl", *includes, "-e", ADD, str(count), str(pause), self.notes)
        return dict(line.split() for line in out.splitlines())

    def ran(self):
        try:
            with open(self.notes) as file:
                return [line.split() for line in file]
        except FileNotFoundError:
            return []

    def forget(self):
        if os.path.exists(self.notes):
            os.remove(self.notes)

    def processes(self):
        """All processes of the user."""
        pids = filter(str.isdigit, os.listdir("/proc"))
        return [int(pid) for pid in pids if owner(pid) == self.user.pw_uid]


def owner(pid):
    try:
        return os.stat("/proc/" + pid).st_uid
    except OSError:
        return None
