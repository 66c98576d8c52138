"""An installation as one node of a cluster: its copies for other nodes, its daemon, and its end."""
import json, os, shutil, subprocess

from common import DEGRADED, is_alive, kill, wait
from installation import Installation


class Node(Installation):
    def twin(self, home):
        """Another node's copy, on the same database."""
        subprocess.run(["cp", "--archive", self.home, home], check=True)
        shutil.rmtree(os.path.join(home, "var/tmp"))
        os.makedirs(os.path.join(home, "var/tmp"))
        with open(os.path.join(home, "Kernel/Config.pm"), "w") as file:
            file.write(self.config.replace(self.home, home))
        shutil.chown(os.path.join(home, "var/tmp"), self.user.pw_uid, self.user.pw_gid)
        return Node(home)

    def pid(self, module=None):
        """Of one of otrsd's modules, or its supervisor; None while there is none."""
        done = self.otrsd("status", "--json")
        if done.returncode not in (0, DEGRADED):
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
