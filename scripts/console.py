"""The web console as a person and a program use it: scripts/console starts this."""

import glob
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PROGRAM = sys.argv[1]
PICTURES = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
LEDGER_ROWS = 1_000_000
PATIENCE = 30

SETTINGS = """<?xml version="1.0" encoding="utf-8"?>
<otrsd_config version="2.0" init="Application">
<Setting Name="Daemon::PID::Path" Valid="1"><Value><Item ValueType="String">{place}/run</Item></Value></Setting>
<Setting Name="Daemon::Log::LogPath" Valid="1"><Value><Item ValueType="String">{place}/log</Item></Value></Setting>
<Setting Name="DatabaseURL" Valid="1"><Value><Item ValueType="String">sqlite:{place}/tasks.db</Item></Value></Setting>
<Setting Name="WebConsole::Listen" Valid="1"><Value><Item ValueType="String">127.0.0.1:{port}</Item></Value></Setting>
{modules}
<Setting Name="Daemon::SchedulerTaskWorker::TaskType###Good" Valid="1"><Value><Hash>
  <Item Key="Command"><Array><Item>/bin/sh</Item><Item>-c</Item><Item>echo Good day</Item></Array></Item></Hash></Value></Setting>
<Setting Name="Daemon::SchedulerTaskWorker::TaskType###Bad" Valid="1"><Value><Hash>
  <Item Key="Command"><Array><Item>/bin/sh</Item><Item>-c</Item><Item>test -e {place}/mended || {{ echo it is broken >&amp;2; exit 3; }}</Item></Array></Item></Hash></Value></Setting>
<Setting Name="Daemon::SchedulerTaskWorker::TaskType###Long" Valid="1"><Value><Hash>
  <Item Key="Command"><Array><Item>/bin/sleep</Item><Item>600</Item></Array></Item></Hash></Value></Setting>
<Setting Name="Daemon::SchedulerCronTaskManager::Task###EachMinute" Valid="1"><Value><Hash>
  <Item Key="Schedule">* * * * *</Item><Item Key="TaskType">Good</Item></Hash></Value></Setting>
<Setting Name="Daemon::SchedulerCronTaskManager::Task###Nightly" Valid="1"><Value><Hash>
  <Item Key="Schedule">30 2 * * *</Item><Item Key="TaskType">Good</Item></Hash></Value></Setting>
{token}
</otrsd_config>
"""
MODULES = ["SchedulerTaskWorker", "SchedulerFutureTaskManager", "SchedulerCronTaskManager"]


def wait(what, look):
    """Until `look` gives something true; an element that is being replaced is looked for again."""
    end = time.monotonic() + PATIENCE
    error = None
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except Exception as problem:
            error = problem
        time.sleep(0.05)
    sys.exit(f"waited {PATIENCE} s for {what}: {error}")


class Daemon:
    """A throwaway daemon with a long ledger."""

    def __init__(self, place):
        self.place = place
        os.mkdir(f"{place}/config")
        self.environment = {**os.environ, "OTRSD_CONFIG": f"{place}/config"}
        made = self.run("console-token", "--role", "operate", "schemathesis")
        self.token = made.split("\n")[2].strip()
        # It must come back where it was.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{port}"
        package = "Kernel::System::Daemon::DaemonModules"
        modules = "".join(
            f'<Setting Name="DaemonModules###{name}" Valid="1"><Value><Hash><Item Key="Module">{package}::{name}</Item></Hash></Value></Setting>\n'
            for name in MODULES
        )
        text = SETTINGS.format(place=place, port=port, modules=modules, token=made[made.index("<Setting"):])
        pathlib.Path(f"{place}/config/all.xml").write_text(text)
        self.run("db", "migrate")
        self.fill()
        self.run("start")

    def run(self, *arguments, succeeds=True):
        done = subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True)
        if succeeds and done.returncode != 0:
            sys.exit(f"{arguments}: {done}")
        return done.stdout

    def add(self, task_type, name):
        return self.run("task", "add", "--type", task_type, "--name", name).strip()

    def fill(self):
        now = int(time.time() * 1_000_000)
        rows = (
            (n + 10**17, "Good", "the needle" if n == 1000 else f"straw {n}", now - (LEDGER_ROWS - n) * 1000)
            for n in range(LEDGER_ROWS)
        )
        with sqlite3.connect(f"{self.place}/tasks.db") as database:
            database.executemany(
                "INSERT INTO otrsd_execution (ident, task_type, name, node, lock_key, outcome, started, ended)"
                " SELECT ?1, ?2, ?3, 1, 0, 'success', ?4 - 1500, ?4",
                rows,
            )
        database.close()

    def stop(self):
        self.run("stop", succeeds=False)


