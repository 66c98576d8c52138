"""A real Znuny of a benchmark: its own directory and database. As root; everything runs as its user."""
import os, pwd, subprocess

from common import *

ADD = """my ( $Count, $Pause, $Notes ) = @ARGV;
for my $Mark ( 1 .. $Count ) {
    $Kernel::OM->Get('Kernel::System::Scheduler')->TaskAdd( Type => 'AsynchronousExecutor', Name => 'NoOp', Attempts => 1,
        Data => { Object => 'Kernel::System::NoOp', Function => 'Run', Params => { Mark => $Mark, Notes => $Notes } } ) or die;
    printf "%s %.6f\\n", $Mark, Time::HiRes::time();
    Time::HiRes::sleep( $Pause * ( 0.5 + rand ) ) if $Pause;
}
"""


class Installation:
    def __init__(self, home, url=None):
        """Made anew where a server's `url` is given."""
        self.home = home
        if url:
            require(os.environ.get("ZNUNY_HOME"), "ZNUNY_HOME is not set: scripts/znuny-home DIR makes a Znuny")
            make = [os.path.join(ROOT, "scripts/znuny-installation"), os.environ["ZNUNY_HOME"], url, home]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        self.user = pwd.getpwuid(os.stat(home).st_uid)
        self.program = home + "-otrsd"
        copy(os.path.join(ROOT, "target/release/otrsd"), self.program)
        self.config = self.read("Kernel/Config.pm")

    def read(self, name):
        with open(os.path.join(self.home, name)) as file:
            return file.read()

    def write(self, name, text):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def configure(self, lines):
        """In Perl, into the administrator's file."""
        self.write("Kernel/Config.pm", self.config.replace("    return 1;", "    %s\n    return 1;" % lines))

    def how(self):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "OTRS_HOME": self.home, "LC_ALL": "C.UTF-8"}
        return {"env": environment, "cwd": self.home, "user": self.user.pw_uid, "group": self.user.pw_gid,
                "extra_groups": [], "text": True}

    def otrsd(self, *arguments):
        return subprocess.run([self.program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, **self.how())

    def must(self, *arguments):
        done = self.otrsd(*arguments)
        require(done.returncode == 0, "otrsd %s: exit %d: %s" % (" ".join(arguments)[:80], done.returncode, done.stderr))
        return done.stdout

    def original(self, verb):
        """It keeps the output of whoever starts it open."""
        subprocess.run([os.path.join(self.home, "bin/otrs.Daemon.pl"), verb], stdin=subprocess.DEVNULL, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.how())

    def perl(self, script, *arguments, **pipes):
        """A process with the installation's objects."""
        includes = ["-I" + os.path.join(self.home, it) for it in ("Custom", "", "Kernel/cpan-lib")]
        begin = "use strict; use warnings; use Time::HiRes (); use Kernel::System::ObjectManager;\n" \
                "local $Kernel::OM = Kernel::System::ObjectManager->new();\n"
        return subprocess.Popen(["perl", *includes, "-e", begin + script, *map(str, arguments)], **pipes, **self.how())


class Workshop(Installation):
    """With one more package of its own, NoOp, whose function the tasks call and which notes what it does."""

    def __init__(self, directory, url, package):
        os.chmod(directory, 0o755)
        super().__init__(os.path.join(directory, "znuny_bench"), url)
        self.notes = os.path.join(self.home, "var/tmp/notes")
        self.write("Custom/Kernel/System/NoOp.pm", package)

    def add(self, count, pause=0):
        """When each was there."""
        out, _ = self.perl(ADD, count, pause, self.notes, stdout=subprocess.PIPE).communicate()
        added = dict(line.split() for line in out.splitlines())
        require(len(added) == count, "%d tasks of %d were added" % (len(added), count))
        return added

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
