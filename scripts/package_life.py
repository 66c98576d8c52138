"""Runs inside of the fresh Debian of scripts/package-life: what an administrator does with the package."""

import json
import re
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path

SETTINGS = """<otrsd_config version="2.0" init="Config">
    <Setting Name="Daemon::SchedulerTaskWorker::TaskType###Greet" Valid="1"><Value><Hash>
        <Item Key="Command"><Array><Item>/bin/sh</Item><Item>-c</Item>
            <Item>echo "Good day, $OTRSD_TASK_NAME"</Item></Array></Item>
    </Hash></Value></Setting>
    <Setting Name="Daemon::SchedulerTaskWorker::TaskType###Long" Valid="1"><Value><Hash>
        <Item Key="Command"><Array><Item>sleep</Item><Item>15</Item></Array></Item>
    </Hash></Value></Setting>
</otrsd_config>
"""


def run(*command, fails=False):
    """What the command printed; it must succeed, or fail if that is expected."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def step(text):
    print(text, flush=True)


def check(holds, text):
    if not holds:
        raise SystemExit(f"NOT SO: {text}")


def wait_for(what, condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise SystemExit(f"NOT SO within 30 s: {what}")


def unit(name):
    return run("systemctl", "show", "--value", f"--property={name}", "otrsd")


def exposed(name, limit):
    said = run("systemd-analyze", "security", "--no-pager", name)
    exposure = float(re.search(r"exposure level for .*: ([0-9.]+)", said)[1])
    check(exposure < limit, f"the exposure of {name} is {exposure}")
    step(f"  systemd-analyze security {name}: {exposure}")


def nobody_is_left():
    for program in Path("/proc").glob("[0-9]*/comm"):
        check("otrsd" not in program.read_text(), f"no process is left: {program}")


def executions(task_type):
    """The ledger's rows of a type."""
    listed = run("otrsd", "task", "list", "--state", "done", "--type", task_type, "--json")
    return json.loads(listed)


def installed(package):
    run("apt-get", "install", "--yes", "--no-install-recommends", package)
    wait_for("a running service", lambda: unit("ActiveState") == "active")


def a_fresh_installation():
    step("installed: the service runs, a task is done")
    installed("/opt/old.deb")
    check(unit("User") == "otrsd", "the service has its own user")
    check(run("systemctl", "is-enabled", "otrsd") == "enabled", "it starts with the machine")
    check(run("stat", "--format=%U %a", "/var/lib/otrsd") == "otrsd 750", "its directory is its own")
    Path("/etc/otrsd/ours.xml").write_text(SETTINGS)
    run("otrsd", "check")
    run("systemctl", "reload", "otrsd")
    said = run("otrsd", "task", "add", "--type", "Greet", "--name", "Debian", "--wait")
    shown = run("otrsd", "task", "show", said.split()[0])
    check("Good day, Debian" in shown, f"the task greets: {shown}")
    for page in ("otrsd", "otrsd-task-add"):
        check("otrsd" in run("man", "--pager=cat", page), f"there is a manual page {page}")
    check(run("otrsd", "console-url").startswith("http://127.0.0.1:8440/"), "the console is there")
    exposed("otrsd.service", 2.5)
    run("logrotate", "--force", "/etc/logrotate.d/otrsd")
    run("otrsd", "status")


# A help desk's daemon that calls sendmail: a program with the rights of another group, and one with those of root.
MAIL = """[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/local/bin/queue /var/spool/queue/%i-by-group
ExecStart=/usr/local/bin/deliver /var/spool/queue/%i-by-root
ExecStart=/bin/touch /opt/%i/var/ours
ExecStart=/bin/sh -c '! deliver /usr/local/theirs && ! deliver /etc/theirs && ! deliver /home/theirs'
"""


def the_unit_of_a_help_desk():
    step("a help desk's unit: sendmail works, more is forbidden where mail leaves by SMTP")
    for name, group, mode in (("queue", "mail", "2755"), ("deliver", "root", "4755")):
        run("install", "--group", group, "--mode", mode, "/usr/bin/touch", f"/usr/local/bin/{name}")
    run("install", "--directory", "--group=mail", "--mode=0770", "/var/spool/queue")
    run("install", "--directory", "--owner=games", "/opt/games/var")
    override = Path("/etc/systemd/system/otrsd-home@games.service.d")
    override.mkdir()
    (override / "mail.conf").write_text(MAIL)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "otrsd-home@games")
    owners = run("stat", "--format=%n %U %G", *sorted(Path("/var/spool/queue").iterdir()))
    check(owners.split("\n") == [
        "/var/spool/queue/games-by-group games mail",
        "/var/spool/queue/games-by-root root games",
    ], f"sendmail has its rights: {owners}")
    exposed("otrsd-home@games.service", 7.0)
    run("cp", "/usr/share/doc/otrsd/otrsd-home-smtp.conf", override)
    run("systemctl", "daemon-reload")
    exposed("otrsd-home@games.service", 2.5)
    run("systemctl", "start", "otrsd-home@games", fails=True)
    run("rm", "-r", override)
    run("systemctl", "daemon-reload")


