"""The scenarios of bench/faults. Each gets an arena and returns lines of the table: measure, goal, measured."""
import contextlib, os, random, shutil, signal, statistics, subprocess, tempfile, threading, time
from collections import Counter, defaultdict

from common import *
from proxy import Proxy

TYPE, SHORT = "Fault", "short 3"
# Where a task can be that has not succeeded.
PLACES = ("scheduler_task", "scheduler_future_task", "otrsd_held")


class Arena:
    """A database, the nodes on it, every task that was added, and what the handlers wrote."""

    def __init__(self, kind, servers, quick, dice):
        self.kind, self.servers, self.quick, self.dice = kind, servers, quick, dice
        self.directory = tempfile.mkdtemp(prefix="otrsd-faults-")
        os.mkdir(os.path.join(self.directory, "locks"))
        self.handler = os.path.join(self.directory, "handler")
        subprocess.run(["cc", "-O2", "-o", self.handler, os.path.join(ROOT, "bench/handler.c")], check=True)
        self.database = Database(kind, servers, self.directory)
        self.nodes, self.added, self.unsure = [], set(), set()

    def start(self, count=1, urls=None, **options):
        for number in range(1, count + 1):
            command = {"Command": [self.handler, self.directory, str(number)], "Timeout": 300, "Attempts": 4,
                       "RetryDelay": 0.5, "RetryDelayMax": 2}
            url = (urls or {}).get(number, self.database.url)
            self.nodes.append(Node(self.directory, url, {TYPE: command}, number, **options))
        self.nodes[-1].must("db", "migrate")
        for node in self.nodes:
            node.start()
            node.running()
        return self.nodes

    def add(self, names, database=None):
        """Adds by SQL, as any program may. A task whose addition failed may be there or not."""
        tasks = {self.dice.randrange(10**17, 10**18): name for name in names}
        values = ", ".join("(%d, '%s', '%s', '{}')" % (ident, TYPE, name) for ident, name in tasks.items())
        insert = "INSERT INTO scheduler_task (ident, task_type, name, task_data) VALUES " + values
        try:
            (database or self.database).ask(insert)
            self.added |= tasks.keys()
            if self.kind == "postgres":
                (database or self.database).ask("SELECT pg_notify('otrsd_task', '')")
        except OSError:
            self.unsure |= tasks.keys() - self.added
        return list(tasks)

    def add_by_command(self, name, *more):
        """What the command acknowledges counts."""
        done = self.dice.choice(self.nodes).call("task", "add", "--type", TYPE, "--name", name, *more)
        if done.returncode == 0:
            self.added.add(ident_of(done.stdout.strip()))

    def log(self):
        """(what, ident, node, process, seconds) of every line of the handlers."""
        try:
            with open(os.path.join(self.directory, "log")) as file:
                lines = [line.split() for line in file]
        except FileNotFoundError:
            return []
        return [(what, ident_of(id), int(node), int(pid), int(time) / 1e6) for what, id, node, pid, time in lines]

    def starts(self, ident):
        return [line for line in self.log() if line[:2] == ("start", ident)]

    def wait_start(self, ident, times=1, seconds=60):
        return wait("start %d of %s" % (times, task_id(ident)),
                    lambda: len(self.starts(ident)) >= times and self.starts(ident)[times - 1], seconds, 0.002)

    def queued(self):
        database = self.database
        return sum(map(database.count, ("scheduler_task", "scheduler_future_task", "otrsd_held WHERE state = 'retry'")))

    def drain(self, seconds=180):
        """Waits until nothing is left to be done; how long it took."""
        begin = time.monotonic()
        wait("the end of the queue", lambda: self.queued() == 0, seconds, 0.1)
        return time.monotonic() - begin

    def retry_held(self):
        """Mends what fails, and retries as an operator does; how many that were."""
        open(os.path.join(self.directory, "repaired"), "w").close()
        held = self.database.idents("otrsd_held")
        for begin in range(0, len(held), 200):
            self.nodes[0].must("task", "retry", *map(task_id, held[begin:begin + 200]))
        self.drain()
        return len(held)

    def check(self):
        """No task lost, none twice at the same time, every execution in the ledger."""
        log, database = self.log(), self.database
        doubles = [line for line in log if line[0] == "double"]
        require(not doubles, "%d executions at the same time as another of the same task, first %s" % (
            len(doubles), [(task_id(line[1]), "node %d" % line[2]) for line in doubles[:3]]))
        ledger = Counter(database.idents("otrsd_execution WHERE outcome <> 'cancelled'"))
        succeeded = Counter(database.idents("otrsd_execution WHERE outcome = 'success'"))
        where = Counter(succeeded.keys())
        for place in PLACES:
            where.update(database.idents(place))
        where.update(set(database.idents("otrsd_execution WHERE outcome = 'cancelled'")))
        self.require_none("lost", (ident for ident in self.added if where[ident] == 0))
        self.require_none("in two places", (ident for ident in where if where[ident] > 1))
        self.require_none("twice a success", (ident for ident in succeeded if succeeded[ident] > 1))
        ended = Counter(line[1] for line in log if line[0] == "end")
        self.require_none("a success without the handler's end", (it for it in succeeded if ended[it] == 0))
        started = Counter(line[1] for line in log if line[0] == "start")
        self.require_none("not all executions in the ledger", (it for it in started if started[it] > ledger[it]))

    def require_none(self, what, idents):
        found = [task_id(ident) for ident in idents]
        require(not found, "%d tasks %s: %s" % (len(found), what, " ".join(found[:5])))

    def end(self, keep):
        for node in self.nodes:
            node.stop()
        try:
            self.database.close()
        finally:
            if not keep:
                shutil.rmtree(self.directory)


