"""Helpers of the end-to-end tests: processes that end with their test, pages, queries and waiting."""

import atexit
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

ROOT = Path(__file__).resolve().parents[2]
EXPORTER = os.environ.get("EXPORTER", str(ROOT / "target/debug/cloudflare-aop-exporter"))
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
ALERTMANAGER = DEPLOY / "alertmanager/alertmanager.yml"
RULES = (PROMETHEUS / "rules.yml").read_text()
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)
TOKEN = "simulated-token"
TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

# a proxy from the environment must not be used for loopback addresses
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
CHILDREN = []


@atexit.register
def kill_children():
    for child in CHILDREN:
        child.kill()


def stop_at_once(*_):
    # an exception would only end one test
    kill_children()
    print("stopped", file=sys.stderr, flush=True)
    os._exit(1)


signal.signal(signal.SIGTERM, stop_at_once)


class Process:
    """A program whose output names the address that it listens on."""

    def __init__(self, *command, env=None):
        self.lines = []
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
        )
        CHILDREN.append(self.child)
        self.named = threading.Event()
        self.address = None
        threading.Thread(target=self._read, daemon=True).start()
        if not self.named.wait(20) or self.address is None:
            self.child.kill()
            raise AssertionError(f"{command} does not listen:\n{self.output()}")

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line)
            # listening on all addresses includes this one
            found = re.search(r"(?:127\.0\.0\.1|0\.0\.0\.0|\[::\]):([1-9]\d*)", line)
            if found and self.address is None:
                self.address = f"127.0.0.1:{found[1]}"
                self.named.set()
        self.named.set()

    def output(self):
        return "".join(self.lines)

    def stop(self):
        """Terminates it and returns its exit code."""
        if self.child.poll() is None:
            self.child.terminate()
        try:
            return self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise AssertionError(f"it does not stop:\n{self.output()}") from None


class Case(unittest.TestCase):
    """A test that starts programs and always stops them."""

    def start(self, *command, env=None):
        process = Process(*command, env=env)
        self.addCleanup(process.stop)
        return process

    def demo(self):
        """Starts a demo and waits for its first poll."""
        demo = self.start(EXPORTER, "demo", "--listen", "127.0.0.1:0")
        eventually(lambda: self.assertEqual(status(demo, "/-/ready"), 200))
        return demo

    def start_prometheus(self, config, *options):
        """Starts a Prometheus and waits until it is ready. Its data is next to its configuration."""
        prometheus = self.start(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={config.parent / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            *options,
        )
        eventually(lambda: self.assertEqual(status(prometheus, "/-/ready"), 200))
        return prometheus

    def simulate(self, listen="127.0.0.1:0"):
        """Starts a simulated API with its own zones."""
        return self.start(EXPORTER, "simulate", "--listen", listen)

    def serve(self, api, zone, hostnames, settings=""):
        """Starts a daemon that polls `api` every second. `settings` are more lines for the zone."""
        return self.daemon(
            f"""
            [poll]
            schedule = "* * * * * *"
            jitter = "0s"
            [[account]]
            base_url = "http://{api}/client/v4"
            rate_limit = {{ requests = 100000, per = "1m" }}
            [[account.zone]]
            name = "{zone}"
            hostnames = {json.dumps(hostnames)}
            {settings}
            """
        )

    def daemon(self, config):
        """Starts a daemon with this configuration."""
        path = self.folder() / "config.toml"
        path.write_text(config)
        arguments = ["serve", "--config", path, "--listen", "127.0.0.1:0"]
        return self.start(EXPORTER, *arguments, env={"CLOUDFLARE_API_TOKEN": TOKEN})

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)


class Simulator:
    """The control routes of a simulated API."""

    def __init__(self, process):
        self.address = process.address

    def ask(self, method, path, body=None, prefix="/_simulator/"):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}{prefix}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def fault(self, path, effect, times=None):
        """Puts a fault in force and returns a function that clears it."""
        number = self.ask("POST", "faults", {"path": path, "times": times, "effect": effect})["number"]
        return lambda: self.ask("DELETE", f"faults/{number}")


def eventually(attempt, seconds=30):
    """Repeats `attempt` until it raises no AssertionError and returns its result."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def get(process, path, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://{process.address}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        body = response.read()
        if response.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        return response.headers, body.decode()


def walk(process, path):
    """Returns all rows of a list of the JSON API, following the cursors."""
    rows, cursor = [], ""
    while cursor is not None:
        answer = json.loads(get(process, f"{path}?limit=50&cursor={cursor}")[1])
        rows, cursor = rows + answer["items"], answer["next"]
    return rows


def api_answers(process):
    """Returns the content of the JSON API in the format of `check --format json`."""
    lists = {name: walk(process, f"/api/v1/{name}") for name in ["zones", "certificates", "hostnames"]}
    return {"status": json.loads(get(process, "/api/v1/status")[1]), **lists}


def status(process, path, **headers):
    request = urllib.request.Request(f"http://{process.address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def scrape(process, accept=TEXT, encoding="identity"):
    """Returns the samples of a page as {(name, labels): value}. Fails on a duplicate."""
    headers, page = get(process, "/metrics", Accept=accept, Accept_Encoding=encoding)
    assert headers["Content-Type"].startswith(accept.partition(";")[0]), headers["Content-Type"]
    assert headers.get("Content-Encoding", "identity") == encoding, headers["Content-Encoding"]
    return page_samples(page, accept)


def page_samples(page, accept=TEXT):
    """Returns the samples of a page as {(name, labels): value}. Fails on a duplicate."""
    parse = openmetrics if accept == OPENMETRICS else parser
    found = [
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in parse.text_string_to_metric_families(page)
        for sample in family.samples
    ]
    samples = dict(found)
    assert len(samples) == len(found), "duplicate sample"
    return samples


def family(samples, name):
    """Returns the samples of one name by hostname, or by hostname and state."""
    found = {}
    for (sample, labels), value in samples.items():
        if sample == f"cloudflare_aop_{name}":
            labels = dict(labels)
            hostname = labels.get("hostname")
            state = labels.get("association", labels.get("status"))
            found[hostname if state is None else (hostname, state)] = value
    return found


def ask(prometheus, path):
    """Returns the response of a Prometheus under /api/v1/."""
    _, body = get(prometheus, f"/api/v1/{path}")
    return json.loads(body)["data"]


def query(prometheus, expression):
    """Returns the series selected by an expression as pairs of labels and value."""
    result = ask(prometheus, f"query?query={urllib.parse.quote(expression)}")["result"]
    return [(series["metric"], float(series["value"][1])) for series in result]


def values(prometheus, expression):
    return [value for _, value in query(prometheus, expression)]
