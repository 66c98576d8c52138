"""A whole Znuny to throw away, and copies of it for other nodes of its database. As root; everything runs as its user."""
import json, os, pwd, shutil, subprocess

from common import ROOT, Broken, copy, is_alive, kill, require, wait


class Installation:
    def __init__(self, home, url=None):
        """Made anew where a server's `url` is given."""
        self.home = home
        if url:
            make = [os.path.join(ROOT, "scripts/znuny-installation"), os.environ["ZNUNY_HOME"], url, home]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        self.user = pwd.getpwuid(os.stat(home).st_uid)
        self.program = home + "-otrsd"
        copy(os.path.join(ROOT, "target/release/otrsd"), self.program)
        self.config = self.read("Kernel/Config.pm")

    def twin(self, home):
        """Another node's copy, on the same database."""
        subprocess.run(["cp", "--archive", self.home, home], check=True)
        shutil.rmtree(os.path.join(home, "var/tmp"))
        os.makedirs(os.path.join(home, "var/tmp"))
        with open(os.path.join(home, "Kernel/Config.pm"), "w") as file:
            file.write(self.config.replace(self.home, home))
        shutil.chown(os.path.join(home, "var/tmp"), self.user.pw_uid, self.user.pw_gid)
        return Installation(home)

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
        begin = "use strict; use warnings; use Kernel::System::ObjectManager;\n" \
                "local $Kernel::OM = Kernel::System::ObjectManager->new();\n"
        return subprocess.Popen(["perl", *includes, "-e", begin + script, *map(str, arguments)], **pipes, **self.how())

    def pid(self, module=None):
        """Of one of otrsd's modules, or its supervisor; None while there is none."""
        done = self.otrsd("status", "--json")
        if done.returncode:
            return None
        status = json.loads(done.stdout)
        modules = {it["name"]: it["pid"] for it in status["modules"]}
        return modules.get(module) if module else status["pid"]

    def start(self):
        """As a service manager would: again, until it runs."""
        wait("the start of otrsd", lambda: self.otrsd("start").returncode == 0 and self.pid())

    def originals(self):
        """The processes of the original's daemon that have their home here."""
        def is_one(pid):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    return b"otrs.Daemon.pl\0start" in file.read() and os.readlink("/proc/%s/cwd" % pid) == self.home
            except OSError:
                return False
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_one(pid) and is_alive(int(pid))]

    def end(self):
        """Nothing of it is to be left, whatever happened."""
        self.otrsd("stop", "--force")
        for pid in self.originals():
            kill(pid)