def spread(seconds):
    return "median %.2f s, worst %.2f s of %d" % (statistics.median(seconds), max(seconds), len(seconds))


def names(dice):
    """What flows: short ones, longer ones (some with a child), some that fail at first, some for good."""
    kind = dice.random()
    if kind < 0.08:
        return "long %d 0 %d" % (dice.randrange(100, 3000), dice.randrange(2))
    if kind < 0.14:
        return "failing 3 %d" % dice.choice([1, 1, 2, 99])
    return "short %d" % dice.randrange(2, 8)


def flow(arena, count, seconds):
    """Adds tasks over a time, in every way there is."""
    database, dice, begin = arena.database.another(), arena.dice, time.monotonic()
    while len(arena.added) + len(arena.unsure) < count:
        share = (time.monotonic() - begin) / seconds
        due = min(count, int(count * share)) - len(arena.added) - len(arena.unsure)
        if due > 0:
            arena.add([names(dice) for _ in range(due)], database)
            arena.add_by_command(names(dice))
            arena.add_by_command(names(dice), "--at", "+%ds" % dice.randrange(1, 5))
        time.sleep(0.1)
    database.close()


def kills(arena):
    rounds, count = (15, 400) if arena.quick else (200, 5000)
    nodes, dice = arena.start(2), arena.dice
    feeder = threading.Thread(target=flow, args=(arena, count, rounds * 0.6))
    feeder.start()
    killed = Counter()
    for _ in range(rounds):
        time.sleep(dice.uniform(0.1, 0.9))
        node, victim = dice.choice(nodes), dice.choice([WORKER, WORKER, MANAGER, "supervisor", "handler", "handler"])
        if victim == "handler":
            # Longer than it takes to find them on a machine that is busy.
            arena.add(["long 5000 0 1"] * 4)
            wait("a handler", lambda: any(map(Node.children, nodes)))
            node = next(filter(Node.children, nodes), node)
            gone = sum(kill(pid) is not None for pid in sorted(node.children())[:2])
        else:
            gone = node.kill(None if victim == "supervisor" else victim) is not None
        killed[victim] += gone
        if victim == "supervisor":
            node.start()
    feeder.join()
    drained = arena.drain()
    arena.check()
    states = Counter(row[0] for row in arena.database.ask("SELECT state FROM otrsd_held"))
    retried = arena.retry_held()
    arena.check()
    require(not arena.database.count("otrsd_held"), "a retried task was held again")
    return [("tasks added, lost, run twice at the same time", "0, 0", "%d, 0, 0" % len(arena.added)),
            ("kills in %d rounds" % rounds, "", ", ".join("%s %d" % it for it in sorted(killed.items()))),
            ("executions; more than tasks by kills and failures", "", "%d" % arena.database.count("otrsd_execution")),
            ("queue empty after the last kill", "", "%.1f s" % drained),
            ("held (%s), succeed when retried" % ", ".join("%s %d" % it for it in states.items()), "all", retried)]