def broken_settings_are_refused():
    step("broken settings: a reload fails, the daemon runs on")
    broken = Path("/etc/otrsd/broken.xml")
    broken.write_text("<otrsd_config")
    run("systemctl", "reload", "otrsd", fails=True)
    check(unit("ActiveState") == "active", "it runs on")
    broken.unlink()
    run("systemctl", "reload", "otrsd")


class Load(threading.Thread):
    """Adds tasks until it is told to end."""

    def __init__(self):
        super().__init__()
        self.added, self.is_over, self.failure = [], threading.Event(), None

    def run(self):
        try:
            while not self.is_over.is_set():
                name = str(len(self.added))
                self.added.append(run("otrsd", "task", "add", "--type", "Greet", "--name", name))
        except SystemExit as failure:
            self.failure = failure


def an_upgrade_under_load():
    step("upgraded under load")
    supervisor, program = unit("MainPID"), Path("/usr/bin/otrsd").stat().st_ino
    long = [run("otrsd", "task", "add", "--type", "Long") for _ in range(2)]
    load = Load()
    load.start()
    wait_for("tasks before the upgrade", lambda: len(load.added) >= 100)
    installed("/opt/new.deb")
    upgraded = len(load.added)
    wait_for("tasks after it", lambda: len(load.added) >= upgraded + 100)
    load.is_over.set()
    load.join()
    check(load.failure is None, f"every addition succeeds: {load.failure}")
    check(Path("/usr/bin/otrsd").stat().st_ino != program, "there is another program")
    check(unit("MainPID") == supervisor, "the supervisor is the same process")
    check(unit("NRestarts") == "0", "systemd did not restart it")
    running = Path(f"/proc/{supervisor}/exe").stat().st_ino
    check(running == Path("/usr/bin/otrsd").stat().st_ino, "it runs the new program")
    wait_for("all tasks done", lambda: run("otrsd", "task", "list", "--json") == "[]")
    rows = executions("Greet") + executions("Long")
    ended = {it["id"]: it for it in rows}
    check(len(rows) == len(ended), "no task ran twice")
    lost = [it for it in load.added + long if it not in ended]
    check(not lost, f"{len(lost)} tasks are lost")
    cut = [it for it in ended.values() if it["outcome"] != "success"]
    check(not cut, f"no task was cut: {cut[:3]}")
    starts = sorted(datetime.fromisoformat(ended[it]["started"]) for it in load.added)
    gap = max((b - a).total_seconds() for a, b in zip(starts, starts[1:]))
    step(f"  {len(load.added)} tasks added meanwhile, lost 0, cut 0; longest gap between two starts {gap:.3f} s")
    check(gap < 5, "there was no outage")


def removed_and_installed_again():
    step("removed, installed again: tasks and settings are kept")
    run("otrsd", "worker", "pause")
    waiting = run("otrsd", "task", "add", "--type", "Greet", "--name", "kept")
    run("apt-get", "remove", "--yes", "otrsd")
    nobody_is_left()
    check(Path("/var/lib/otrsd/tasks.db").exists(), "the tasks are kept")
    check(Path("/etc/otrsd/otrsd.xml").exists(), "the settings are kept")
    installed("/opt/new.deb")
    run("otrsd", "worker", "resume")
    wait_for("the task that waited", lambda: waiting in [it["id"] for it in executions("Greet")])


def purged():
    step("purged: nothing is left but what was not the package's")
    run("apt-get", "purge", "--yes", "otrsd")
    nobody_is_left()
    for gone in ("/var/lib/otrsd", "/var/log/otrsd", "/etc/otrsd/otrsd.xml", "/etc/logrotate.d/otrsd", "/run/otrsd"):
        check(not Path(gone).exists(), f"{gone} is gone")
    check(Path("/etc/otrsd/ours.xml").exists(), "the administrator's own file is kept")


a_fresh_installation()
the_unit_of_a_help_desk()
broken_settings_are_refused()
an_upgrade_under_load()
removed_and_installed_again()
purged()