class Browser:
    """A Chromium that is logged in."""

    def __init__(self, daemon, profile):
        options = webdriver.ChromeOptions()
        for option in [
            "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-dev-shm-usage",
            "disable-background-networking", "disable-component-update", "disable-sync", f"user-data-dir={profile}",
        ]:
            options.add_argument(f"--{option}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        link = wait("a link", lambda: daemon.run("console-url", succeeds=False).strip())
        self.driver.get(link)
        # Its script presses the button.
        self.text("main", "Overview")
        # The session has a host name of its own.
        self.origin = self.driver.current_url.rstrip("/")
        [axe] = glob.glob(f"{sys.prefix}/lib/python*/site-packages/axe_playwright_python/axe.min.js")
        self.axe = pathlib.Path(axe).read_text()

    def open(self, path):
        self.driver.get(self.origin + path)

    def find(self, selector):
        return wait(selector, lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def click(self, selector):
        wait(selector, lambda: self.driver.find_element(By.CSS_SELECTOR, selector).click() or True)

    def text(self, selector, text):
        """Until the element shows the text."""
        shown = lambda: self.driver.find_element(By.CSS_SELECTOR, selector).text
        return wait(f"'{text}' in {selector} of {self.driver.current_url}", lambda: text in shown() and shown())

    def press(self, text, within="main"):
        path = f"//{within}//button[normalize-space()='{text}']"
        wait(f"button {text}", lambda: self.driver.find_element(By.XPATH, path).click() or True)

    def style(self, mode):
        features = [{"name": "prefers-color-scheme", "value": mode}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def width(self, width):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def check(self, name):
        """No violation that axe knows, and nothing wider than the window, in light and dark, wide and narrow."""
        for mode, width in [("light", 1360), ("dark", 1360), ("light", 380)]:
            self.style(mode)
            self.width(width)
            self.driver.execute_script(self.axe)
            found = self.driver.execute_async_script("const done = arguments[0]; axe.run().then(done)")
            problems = [(it["id"], it["nodes"][0]["html"], it["nodes"][0]["failureSummary"]) for it in found["violations"]]
            if problems:
                sys.exit(f"{name}, {mode}, {width}: {json.dumps(problems, indent=1)}")
            beyond = self.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
            if beyond > 0:
                sys.exit(f"{name}: {beyond} pixels wider than a window of {width}")
            if PICTURES:
                PICTURES.mkdir(parents=True, exist_ok=True)
                self.driver.save_screenshot(str(PICTURES / f"{name}-{mode}-{width}.png"))
        self.style("light")
        self.width(1360)

    def quiet(self):
        """Nothing was refused by the policy, and no script failed."""
        loud = [it for it in self.driver.get_log("browser") if it["level"] == "SEVERE" and "favicon" not in it["message"]]
        if loud:
            sys.exit(f"the browser complains: {loud}")


def step(text):
    print(f"  {text}", flush=True)


def drive(daemon, browser):
    step("the overview is live")
    browser.text("#modules", "SchedulerTaskWorker")
    ids = [daemon.add("Long", f"long {n}") for n in range(2)]
    browser.text("#types", "Long")
    wait("two at work", lambda: "2" in browser.driver.find_element(By.CSS_SELECTOR, "#figures .figure:nth-child(2) .value").text)
    browser.check("overview")

    step("a task is added")
    browser.open("/tasks/new?type=Good")
    browser.check("new")
    browser.find("#name").send_keys("by hand")
    browser.press("Add")
    browser.text("main", "is done")
    browser.text("main", "Good day")

    step("workers are paused and resumed")
    browser.open("/pauses")
    browser.find("#type").send_keys("Good")
    browser.press("Take no more of them")
    browser.text("tbody", "paused in the console by")
    browser.check("pauses")
    browser.press("Resume")
    browser.text("main", "Workers take every task.")

    step("a task that fails is seen, understood, tried again")
    browser.open("/")
    bad = daemon.add("Bad", "bad one")
    browser.text("#attention", "1 task is held as failed: not tried again")
    browser.click("#attention a")
    browser.text("main", "bad one")
    browser.check("failed")
    browser.click(f"#task-{bad}")
    browser.text("main", "not tried again")
    browser.text("main", "it is broken")
    browser.check("task")
    pathlib.Path(f"{daemon.place}/mended").touch()
    browser.press("Try again now")
    browser.text("main", "is done")

    step("one that runs is cancelled")
    browser.open(f"/tasks/{ids[0]}")
    browser.press("Cancel")
    browser.text("main", "asked to end it")
    browser.text("[data-refresh]", "cancelled")

    step("many are changed after a look at them, with progress")
    os.remove(f"{daemon.place}/mended")
    for n in range(120):
        daemon.add("Bad", f"bulk {n}")
    wait("120 failed tasks", lambda: len(json.loads(daemon.run("task", "list", "--state", "failed", "--json"))) == 120)
    browser.open("/tasks?state=failed&text=bulk")
    browser.press("Delete all found…")
    browser.text("h1", "Delete 120 tasks?")
    browser.check("preview")
    browser.press("Delete all 120")
    browser.text("main", "120 done, 0 could not be changed")
    browser.check("job")
    daemon.add("Bad", "ticked")
    wait("a failed task", lambda: len(json.loads(daemon.run("task", "list", "--state", "failed", "--json"))) == 1)
    browser.open("/tasks?state=failed")
    browser.click("input[name=id]")
    browser.press("Delete chosen")
    browser.text("main", "1 done")

    step(f"a needle is found among {LEDGER_ROWS:,} executions")
    browser.open("/tasks?state=done")
    browser.find("#f-text").send_keys("needle", Keys.ENTER)
    browser.text("tbody", "the needle")
    browser.check("search")
    browser.open("/tasks?state=done&type=Good")
    browser.click("#next")
    browser.text("nav.pages", "First page")

    step("the schedule: run now, pause, resume")
    browser.open("/schedule")
    browser.click("#run-Nightly")
    browser.text("main", "A task for it is in the queue.")
    daemon.run("cron", "run", "--wait", "Nightly")
    browser.click("button[aria-label='Pause Nightly']")
    browser.text("main", "paused on all nodes")
    browser.text("tbody", "paused")
    browser.check("schedule")
    browser.click("button[aria-label='Resume Nightly']")
    browser.text("main", "runs again")

    step("a module: its log is live, it restarts")
    browser.open("/modules")
    browser.check("modules")
    browser.open("/modules/WebConsole")
    browser.text("pre", "listening on")
    subprocess.run(["curl", "--silent", "--output", "/dev/null", f"{browser.origin}/tasks"], check=True)
    daemon.run("console-url")
    browser.check("module")
    browser.open("/modules/SchedulerFutureTaskManager")
    browser.press("Restart")
    browser.text("main", "restart asked for")

    step("statistics, settings, and what does not exist")
    browser.open("/statistics")
    browser.text("tbody", "Good")
    browser.check("statistics")
    browser.open("/settings?text=TaskType")
    browser.text("tbody", "TaskType###Good")
    browser.check("settings")
    browser.quiet()
    browser.open("/nothing")
    browser.text("main", "Not Found")
    browser.check("problem")
    browser.driver.get_log("browser")

    step("the keyboard is enough")
    browser.open("/")
    browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    focused = browser.driver.switch_to.active_element
    if "skip" not in focused.get_attribute("class"):
        sys.exit("the first stop is not the way to the content")
    focused.send_keys(Keys.ENTER)

    step("a console that goes away and comes back")
    browser.open("/")
    browser.text("#modules", "WebConsole")
    pid = int(json.loads(daemon.run("status", "--json"))["modules"][-1]["pid"])
    os.kill(pid, signal.SIGKILL)
    offline = browser.find("#offline")
    wait("a word about it", offline.is_displayed)
    wait("the console", lambda: not offline.is_displayed())
    browser.press("Log out", within="header")
    browser.text("main", "console-url")
    browser.check("login")


def first_pages(daemon, browser):
    """The first page of each is small."""
    cookies = "; ".join(f"{it['name']}={it['value']}" for it in browser.driver.get_cookies())
    for path in ["/", "/tasks", "/tasks?state=done", "/schedule", "/modules", "/statistics", "/style.css", "/app.js"]:
        headers = {"Host": browser.origin.removeprefix("http://"), "Cookie": cookies, "Accept": "text/html"}
        request = urllib.request.Request(daemon.origin + path, headers=headers)
        size = len(urllib.request.urlopen(request, timeout=PATIENCE).read())
        if size > 100_000:
            sys.exit(f"{path} has {size} bytes")


def api(daemon, origin):
    wait("readiness", lambda: urllib.request.urlopen(f"{origin}/readyz", timeout=PATIENCE).status == 200)
    step("schemathesis finds no answer that the description does not have")
    done = subprocess.run(
        [
            f"{sys.prefix}/bin/schemathesis", "run", f"{origin}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {daemon.token}", "--max-examples", "30", "--seed", "1", "--no-color",
            "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection",
            # What restarts the console under test would be no finding.
            "--exclude-path-regex", "restart",
        ],
        capture_output=True, text=True, cwd=daemon.place,
    )
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def metrics(daemon, origin):
    step("Prometheus' own parsers read the metrics")
    for accept, parse in [("text/plain", plain), ("application/openmetrics-text; version=1.0.0", open_metrics)]:
        headers = {"Authorization": f"Bearer {daemon.token}", "Accept": accept}
        request = urllib.request.Request(f"{origin}/metrics", headers=headers)
        text = urllib.request.urlopen(request, timeout=PATIENCE).read().decode()
        families = {it.name: it for it in parse(text)}
        for name in ["otrsd_tasks", "otrsd_module_restarts", "otrsd_cron_fire_lag_last_day_seconds", "otrsd_worker_slots"]:
            if name not in families or not families[name].samples:
                sys.exit(f"no samples of {name} in:\n{text}")


def main():
    with tempfile.TemporaryDirectory(prefix="otrsd-console-") as place:
        daemon = Daemon(place)
        browser = None
        try:
            browser = Browser(daemon, f"{place}/profile")
            first_pages(daemon, browser)
            drive(daemon, browser)
            api(daemon, daemon.origin)
            metrics(daemon, daemon.origin)
        finally:
            if browser:
                browser.driver.quit()
            daemon.stop()
    print("the console is as it should be")


main()