def torrent(arena):
    """Functions at full speed, whose worker is killed. They do nothing, so the ledger alone tells of them."""
    rounds, count = (5, 20_000) if arena.quick else (50, 1_000_000)
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "load"], cwd=ROOT, check=True)
    load, database = os.path.join(ROOT, "target/release/load"), arena.database
    node = Node(arena.directory, database.url, {}, slots=5)
    copy(load, node.binary)
    arena.nodes.append(node)
    node.must("db", "migrate")
    adder = subprocess.Popen([load, "add", database.url, "--tasks", str(count)], stdout=subprocess.DEVNULL)
    node.start()
    killed, begin = 0, time.monotonic()
    for _ in range(rounds):
        before = node.running()
        time.sleep(arena.dice.uniform(0.1, 0.6))
        killed += kill(before) is not None
        wait("the worker's end", lambda: node.pid(WORKER) != before)
        if not node.pid(WORKER):
            # The supervisor waits ever longer for one that dies again and again; an operator need not.
            node.must("restart", WORKER)
    require(adder.wait() == 0, "tasks could not be added")
    arena.drain(1800)
    seconds = time.monotonic() - begin
    require(not database.count("otrsd_held"), "a task is held")
    (done, tasks), = database.ask("SELECT COUNT(*), COUNT(DISTINCT ident) FROM otrsd_execution WHERE outcome = 'success'")
    require(int(done) == int(tasks) == count, "%s successes of %s tasks, not one of each of %d" % (done, tasks, count))
    return [("tasks at full speed, lost, twice a success, held", "0, 0, 0", "%d, 0, 0, 0" % count),
            ("kills of the worker", "", str(killed)),
            ("died with their worker, and ran again", "", str(database.count("otrsd_execution") - count)),
            ("all of it", "", "%.0f s" % seconds)]


def recovery(arena):
    nodes, workers = arena.start(2), []
    nodes[1].stop()
    for _ in range(3 if arena.quick else 10):
        ident, _, killed = cut(arena, "long 1500 0 1", lambda node: node.kill(WORKER))
        workers.append(arena.wait_start(ident, 2)[4] - killed)
        arena.drain()
        # Another life of the supervisor: it slows a module down that dies again and again.
        nodes[0].stop()
        nodes[0].start()
    nodes[1].start()
    nodes[1].running()
    others = killed_nodes(arena)
    arena.check()
    return [("killed worker: its task runs again", "< 1 s", spread(workers)),
            ("killed node: its task runs on another", "< 20 s", spread(others))]


def cut(arena, name, kill):
    """A task whose node was killed while it ran, the node, and when. It may end first on a busy machine: another, then."""
    while True:
        ident, = arena.add([name])
        number = arena.wait_start(ident)[2]
        node = next(node for node in arena.nodes if node.number == number)
        killed = time.time()
        kill(node)
        if not any(line[:2] == ("end", ident) for line in arena.log()):
            return ident, node, killed
        if not node.pid():
            node.start()
        node.running()


