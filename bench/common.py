"""What the scripts that break the daemon share: databases to throw away, and daemons that use them."""
import json, os, signal, sqlite3, subprocess, tempfile, threading, time
from xml.sax.saxutils import escape

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = "Kernel::System::Daemon::DaemonModules::"
WORKER, MANAGER = "SchedulerTaskWorker", "SchedulerFutureTaskManager"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
DATABASES = ("sqlite", "postgres", "mariadb")
# What `status` exits with while a module waits for its database.
DEGRADED = 5


class Broken(Exception):
    """An invariant does not hold."""


def build():
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "otrsd"], cwd=ROOT, check=True)


def wait(what, condition, seconds=60, pause=0.01):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Broken("waited %d s in vain for %s" % (seconds, what))
        time.sleep(pause)


def require(holds, what):
    if not holds:
        raise Broken(what)


def task_id(ident):
    """The public id: base32."""
    return "".join(ALPHABET[ident >> 5 * place & 31] for place in reversed(range(12)))


def ident_of(text):
    number = 0
    for character in text:
        number = number << 5 | ALPHABET.index(character)
    return number


def copy(source, target):
    """By another process: what a thread of ours starts meanwhile would hold the program open for writing."""
    subprocess.run(["cp", source, target], check=True)


class Servers:
    """Servers that sync to disk as in production, in a directory that is removed."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="otrsd-servers-")
        self.urls = {}

    def call(self, verb):
        environment = dict(os.environ, OTRSD_DURABLE="1")
        command = [os.path.join(ROOT, "scripts/databases"), verb, self.directory]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    def start(self):
        for line in self.call("start").splitlines():
            name, url = line.removeprefix("export OTRSD_TEST_").split("=", 1)
            self.urls[name.lower()] = url

    def pid(self, kind):
        file = {"postgres": "postgres/postmaster.pid", "mariadb": "sockets/mariadb.pid"}[kind]
        with open(os.path.join(self.directory, file)) as lines:
            return int(lines.readline())

    def kill(self, kind):
        """As a failing machine would: nothing is flushed."""
        pid = self.pid(kind)
        os.kill(pid, signal.SIGQUIT if kind == "postgres" else signal.SIGKILL)
        wait("the end of " + kind, lambda: not is_alive(pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.call("stop")


class Database:
    """A fresh database; asked by the client program of its server."""

    def __init__(self, kind, servers, directory):
        self.kind, self.lock, self.client = kind, threading.Lock(), None
        if kind == "sqlite":
            self.url = "sqlite:" + os.path.join(directory, "tasks.db")
            return
        name = "faults_" + os.urandom(6).hex()
        self.url = servers.urls[kind]
        self.ask("CREATE DATABASE " + name)
        self.close()
        self.url = self.url.rsplit("/", 1)[0] + "/" + name

    @staticmethod
    def at(kind, url):
        """One that is there already."""
        it = object.__new__(Database)
        it.kind, it.lock, it.client, it.url = kind, threading.Lock(), None, url
        return it

    def address(self):
        """Host and port of the server."""
        host, port = self.url.split("@")[1].split("/")[0].split(":")
        return host, int(port)

    def command(self):
        if self.kind == "postgres":
            return ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t",
                    "--set=ON_ERROR_STOP=1", self.url]
        host, port = self.address()
        return ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--unbuffered", "--host=" + host,
                "--port=%d" % port, "--user=otrsd", self.url.rsplit("/", 1)[1]]

    def ask(self, sql):
        """The rows of one statement, each a list of texts. Fails where the database does not answer."""
        with self.lock:
            if self.kind == "sqlite":
                return self.ask_file(sql)
            if self.client is None:
                self.client = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                               stderr=subprocess.PIPE, text=True)
            try:
                self.client.stdin.write(sql + ";\nSELECT '--end--';\n")
                self.client.stdin.flush()
            except OSError:
                pass
            rows = []
            for line in self.client.stdout:
                if line == "--end--\n":
                    return rows
                rows.append(line.rstrip("\n").split("\t"))
            error = self.client.stderr.read().strip()
            self.client.wait()
            self.client = None
            raise OSError(error)

    def ask_file(self, sql):
        if self.client is None:
            self.client = sqlite3.connect(self.url.removeprefix("sqlite:"), timeout=60, isolation_level=None,
                                          check_same_thread=False)
        return [["" if cell is None else str(cell) for cell in row] for row in self.client.execute(sql)]

    def another(self):
        """A connection of its own."""
        return Database.at(self.kind, self.url)

    def count(self, what):
        return int(self.ask("SELECT COUNT(*) FROM " + what)[0][0])

    def idents(self, what):
        return [int(row[0]) for row in self.ask("SELECT ident FROM " + what)]

    def close(self):
        if self.client is not None and self.kind != "sqlite":
            self.client.stdin.close()
            self.client.wait()
        elif self.client is not None:
            self.client.close()
        self.client = None


def setting(name, value):
    """The XML of a setting: a text, a list, or a hash of both."""
    def item(value, key=""):
        key = ' Key="%s"' % key if key else ""
        return "<Item%s>%s</Item>" % (key, inside(value))

    def inside(value):
        if isinstance(value, dict):
            return "<Hash>%s</Hash>" % "".join(item(it, key) for key, it in value.items())
        if isinstance(value, list):
            return "<Array>%s</Array>" % "".join(map(item, value))
        return escape(str(value))

    value = inside(value) if isinstance(value, (dict, list)) else item(value)
    return '<Setting Name="%s" Valid="1"><Value>%s</Value></Setting>\n' % (name, value)


class Node:
    """A daemon with a directory and a copy of the program of its own."""

    def __init__(self, directory, url, types, number=1, slots=8, worker=None, more=(), below=(),
                 environment=None):
        self.directory, self.number = os.path.join(directory, "node%d" % number), number
        self.url, self.types, self.slots, self.worker_keys = url, types, slots, worker or {}
        self.more, self.environment = list(more), environment or {}
        self.layers = ":".join([*below, self.path("config")])
        os.makedirs(self.path("config"))
        self.binary = self.path("otrsd")
        copy(os.path.join(ROOT, "target/release/otrsd"), self.binary)
        self.configure()

    def path(self, name):
        return os.path.join(self.directory, name)

    def configure(self, **more):
        """Writes the settings; `more` go into the worker's registration."""
        self.worker_keys |= more
        with open(self.path("config/new"), "w") as file:
            file.write('<otrsd_config version="2.0" init="Application">\n')
            for name, value in [
                ("NodeID", self.number), ("DatabaseURL", self.url),
                ("Daemon::PID::Path", self.path("run")), ("Daemon::Log::LogPath", self.path("log")),
                ("Daemon::SchedulerTaskWorker::MaximumWorkers", self.slots),
                ("DaemonModules###" + WORKER, {"Module": PACKAGES + WORKER, **self.worker_keys}),
                ("DaemonModules###" + MANAGER, {"Module": PACKAGES + MANAGER}),
                *(("Daemon::SchedulerTaskWorker::TaskType###" + name, keys) for name, keys in self.types.items()),
                *self.more,
            ]:
                file.write(setting(name, value))
            file.write("</otrsd_config>\n")
        os.rename(self.path("config/new"), self.path("config/node.xml"))

    def call(self, *arguments):
        environment = dict(os.environ, OTRSD_CONFIG=self.layers, **self.environment)
        return subprocess.run([self.binary, *arguments], env=environment, capture_output=True, text=True)

    def must(self, *arguments):
        done = self.call(*arguments)
        require(done.returncode == 0, "otrsd %s: exit %d: %s" % (
            " ".join(arguments)[:100], done.returncode, done.stderr.strip()))
        return done.stdout.strip()

    def start(self):
        """As a service manager would: again, until it runs. Just after a kill, start takes the dead one for alive."""
        wait("the start of node %d" % self.number, lambda: self.call("start").returncode == 0 and self.status())

    def status(self):
        done = self.call("status", "--json")
        return json.loads(done.stdout) if done.returncode in (0, DEGRADED) else None

    def pid(self, module=None):
        """Of a module or the supervisor; None while there is none."""
        status = self.status()
        if status is None or module is None:
            return status and status["pid"]
        return next((it["pid"] for it in status["modules"] if it["name"] == module), None)

    def running(self, module=WORKER):
        return wait("%s of node %d" % (module, self.number), lambda: self.pid(module))

    def children(self, module=WORKER):
        """The module's processes, which are the handlers."""
        try:
            pid = self.pid(module)
            with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
                return [int(word) for word in file.read().split()]
        except (OSError, TypeError):
            return []

    def processes(self):
        """All of this daemon, by the run's mark in their environment, but for the supervisor itself."""
        mark, found = (self.path("run") + "/Daemon-NodeID-%d.pid:" % self.number).encode(), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/environ" % pid, "rb") as file:
                    if mark in file.read():
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def kill(self, module=None):
        """kill -9; None if it was not there."""
        pid = self.pid(module)
        return pid and kill(pid)

    def kill_all(self):
        """A machine that goes down."""
        for pid in [self.pid(), *self.processes()]:
            kill(pid)

    def stop(self):
        self.call("stop", "--force")


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def memory(pid):
    """Its share of memory (PSS) and its resident memory, in MB."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        lines = dict(line.split(":") for line in file if ":" in line and "-" not in line.split(":")[0])
    return int(lines["Pss"].split()[0]) / 1024, int(lines["Rss"].split()[0]) / 1024


def processor(pid, children=False):
    """Seconds that a process used, with those of its dead children if so asked."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15 if children else 13])) / os.sysconf("SC_CLK_TCK")


def kill(pid):
    """kill -9, until it is dead; None if there was no such process."""
    try:
        os.kill(pid, signal.SIGKILL)
        wait("the end of process %d" % pid, lambda: not is_alive(pid), pause=0.001)
        return pid
    except ProcessLookupError:
        return None