def killed_nodes(arena):
    times = []
    for _ in range(1 if arena.quick else 5):
        ident, victim, killed = cut(arena, "long 3000 0 1", Node.kill_all)
        again = arena.wait_start(ident, 2)
        require(again[2] != victim.number, "a dead node ran a task")
        times.append(again[4] - killed)
        arena.drain()
        victim.start()
        victim.running()
    return times


def busy(arena, milliseconds):
    """Node 1 is full of long tasks, and node 2 free."""
    first, second = arena.nodes
    second.stop()
    tasks = arena.add(["long %d 0 %d" % (milliseconds, number % 2) for number in range(first.slots)])
    for task in tasks:
        arena.wait_start(task)
    second.start()
    second.running()
    arena.add([SHORT] * 200)


def outcomes(arena):
    rows = arena.database.ask("SELECT outcome, COUNT(*) FROM otrsd_execution GROUP BY outcome ORDER BY outcome")
    return ", ".join("%s %s" % tuple(row) for row in rows)


def freeze(arena):
    seconds = 25 if arena.quick else 60
    nodes = arena.start(2, slots=4)
    busy(arena, (seconds + 5) * 1000)
    pid = nodes[0].running()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):  # its supervisor may have ended it
        os.kill(pid, signal.SIGCONT)
    drained = arena.drain()
    arena.check()
    return [("worker frozen for %d s: lost, twice at the same time" % seconds, "0, 0", "0, 0"),
            ("executions; queue empty after", "", "%s; %.1f s" % (outcomes(arena), drained))]


def away(arena):
    seconds = 10 if arena.quick else 60
    arena.start(2, slots=4)
    feeder = threading.Thread(target=flow, args=(arena, 20 * seconds, seconds * 1.5))
    feeder.start()
    time.sleep(seconds * 0.25)
    if arena.kind == "sqlite":
        # Nobody can stop a file: a lock on it is what can be in the way.
        holder = arena.database.another()
        holder.ask("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        holder.ask("COMMIT")
    else:
        arena.servers.kill(arena.kind)
        time.sleep(seconds)
        arena.servers.start()
    back = time.time()
    first = wait("the first task afterwards", lambda: next((it[4] for it in arena.log() if it[4] > back), None))
    feeder.join()
    arena.drain()
    arena.retry_held()
    arena.check()
    what = "locked" if arena.kind == "sqlite" else "killed"
    return [("%s for %d s: tasks, lost, twice at the same time" % (what, seconds), "0, 0", "%d, 0, 0" % len(arena.added)),
            ("first task after it is back", "", "%.2f s" % (first - back))]


def cutoff(arena):
    if arena.kind == "sqlite":
        return [("skipped: a file has no network to lose", "", "")]
    proxy = Proxy(arena.database.address())
    address = "%s:%d" % arena.database.address()
    arena.start(2, slots=4, urls={1: arena.database.url.replace(address, "127.0.0.1:%d" % proxy.port)})
    lines = []
    # What was sent into the silence arrives when it ends, unless the connection is refused by then.
    for silent, refused in [(18, 7)] if arena.quick else [(60, 0), (30, 30)]:
        busy(arena, (silent + refused + 5) * 1000)
        proxy.mode = "silent"
        time.sleep(silent)
        if refused:
            proxy.mode = "refused"
            time.sleep(refused)
        proxy.mode = "open"
        lines.append(("silent %d s, refused %d s: queue empty after" % (silent, refused), "", "%.1f s" % arena.drain()))
    arena.check()
    return [("cut off: lost, twice at the same time", "0, 0", "0, 0"), *lines, ("executions", "", outcomes(arena))]


def limit(arena):
    seconds, adders = (5 if arena.quick else 60), 16
    node, = arena.start(1)
    stop = os.path.join(arena.directory, "stop")
    script = 'while [ ! -e %s ]; do "$@" >/dev/null 2>>%s; echo $?; done' % (stop, os.path.join(arena.directory, "errors"))
    add = [node.binary, "task", "add", "--type", TYPE, "--name", SHORT, "--max-parallel", "1"]
    environment = dict(os.environ, OTRSD_CONFIG=node.path("config"))
    shells = [subprocess.Popen(["sh", "-c", script, "sh", *add], env=environment, stdout=subprocess.PIPE, text=True)
              for _ in range(adders)]
    seen, deadline = Counter(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen[arena.database.count("scheduler_task WHERE task_type = '%s' AND name = '%s'" % (TYPE, SHORT))] += 1
    open(stop, "w").close()
    codes = Counter(code for shell in shells for code in shell.communicate()[0].split())
    require(max(seen) <= 1, "%d rows where 1 is allowed" % max(seen))
    arena.drain()
    arena.check()
    ran = arena.database.count("otrsd_execution WHERE outcome = 'success'")
    require(ran == codes["0"], "%d additions, %d executions" % (codes["0"], ran))
    other = sum(codes.values()) - codes["0"] - codes["1"]
    return [("%d adders, %d s: most rows of one name" % (adders, seconds), "1", "%d in %d looks" % (max(seen), sum(seen.values()))),
            ("additions: done, refused, errors", "", "%d, %d, %d" % (codes["0"], codes["1"], other))]


def saturate(arena, stop, longest):
    """A queue that is never empty, with a long task now and then."""
    database, begin, given = arena.database.another(), time.monotonic(), Counter()
    while not stop.is_set():
        if database.count("scheduler_task WHERE lock_key = 0") < 500:
            arena.add(["tiny 1"] * 500, database)
        for every, milliseconds in ((1, 2000), (5, longest)):
            if time.monotonic() - begin > every * given[every]:
                given[every] += 1
                arena.add(["long %d 0 %d" % (milliseconds, given[every] % 2)], database)
        time.sleep(0.05)
    database.close()


def upgrade(node):
    copy(node.binary, node.binary + ".new")
    os.rename(node.binary + ".new", node.binary)
    node.must("reload")


def reload(node, **worker):
    node.configure(**worker)
    node.must("reload")


def handover(arena):
    window, longest = (3, 3000) if arena.quick else (15, 30000)
    node, = arena.start(1, slots=14)
    stop = threading.Event()
    feeder = threading.Thread(target=saturate, args=(arena, stop, longest))
    feeder.start()
    wait("the first tasks", lambda: len(arena.log()) > 1000)
    lines = []
    for what, act in [("nothing", lambda: None), ("reload with a changed setting", lambda: reload(node, Discard="1.5")),
                      ("discards", lambda: None), ("reload with another changed setting", lambda: reload(node, Discard="3600")),
                      ("restart of the worker", lambda: node.must("restart", WORKER)), ("upgrade", lambda: upgrade(node))]:
        begin = time.time()
        act()
        time.sleep(window)
        end = time.time()
        starts = [begin, *sorted(line[4] for line in arena.log() if line[0] == "start" and begin < line[4] < end), end]
        longest_gap = max(later - earlier for earlier, later in zip(starts, starts[1:]))
        lines.append(("%s: longest gap between starts" % what, "<= 100 ms", "%.0f ms of %d" % (longest_gap * 1000, len(starts))))
    stop.set()
    feeder.join()
    arena.drain()
    arena.check()
    counts = defaultdict(Counter)
    for what, ident, *_ in arena.log():
        counts[ident][what] += 1
    arena.require_none("cut by a planned change", (it for it in counts if counts[it] != {"start": 1, "end": 1}))
    return [("planned changes: tasks, cut", "0", "%d, 0" % len(counts)), *lines]


SCENARIOS = {it.__name__: it for it in (kills, torrent, recovery, freeze, away, cutoff, limit, handover)}
